"""The catalogue as it holds for this user: ours, and the rows of a models.toml beside the settings."""

from __future__ import annotations

from dataclasses import replace
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
    """Raises SettingsError that names file and field of a row that is none."""
    path = find_folders(env).models
    own = read_toml_file(path)
    try:
        return catalog.with_user_models(own, str(path)) if own else catalog.load_shipped_catalog()
    except UsageError as error:
        raise SettingsError(f"{path}: {error.message}", hint=error.hint) from error


def load_catalog_with_providers(env: Env) -> tuple[Catalog, SettingsError | None]:
    """The same with the providers that settings say, and why a project's are not among them, where it has some.

    What only looks at rows does not fail for a file that came with a clone. Raises SettingsError for the user's own.
    """
    from imagecli.config.provider_overrides import build_provider_table

    rows, places = load_user_catalog(env), find_folders(env)
    providers = build_provider_table(read_toml_file(places.settings).get("providers", {}), places.settings, rows)
    try:
        providers = _add_project_providers(providers, places, rows, env)
    except SettingsError as error:
        return replace(rows, providers=dict(providers.rows)), error
    return replace(rows, providers=dict(providers.rows)), None


def _add_project_providers(before: ProviderTable, places: Folders, rows: Catalog, env: Env) -> ProviderTable:
    """Those of the project's file too, where it has any. Raises SettingsError, also where they are not trusted."""
    from imagecli.config.project import check_trusted, find_project
    from imagecli.config.provider_overrides import build_provider_table
    from imagecli.config.settings import current_folder

    project = find_project(current_folder(), in_ci=env.in_ci)
    if project is None or "providers" not in project.document:
        return before
    # Which provider it chooses makes no difference to a list of them.
    check_trusted(project, places, free_providers=[str(project.document.get("provider"))])
    return build_provider_table(project.document["providers"], project.path, rows, before)
