"""The sources of settings, strongest first: flags, environment, a project's file, the user's file.

Each is read and checked here. The cost limit is special: the lowest one holds, and only a flag can exceed it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

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
from imagecli.events import NoteEvent, WarningEvent
from imagecli.suggestions import suggest

BUILT_IN: Final[float] = SETTINGS["max_cost"].default

NOT_RAISED: Final = ", which can't raise the built-in cap"
"""Added to the origin of a cost limit that a project's file or a manifest sets too high."""


class SettingValue(NamedTuple):
    """A setting's value and its origin: a flag, a variable, or a file."""

    value: Any
    origin: str


class CostLimit(NamedTuple):
    """The most that a command may cost, in USD, and the origin of that limit; None if it is the built-in one."""

    usd: float
    origin: str | None


def lowest_cap(*, typed: SettingValue | None, own: list[SettingValue], project: SettingValue | None) -> CostLimit:
    """The limit that holds: a *typed* one, else the lowest of the user's *own* and the project's, else the built-in.

    *own* are those of the user's variable and file. A project can lower the built-in limit, but not raise it.
    """
    if typed:
        return CostLimit(*typed)
    limits = [*own, project] if project else own
    if not limits:
        return CostLimit(BUILT_IN, None)
    if project and not own and project.value > BUILT_IN:
        return CostLimit(BUILT_IN, f"{project.origin}{NOT_RAISED}")
    return CostLimit(*min(limits))


class SettingsSource(NamedTuple):
    """The settings of one source, and how the source calls a setting."""

    values: Mapping[str, Any]
    origin: Callable[[str], str]

    def lookup(self, name: str) -> SettingValue | None:
        """The setting's value here; None if this source does not set it."""
        return SettingValue(self.values[name], self.origin(name)) if name in self.values else None


class SettingsSources(NamedTuple):
    """All sources, read and checked."""

    folders: Folders
    project_file: ProjectFile | None
    flags: SettingsSource
    environment: SettingsSource
    project: SettingsSource
    user: SettingsSource
    providers: ProviderTable
    notes: tuple[NoteEvent, ...] = ()
    """Decisions about a project's file."""
    warnings: tuple[WarningEvent, ...] = ()

    def lookup(self, name: str) -> SettingValue | None:
        """A setting's value from the strongest source that sets it; None if none does."""
        for source in (self.flags, self.environment, self.project, self.user):
            if setting := source.lookup(name):
                return setting
        return None

    def all_values(self) -> dict[str, SettingValue]:
        """Every setting that a source sets."""
        return {name: setting for name in SETTINGS if (setting := self.lookup(name))}


def read_settings_sources(flags: Mapping[str, Any], env: Env, catalog: Catalog, folder: Path | None) -> SettingsSources:
    """All settings for a command typed in *folder*; without one, a project is not looked for.

    Raises SettingsError that names the file or variable.
    """
    folders = find_folders(env)
    user = read_toml_file(folders.settings)
    providers = build_provider_table(user.pop("providers", {}), folders.settings, catalog)
    typed = settings_from_flags(flags)
    environment = settings_from_environment(env)
    own = validate_settings(user, folders.settings)
    project = find_project(folder, in_ci=env.in_ci) if folder else None
    document: dict[str, Any] = {}
    path = Path(PROJECT_FILE)
    notes: list[NoteEvent] = []
    if project:
        document, path = dict(project.document), project.path
        own_provider, stronger = own.get("provider", catalog.default_provider), {**environment, **typed}
        free = free_providers(own_provider, catalog)
        if "provider" in stronger:
            # The project's choice has no effect then.
            free = (*free, str(document.get("provider")))
        check_trusted(project, folders, free)
        providers = build_provider_table(document.pop("providers", {}), path, catalog, providers)
        document = validate_settings(document, path)
        if project.note:
            notes.append(NoteEvent(code="project_owner", message=project.note))
        notes += _restrict(document, path, stronger, own_provider)
    return SettingsSources(
        folders=folders,
        project_file=project,
        flags=SettingsSource(values=typed, origin=flag_name),
        environment=SettingsSource(values=environment, origin=environment_variable),
        project=SettingsSource(values=document, origin=lambda name: str(path)),
        user=SettingsSource(values=own, origin=lambda name: str(folders.settings)),
        providers=providers,
        notes=tuple(notes),
        warnings=tuple(unknown_variable_warnings(env)),
    )


def free_providers(own: str, catalog: Catalog) -> tuple[str, ...]:
    """The providers that a project's file may choose without trust: the user's *own*, and those in this process."""
    return (own, *(row.name for row in catalog.providers.values() if row.embedded))


def _restrict(document: dict[str, Any], path: Path, stronger: Mapping[str, Any], own_provider: str) -> list[NoteEvent]:
    """Remove from a project's *document* what no project may decide, and return notes on that and on its provider.

    *stronger* are the settings of flags and variables, beside which a project's have no effect.
    """
    notes = []
    chosen = document.get("provider", own_provider)
    if chosen != own_provider and "provider" not in stronger:
        message = f"{path} chooses provider {chosen}; your own is {own_provider}"
        notes.append(NoteEvent(code="provider", message=message))
    if document.get("if_exists") == "overwrite":
        del document["if_exists"]
        if "if_exists" not in stronger:
            message = f"if_exists = overwrite in {path} is not applied, as it would replace files you may need"
            notes.append(NoteEvent(code="if_exists", message=f"{message}; --if-exists overwrite does"))
    return notes


def flag_name(name: str) -> str:
    """The flag of a setting."""
    return "--" + name.replace("_", "-")


def settings_from_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that flags set; other flags are ignored."""
    return {
        name: _read_setting(name, value, flag_name(name))
        for name, value in flags.items()
        if name in SETTINGS and value is not None
    }


def settings_from_environment(env: Env) -> dict[str, Any]:
    """The settings that IMAGECLI_ variables set."""
    variables = {name: environment_variable(name) for name in SETTINGS}
    return {
        name: _read_setting(name, env.environ[variable], variable)
        for name, variable in variables.items()
        if variable in env.environ
    }


def unknown_variable_warnings(env: Env) -> list[WarningEvent]:
    """A warning for each IMAGECLI_ variable that sets nothing."""
    prefix = environment_variable("")
    known = [name.removeprefix(prefix) for name in (*map(environment_variable, SETTINGS), *FOLDER_VARIABLES)]
    warnings = []
    for name in sorted(env.environ):
        if name.startswith(prefix) and name.removeprefix(prefix) not in known:
            near = suggest(name.removeprefix(prefix), known)
            message = f"{name} sets nothing" + (f"; did you mean {prefix}{near}?" if near else "")
            warnings.append(WarningEvent(code="unknown_variable", message=message))
    return warnings


def validate_settings(document: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The settings of a file. Raises SettingsError for an unknown name or a wrong value."""
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
    """A value as the user probably typed it: -1 was parsed as -1.0."""
    return f"{value:.15g}" if isinstance(value, float) else repr(value)


def how_to_unset(name: str, origin: str) -> str:
    """How to remove the setting *name* from its *origin*: a flag, a variable, or a file."""
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
    """Why the setting `model` is not used for the typed provider *row*, as a sentence; None if it is used.

    It is used if it was typed too, or set together with that provider, or if the provider has no other model.
    """
    model, provider = layers.lookup("model"), layers.flags.lookup("provider")
    if not model or not provider or model.origin == flag_name("model"):
        return None
    if chosen_provider((layers.environment, layers.project, layers.user), catalog) == row.name:
        return None
    server_has_default = not row.takes_default_model and not row.needs_model and catalog.model(model.value).known
    if not row.model and not server_has_default:
        return None
    used = row.model or "the server's own model"
    return f"{used} is used: {model.value} from {model.origin} is not for provider {row.name}; -m takes any model there"


def chosen_provider(sources: Sequence[SettingsSource], catalog: Catalog) -> str:
    """The name of the provider that the first of *sources* chooses, or else of the default one."""
    for source in sources:
        if setting := source.lookup("provider"):
            return str(setting.value)
    return catalog.default_provider
