"""Presets: named prompts and image options in the settings files, for `--preset NAME`.

    [presets.icon]
    prompt = "{prompt}, flat icon"
    size = "1024x1024"

A preset decides what an image looks like, never where a request goes, what it may cost or where a file is saved.
"""

import re
from pathlib import Path
from typing import Any, Final, NamedTuple

from imagecli.config.api_keys import is_key_name
from imagecli.config.files import read_toml_file
from imagecli.config.paths import current_folder, find_folders
from imagecli.config.project import find_project
from imagecli.config.schema import SettingValues, read_setting
from imagecli.env import Env
from imagecli.errors import SettingsError, UsageError
from imagecli.suggestions import unknown_name_hint

OPTIONS: Final = ("model", "size", "quality", "background", "output_format", "output_compression", "fit")
"""The settings that a preset may have, besides its prompt."""
PLACE: Final = "{prompt}"
"""Where the user's own prompt goes in that of a preset."""


class Preset(NamedTuple):
    """One `[presets.NAME]` table."""

    name: str
    path: Path
    """The file that it is in."""
    prompt: str | None = None
    options: SettingValues = SettingValues()
    is_from_project: bool = False

    @property
    def accepts_prompt(self) -> bool:
        """Whether the user's own prompt is used."""
        return self.prompt is None or PLACE in self.prompt.replace("{{prompt}}", "")

    def __str__(self) -> str:
        return f"preset {self.name} in {self.path}"


def pop_presets(document: dict[str, Any], path: Path, *, is_from_project: bool = False) -> dict[str, Preset]:
    """The presets of a settings file, removed from its *document*.

    Raises SettingsError for a wrong value, and for a field that a preset can't have.
    """
    tables = document.pop("presets", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise SettingsError(f"{path}: presets: expected tables", hint="write [presets.NAME] above the fields of each")
    return {name: _read_preset(name, table, path, is_from_project) for name, table in tables.items()}


def _read_preset(name: str, table: dict[str, Any], path: Path, is_from_project: bool) -> Preset:
    preset = Preset(name=name, path=path, is_from_project=is_from_project)
    values = {}
    for field, value in table.items():
        try:
            if field == "prompt":
                preset = preset._replace(prompt=_read_prompt(value))
            else:
                _check_field(field)
                values[field] = read_setting(field, value, str(preset), place=field)
        except SettingsError as error:
            place = _find_place(name, field, path)
            raise error.with_facts(message=f"{place}: preset {name}: {error.message}") from error
    return preset._replace(options=SettingValues(**values))


def _read_prompt(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise SettingsError("prompt: expected text", hint=f'for example prompt = "{PLACE}, flat icon"')
    return value


def _check_field(field: str) -> None:
    """Raises SettingsError for what a preset can't have, such as a provider, an output or a key."""
    if field not in OPTIONS:
        hint = "store the key with imagecli login" if is_key_name(field) else None
        raise SettingsError(
            f"{field!r} can't be set in a preset", hint=hint or unknown_name_hint(field, ("prompt", *OPTIONS))
        )


def load_presets(env: Env) -> dict[str, Preset]:
    """All presets: those of the project's file, and those of the user's with other names. Raises SettingsError."""
    folders = find_folders(env)
    presets = pop_presets(read_toml_file(folders.settings), folders.settings)
    if project := find_project(current_folder(), in_ci=env.in_ci):
        presets |= pop_presets(dict(project.document), project.path, is_from_project=True)
    return presets


def find_preset(name: str, env: Env) -> Preset:
    """The preset *name*. Raises UsageError if there is none, SettingsError for a wrong file."""
    presets = load_presets(env)
    if name in presets:
        return presets[name]
    hint = f"define [presets.{name}] in {find_folders(env).settings}: imagecli help settings"
    raise UsageError(f"unknown preset {name!r}", hint=unknown_name_hint(name, presets) if presets else hint)


def _find_place(name: str, field: str, path: Path) -> str:
    """`FILE:LINE` of a preset's field, or the file alone if the line is not written in the usual form."""
    # A line number is needed only for errors, and the parser does not give it.
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, ValueError):
        return str(path)
    is_inside = False
    for number, line in enumerate(lines, start=1):
        if header := re.match(r"\s*\[\s*([^\]]+?)\s*\]", line):
            is_inside = re.sub(r"[\s\"']", "", header[1]) == f"presets.{name}"
        elif is_inside and re.match(rf"\s*[\"']?{re.escape(field)}[\"']?\s*=", line):
            return f"{path}:{number}"
    return str(path)
