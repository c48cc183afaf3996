"""Builds rows of models and providers from tables of TOML, ours and a user's by the same code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from imagecli.catalog.model import ModelRow
from imagecli.catalog.provider import ProviderRow
from imagecli.catalog.size_rule import SizeRule
from imagecli.errors import UsageError
from imagecli.serialization import read_table

MERGED: Final = ("words", "ranges", "max_n_of", "image", "mask")
"""Tables that a model's row adds to those of the row it is `like`; every other field replaces."""
PARAMETER_TABLES: Final = ("words", "ranges", "unstated_words", "unstated_ranges")
"""Tables whose keys are parameters."""


def build_models(tables: Mapping[str, Any]) -> dict[str, ModelRow]:
    """The row of each model in *tables*. Raises UsageError if rows are like each other in a circle."""
    return {name: build_model(name, tables) for name in tables["models"]}


def build_model(name: str, tables: Mapping[str, Any], table: Mapping[str, Any] | None = None) -> ModelRow:
    """The row of a model, from its table in *tables* or from *table*.

    *tables* also hold what it names: size rules, prices, and the row it is like.
    """
    row = {"name": name, **_resolve_like(tables["models"][name] if table is None else table, tables)}
    for field, kind in (("sizes", "sizes"), ("prices", "prices")):
        if isinstance(row.get(field), str):
            row[field] = tables[kind][row[field]]
    if "prices" in row:
        row["prices"] = {"source": row["source"], **row["prices"]}
    for field in PARAMETER_TABLES:
        row[field] = {key: value for key, value in row.get(field, {}).items() if key in row["parameters"]}
    return read_table(ModelRow, row, f"models.{name}")


def _resolve_like(table: Mapping[str, Any], tables: Mapping[str, Any]) -> dict[str, Any]:
    """*table* merged with the families and models that it is `like`. Raises UsageError if that leads back to one."""
    row, seen = dict(table), list[str]()
    while (like := row.pop("like", None)) is not None:
        if like in seen:
            raise UsageError(f"models: circular like: {', '.join((*seen, like))}", hint="remove like from one of them")
        seen.append(like)
        row = merge_tables(tables["families"].get(like) or tables["models"][like], row)
    return row


def merge_tables(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The table *above* laid over the one *below*."""
    return {**below, **above, **{key: below.get(key, {}) | above[key] for key in MERGED if key in above}}


IMAGE_MARKS: Final = ("{data_url}", "{base64}")
"""Placeholders for an image in `picture`."""
FILE_MARK: Final = "{file_id}"
"""Placeholder for an image that was uploaded before, in lines of a batch."""


def build_provider(name: str, tables: Mapping[str, Mapping[str, Any]]) -> ProviderRow:
    """The row of a provider in *tables*, merged with the rows that it is like."""
    chain = [tables[name]]
    while "like" in chain[-1]:
        chain.append(tables[chain[-1]["like"]])
    row = ProviderRow(name=name)
    for table in reversed(chain):
        fields = {key: value for key, value in table.items() if key != "like"}
        row = read_table(ProviderRow, fields, over=row)
        _check_overlay(row, fields)
    return row._replace(like=chain[0].get("like"))


def overlay_provider(row: ProviderRow, table: Mapping[str, Any]) -> ProviderRow:
    """*row* with the fields of *table*, as providers.toml writes them.

    A table in it is merged with the row's; an empty text removes an entry or a value. Raises UsageError that names
    the field.
    """
    overlaid = read_table(ProviderRow, table, over=row)
    _check_overlay(overlaid, table)
    return overlaid


def _check_overlay(row: ProviderRow, table: Mapping[str, Any]) -> None:
    """Checks what types don't tell of the fields of *row* that *table* has set."""
    if "picture" in table:
        _check_image_marks("picture", row.picture, IMAGE_MARKS)
    if row.batch and "picture" in (table.get("batch") or {}):
        _check_image_marks("batch.picture", row.batch.picture, (FILE_MARK, *IMAGE_MARKS))
    if "sizes" in table:
        read_table(SizeRule, row.sizes, "sizes").check("sizes")


def _check_image_marks(where: str, template: object, marks: tuple[str, ...]) -> None:
    if not any(mark in str(template) for mark in marks):
        raise UsageError(f"{where}: expected {' or '.join(marks)} in place of the image")
