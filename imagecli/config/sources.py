"""The sources of settings, strongest first: flags, a preset, environment, a project's file, the user's file.

Each is read and checked here. The cost limit is special: the lowest one holds, and only a flag can exceed it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from imagecli.catalog.catalog import Catalog
from imagecli.catalog.provider import ProviderRow
from imagecli.choices import Preview
from imagecli.config.api_keys import is_key_name
from imagecli.config.files import read_toml_file, unknown_name_error
from imagecli.config.paths import Folders, find_folders
from imagecli.config.project import PROJECT_FILE, ProjectFile, check_trusted, find_project
from imagecli.config.schema import (
    DEFAULT_MAX_COST,
    DEFAULT_PREVIEW,
    FOLDER_VARIABLES,
    SETTINGS,
    SettingValue,
    SettingValues,
    environment_variable,
    read_setting,
    value_or,
)
from imagecli.config.user_catalog import ProviderTable, build_provider_table
from imagecli.env import Env
from imagecli.events import NoteEvent, WarningEvent
from imagecli.suggestions import suggest

if TYPE_CHECKING:
    from imagecli.config.presets import Preset

NOT_RAISED: Final = ", which can't raise the built-in limit"
"""Added to the origin of a cost limit that a project's file or a manifest sets too high."""


class SettingFlags(NamedTuple):
    """The flags that are settings too, as they were typed; None if they were not."""

    provider: str | None = None
    base_url: str | None = None
    insecure_http: bool | None = None
    model: str | None = None
    size: str | None = None
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None
    output_compression: int | None = None
    fit: str | None = None
    output: str | None = None
    if_exists: str | None = None
    sidecar: bool | None = None
    preview: str | None = None
    max_cost: float | None = None
    timeout: float | None = None
    max_retries: int | None = None
    max_wait: float | None = None


class CostLimit(NamedTuple):
    """The most that a command may cost, in USD, and the origin of that limit; None if it is the built-in one."""

    usd: float
    origin: str | None


def lowest_cap(
    *, flag: SettingValue[float] | None, own: list[SettingValue[float]], project: SettingValue[float] | None
) -> CostLimit:
    """The limit that holds: the *flag*'s, else the lowest of the user's *own* and the project's, else the built-in.

    *own* are those of the user's variable and file. A project can lower the built-in limit, but not raise it.
    """
    if flag:
        return CostLimit(*flag)
    limits = [*own, project] if project else own
    if not limits:
        return CostLimit(DEFAULT_MAX_COST, None)
    if project and not own and project.value > DEFAULT_MAX_COST:
        return CostLimit(DEFAULT_MAX_COST, f"{project.origin}{NOT_RAISED}")
    return CostLimit(*min(limits))


class SettingsSources(NamedTuple):
    """All sources, read and checked."""

    folders: Folders
    project_file: ProjectFile | None
    flags: SettingValues
    preset: SettingValues
    """Those of --preset."""
    environment: SettingValues
    project: SettingValues
    user: SettingValues
    effective: SettingValues
    """Each setting from the strongest source that sets it."""
    providers: ProviderTable
    presets: "Mapping[str, Preset]"
    """All that can be chosen, by name."""
    notes: tuple[NoteEvent, ...] = ()
    """Decisions about a project's file."""
    warnings: tuple[WarningEvent, ...] = ()


def read_preview_setting(env: Env) -> Preview:
    """How images are shown on a terminal, by the environment or the user's file. Raises SettingsError."""
    return value_or(read_own_settings(env).preview, DEFAULT_PREVIEW)


def read_own_settings(env: Env) -> SettingValues:
    """The settings of the environment and the user's file, without those of a project. Raises SettingsError."""
    path = find_folders(env).settings
    document = read_toml_file(path)
    for table in ("providers", "presets"):
        document.pop(table, None)
    return merge_settings(settings_from_environment(env), settings_from_file(document, path))


def merge_settings(*sources: SettingValues) -> SettingValues:
    """Each setting from the first of *sources* that sets it."""
    columns = zip(*sources, strict=True)
    return SettingValues._make(next((value for value in column if value is not None), None) for column in columns)


def read_settings_sources(
    flags: SettingFlags, env: Env, catalog: Catalog, folder: Path | None, preset: "Preset | None" = None
) -> SettingsSources:
    """All settings for a command typed in *folder*; without one, a project is not looked for.

    *preset* is that of --preset. Raises SettingsError that names the file or variable.
    """
    folders = find_folders(env)
    document = read_toml_file(folders.settings)
    presets = _pop_presets(document, folders.settings)
    providers = build_provider_table(document.pop("providers", {}), folders.settings, catalog)
    flag_values, preset_values = settings_from_flags(flags), preset.options if preset else SettingValues()
    environment = settings_from_environment(env)
    user = settings_from_file(document, folders.settings)
    project_file = find_project(folder, in_ci=env.in_ci) if folder else None
    project = SettingValues()
    notes: list[NoteEvent] = []
    if project_file:
        document, path = dict(project_file.document), project_file.path
        own_provider, stronger = (
            value_or(user.provider, catalog.default_provider),
            merge_settings(flag_values, environment),
        )
        free = free_providers(own_provider, catalog)
        if stronger.provider:
            # The project's choice has no effect then.
            free = (*free, str(document.get("provider")))
        check_trusted(project_file, folders, free)
        providers = build_provider_table(document.pop("providers", {}), path, catalog, providers)
        presets |= _pop_presets(document, path, is_from_project=True)
        project, restrictions = _restrict(settings_from_file(document, path), path, stronger, own_provider)
        if project_file.note:
            notes.append(NoteEvent(code="project_owner", message=project_file.note))
        notes += restrictions
    return SettingsSources(
        folders=folders,
        project_file=project_file,
        flags=flag_values,
        preset=preset_values,
        environment=environment,
        project=project,
        user=user,
        effective=merge_settings(flag_values, preset_values, environment, project, user),
        providers=providers,
        presets=presets,
        notes=tuple(notes),
        warnings=tuple(unknown_variable_warnings(env)),
    )


def _pop_presets(document: dict[str, Any], path: Path, *, is_from_project: bool = False) -> "dict[str, Preset]":
    """The presets of a file, removed from its *document*. Raises SettingsError."""
    if "presets" not in document:
        return {}
    from imagecli.config.presets import pop_presets

    return pop_presets(document, path, is_from_project=is_from_project)


def free_providers(own: str, catalog: Catalog) -> tuple[str, ...]:
    """The providers that a project's file may choose without trust: the user's *own*, and those in this process."""
    return (own, *(row.name for row in catalog.providers.values() if row.embedded))


def _restrict(
    project: SettingValues, path: Path, stronger: SettingValues, own_provider: str
) -> tuple[SettingValues, list[NoteEvent]]:
    """A *project*'s settings without what no project may decide, and notes on that and on its provider.

    *stronger* are the settings of flags and variables, which override a project's.
    """
    notes = []
    provider = value_or(project.provider, own_provider)
    if provider != own_provider and not stronger.provider:
        message = f"{path} sets provider {provider}; yours is {own_provider}"
        notes.append(NoteEvent(code="provider", message=message))
    if project.if_exists and project.if_exists.value == "overwrite":
        project = project._replace(if_exists=None)
        if not stronger.if_exists:
            message = f"ignoring if_exists = overwrite in {path}, which could replace files you need"
            notes.append(NoteEvent(code="if_exists", message=f"{message}; to allow it: --if-exists overwrite"))
    return project, notes


def flag_name(name: str) -> str:
    """The flag of a setting."""
    return "--" + name.replace("_", "-")


def settings_from_flags(flags: SettingFlags) -> SettingValues:
    """The settings that flags set. Raises SettingsError for a wrong value."""
    return SettingValues(
        **{
            name: read_setting(name, value, flag_name(name))
            for name, value in flags._asdict().items()
            if value is not None
        }
    )


def settings_from_environment(env: Env) -> SettingValues:
    """The settings that IMAGECLI_ variables set. Raises SettingsError for a wrong value."""
    variables = {name: environment_variable(name) for name in SETTINGS}
    return SettingValues(
        **{
            name: read_setting(name, env.environ[variable], variable)
            for name, variable in variables.items()
            if variable in env.environ
        }
    )


def unknown_variable_warnings(env: Env) -> list[WarningEvent]:
    """A warning for each unknown IMAGECLI_ variable."""
    prefix = environment_variable("")
    names = [name.removeprefix(prefix) for name in (*map(environment_variable, SETTINGS), *FOLDER_VARIABLES)]
    warnings = []
    for name in sorted(env.environ):
        if name.startswith(prefix) and name.removeprefix(prefix) not in names:
            near = suggest(name.removeprefix(prefix), names)
            message = f"unknown variable {name}" + (f"; did you mean {prefix}{near}?" if near else "")
            warnings.append(WarningEvent(code="unknown_variable", message=message))
    return warnings


def settings_from_file(document: Mapping[str, Any], path: Path) -> SettingValues:
    """The settings of a file. Raises SettingsError for an unknown name or a wrong value."""
    for name in document:
        if name not in SETTINGS:
            hint = "store the key with imagecli login" if is_key_name(name) else None
            raise unknown_name_error("setting", name, path, [*SETTINGS, "providers", "presets"], hint=hint)
    return SettingValues(
        **{name: read_setting(name, value, str(path), place=f"{path}: {name}") for name, value in document.items()}
    )


def how_to_unset(name: str, origin: str) -> str:
    """How to remove the setting *name* from its *origin*: a flag, a variable, or a file."""
    origin = origin.removesuffix(NOT_RAISED)
    if origin == flag_name(name):
        return f"omit {origin}"
    if origin == environment_variable(name):
        return f"unset {origin}"
    if origin.startswith("preset "):
        return f"remove {name} from {origin}"
    if origin.startswith(f"{name} in "):
        return f"remove {origin.replace(' in ', ' from ', 1)}"
    if Path(origin).name == PROJECT_FILE:
        return f"remove {name} from {origin}"
    return f"imagecli config unset {name}"


def foreign_model_reason(row: ProviderRow, sources: SettingsSources, catalog: Catalog) -> str | None:
    """Why the setting `model` is not used for the typed provider *row*, as a sentence; None if it is used.

    It is used if it was typed too, or set together with that provider, or if the provider has no other model.
    """
    model = sources.effective.model
    if not model or not sources.flags.provider or sources.flags.model or sources.preset.model:
        return None
    if chosen_provider((sources.environment, sources.project, sources.user), catalog) == row.name:
        return None
    server_has_default = not row.takes_default_model and not row.needs_model and catalog.model(model.value).known
    if not row.model and not server_has_default:
        return None
    model_name = row.model or "the server's default model"
    reason = f"{model.value} from {model.origin} is not for provider {row.name}"
    return f"using {model_name}: {reason}; choose another model with -m"


def chosen_provider(sources: Sequence[SettingValues], catalog: Catalog) -> str:
    """The name of the provider that the first of *sources* chooses, or else of the default one."""
    return value_or(merge_settings(*sources).provider, catalog.default_provider)
