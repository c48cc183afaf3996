"""The places where settings are written, strongest first: flags, environment, a project's file, the user's file.

The cap on what a command may cost: said by several places, the lowest holds, and only a flag goes over it.

What to type so that a setting is no longer said where it was said.

A model that settings name for one provider, and a command that was typed for another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from imagecli.catalog.catalog import Catalog
from imagecli.catalog.provider import ProviderRow
from imagecli.config.keys import is_key_name
from imagecli.config.paths import Folders, find_folders
from imagecli.config.project import PROJECT_FILE, ProjectFile, check_trusted, find_project
from imagecli.config.provider_overrides import ProviderTable, build_provider_table
from imagecli.config.schema import FOLDER_VARIABLES, SETTINGS, environment_variable
from imagecli.config.toml_io import read_toml_file, unknown_name_error
from imagecli.env import Env
from imagecli.errors import SettingsError, UsageError
from imagecli.suggestions import suggest

BUILT_IN: Final[float] = SETTINGS["max_cost"].default

NOT_RAISED: Final = ", which can't raise the built-in cap"
"""Behind a project's file or a manifest that says more than it may."""

CapSetting = tuple[float, str]
"""USD, and where it was said."""


def lowest_cap(
    *, typed: CapSetting | None, own: list[CapSetting], project: CapSetting | None
) -> tuple[float, str | None]:
    """USD and where it was said; None where nobody said anything.

    *typed* is the flag's; *own* what the user's variable and file say; *project* what the project's file says, which
    can lower the built-in cap and never raise it.
    """
    if typed:
        return typed
    said = [*own, *([project] if project else [])]
    if not said:
        return BUILT_IN, None
    if project and not own and project[0] > BUILT_IN:
        return BUILT_IN, f"{project[1]}{NOT_RAISED}"
    return min(said)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsSource:
    """What one place sets, and how a setting of it is called there."""

    values: Mapping[str, Any]
    origin: Callable[[str], str]

    def lookup(self, name: str) -> tuple[Any, str] | None:
        """A setting's value and origin, where this place says it."""
        return (self.values[name], self.origin(name)) if name in self.values else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsSources:
    """All places, read and checked, nothing settled yet."""

    folders: Folders
    project_file: ProjectFile | None
    flags: SettingsSource
    environment: SettingsSource
    project: SettingsSource
    user: SettingsSource
    providers: ProviderTable
    notes: tuple[tuple[str, str], ...] = ()
    """What was decided about a project's file, code and message."""
    warnings: tuple[tuple[str, str], ...] = ()
    """code and message."""

    def lookup(self, name: str) -> tuple[Any, str] | None:
        """The strongest place's value of a setting, and where it was said; None where nobody said one."""
        places = (self.flags, self.environment, self.project, self.user)
        return next((found for place in places if (found := place.lookup(name))), None)

    def all_values(self) -> dict[str, tuple[Any, str]]:
        """Every setting that somebody said."""
        return {name: found for name in SETTINGS if (found := self.lookup(name))}


def read_settings_sources(flags: Mapping[str, Any], env: Env, catalog: Catalog, folder: Path | None) -> SettingsSources:
    """What is said for a command typed in *folder*; None looks for no project.

    Raises SettingsError with the place of what is wrong.
    """
    places = find_folders(env)
    user = read_toml_file(places.settings)
    providers = build_provider_table(user.pop("providers", {}), places.settings, catalog)
    typed, environment, own = (
        settings_from_flags(flags),
        settings_from_environment(env),
        validate_settings(user, places.settings),
    )
    project = find_project(folder, in_ci=env.in_ci) if folder else None
    document: dict[str, Any] = {}
    path = Path(PROJECT_FILE)
    notes: list[tuple[str, str]] = []
    if project:
        document, path = dict(project.document), project.path
        own_provider, stronger = own.get("provider", catalog.default_provider), {**environment, **typed}
        free = free_providers(own_provider, catalog)
        if "provider" in stronger:
            # The project's choice has no effect then.
            free = (*free, str(document.get("provider")))
        check_trusted(project, places, free)
        providers = build_provider_table(document.pop("providers", {}), path, catalog, providers)
        document = validate_settings(document, path)
        notes = _restrict(document, path, stronger, own_provider)
    return SettingsSources(
        folders=places,
        project_file=project,
        flags=SettingsSource(values=typed, origin=flag_name),
        environment=SettingsSource(values=environment, origin=environment_variable),
        project=SettingsSource(values=document, origin=lambda name: str(path)),
        user=SettingsSource(values=own, origin=lambda name: str(places.settings)),
        providers=providers,
        notes=(*((("project_owner", project.note),) if project and project.note else ()), *notes),
        warnings=tuple(unknown_variable_warnings(env)),
    )


def free_providers(own: str, catalog: Catalog) -> tuple[str, ...]:
    """The providers that a project's file may choose without trust: the user's *own*, and those that run in this
    process.
    """
    return (own, *(row.name for row in catalog.providers.values() if row.embedded))


def _restrict(
    document: dict[str, Any], path: Path, stronger: Mapping[str, Any], own_provider: str
) -> list[tuple[str, str]]:
    """Remove from a project's *document* what no project may decide, and return notes on that and on its provider.

    *stronger* are the settings of flags and variables, beside which a project's have no effect.
    """
    notes = []
    chosen = document.get("provider", own_provider)
    if chosen != own_provider and "provider" not in stronger:
        notes.append(("provider", f"{path} chooses provider {chosen}; your own is {own_provider}"))
    if document.get("if_exists") == "overwrite":
        del document["if_exists"]
        if "if_exists" not in stronger:
            message = f"if_exists = overwrite in {path} is not applied, as it would replace files you may need"
            notes.append(("if_exists", f"{message}; --if-exists overwrite does"))
    return notes


def flag_name(name: str) -> str:
    """The flag of a setting."""
    return "--" + name.replace("_", "-")


def settings_from_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that flags give; other flags are left out."""
    return {
        name: _read_setting(name, value, flag_name(name))
        for name, value in flags.items()
        if name in SETTINGS and value is not None
    }


def settings_from_environment(env: Env) -> dict[str, Any]:
    """The settings that IMAGECLI_ variables give."""
    found = {
        name: env.environ[environment_variable(name)] for name in SETTINGS if environment_variable(name) in env.environ
    }
    return {name: _read_setting(name, value, environment_variable(name)) for name, value in found.items()}


def unknown_variable_warnings(env: Env) -> list[tuple[str, str]]:
    """A warning, code and message, for each IMAGECLI_ variable that sets nothing."""
    prefix = environment_variable("")
    known = [name.removeprefix(prefix) for name in (*map(environment_variable, SETTINGS), *FOLDER_VARIABLES)]
    warnings = []
    for name in sorted(env.environ):
        if name.startswith(prefix) and name.removeprefix(prefix) not in known:
            near = suggest(name.removeprefix(prefix), known)
            said = f"{name} sets nothing" + (f"; did you mean {prefix}{near}?" if near else "")
            warnings.append(("unknown_variable", said))
    return warnings


def validate_settings(document: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The settings of a file, read. Raises SettingsError for a name that is none, or a value that can't be."""
    for name in document:
        if name not in SETTINGS:
            error = unknown_name_error("setting", name, path, [*SETTINGS, "providers"])
            if is_key_name(name):
                error.hint = "imagecli config login keeps a key where only you can read it"
            raise error
    return {name: _read_setting(name, value, f"{path}: {name}") for name, value in document.items()}


def _read_setting(name: str, value: Any, origin: str) -> Any:
    try:
        return SETTINGS[name].read(value)
    except UsageError as error:
        raise SettingsError(f"{origin}: {error.message}", hint=error.hint) from error
    except ValueError as error:
        raise SettingsError(
            f"{origin} {_as_typed_value(value)}: {error}", hint=f"{name}: {SETTINGS[name].about}"
        ) from error


def _as_typed_value(value: Any) -> str:
    """A value as it was typed, as far as can be told: -1 has become -1.0 on its way."""
    return f"{value:.15g}" if isinstance(value, float) else repr(value)


def how_to_unset(name: str, origin: str) -> str:
    """How the setting *name* is taken out of its *origin*: a flag, a variable, or a file."""
    origin = origin.removesuffix(NOT_RAISED)
    if origin == flag_name(name):
        return f"leave {origin} out"
    if origin == environment_variable(name):
        return f"unset {origin}"
    if origin.startswith(f"{name} in "):
        return f"take {origin.replace(' in ', ' out of ', 1)}"
    if Path(origin).name == PROJECT_FILE:
        return f"take {name} out of {origin}"
    return f"imagecli config unset {name}"


def foreign_model_reason(row: ProviderRow, layers: SettingsSources, catalog: Catalog) -> str | None:
    """Why the `model` that is set does not hold at *row*, in a sentence; None where it holds.

    A typed one always does, and so does one that was set together with the provider, or with none to take its place.
    """
    model, provider = layers.lookup("model"), layers.flags.lookup("provider")
    if not model or not provider or model[1] == flag_name("model") or _untyped_provider(layers, catalog) == row.name:
        return None
    server_s_own = not row.takes_default_model and not row.needs_model and catalog.model(model[0]).known
    if not row.model and not server_s_own:
        return None
    used = row.model or "the server's own model"
    return f"{used} is used: {model[0]} from {model[1]} is not for provider {row.name}; -m takes any model there"


def _untyped_provider(layers: SettingsSources, catalog: Catalog) -> str:
    """The provider that holds where none is typed."""
    places = (layers.environment, layers.project, layers.user)
    return next((said[0] for place in places if (said := place.lookup("provider"))), catalog.default_provider)
