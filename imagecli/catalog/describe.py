"""Rows of the catalog as JSON, and the fields in which they differ from an empty row."""

from __future__ import annotations

from typing import Any, Final

from imagecli.catalog.model import ModelRow
from imagecli.catalog.provider import BatchRow, ProviderRow
from imagecli.catalog.size_rule import SizeRule
from imagecli.serialization import to_plain

INTERNAL: Final = frozenset({"known", "sent", "lends_fields", "images_by"})
"""Fields about how a model's row was made, not what the model does."""


def model_to_json(row: ModelRow) -> dict[str, Any]:
    """All fields of a model's row. Sizes are `WxH`, dates `YYYY-MM-DD`, prices USD per million tokens.

    Output tokens are listed only for what the model itself makes.
    """
    document: dict[str, Any] = to_plain(row, omit=INTERNAL)
    if row.prices:
        document["prices"]["output_tokens"] = to_plain(row.output_tokens())
    return document


def provider_to_json(row: ProviderRow) -> dict[str, Any]:
    """All fields of a provider's row."""
    document: dict[str, Any] = to_plain(row)
    return document


def provider_differences(row: ProviderRow) -> dict[str, Any]:
    """The fields of a provider's row that differ from their defaults."""
    differences = _differences(row)
    if row.batch:
        differences["batch"] = _differences(row.batch)
    return differences


def size_rule_differences(rule: SizeRule) -> dict[str, Any]:
    """The fields of a size rule that limit something."""
    return _differences(rule)


def _differences(row: ProviderRow | BatchRow | SizeRule) -> dict[str, Any]:
    differences = {}
    for name, default in row._field_defaults.items():
        value = getattr(row, name)
        if value != default:
            differences[name] = to_plain(value)
    return differences
