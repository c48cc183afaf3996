"""What `config show` and `config path` tell: every setting with its place, every file with what it is for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imagecli.catalog.catalog import Catalog
from imagecli.catalog.provider import ProviderRow
from imagecli.config.base_url import shown as shown_url
from imagecli.config.keys import key_places
from imagecli.config.paths import Folders
from imagecli.config.schema import SETTINGS
from imagecli.config.settings import base_url_of, cap_of, provider_of, setting_value
from imagecli.config.sources import Layers
from imagecli.domain import Json
from imagecli.env import Env
from imagecli.errors import UsageError

DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One setting; *value* None where nothing holds, *origin* None where nobody said it."""

    name: str
    value: Json
    origin: str | None
    remark: str | None = None
    """What stands for a value that is not shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """One file or folder in use, existing or not."""

    name: str
    path: Path
    about: str


def settings_shown(layers: Layers, env: Env, catalog: Catalog) -> list[Shown]:
    """Every setting as a command would have it, typed without flags. Raises UsageError for a provider that is none."""
    row = provider_of(layers, catalog)
    special = {
        "provider": (row.name, DEFAULT),
        "base_url": _base_url(row, layers, env, catalog),
        "model": (row.model or catalog.default_model, DEFAULT),
        "timeout": (layers.providers.beside(row.name).timeout, layers.providers.origin(row.name, "timeout")),
        "max_cost": cap_of(layers),
    }
    rows = []
    for name, setting in SETTINGS.items():
        value, origin = layers.said(name) or special.get(name) or (setting.default, DEFAULT)
        if name in ("base_url", "max_cost"):
            value, origin = special[name]
        rows.append(Shown(name=name, value=_plain(value), origin=None if value is None else origin or DEFAULT))
    return [*rows, *_headers(row, env), *_of_providers(layers), _key(row, layers, env)]


def _base_url(row: ProviderRow, layers: Layers, env: Env, catalog: Catalog) -> tuple[str | None, str | None]:
    try:
        url, origin = base_url_of(row, layers, env, catalog)
    except UsageError:
        return None, None
    return (shown_url(url), origin) if url else (None, None)


def _headers(row: ProviderRow, env: Env) -> Iterator[Shown]:
    for name, variable in (("organization", row.organization_env), ("project", row.project_env)):
        if variable and variable in env.environ:
            yield Shown(name=name, value=env.environ[variable], origin=variable)


def _of_providers(layers: Layers) -> Iterator[Shown]:
    for name, (value, origin) in layers.providers.said.items():
        field = name.rpartition(".")[2]
        if field == "api_key_command":
            yield Shown(name=name, value=None, origin=origin, remark=f"runs {value[0]}" if value else None)
        else:
            yield Shown(name=name, value=shown_url(value) if field == "base_url" else _plain(value), origin=origin)


def _key(row: ProviderRow, layers: Layers, env: Env) -> Shown:
    """Where the key is, without running or asking anybody for it."""
    name = f"key of {row.name}"
    if row.auth == "none":
        return Shown(name=name, value=None, origin=None, remark="none wanted")
    command = layers.providers.beside(row.name).api_key_command
    keyring = setting_value("keyring", layers)
    for place in key_places(
        row, env, layers.folders, providers=layers.providers.rows.values(), command=command, keyring=keyring
    ):
        return Shown(name=name, value=None, origin=place.origin, remark="set" if place.sure else "looked for")
    return Shown(name=name, value=None, origin=None, remark="not needed" if row.key_optional else "not set")


def _plain(value: object) -> Json:
    """A setting's value as JSON has it."""
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def paths_used(folders: Folders, project: Path | None) -> list[Used]:
    """The files and folders that a command typed here reads and writes for itself."""
    used = [
        Used(name="settings", path=folders.settings, about="your settings"),
        Used(name="credentials", path=folders.credentials, about="your keys"),
        Used(name="models", path=folders.models, about="models of your own"),
        Used(name="state", path=folders.state, about="answers until they are saved, and history"),
        Used(name="trusted", path=folders.trusted, about="projects you trust"),
    ]
    if project:
        used.append(Used(name="project", path=project, about="this project's settings"))
    return used
