"""A user's tables of models: checked, and merged with the tables that ship."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from imagecli.catalog.from_toml import merge_tables
from imagecli.catalog.model import ModelRow, Prices
from imagecli.catalog.size_rule import SizeRule
from imagecli.errors import UsageError
from imagecli.serialization import check_name, check_table, read_table
from imagecli.suggestions import unknown_name_hint

UNKNOWN: Final = "unknown"
"""What a new row is like if it doesn't say: the row of models that have none, which accepts nearly everything."""

KINDS: Final = ("sizes", "prices", "families", "models")
"""The tables of tables in models.toml. Each can name rows of those before it."""

CLOSED: Final = ("name", "known", "sent", "images_by", "lends_fields")
"""Fields of a model's row that no table of a user sets."""


def overlay_models(shipped: Mapping[str, Any], own: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The *shipped* tables merged with the user's *own*; *source* is the file that those are in.

    Raises UsageError that names table and field.
    """
    _check_tables(shipped, own)
    unknown = {key: value for key, value in shipped[UNKNOWN].items() if key not in ("known", "source")}
    tables = {**shipped, "families": {**shipped["families"], UNKNOWN: unknown}}
    for kind in KINDS:
        stated = {} if kind == "sizes" else {"source": source}
        tables[kind] = dict(tables[kind])
        for name, table in own.get(kind, {}).items():
            table = _complete_row(kind, name, table, tables) if kind in ("families", "models") else table
            # A row that is like another one starts from that one alone.
            below = {} if "like" in table else tables[kind].get(name, {})
            tables[kind][name] = merge_tables(below, {**stated, **table})
    for name in own.get("sizes", {}):
        read_table(SizeRule, tables["sizes"][name], f"sizes.{name}").check(f"sizes.{name}")
    for name in own.get("prices", {}):
        read_table(Prices, tables["prices"][name], f"prices.{name}")
    return tables


def _complete_row(kind: str, name: str, table: Mapping[str, Any], tables: Mapping[str, Any]) -> dict[str, Any]:
    """A row with what it is like: a row that is like itself changes ours. Raises UsageError if we have none."""
    if name in tables[kind]:
        return {key: value for key, value in table.items() if (key, value) != ("like", name)}
    if table.get("like") == name:
        raise UsageError(f"{kind}.{name}: like refers to the row itself, and imagecli has no row of this name")
    return {"like": UNKNOWN, **table}


def _check_tables(shipped: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    for name, tables in own.items():
        if name not in KINDS:
            is_table = isinstance(tables, dict)
            raise UsageError(
                f"unknown {'table' if is_table else 'field'} {name!r}",
                hint=f'a model is written as [models."{name if is_table else "NAME"}"]',
            )
        if not isinstance(tables, dict):
            raise UsageError(f"{name}: expected a table")
    names = {kind: [*shipped[kind], *own.get(kind, {})] for kind in KINDS}
    for kind, tables in own.items():
        for name, table in tables.items():
            where = f"{kind}.{name}"
            if kind == "sizes":
                check_table(SizeRule, table, where)
            elif kind == "prices":
                check_table(Prices, table, where)
            else:
                _check_row(where, table, names)


def _check_row(where: str, table: Any, names: Mapping[str, list[str]]) -> None:
    """Check a model's or family's table; *names* are those of all rows, size rules and prices that it can name."""
    if not isinstance(table, dict):
        raise UsageError(f"{where}: expected a table")
    fields = dict(table)
    if "like" in fields:
        check_name(fields.pop("like"), names["models"] + names["families"], f"{where}.like")
    for field in ("sizes", "prices"):
        if isinstance(fields.get(field), str):
            check_name(fields.pop(field), names[field], f"{where}.{field}")
    for name in fields:
        if name in CLOSED:
            raise UsageError(f"{where}: unknown field {name!r}", hint=unknown_name_hint(name, ModelRow._fields))
    check_table(ModelRow, fields, where)
    if "sizes" in fields:
        read_table(SizeRule, fields["sizes"]).check(f"{where}.sizes")
