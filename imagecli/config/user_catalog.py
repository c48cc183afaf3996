"""The catalog for this user: the shipped rows, those of their models.toml, and the `[providers.NAME]` of settings.

A `[providers.NAME]` table describes a custom provider, or changes one that ships. It has the fields of a
provider's row, as catalog/providers.toml writes them, and those of `ProviderOverrides`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, NamedTuple

from imagecli.catalog import catalog
from imagecli.catalog.catalog import Catalog
from imagecli.catalog.from_toml import overlay_provider
from imagecli.catalog.provider import ProviderRow
from imagecli.config.api_keys import is_key_name
from imagecli.config.base_url import validate_base_url
from imagecli.config.files import read_toml_file, unknown_name_error
from imagecli.config.paths import Folders, current_folder, find_folders
from imagecli.config.schema import SETTINGS
from imagecli.domain import Secret
from imagecli.env import Env
from imagecli.errors import SettingsError, UsageError
from imagecli.serialization import Text, read_table
from imagecli.suggestions import suggest


def load_user_catalog(env: Env) -> Catalog:
    """The shipped catalog with the user's models. Raises SettingsError that names the file and the wrong field."""
    path = find_folders(env).models
    tables = read_toml_file(path)
    try:
        return catalog.with_user_models(tables, str(path)) if tables else catalog.load_shipped_catalog()
    except UsageError as error:
        raise SettingsError(
            f"{path}: {error.message}", hint=error.hint or "to see an example: imagecli models gpt-image-2"
        ) from error


def load_catalog_with_providers(env: Env) -> tuple[Catalog, SettingsError | None]:
    """The user's catalog with the providers of settings, and the error if a project's providers can't be used.

    Commands that only list rows must not fail because of a project's file, which may come with a cloned repository.
    Raises SettingsError for the user's own file.
    """
    user_catalog, folders = load_user_catalog(env), find_folders(env)
    tables = read_toml_file(folders.settings).get("providers", {})
    providers = build_provider_table(tables, folders.settings, user_catalog)
    project_error = None
    try:
        providers = _add_project_providers(providers, folders, user_catalog, env)
    except SettingsError as error:
        project_error = error
    return user_catalog._replace(providers=dict(providers.rows)), project_error


def _add_project_providers(before: ProviderTable, folders: Folders, catalog: Catalog, env: Env) -> ProviderTable:
    """*before* with the providers of the project's file. Raises SettingsError, also if the file is not trusted."""
    from imagecli.config.project import check_trusted, find_project

    project = find_project(current_folder(), in_ci=env.in_ci)
    if project is None or "providers" not in project.document:
        return before
    # The provider it chooses does not matter for a list of providers.
    check_trusted(project, folders, free_providers=[str(project.document.get("provider"))])
    return build_provider_table(project.document["providers"], project.path, catalog, before)


_OWN_HEADERS: Final = (
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
)
"""Headers that imagecli sets itself, because the exchange depends on them."""
_KEY_HEADERS: Final = ("authorization", "api-key")


def _parse_header_name(name: Any) -> str:
    """A header's name. Raises UsageError if no header has such a name, or imagecli sets it itself."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
        raise UsageError(f"headers: invalid header name {name!r}", hint=_HEADERS_EXAMPLE)
    if name.lower() in _KEY_HEADERS:
        raise UsageError(f"headers: {name} is reserved for the API key", hint="store the key with imagecli login NAME")
    if name.lower() in _OWN_HEADERS:
        raise UsageError(f"headers: imagecli sets {name} itself", hint="remove it")
    return name


def _parse_header_value(value: Any) -> Secret:
    """A header's value; it may be a key, so no error quotes it. Raises ValueError."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("expected text")
    if not (value.isascii() and value.isprintable()):
        raise ValueError("it contains an invalid character, such as a line break or a curly quote")
    return Secret(value.strip())


class ProviderOverrides(NamedTuple):
    """One provider's settings that are not part of its row."""

    api_key_command: tuple[Text, ...] = ()
    """Program and arguments that print its key."""
    timeout: Annotated[float, SETTINGS["timeout"].read] | None = None
    """Seconds, unless the setting `timeout` gives others."""
    headers: Mapping[Annotated[str, _parse_header_name], Annotated[Secret, _parse_header_value]] = MappingProxyType({})
    """Further headers of its requests, which a gateway in front of it requires. Each is treated like a key."""


class ProviderTable(NamedTuple):
    """All providers: those that ship, and those of settings."""

    rows: Mapping[str, ProviderRow]
    overrides: Mapping[str, ProviderOverrides] = MappingProxyType({})
    file_fields: Mapping[str, tuple[Any, str]] = MappingProxyType({})
    """providers.NAME.FIELD → its value in a file, and that file."""

    def find(self, name: str, origin: str) -> ProviderRow:
        """The row of a provider. Raises UsageError, with where the name comes from, if there is none."""
        if name not in self.rows:
            near = suggest(name, self.rows, cutoff=0.65)
            suggestion = f"did you mean {near}? " if near else ""
            raise UsageError(
                f"{origin}: unknown provider {name!r}",
                hint=f"{suggestion}available: {', '.join(self.rows)}; or use --base-url URL",
            )
        return self.rows[name]

    def field_origin(self, name: str, key: str) -> str | None:
        """The file that sets a field of a provider; None if none does."""
        _, origin = self.file_fields.get(f"providers.{name}.{key}", (None, None))
        return origin

    def overrides_of(self, name: str) -> ProviderOverrides:
        return self.overrides.get(name, ProviderOverrides())


LIKE: Final = "openai"
"""The row that a user's own provider is like by default."""

_CLOSED: Final = ("name", "like", "embedded", "fixed_headers")
"""Fields of a row that no table of settings sets; `like` is read before them, and `headers` are checked."""
_SERVER_FACTS: Final = ("title", "retired", "retires", "priced", "key_page", "base_url_form")
"""Fields that are true only for the server at a row's own base URL."""
_HEADERS_EXAMPLE: Final = 'for example headers = { x-gateway-key = "…" }'
_EXAMPLES: Final = {
    "api_key_command": 'for example api_key_command = ["op", "read", "op://vault/openai/key"]',
    "timeout": "for example timeout = 600",
    "headers": _HEADERS_EXAMPLE,
}
"""The fields of `ProviderOverrides`, with hints."""


def build_provider_table(
    tables: Mapping[str, Any], path: Path, catalog: Catalog, before: ProviderTable | None = None
) -> ProviderTable:
    """The providers of *before* (else of the catalog) with the `[providers.NAME]` *tables* of *path* laid over them.

    Raises SettingsError that names file and key.
    """
    before = before or ProviderTable(rows=catalog.providers)
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise SettingsError(
            f"{path}: providers must contain one table per provider", hint="put its settings below [providers.NAME]"
        )
    if not tables:
        # Without a copy of the rows, which would build them all.
        return before
    rows, overrides, file_fields = dict(before.rows), dict(before.overrides), dict(before.file_fields)
    for name, table in tables.items():
        rows[name] = _build_row(name, table, rows, path, catalog)
        overrides[name] = _build_overrides(name, table, before.overrides_of(name), path)
        file_fields |= {f"providers.{name}.{key}": (value, str(path)) for key, value in table.items()}
    return ProviderTable(rows=rows, overrides=overrides, file_fields=file_fields)


def _build_row(
    name: str, table: Mapping[str, Any], rows: Mapping[str, ProviderRow], path: Path, catalog: Catalog
) -> ProviderRow:
    base = rows[name] if name in rows and "like" not in table else _row_like(name, table, rows, path)
    changes = {key: value for key, value in table.items() if key not in ("like", *_EXAMPLES)}
    open_fields = set(ProviderRow._fields) - set(_CLOSED)
    for key in changes:
        if key not in open_fields:
            raise _unknown_field_error(name, key, path)
    if "base_url" in changes and changes["base_url"] != base.base_url:
        base = _reset_fields(base, _SERVER_FACTS)
    try:
        row = overlay_provider(base, changes)
        if row.base_url:
            validate_base_url(row.base_url)
    except UsageError as error:
        raise _field_error(name, error, path, "to see an example: imagecli providers openai") from error
    _check_variables(row, path, catalog)
    return row


def _row_like(name: str, table: Mapping[str, Any], rows: Mapping[str, ProviderRow], path: Path) -> ProviderRow:
    """A new row with the fields of another, except for those that belong to that one's name, such as its key."""
    if "like" not in table and "base_url" not in table:
        raise unknown_name_error("provider", name, path, rows)
    like = table.get("like", LIKE)
    if not isinstance(like, str) or like not in rows:
        raise unknown_name_error("provider", str(like), path, rows)
    personal = [name for name in ProviderRow._fields if name.endswith("_env") or name in ("keys", "notes")]
    return _reset_fields(rows[like], personal)._replace(name=name, like=like, source=str(path))


def _reset_fields(row: ProviderRow, names: Iterable[str]) -> ProviderRow:
    """*row* with the default values of those fields."""
    return row._replace(**{name: getattr(_BLANK, name) for name in names})


_BLANK: Final = ProviderRow(name="")


def _check_variables(row: ProviderRow, path: Path, catalog: Catalog) -> None:
    """Raise SettingsError if the row uses the key variable of another provider that ships."""
    shipped = catalog.providers.get(row.name, _BLANK)
    owners = {key.env: provider.name for provider in reversed([*catalog.providers.values()]) for key in provider.keys}
    for key in row.keys:
        if key.env in owners and key.env not in {own.env for own in shipped.keys}:
            raise SettingsError(
                f"{path}: [providers.{row.name}] keys: {key.env} holds the key of provider {owners[key.env]}",
                hint=f"use imagecli login {row.name}, or another variable",
            )


def _build_overrides(
    name: str, table: Mapping[str, Any], overrides: ProviderOverrides, path: Path
) -> ProviderOverrides:
    for key, example in _EXAMPLES.items():
        if key in table:
            try:
                overrides = read_table(ProviderOverrides, {key: table[key]}, over=overrides)
            except UsageError as error:
                raise _field_error(name, error, path, example) from error
    return overrides


def _field_error(name: str, error: UsageError, path: Path, hint: str) -> SettingsError:
    return SettingsError(f"{path}: [providers.{name}] {error.message}", hint=error.hint or hint)


def provider_field_names() -> list[str]:
    """The fields that a `[providers.NAME]` table may have."""
    return sorted({*ProviderRow._fields, *_EXAMPLES} - {"name", "embedded"})


def _unknown_field_error(name: str, key: str, path: Path) -> SettingsError:
    hint = f"store the key with imagecli login {name}, or set api_key_command" if is_key_name(key) else None
    return unknown_name_error(f"setting in [providers.{name}]", key, path, provider_field_names(), hint=hint)
