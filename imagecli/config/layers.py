"""Where settings are written: the environment, a project's file, the user's file. Reads and checks them."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from imagecli.config.table import FOLDER_VARIABLES, SETTINGS, variable
from imagecli.env import Env
from imagecli.errors import SettingsError, UsageError

PROJECT_FILE = "imagecli.toml"
PROVIDER_SETTINGS = ("api_key_command",)
"""What a `[providers.NAME]` table can hold."""


def flag(name: str) -> str:
    """The flag of a setting."""
    return "--" + name.replace("_", "-")


def from_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that flags give; other flags are left out."""
    return {
        name: _read(name, value, flag(name)) for name, value in flags.items() if name in SETTINGS and value is not None
    }


def from_environment(env: Env) -> dict[str, Any]:
    """The settings that IMAGECLI_ variables give."""
    found = {name: env.environ[variable(name)] for name in SETTINGS if variable(name) in env.environ}
    return {name: _read(name, value, variable(name)) for name, value in found.items()}


def unknown_variables(env: Env) -> list[tuple[str, str]]:
    """A warning, code and message, for each IMAGECLI_ variable that sets nothing."""
    prefix = variable("")
    known = [name.removeprefix(prefix) for name in (*map(variable, SETTINGS), *FOLDER_VARIABLES)]
    warnings = []
    for name in sorted(env.environ):
        if name.startswith(prefix) and name.removeprefix(prefix) not in known:
            near = difflib.get_close_matches(name.removeprefix(prefix), known, n=1)
            said = f"{name} sets nothing" + (f"; did you mean {prefix}{near[0]}?" if near else "")
            warnings.append(("unknown_variable", said))
    return warnings


def project_file(folder: Path) -> tuple[dict[str, Any], str] | None:
    """The nearest project file from *folder* up to the repository's root, and its path; None where there is none."""
    for place in (folder, *folder.parents):
        path = place / PROJECT_FILE
        if path.is_file():
            return checked(read_file(path), path, project=True), str(path)
        if (place / ".git").exists():
            break
    return None


def read_file(path: Path) -> dict[str, Any]:
    """A TOML file's tables; empty where there is no such file. Raises SettingsError with line and column."""
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} can't be read: {error}") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"{path} is not TOML: {error}", hint="mend that line, or remove the file") from error


def checked(document: dict[str, Any], path: Path, *, project: bool = False) -> dict[str, Any]:
    """The settings of a file, read. Raises SettingsError for a name that is none, or may not stand there."""
    for name in document:
        if project and (name == "providers" or (name in SETTINGS and not SETTINGS[name].in_project)):
            raise SettingsError(
                f"{path} sets {name}, which a project's file may not: it decides where the key goes",
                hint="remove it there; set it in your own settings, by a variable, or by a flag",
            )
        if name not in SETTINGS:
            raise _no_such("setting", name, path, SETTINGS)
    return {name: _read(name, value, f"{path}: {name}") for name, value in document.items()}


def provider_tables(tables: Any, path: Path, providers: Collection[str]) -> dict[str, dict[str, Any]]:
    """The `[providers.NAME]` tables of the user's file. Raises SettingsError for a name that is none."""
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise SettingsError(f"{path}: providers is no table of tables", hint="write [providers.openai] above its lines")
    for name, table in tables.items():
        if name not in providers:
            raise _no_such("provider", name, path, providers)
        for key in table:
            if key not in PROVIDER_SETTINGS:
                raise _no_such(f"setting in [providers.{name}]", key, path, PROVIDER_SETTINGS)
    return tables


def _no_such(what: str, name: str, path: Path, names: Collection[str]) -> SettingsError:
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there is: {', '.join(names)}"
    return SettingsError(f"{path}: there is no {what} {name!r}", hint=hint)


def _read(name: str, value: Any, origin: str) -> Any:
    try:
        return SETTINGS[name].read(value)
    except UsageError as error:
        raise SettingsError(f"{origin}: {error.message}", hint=error.hint) from error
    except ValueError as error:
        raise SettingsError(f"{origin} {value!r}: {error}", hint=f"{name}: {SETTINGS[name].about}") from error
