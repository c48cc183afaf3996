"""The rows of `config list` and `config path`: settings with their origins, files with their purposes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from imagecli.catalog.catalog import Catalog
from imagecli.catalog.provider import ProviderRow
from imagecli.config.api_keys import key_sources
from imagecli.config.paths import Folders
from imagecli.config.schema import SETTINGS, value_or
from imagecli.config.settings import effective_cap, effective_provider, resolve_base_url
from imagecli.config.sources import SettingsSources
from imagecli.domain import Json
from imagecli.env import Env
from imagecli.errors import UsageError
from imagecli.quoting import printable_url
from imagecli.serialization import to_plain

DEFAULT = "default"


class SettingRow(NamedTuple):
    """One setting; *value* is None if it has none, *origin* is None if nothing sets it."""

    name: str
    value: Json
    origin: str | None
    note: str | None = None
    """Printed in place of a value that is not shown."""


class PathRow(NamedTuple):
    """One file or folder that imagecli uses, whether it exists or not."""

    name: str
    path: Path
    about: str


def build_setting_rows(sources: SettingsSources, env: Env, catalog: Catalog) -> list[SettingRow]:
    """Every setting as a command without flags would use it. Raises UsageError for an unknown provider."""
    row = effective_provider(sources, catalog)
    special: dict[str, tuple[Any, str | None]] = {
        "provider": (row.name, DEFAULT),
        "base_url": _base_url_and_origin(row, sources, env, catalog),
        "model": (row.model or catalog.default_model, DEFAULT),
        "timeout": (
            sources.providers.overrides_of(row.name).timeout,
            sources.providers.field_origin(row.name, "timeout"),
        ),
        "max_cost": effective_cap(sources),
    }
    rows, values = [], sources.effective.named()
    for name, setting in SETTINGS.items():
        value, origin = values.get(name) or special.get(name) or (setting.default, DEFAULT)
        if name in ("base_url", "max_cost"):
            value, origin = special[name]
        rows.append(SettingRow(name=name, value=to_plain(value), origin=None if value is None else origin or DEFAULT))
    return [
        *rows,
        *_header_rows(row, env),
        *_provider_rows(sources),
        *_preset_rows(sources),
        _key_row(row, sources, env),
    ]


def _base_url_and_origin(
    row: ProviderRow, sources: SettingsSources, env: Env, catalog: Catalog
) -> tuple[str | None, str | None]:
    try:
        url, origin = resolve_base_url(row, sources, env, catalog)
    except UsageError:
        return None, None
    return (printable_url(url), origin) if url else (None, None)


def _header_rows(row: ProviderRow, env: Env) -> Iterator[SettingRow]:
    for name, variable in (("organization", row.organization_env), ("project", row.project_env)):
        if variable and variable in env.environ:
            yield SettingRow(name=name, value=env.environ[variable], origin=variable)


def _provider_rows(sources: SettingsSources) -> Iterator[SettingRow]:
    for name, (value, origin) in sources.providers.file_fields.items():
        field = name.rpartition(".")[2]
        if field == "api_key_command":
            yield SettingRow(name=name, value=None, origin=origin, note=f"runs {value[0]}" if value else None)
        elif field == "headers":
            yield SettingRow(name=name, value=None, origin=origin, note=f"sets {', '.join(value)}")
        else:
            yield SettingRow(
                name=name, value=printable_url(value) if field == "base_url" else to_plain(value), origin=origin
            )


def _preset_rows(sources: SettingsSources) -> Iterator[SettingRow]:
    for name, preset in sources.presets.items():
        if preset.prompt:
            yield SettingRow(name=f"presets.{name}.prompt", value=preset.prompt, origin=str(preset.path))
        for field, option in preset.options.named().items():
            yield SettingRow(name=f"presets.{name}.{field}", value=to_plain(option.value), origin=str(preset.path))


def _key_row(row: ProviderRow, sources: SettingsSources, env: Env) -> SettingRow:
    """The key's origin, without running a command or asking the keyring for it."""
    name = f"key of {row.name}"
    if row.auth == "none":
        return SettingRow(name=name, value=None, origin=None, note="not used")
    command = sources.providers.overrides_of(row.name).api_key_command
    keyring = value_or(sources.effective.keyring, False)
    if source := next(key_sources(row, env, sources.folders, has_command=bool(command), keyring=keyring), None):
        note = "set" if source.is_certain else "read when needed"
        return SettingRow(name=name, value=None, origin=source.origin, note=note)
    return SettingRow(name=name, value=None, origin=None, note="not needed" if row.key_optional else "not set")


def build_path_rows(folders: Folders, project: Path | None) -> list[PathRow]:
    """The files and folders that imagecli reads and writes for a command typed here."""
    rows = [
        PathRow(name="settings", path=folders.settings, about="your settings"),
        PathRow(name="credentials", path=folders.credentials, about="your keys"),
        PathRow(name="models", path=folders.models, about="your custom models"),
        PathRow(name="state", path=folders.state, about="unsaved responses and rescued images"),
        PathRow(name="trusted", path=folders.trusted_projects, about="trusted projects"),
    ]
    if project:
        rows.append(PathRow(name="project", path=project, about="this project's settings"))
    return rows
