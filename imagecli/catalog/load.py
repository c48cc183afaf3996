"""A table of TOML laid over a provider's row: the only way a row is made, from our file or a user's.

Tables of models.toml → rows of models. Pure: the shipped file and a user's are read by the same words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from imagecli.catalog import validators
from imagecli.catalog.model import ModelRow, Prices
from imagecli.catalog.provider import BatchRow, KeyVariable, ProviderRow
from imagecli.catalog.size_rule import SizeRule
from imagecli.catalog.validators import overlay_size_rule
from imagecli.domain import InputRule, Size
from imagecli.errors import UsageError
from imagecli.suggestions import suggest

JOINED = ("words", "ranges", "max_n_of", "image", "mask")
"""Tables that a row adds to those of the one it is `like`; every other field replaces."""


def build_models(tables: Mapping[str, Any]) -> dict[str, ModelRow]:
    """A row for each of the tables' models. Raises UsageError for rows that are like each other in a ring."""
    return {name: build_model(name, table, tables) for name, table in tables["models"].items()}


def build_model(name: str, table: Mapping[str, Any], tables: Mapping[str, Any]) -> ModelRow:
    """The row of one *table*; *tables* hold what it names: size rules, prices, and the row it is like."""
    row = _freeze_table(_resolve_like(table, tables, ()))
    row["sizes"] = overlay_size_rule(SizeRule(), _find_table(row["sizes"], tables["sizes"]))
    row["prices"] = (
        _build_prices({"source": row["source"], **_find_table(row["prices"], tables["prices"])})
        if "prices" in row
        else None
    )
    row["image"], row["mask"] = (InputRule(**_freeze_table(row[field])) for field in ("image", "mask"))
    for joined in ("words", "ranges", "unstated_words"):
        row[joined] = {key: tuple(value) for key, value in row.get(joined, {}).items() if key in row["parameters"]}
    return ModelRow(name=name, **row)


def _resolve_like(table: Mapping[str, Any], tables: Mapping[str, Any], seen: tuple[str, ...]) -> dict[str, Any]:
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
    return merge_tables(_resolve_like(parent, tables, (*seen, like)), row)


def merge_tables(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The table *above* laid over the one *below*."""
    return {**below, **above, **{key: below.get(key, {}) | above[key] for key in JOINED if key in above}}


def _find_table(value: str | Mapping[str, Any], tables: Mapping[str, Any]) -> Mapping[str, Any]:
    """The table that *value* names, or is."""
    return tables[value] if isinstance(value, str) else value


def _build_prices(table: Mapping[str, Any]) -> Prices:
    tokens = {
        quality: {Size.parse(size): count for size, count in sizes.items()}
        for quality, sizes in table.get("output_tokens", {}).items()
    }
    return Prices(**{**table, "output_tokens": tokens})


def _freeze_table(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


PICTURE_MARKS: Final = ("{data_url}", "{base64}")
"""What stands for a picture in `picture`."""
FILE_MARK: Final = "{file_id}"
"""What stands there besides for one that went up before: in a batch's lines."""


def overlay_provider(row: ProviderRow, table: Mapping[str, Any]) -> ProviderRow:
    """*row* with what *table* says: a field's name and value a line, as in providers.toml.

    A table is laid over the row's own; an empty text takes an entry or a value away. Raises ValueError, in words that
    follow the place where *table* was written, for a field that there is not and a value that is none for it.
    """
    changes = _changes(table, _field_types(ProviderRow), row)
    _check_picture(changes, PICTURE_MARKS)
    return replace(row, **changes)


def _changes(table: Mapping[str, Any], hints: Mapping[str, Any], before: ProviderRow | BatchRow) -> dict[str, Any]:
    """The values of *table*'s fields, laid over those of the row *before*."""
    changes = {}
    for name, value in table.items():
        if name not in hints:
            near = suggest(name, hints)
            raise ValueError(f"there is no field {name!r}" + (f"; did you mean {near}?" if near else ""))
        changes[name] = _overlay_value(name, value, hints[name], getattr(before, name))
    return changes


@cache
def _field_types(kind: type[ProviderRow] | type[BatchRow]) -> dict[str, Any]:
    """The fields that a table can set, with their types."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind) if field.name not in ("name", "like")}


def _overlay_batch(value: Any, before: BatchRow | None) -> BatchRow | None:
    """A table inside a row's: laid over the batch's row that was, or a whole one. An empty text takes it away."""
    if value == "":
        return None
    if not isinstance(value, Mapping):
        raise ValueError(f"batch{_format_value(value)}: a table is wanted")
    row = before or BatchRow()
    try:
        changes = _changes(value, _field_types(BatchRow), row)
        _check_picture(changes, (FILE_MARK, *PICTURE_MARKS))
    except ValueError as error:
        raise ValueError(f"batch: {error}") from error
    row = replace(row, **changes)
    if row.missing:
        raise ValueError(f"batch: {', '.join(row.missing)} is missing")
    return row


def _check_picture(changes: Mapping[str, Any], marks: tuple[str, ...]) -> None:
    if "picture" in changes and not any(mark in str(changes["picture"]) for mark in marks):
        raise ValueError(f"picture: {' or '.join(marks)} is wanted in it, for the picture itself")


def _overlay_value(name: str, value: Any, hint: Any, before: Any) -> Any:
    if name == "keys":
        return _key_variables(value)
    if name == "batch":
        return _overlay_batch(value, before)
    if get_origin(hint) is Mapping and isinstance(value, Mapping):
        merged = {key: _freeze(inner) for key, inner in {**before, **value}.items() if inner != ""}
        _check_type(name, merged, hint)
        if name == "sizes":
            _check_sizes(name, merged)
        return merged
    if value == "" and type(None) in get_args(hint):
        return None
    frozen = value if hint is Any else _freeze(value)
    _check_type(name, frozen, hint)
    return frozen


def _check_sizes(place: str, table: Mapping[str, Any]) -> None:
    listed = {key: list(inner) if isinstance(inner, tuple) else inner for key, inner in table.items()}
    try:
        validators.check_size_table(place, listed)
    except UsageError as error:
        raise ValueError(error.message) from error


def _key_variables(value: Any) -> tuple[KeyVariable, ...]:
    wanted = 'keys: a list of { env = "NAME", auth = "bearer" } is wanted'
    try:
        keys = tuple(KeyVariable(**one) for one in value)
    except TypeError as error:
        raise ValueError(wanted) from error
    if not all(isinstance(key.env, str) and key.env and key.auth in ("bearer", "api-key") for key in keys):
        raise ValueError(wanted)
    return keys


def _check_type(name: str, value: Any, hint: Any) -> None:
    """Raises ValueError, which shows *value* as a file has it, and of a table the entry that is wrong."""
    if get_origin(hint) is Mapping and isinstance(value, dict):
        names, inner = get_args(hint)
        for key, one in value.items():
            if not _matches_type(key, names):
                raise ValueError(f"{name}: there is no {key!r}; {_describe_type(names)} is wanted")
            _check_type(f"{name}.{key}", one, inner)
    elif not _matches_type(value, hint):
        raise ValueError(f"{name}{_format_value(value)}: {_describe_type(hint)} is wanted")


def _format_value(value: Any) -> str:
    if isinstance(value, bool):
        return f" {str(value).lower()}"
    return f" {value!r}" if isinstance(value, (str, int, float)) else ""


def _matches_type(value: Any, hint: Any) -> bool:
    """Whether *value* is one of *hint*, which is made of the few types that rows have."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, UnionType):
        return any(_matches_type(value, one) for one in inner)
    if origin is Literal:
        return value in inner
    if origin is tuple:
        return isinstance(value, tuple) and all(_matches_type(one, inner[0]) for one in value)
    if origin is Mapping:
        return isinstance(value, dict)
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool) and value > 0
    return isinstance(value, hint)


def _describe_type(hint: Any) -> str:
    """A type for people."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(_describe_type(one) for one in inner if one is not type(None))
    if origin is Literal:
        return " or ".join(inner)
    return _NAMES.get(origin or hint, "text")


_NAMES: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number from 1",
    float: "a number above 0",
    tuple: "a list of texts",
    Mapping: "a table",
}


def _freeze(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
