"""`imagecli config`: list and change settings, and trust a project's."""

from __future__ import annotations

from pathlib import Path

from imagecli.catalog import catalog
from imagecli.commands.terminal_input import confirm
from imagecli.config.api_keys import is_key_name
from imagecli.config.edit import remove_value, write_value
from imagecli.config.paths import current_folder, find_folders
from imagecli.config.project import PROJECT_FILE, ProjectFile, find_project, set_trusted, trusted_digest
from imagecli.config.schema import SETTINGS, environment_variable, value_or
from imagecli.config.show import SettingRow, build_setting_rows
from imagecli.config.sources import SettingFlags, free_providers, read_settings_sources
from imagecli.config.user_catalog import load_user_catalog, provider_field_names
from imagecli.env import Env
from imagecli.errors import SettingsError, UsageError
from imagecli.output.terminal import print_note, sanitize, write_line
from imagecli.quoting import shell_quote
from imagecli.serialization import to_plain
from imagecli.suggestions import unknown_name_hint


def read_setting_rows(env: Env) -> list[SettingRow]:
    """Every setting with its effective value. Prints notes. Raises UsageError, SettingsError."""
    rows = load_user_catalog(env)
    sources = read_settings_sources(SettingFlags(), env, rows, current_folder())
    settings = build_setting_rows(sources, env, rows)
    for message in [note.message for note in sources.notes] + [warning.message for warning in sources.warnings]:
        print_note(message, env)
    return settings


def find_setting_row(name: str, env: Env) -> SettingRow:
    """The setting *name*, or `providers.NAME.FIELD`; without a value if nothing sets it. Raises UsageError."""
    rows = {row.name: row for row in read_setting_rows(env)}
    setting_name = name.replace("-", "_")
    if match := rows.get(name) or rows.get(setting_name):
        return match
    if is_key_name(name):
        raise UsageError(
            f"{name} is a key, and keys are never printed", hint="run imagecli config list to see whether it is set"
        )
    provider, _, field = name.removeprefix("providers.").partition(".")
    if name.startswith("providers.") and field:
        return _provider_field_row(name, provider, field, env)
    raise UsageError(f"unknown setting {name!r}", hint=unknown_name_hint(setting_name, SETTINGS))


def _provider_field_row(name: str, provider: str, field: str, env: Env) -> SettingRow:
    """The row of a provider's field that no file sets. Raises UsageError for an unknown provider or field."""
    sources = read_settings_sources(SettingFlags(), env, load_user_catalog(env), current_folder())
    row = sources.providers.find(provider, name)
    if field not in (names := provider_field_names()):
        raise UsageError(f"unknown setting {name!r}", hint=unknown_name_hint(field, names))
    return SettingRow(name=name, value=to_plain(getattr(row, field, None)), origin="the catalog")


def write_setting(name: str, text: str, env: Env) -> None:
    """Write a setting to the user's file, and print where, and what overrides it. Raises UsageError, SettingsError."""
    folders = find_folders(env)
    value = write_value(name, text, folders, catalog.load_shipped_catalog())
    print_note(f"set {name} in {folders.settings}", env)
    if note := _unknown_word_note(name, value, env):
        print_note(note, env)
    if source := _stronger_source(name, env):
        print_note(f"{source} sets {name} too, and overrides it here", env)


def _unknown_word_note(name: str, value: object, env: Env) -> str | None:
    """A note on a value that no model or provider of the catalog accepts, though a server may."""
    rows = load_user_catalog(env)
    words = {word: None for row in rows.models.values() for word in row.allowed_values(name)}
    words |= {word: None for row in rows.providers.values() for word in row.allowed_values(name, "generations")}
    if not words or value in words:
        return None
    return f"no known model accepts {name} {value}; available: {', '.join(words)}"


def _stronger_source(name: str, env: Env) -> str | None:
    """The variable or project file that sets the setting too, and overrides the user's file."""
    if name not in SETTINGS:
        return None
    if environment_variable(name) in env.environ:
        return environment_variable(name)
    try:
        sources = read_settings_sources(SettingFlags(), env, catalog.load_shipped_catalog(), current_folder())
    except (SettingsError, UsageError):
        # The command that needs the settings reports the error.
        return None
    setting = sources.project.named().get(name)
    return setting.origin if setting else None


def remove_setting(name: str, env: Env) -> None:
    """Remove a setting from the user's file. Raises UsageError, SettingsError."""
    folders = find_folders(env)
    if not remove_value(name, folders, catalog.load_shipped_catalog()):
        raise UsageError(f"{folders.settings} does not set {name}", hint="imagecli config list --origin")
    print_note(f"removed {name} from {folders.settings}", env)


def trust_project(folder: Path | None, env: Env, *, yes: bool, remove: bool) -> None:
    """Trust the project file of *folder*, or of the current one, after a confirmation; or revoke the trust."""
    folders = find_folders(env)
    folder = Path(env.expand_home(str(folder))).absolute() if folder else current_folder()
    project = find_project(folder, in_ci=env.in_ci)
    if project is None:
        raise UsageError(f"no {PROJECT_FILE} found for {folder}", hint="imagecli config trust DIR")
    if remove:
        set_trusted(project.path, None, folders)
        return print_note(f"{project.path} is no longer trusted", env)
    rows = catalog.load_shipped_catalog()
    effective = read_settings_sources(SettingFlags(), env, rows, None).effective
    sensitive = project.sensitive_names(free_providers(value_or(effective.provider, rows.default_provider), rows))
    if not sensitive:
        return print_note(f"{project.path} sets nothing that requires trust", env)
    if trusted_digest(project.path, folders) == project.digest:
        return print_note(f"{project.path} is already trusted", env)
    if not yes:
        _confirm_trust(project, sensitive, env)
    set_trusted(project.path, project.digest, folders)
    return print_note(f"{project.path} is trusted until it changes", env)


def _confirm_trust(project: ProjectFile, sensitive: tuple[str, ...], env: Env) -> None:
    """Show what would be allowed, and ask. Raises UsageError if the answer is no or stdin is not a terminal."""
    if not env.stdin.isatty():
        raise UsageError(
            "can't ask for confirmation: stdin is not a terminal",
            hint=f"imagecli config trust {shell_quote(project.path.parent)} --yes",
        )
    write_line(env.stderr, f"{sanitize(str(project.path))} controls where keys and data are sent:")
    for name, value in _flatten(project.document, sensitive):
        write_line(env.stderr, sanitize(f"  {name} = {value!r}"))
    if not confirm("Trust this version of the file?", env):
        raise UsageError(
            f"{project.path} is not trusted",
            hint=f"remove {', '.join(sensitive)} from the file to use it without trust",
        )


def _flatten(table: object, names: tuple[str, ...] = (), before: str = "") -> list[tuple[str, object]]:
    """The values of a table with their dotted names; only those below *names*, if there are any."""
    if not isinstance(table, dict):
        return [(before, table)]
    values = {name: value for name, value in table.items() if not names or name in names}
    return [pair for name, value in values.items() for pair in _flatten(value, (), f"{before}.{name}".lstrip("."))]
