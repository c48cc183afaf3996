"""The catalogue for this user: the shipped one, the rows of their models.toml, and the providers of settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagecli.catalog import catalog
from imagecli.catalog.catalog import Catalog
from imagecli.config.paths import Folders, find_folders
from imagecli.config.toml_io import read_toml_file
from imagecli.env import Env
from imagecli.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from imagecli.config.provider_overrides import ProviderTable


def load_user_catalog(env: Env) -> Catalog:
    """The shipped catalogue with the user's models. Raises SettingsError that names the file and the wrong field."""
    path = find_folders(env).models
    tables = read_toml_file(path)
    try:
        return catalog.with_user_models(tables, str(path)) if tables else catalog.load_shipped_catalog()
    except UsageError as error:
        raise SettingsError(
            f"{path}: {error.message}", hint=error.hint or "imagecli models gpt-image-2 shows a row"
        ) from error


def load_catalog_with_providers(env: Env) -> tuple[Catalog, SettingsError | None]:
    """The user's catalogue with the providers of settings, and the error if a project's providers can't be used.

    Commands that only list rows must not fail because of a project's file, which may come with a cloned repository.
    Raises SettingsError for the user's own file.
    """
    from imagecli.config.provider_overrides import build_provider_table

    rows, places = load_user_catalog(env), find_folders(env)
    providers = build_provider_table(read_toml_file(places.settings).get("providers", {}), places.settings, rows)
    try:
        providers = _add_project_providers(providers, places, rows, env)
    except SettingsError as error:
        return rows._replace(providers=dict(providers.rows)), error
    return rows._replace(providers=dict(providers.rows)), None


def _add_project_providers(before: ProviderTable, places: Folders, rows: Catalog, env: Env) -> ProviderTable:
    """*before* with the providers of the project's file. Raises SettingsError, also if the file is not trusted."""
    from imagecli.config.project import check_trusted, find_project
    from imagecli.config.provider_overrides import build_provider_table
    from imagecli.config.settings import current_folder

    project = find_project(current_folder(), in_ci=env.in_ci)
    if project is None or "providers" not in project.document:
        return before
    # The provider it chooses does not matter for a list of providers.
    check_trusted(project, places, free_providers=[str(project.document.get("provider"))])
    return build_provider_table(project.document["providers"], project.path, rows, before)
