"""A TOML file, read; and what is said of a name in it that there is not."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from imagecli.config.owners import read_user_file
from imagecli.errors import SettingsError


def read_file(path: Path) -> dict[str, Any]:
    """The tables of a TOML file of the user's; empty where there is no such file.

    Raises SettingsError with line and column, and for a file that is not used because of its owner or mode.
    """
    data = read_user_file(path)
    return {} if data is None else parsed(data, path)


def parsed(data: bytes, path: Path) -> dict[str, Any]:
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


def no_such(what: str, name: str, path: Path, names: Collection[str]) -> SettingsError:
    """The error of a name that there is not, with the one that was meant."""
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there is: {', '.join(names)}"
    return SettingsError(f"{path}: there is no {what} {name!r}", hint=hint)
