"""Prints settings and the paths of settings files, for `imagecli config`, on stdout."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from imagecli.env import Env
from imagecli.output.terminal import print_lines, print_note, printable_path, sanitize

if TYPE_CHECKING:
    from imagecli.config.show import PathRow, SettingRow
    from imagecli.domain import Json


def print_settings(rows: Sequence[SettingRow], env: Env, *, origin: bool) -> None:
    """Print a line per setting, as in a settings file; one without a value is a comment."""
    lines = []
    for row in rows:
        if row.value is None:
            line = f"# {row.name}: {row.note or 'not set'}"
        else:
            line = f"{row.name} = {json.dumps(_shortest(row.value), ensure_ascii=False)}"
        if origin and row.origin:
            line += f", from {row.origin}" if row.value is None else f"  # {row.origin}"
        lines.append(sanitize(line))
    print_lines(lines, env)


def print_setting_value(row: SettingRow, env: Env) -> None:
    """Print the value alone, for scripts; without one, nothing but a note on stderr."""
    if row.value is None:
        return print_note(f"{row.name}: {row.note or 'not set'}", env)
    value = _shortest(row.value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return print_lines([sanitize(text) if env.stdout.isatty() else text], env)


def print_settings_json(rows: Sequence[SettingRow], env: Env) -> None:
    """Print the settings as one JSON object."""
    from imagecli.output.json_result import print_json_document

    entries: Json = [{"name": row.name, "value": row.value, "origin": row.origin, "remark": row.note} for row in rows]
    print_json_document("config", {"settings": entries}, env)


def _shortest(value: Json) -> Json:
    """20 for 20.0, as the user would write it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def print_paths(rows: Sequence[PathRow], env: Env, *, bare: bool) -> None:
    """Print a line per file or folder: its name and path; with *bare* the path alone."""
    width = max(len(row.name) for row in rows) + 2
    notes = {row.name: "" if row.path.exists() else "  (does not exist)" for row in rows}
    lines = [
        printable_path(row.path, env.stdout)
        if bare
        else f"{row.name:<{width}}{printable_path(row.path, env.stdout)}{notes[row.name]}"
        for row in rows
    ]
    print_lines(lines, env)
