"""Rows of the catalogue as plain JSON: every field by its own name, nothing left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from typing import Any, cast

from imagecli.catalog.model import ModelRow
from imagecli.catalog.provider import BatchRow, ProviderRow
from imagecli.catalog.size_rule import SizeRule
from imagecli.domain import Size

INNER = frozenset({"known", "sent", "lends_fields", "images_by"})
"""Fields that say how a row came about, not what it says."""


def model_to_json(row: ModelRow) -> dict[str, Any]:
    """A model's row. Sizes are `WxH`, dates `YYYY-MM-DD`, prices USD for a million tokens, of what it makes itself."""
    document = cast(dict[str, Any], _to_plain(row))
    if row.prices:
        document["prices"]["output_tokens"] = _to_plain(row.output_tokens())
    return document


def provider_to_json(row: ProviderRow) -> dict[str, Any]:
    """A provider's row."""
    return cast(dict[str, Any], _to_plain(row))


def provider_differences(row: ProviderRow) -> dict[str, Any]:
    """The fields of a provider's row that are not as where nothing is said."""
    facts = _differences(row, ProviderRow(name=""))
    if row.batch:
        facts["batch"] = _differences(row.batch, BatchRow())
    return facts


def _differences(row: ProviderRow | BatchRow, blank: ProviderRow | BatchRow) -> dict[str, Any]:
    plain = _to_plain(blank)
    return {name: value for name, value in _to_plain(row).items() if value != plain[name]}


def size_rule_differences(rule: SizeRule) -> dict[str, Any]:
    """The fields of a size rule that limit something."""
    plain = _to_plain(SizeRule())
    return {name: value for name, value in _to_plain(rule).items() if value != plain[name]}


def _to_plain(value: Any) -> Any:
    if isinstance(value, Size):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value):
        return {field.name: _to_plain(getattr(value, field.name)) for field in fields(value) if field.name not in INNER}
    if isinstance(value, Mapping):
        return {str(key): _to_plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_plain(inner) for inner in value]
    return value
