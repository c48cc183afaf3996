"""Writes the user's own files: edited with their comments and order kept, replaced as a whole, private from the start.

The only file that imports tomlkit, and only when something is written.

A TOML file, read; and what is said of a name in it that there is not.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from imagecli.config.owners import read_user_file
from imagecli.errors import SettingsError
from imagecli.safe_open import make_missing_folders
from imagecli.suggestions import suggest


def read_toml_file(path: Path) -> dict[str, Any]:
    """The tables of a TOML file of the user's; empty where there is no such file.

    Raises SettingsError with line and column, and for a file that is not used because of its owner or mode.
    """
    data = read_user_file(path)
    return {} if data is None else parse_toml(data, path)


def parse_toml(data: bytes, path: Path) -> dict[str, Any]:
    """The tables of *data*, which *path* holds. Nothing of the content is part of an error, for it may be a key."""
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{path} can't be read: it is not UTF-8 at byte {error.start}", hint="save it as UTF-8"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not TOML: {error}", hint="mend that line, or remove the file") from None
    except ValueError:
        # Python makes no number of more than 4300 digits, and tomllib says that in Python's words.
        raise SettingsError(
            f"{path} can't be read: a number in it has too many digits", hint="mend it, or remove the file"
        ) from None
    except RecursionError:
        raise SettingsError(f"{path} is not TOML: it is nested too deep", hint="mend it, or remove the file") from None


def unknown_name_error(what: str, name: str, path: Path, names: Collection[str]) -> SettingsError:
    """The error of a name that there is not, with the one that was meant."""
    near = suggest(name, names)
    hint = f"did you mean {near}?" if near else f"there is: {', '.join(names)}"
    return SettingsError(f"{path}: there is no {what} {name!r}", hint=hint)


def set_toml_value(text: str, names: Sequence[str], value: Any, path: Path) -> str:
    """The TOML *text* of *path* with the value at *names* set. Raises SettingsError where it can't be kept whole."""
    import tomlkit

    document, wanted = _parse_editable(text, path), tomllib.loads(text)
    place, plain = document, wanted
    for depth, name in enumerate(names[:-1], 1):
        if name not in place:
            # [providers.mine] alone, without an empty [providers] above it.
            place[name] = tomlkit.table(is_super_table=depth < len(names) - 1)
        place, plain = place[name], plain.setdefault(name, {})
        if not isinstance(plain, dict):
            raise SettingsError(f"{path}: {'.'.join(names[:depth])} is no table", hint="mend it in an editor")
    place[names[-1]] = plain[names[-1]] = value
    return _verify_edit(tomlkit.dumps(document), wanted, path)


def remove_toml_value(text: str, names: Sequence[str], path: Path) -> str | None:
    """The TOML *text* of *path* without what is at *names*; None where nothing was there."""
    import tomlkit

    document, wanted = _parse_editable(text, path), tomllib.loads(text)
    place, plain = document, wanted
    for name in names[:-1]:
        if not isinstance(plain.get(name), dict):
            return None
        place, plain = place[name], plain[name]
    if names[-1] not in plain:
        return None
    del place[names[-1]], plain[names[-1]]
    return _verify_edit(tomlkit.dumps(document), wanted, path)


def _parse_editable(text: str, path: Path) -> Any:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(text)
    except TOMLKitError:
        raise _unsafe_edit_error(path) from None


def _unsafe_edit_error(path: Path) -> SettingsError:
    return SettingsError(f"{path} is laid out so that it can't be changed safely", hint="change it in an editor")


def _verify_edit(text: str, wanted: dict[str, Any], path: Path) -> str:
    """*text*, once it is sure that it says what was meant: tomlkit has misplaced lines behind dotted keys."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        found = None
    if found is None or _without_empty_tables(found) != _without_empty_tables(wanted):
        raise _unsafe_edit_error(path)
    return text


def _without_empty_tables(table: dict[str, Any]) -> dict[str, Any]:
    """*table* without the tables in it that hold nothing: those come and go."""
    inner = {name: _without_empty_tables(value) if isinstance(value, dict) else value for name, value in table.items()}
    return {name: value for name, value in inner.items() if value != {}}


def replace_file(path: Path, text: str, *, mode: int | None = None) -> None:
    """*path* as a whole, by way of a file beside it that nobody else can read. A link stays, what it leads to changes.

    Where *mode* is None, the file keeps its rights. Raises SettingsError, and leaves what was there.
    """
    import secrets

    try:
        target = path.resolve()
        make_missing_folders(target.parent)
        if mode is None:
            mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
        temporary = target.parent / f".imagecli-{secrets.token_hex(8)}.part"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            if mode != 0o600:
                temporary.chmod(mode)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SettingsError(f"{path} can't be written: {error.strerror}", hint="IMAGECLI_CONFIG_DIR=FOLDER") from error
