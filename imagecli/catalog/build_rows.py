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
PARAMETER_TABLES: Final = ("words", "ranges", "unstated_words")
"""Tables whose keys are parameters."""


def build_models(tables: Mapping[str, Any]) -> dict[str, ModelRow]:
    """The row of each model in *tables*. Raises UsageError if rows are like each other in a circle."""
    return {name: build_model(name, table, tables) for name, table in tables["models"].items()}


def build_model(name: str, table: Mapping[str, Any], tables: Mapping[str, Any]) -> ModelRow:
    """The row of one *table*; *tables* hold what it names: size rules, prices, and the row it is like."""
    row = {"name": name, **_resolve_like(table, tables, ())}
    for field, kind in (("sizes", "sizes"), ("prices", "prices")):
        if isinstance(row.get(field), str):
            row[field] = tables[kind][row[field]]
    if "prices" in row:
        row["prices"] = {"source": row["source"], **row["prices"]}
    for field in PARAMETER_TABLES:
        row[field] = {key: value for key, value in row.get(field, {}).items() if key in row["parameters"]}
    return read_table(ModelRow, row, f"models.{name}")


def _resolve_like(table: Mapping[str, Any], tables: Mapping[str, Any], seen: tuple[str, ...]) -> dict[str, Any]:
    """*table* merged with the family or model that it is `like`. Raises UsageError if that leads back to it."""
    row = dict(table)
    like = row.pop("like", None)
    if like is None:
        return row
    if like in seen:
        raise UsageError(
            f"models: {' is like '.join((*seen, like))}, without an end", hint="let one of them say it all"
        )
    parent = tables["families"].get(like) or tables["models"][like]
    return merge_tables(_resolve_like(parent, tables, (*seen, like)), row)


def merge_tables(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The table *above* laid over the one *below*."""
    return {**below, **above, **{key: below.get(key, {}) | above[key] for key in MERGED if key in above}}


PICTURE_MARKS: Final = ("{data_url}", "{base64}")
"""Placeholders for an image in `picture`."""
FILE_MARK: Final = "{file_id}"
"""Placeholder for an image that was uploaded before, in lines of a batch."""


def overlay_provider(row: ProviderRow, table: Mapping[str, Any]) -> ProviderRow:
    """*row* with the fields of *table*, as providers.toml writes them.

    A table in it is merged with the row's; an empty text removes an entry or a value. Raises UsageError that names
    the field.
    """
    overlaid = read_table(ProviderRow, table, over=row)
    if "picture" in table:
        _check_image_marks("picture", overlaid.picture, PICTURE_MARKS)
    if overlaid.batch and "picture" in (table.get("batch") or {}):
        _check_image_marks("batch.picture", overlaid.batch.picture, (FILE_MARK, *PICTURE_MARKS))
    if "sizes" in table:
        read_table(SizeRule, overlaid.sizes, "sizes").check("sizes")
    return overlaid


def _check_image_marks(where: str, picture: object, marks: tuple[str, ...]) -> None:
    if not any(mark in str(picture) for mark in marks):
        raise UsageError(f"{where}: expected {' or '.join(marks)} in it, in place of the image")
