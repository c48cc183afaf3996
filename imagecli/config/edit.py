"""Changes to the user's settings file: one value, if the result is valid; and its first version."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from imagecli.catalog.catalog import Catalog
from imagecli.config.api_keys import is_key_name
from imagecli.config.files import parse_toml, read_user_file, replace_file
from imagecli.config.paths import Folders
from imagecli.config.presets import pop_presets
from imagecli.config.sources import settings_from_file
from imagecli.config.toml_edit import remove_toml_value, set_toml_value
from imagecli.config.user_catalog import build_provider_table
from imagecli.errors import SettingsError, UsageError


def write_value(name: str, text: str, folders: Folders, catalog: Catalog) -> Any:
    """Write the setting *name* (or `providers.NAME.FIELD`), and return its value in the file.

    *text* is a TOML value if that is valid for the setting, else plain text. Raises UsageError or SettingsError, and
    leaves the file unchanged.
    """
    names = _split_setting_name(name)
    _refuse_keys(names, text)
    path, before = _read_user_settings(folders)
    value = _parse_value(text)
    after = set_toml_value(before, names, value, path)
    if not isinstance(value, str) and not _is_valid(after, path, catalog):
        value, after = text, set_toml_value(before, names, text, path)
    _check_settings(after.encode(), path, catalog)
    replace_file(path, after)
    return value


def remove_value(name: str, folders: Folders, catalog: Catalog) -> bool:
    """Remove the setting from the user's file; False if it is not there. Raises SettingsError."""
    names = _split_setting_name(name)
    path, before = _read_user_settings(folders)
    after = remove_toml_value(before, names, path)
    if after is None:
        return False
    for depth in range(len(names) - 1, 0, -1):
        # An empty table would be a provider without any field.
        if (
            not _value_at(after, names[:depth])
            and (pruned := remove_toml_value(after, names[:depth], path)) is not None
        ):
            after = pruned
    _check_settings(after.encode(), path, catalog)
    replace_file(path, after)
    return True


def check_settings_file(path: Path, catalog: Catalog) -> None:
    """Raise SettingsError if the file is not valid as the user's settings, or unsafe to use."""
    _check_settings(read_user_file(path) or b"", path, catalog)


def starter_settings() -> str:
    """A settings file in which every setting is a comment."""
    return (Path(__file__).parent / "starter.toml").read_text("utf-8")


def _is_valid(text: str, path: Path, catalog: Catalog) -> bool:
    try:
        _check_settings(text.encode(), path, catalog)
    except SettingsError:
        return False
    return True


def _check_settings(data: bytes, path: Path, catalog: Catalog) -> None:
    """Raise SettingsError if *data* is not valid as the user's settings."""
    document = parse_toml(data, path)
    build_provider_table(document.pop("providers", {}), path, catalog)
    pop_presets(document, path)
    settings_from_file(document, path)


def _split_setting_name(name: str) -> tuple[str, ...]:
    names = tuple(name.split("."))
    if not all(re.fullmatch(r"[A-Za-z0-9_-]+", part) for part in names):
        raise UsageError(f"invalid setting name {name!r}", hint="for example: imagecli config set model gpt-image-2")
    if names[0] == "providers" and len(names) < 2:
        raise UsageError(
            "providers is a table, not a setting", hint="name a field in it, for example providers.NAME.base_url"
        )
    if names[0] == "presets" and len(names) != 3:
        raise UsageError("presets has a table for each preset", hint="name a field in one: presets.NAME.prompt")
    return names


def _refuse_keys(names: tuple[str, ...], text: str) -> None:
    """Raise UsageError for a key: it belongs neither in argv nor in this file."""
    provider = f" {names[1]}" if names[0] == "providers" and len(names) > 1 else ""
    if (is_key_name(names[-1]) and names[-1] != "keys") or re.match(r"[\"']?sk-[\w-]{8,}", text):
        raise UsageError(
            "API keys are not settings, and a command line is not private; nothing was written",
            hint=f"use imagecli login{provider}, and delete this line from your shell's history",
        )


def _read_user_settings(folders: Folders) -> tuple[Path, str]:
    """The user's file and its text. Raises SettingsError if it is not TOML."""
    path = folders.settings
    data = read_user_file(path) or b""
    parse_toml(data, path)
    return path, data.decode("utf-8-sig")


def _parse_value(text: str) -> Any:
    """*text* as a TOML value, or unchanged if it isn't one."""
    try:
        document = tomllib.loads(f"it = {text}")
    except (ValueError, RecursionError):  # not TOML, too many digits, nested too deep
        return text
    return document["it"] if len(document) == 1 else text


def _value_at(text: str, names: tuple[str, ...]) -> Any:
    place: Any = tomllib.loads(text)
    for name in names:
        place = place.get(name, {})
    return place
