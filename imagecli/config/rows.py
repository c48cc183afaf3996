"""The catalogue as it holds for this user: ours, and the rows of a models.toml beside the settings."""

from __future__ import annotations

from dataclasses import replace

from imagecli import catalog
from imagecli.catalog import Catalog
from imagecli.config.folders import folders
from imagecli.config.toml_file import read_file
from imagecli.env import Env
from imagecli.errors import SettingsError, UsageError


def load_catalog(env: Env) -> Catalog:
    """Raises SettingsError that names file and field of a row that is none."""
    path = folders(env).models
    own = read_file(path)
    try:
        return catalog.with_own(own, str(path)) if own else catalog.load()
    except UsageError as error:
        raise SettingsError(f"{path}: {error.message}", hint=error.hint) from error


def load_rows(env: Env) -> Catalog:
    """The same with the providers that settings say, as a command typed here would have them. Raises SettingsError."""
    from imagecli.config import current_folder
    from imagecli.config.layers import read_layers

    rows = load_catalog(env)
    return replace(rows, providers=dict(read_layers({}, env, rows, current_folder()).providers.rows))
