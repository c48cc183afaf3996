"""`imagecli config set`, `unset` and `trust`: the user's file changed, a project's file allowed."""

from __future__ import annotations

from pathlib import Path

from imagecli.catalog import catalog
from imagecli.commands.confirm import confirm
from imagecli.config.edit import remove_value, write_value
from imagecli.config.paths import find_folders
from imagecli.config.project import PROJECT_FILE, ProjectFile, find_project, set_trusted, trusted_digest
from imagecli.config.schema import SETTINGS, environment_variable
from imagecli.config.settings import current_folder
from imagecli.config.sources import free_providers, read_settings_sources
from imagecli.config.user_catalog import load_user_catalog
from imagecli.env import Env
from imagecli.errors import SettingsError, UsageError
from imagecli.output.settings import print_note
from imagecli.output.terminal import sanitize, write_line
from imagecli.quoting import shell_quote


def write_setting(name: str, text: str, env: Env) -> None:
    """Writes it, and says where, and what goes before it. Raises UsageError, SettingsError."""
    places = find_folders(env)
    value = write_value(name, text, places, catalog.load_shipped_catalog())

    print_note(f"{name} is set in {places.settings}", env)
    if strange := _unknown_word_note(name, value, env):
        print_note(strange, env)
    if before := _stronger_source(name, env):
        print_note(f"{before} says another one, and goes before it here", env)


def _unknown_word_note(name: str, value: object, env: Env) -> str | None:
    """What to say of a word that no model and no provider of the catalogue has; a server may know it all the same."""
    rows = load_user_catalog(env)
    known = {word: None for row in rows.models.values() for word in row.allowed_values(name)}
    known |= {word: None for row in rows.providers.values() for word in row.allowed_values(name, "generations")}
    if not known or value in known:
        return None
    return f"no model of the catalogue takes {name} {value}: there is {', '.join(known)}"


def _stronger_source(name: str, env: Env) -> str | None:
    """The variable or project file that says the setting too."""
    if name not in SETTINGS:
        return None
    if environment_variable(name) in env.environ:
        return environment_variable(name)
    try:
        layers = read_settings_sources({}, env, catalog.load_shipped_catalog(), current_folder())
    except (SettingsError, UsageError):
        # Whatever is wrong here is said by the command that needs it.
        return None
    said = layers.project.lookup(name)
    return said[1] if said and layers.user.lookup(name) != said else None


def remove_setting(name: str, env: Env) -> None:
    """Takes it out, and says so. Raises UsageError, SettingsError."""
    places = find_folders(env)
    if not remove_value(name, places, catalog.load_shipped_catalog()):
        raise UsageError(f"{places.settings} does not set {name}", hint="imagecli config show --origin")
    print_note(f"{name} is taken out of {places.settings}", env)


def trust_project(folder: Path | None, env: Env, *, yes: bool, remove: bool) -> None:
    """Trusts the project file for *folder*, or the current one, once somebody said so; or trusts it no more."""
    places = find_folders(env)
    place = (folder or current_folder()).absolute()
    project = find_project(place, in_ci=env.in_ci)
    if project is None:
        raise UsageError(f"there is no {PROJECT_FILE} for {place}", hint="imagecli config trust DIR")
    if remove:
        set_trusted(project.path, None, places)
        return print_note(f"{project.path} is not trusted", env)
    rows = catalog.load_shipped_catalog()
    said = read_settings_sources({}, env, rows, None).lookup("provider")
    delicate = project.sensitive_names(free_providers(said[0] if said else rows.default_provider, rows))
    if not delicate:
        return print_note(f"{project.path} sets nothing that wants trust", env)
    if trusted_digest(project.path, places) == project.digest:
        return print_note(f"{project.path} is trusted already", env)
    if not yes:
        _confirm_trust(project, delicate, env)
    set_trusted(project.path, project.digest, places)
    return print_note(f"{project.path} is trusted until it changes", env)


def _confirm_trust(project: ProjectFile, delicate: tuple[str, ...], env: Env) -> None:
    """Shows what would be allowed, and asks. Raises UsageError for a no, and where nobody can be asked."""
    if not env.stdin.isatty():
        raise UsageError(
            "there is no terminal to ask on", hint=f"imagecli config trust {shell_quote(project.path.parent)} --yes"
        )
    write_line(env.stderr, f"{sanitize(str(project.path))} sets what decides where keys and data go:")
    for name, value in _flatten(project.document, delicate):
        write_line(env.stderr, sanitize(f"  {name} = {value!r}"))
    if not confirm("Trust it, as it is now?", env):
        raise UsageError(f"{project.path} is not trusted", hint=f"remove {', '.join(delicate)} there")


def _flatten(table: object, names: tuple[str, ...] = (), before: str = "") -> list[tuple[str, object]]:
    """The values of a table under their dotted names; only those under *names*, where some are given."""
    if not isinstance(table, dict):
        return [(before, table)]
    inner = {name: value for name, value in table.items() if not names or name in names}
    return [one for name, value in inner.items() for one in _flatten(value, (), f"{before}.{name}".lstrip("."))]
