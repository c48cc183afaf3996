"""Tables of models.toml → rows of models. Pure: the shipped file and a user's are read by the same words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagecli.catalog.models import ModelRow
from imagecli.catalog.prices import Prices
from imagecli.catalog.size_tables import laid_over
from imagecli.catalog.sizes import SizeRule
from imagecli.domain import InputRule, Size
from imagecli.errors import UsageError

JOINED = ("words", "ranges", "max_n_of", "image", "mask")
"""Tables that a row adds to those of the one it is `like`; every other field replaces."""


def model_rows(tables: Mapping[str, Any]) -> dict[str, ModelRow]:
    """A row for each of the tables' models. Raises UsageError for rows that are like each other in a ring."""
    return {name: model_row(name, table, tables) for name, table in tables["models"].items()}


def model_row(name: str, table: Mapping[str, Any], tables: Mapping[str, Any]) -> ModelRow:
    """The row of one *table*; *tables* hold what it names: size rules, prices, and the row it is like."""
    row = _frozen(_whole(table, tables, ()))
    row["sizes"] = laid_over(SizeRule(), _named(row["sizes"], tables["sizes"]))
    row["prices"] = (
        _prices({"source": row["source"], **_named(row["prices"], tables["prices"])}) if "prices" in row else None
    )
    row["image"], row["mask"] = (InputRule(**_frozen(row[field])) for field in ("image", "mask"))
    for joined in ("words", "ranges", "unstated_words"):
        row[joined] = {key: tuple(value) for key, value in row.get(joined, {}).items() if key in row["parameters"]}
    return ModelRow(name=name, **row)


def _whole(table: Mapping[str, Any], tables: Mapping[str, Any], seen: tuple[str, ...]) -> dict[str, Any]:
    """*table* with what it takes from the family or model that it is `like`. Raises UsageError for a ring of them."""
    row = dict(table)
    like = row.pop("like", None)
    if like is None:
        return row
    if like in seen:
        raise UsageError(
            f"models: {' is like '.join((*seen, like))}, without an end", hint="let one of them say it all"
        )
    parent = tables["families"].get(like) or tables["models"][like]
    return joined(_whole(parent, tables, (*seen, like)), row)


def joined(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The table *above* laid over the one *below*."""
    return {**below, **above, **{key: below.get(key, {}) | above[key] for key in JOINED if key in above}}


def _named(value: str | Mapping[str, Any], tables: Mapping[str, Any]) -> Mapping[str, Any]:
    """The table that *value* names, or is."""
    return tables[value] if isinstance(value, str) else value


def _prices(table: Mapping[str, Any]) -> Prices:
    tokens = {
        quality: {Size.parse(size): count for size, count in sizes.items()}
        for quality, sizes in table.get("output_tokens", {}).items()
    }
    return Prices(**{**table, "output_tokens": tokens})


def _frozen(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
