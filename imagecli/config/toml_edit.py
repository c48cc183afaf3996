"""Edits TOML with its comments and order kept. Only this module imports tomlkit."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imagecli.errors import SettingsError


def set_toml_value(text: str, names: Sequence[str], value: Any, path: Path) -> str:
    """The TOML *text* of *path* with the value at *names* set. Raises SettingsError if that would change more."""
    import tomlkit

    document, expected = _parse_editable(text, path), tomllib.loads(text)
    place, plain = document, expected
    for depth, name in enumerate(names[:-1], 1):
        if name not in place:
            # [providers.mine] alone, without an empty [providers] above it.
            place[name] = tomlkit.table(is_super_table=depth < len(names) - 1)
        place, plain = place[name], plain.setdefault(name, {})
        if not isinstance(plain, dict):
            raise SettingsError(f"{path}: {'.'.join(names[:depth])} is not a table", hint="fix it in a text editor")
    place[names[-1]] = plain[names[-1]] = value
    return _verify_edit(tomlkit.dumps(document), expected, path)


def remove_toml_value(text: str, names: Sequence[str], path: Path) -> str | None:
    """The TOML *text* of *path* without the value at *names*; None if there is none."""
    import tomlkit

    document, expected = _parse_editable(text, path), tomllib.loads(text)
    place, plain = document, expected
    for name in names[:-1]:
        if not isinstance(plain.get(name), dict):
            return None
        place, plain = place[name], plain[name]
    if names[-1] not in plain:
        return None
    del place[names[-1]], plain[names[-1]]
    return _verify_edit(tomlkit.dumps(document), expected, path)


def _parse_editable(text: str, path: Path) -> Any:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(text)
    except TOMLKitError:
        raise _unsafe_edit_error(path) from None


def _unsafe_edit_error(path: Path) -> SettingsError:
    return SettingsError(f"{path} has a layout that imagecli can't edit safely", hint="edit it in a text editor")


def _verify_edit(text: str, expected: dict[str, Any], path: Path) -> str:
    """*text* if it holds what is *expected*: tomlkit has misplaced lines behind dotted keys. Raises SettingsError."""
    try:
        actual = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        actual = None
    if actual is None or _without_empty_tables(actual) != _without_empty_tables(expected):
        raise _unsafe_edit_error(path)
    return text


def _without_empty_tables(table: dict[str, Any]) -> dict[str, Any]:
    """*table* without empty tables, which an edit may add or remove."""
    inner = {name: _without_empty_tables(value) if isinstance(value, dict) else value for name, value in table.items()}
    return {name: value for name, value in inner.items() if value != {}}
