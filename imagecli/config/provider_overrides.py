"""The `[providers.NAME]` tables of settings: rows of one's own, and changes of rows that ship.

A table holds the fields of a provider's row as catalog/providers.toml writes them, and the few settings below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from imagecli.catalog.catalog import Catalog
from imagecli.catalog.load import overlay_provider
from imagecli.catalog.provider import ProviderRow
from imagecli.config.base_url import validate_base_url
from imagecli.config.keys import is_key_name
from imagecli.config.schema import SETTINGS
from imagecli.config.toml_io import unknown_name_error
from imagecli.errors import SettingsError, UsageError
from imagecli.suggestions import suggest


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderOverrides:
    """What settings say of one provider beside its row."""

    api_key_command: tuple[str, ...] = ()
    """Program and arguments that print its key."""
    timeout: float | None = None
    """Seconds, where nobody said other ones for this command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderTable:
    """Every provider that can be named: those that ship, and those of settings."""

    rows: Mapping[str, ProviderRow]
    overrides: Mapping[str, ProviderOverrides] = field(default_factory=dict)
    file_fields: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    """providers.NAME.FIELD → what a file says, and which."""

    def find(self, name: str, origin: str) -> ProviderRow:
        """Raises UsageError for a name that is none, with where it was said."""
        if name not in self.rows:
            near = suggest(name, self.rows, cutoff=0.65)
            meant = f"did you mean {near}? " if near else ""
            raise UsageError(
                f"{origin}: no provider {name!r}",
                hint=f"{meant}there are: {', '.join(self.rows)}; or --base-url URL",
            )
        return self.rows[name]

    def field_origin(self, name: str, key: str) -> str | None:
        """The file that says a field of a provider's; None where none does."""
        found = self.file_fields.get(f"providers.{name}.{key}")
        return found[1] if found else None

    def overrides_of(self, name: str) -> ProviderOverrides:
        return self.overrides.get(name, ProviderOverrides())


LIKE: Final = "openai"
"""What a provider of one's own is like where nothing is said."""

_CLOSED: Final = ("name", "embedded")
"""Fields that no table sets."""
_OF_A_PLACE: Final = ("retired", "retires", "priced", "key_page", "base_url_form")
"""Facts of the server behind a row's base URL: another one does not share them."""


def build_provider_table(
    tables: Mapping[str, Any], path: Path, catalog: Catalog, before: ProviderTable | None = None
) -> ProviderTable:
    """The providers of *before* (else of the catalogue) with the `[providers.NAME]` *tables* of *path* laid over them.

    Raises SettingsError that names file and key.
    """
    before = before or ProviderTable(rows=catalog.providers)
    _check_tables(tables, path)
    rows, own, said = dict(before.rows), dict(before.overrides), dict(before.file_fields)
    for name, table in tables.items():
        rows[name] = _build_row(name, table, rows, path, catalog)
        own[name] = _build_overrides(name, table, before.overrides_of(name), path)
        said |= {f"providers.{name}.{key}": (value, str(path)) for key, value in table.items()}
    return ProviderTable(rows=rows, overrides=own, file_fields=said)


def _check_tables(tables: Any, path: Path) -> None:
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise SettingsError(f"{path}: providers is no table of tables", hint="write [providers.openai] above its lines")


def _build_row(
    name: str, table: Mapping[str, Any], rows: Mapping[str, ProviderRow], path: Path, catalog: Catalog
) -> ProviderRow:
    base = rows[name] if name in rows and "like" not in table else _row_like(name, table, rows, path)
    said = {key: value for key, value in table.items() if key not in ("like", *_BESIDE)}
    known = {field.name for field in fields(ProviderRow)} - set(_CLOSED)
    for key in said:
        if key not in known:
            raise _unknown_field_error(name, key, path, known)
    if "base_url" in said and said["base_url"] != base.base_url:
        base = _with_defaults_for(base, _OF_A_PLACE)
    try:
        row = overlay_provider(base, said)
        if row.base_url:
            validate_base_url(row.base_url)
    except UsageError as error:
        raise SettingsError(f"{path}: [providers.{name}] {error.message}", hint=error.hint) from error
    except ValueError as error:
        raise SettingsError(
            f"{path}: [providers.{name}] {error}", hint="imagecli providers openai shows a row"
        ) from error
    _check_variables(row, path, catalog)
    return row


def _row_like(name: str, table: Mapping[str, Any], rows: Mapping[str, ProviderRow], path: Path) -> ProviderRow:
    """A new row: as another is, without what belongs to that one's name, its key first of all."""
    if "like" not in table and "base_url" not in table:
        raise unknown_name_error("provider", name, path, rows)
    like = table.get("like", LIKE)
    if not isinstance(like, str) or like not in rows:
        raise unknown_name_error("provider", str(like), path, rows)
    named = [it.name for it in fields(ProviderRow) if it.name.endswith("_env") or it.name in ("keys", "notes")]
    return replace(_with_defaults_for(rows[like], named), name=name, like=like, source=str(path))


def _with_defaults_for(row: ProviderRow, names: Iterable[str]) -> ProviderRow:
    """*row* with those fields as they are where nothing is said."""
    return replace(row, **{name: getattr(_BLANK, name) for name in names})


_BLANK: Final = ProviderRow(name="")


def _check_variables(row: ProviderRow, path: Path, catalog: Catalog) -> None:
    """A shipped provider's variables are its own: its key goes to nobody else."""
    shipped = catalog.providers.get(row.name, _BLANK)
    owners = {key.env: it.name for it in reversed(catalog.providers.values()) for key in it.keys}
    for key in row.keys:
        if key.env in owners and key.env not in {own.env for own in shipped.keys}:
            raise SettingsError(
                f"{path}: [providers.{row.name}] keys: {key.env} is the key of provider {owners[key.env]}",
                hint=f"imagecli config login {row.name}; or another variable",
            )


def _build_overrides(name: str, table: Mapping[str, Any], before: ProviderOverrides, path: Path) -> ProviderOverrides:
    said = {}
    for key, read in _BESIDE.items():
        if key in table:
            try:
                said[key] = read(table[key])
            except ValueError as error:
                raise SettingsError(f"{path}: [providers.{name}] {key}: {error}", hint=_HINTS[key]) from error
    return replace(before, **said)


def _parse_command(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(part, str) and part for part in value):
        raise ValueError("a list of words is wanted")
    return tuple(value)


_BESIDE: Final[Mapping[str, Callable[[Any], Any]]] = {
    "api_key_command": _parse_command,
    "timeout": SETTINGS["timeout"].read,
}
_HINTS: Final = {
    "api_key_command": 'for example api_key_command = ["op", "read", "op://vault/openai/key"]',
    "timeout": "for example timeout = 600",
}


def _unknown_field_error(name: str, key: str, path: Path, known: set[str]) -> SettingsError:
    names = sorted({*known, "like", *_BESIDE})
    error = unknown_name_error(f"setting in [providers.{name}]", key, path, names)
    if is_key_name(key):
        error.hint = f"imagecli config login {name} keeps a key; or api_key_command"
    return error
