"""A table of TOML laid over a provider's row: the only way a row is made, from our file or a user's."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from imagecli.catalog import size_tables
from imagecli.catalog.providers import KeyVariable, ProviderRow
from imagecli.errors import UsageError

PICTURE_MARKS: Final = ("{data_url}", "{base64}")
"""What stands for a picture in `picture`."""


def overlaid(row: ProviderRow, table: Mapping[str, Any]) -> ProviderRow:
    """*row* with what *table* says: a field's name and value a line, as in providers.toml.

    A table is laid over the row's own; an empty text takes an entry or a value away. Raises ValueError, in words that
    follow the place where *table* was written, for a field that there is not and a value that is none for it.
    """
    hints = _hints()
    changes = {}
    for name, value in table.items():
        if name not in hints:
            near = difflib.get_close_matches(name, hints, n=1)
            raise ValueError(f"there is no field {name!r}" + (f"; did you mean {near[0]}?" if near else ""))
        changes[name] = _value(name, value, hints[name], getattr(row, name))
    return replace(row, **changes)


@cache
def _hints() -> dict[str, Any]:
    """The fields that a table can set, with their types."""
    hints = get_type_hints(ProviderRow)
    return {field.name: hints[field.name] for field in fields(ProviderRow) if field.name not in ("name", "like")}


def _value(name: str, value: Any, hint: Any, before: Any) -> Any:
    if name == "keys":
        return _keys(value)
    if get_origin(hint) is Mapping and isinstance(value, Mapping):
        merged = {key: _frozen(inner) for key, inner in {**before, **value}.items() if inner != ""}
        _check(name, merged, hint)
        if name == "sizes":
            _check_sizes(name, merged)
        return merged
    if name == "picture" and not any(mark in str(value) for mark in PICTURE_MARKS):
        raise ValueError(f"picture: {' or '.join(PICTURE_MARKS)} is wanted in it, for the picture itself")
    if value == "" and type(None) in get_args(hint):
        return None
    frozen = value if hint is Any else _frozen(value)
    _check(name, frozen, hint)
    return frozen


def _check_sizes(place: str, table: Mapping[str, Any]) -> None:
    listed = {key: list(inner) if isinstance(inner, tuple) else inner for key, inner in table.items()}
    try:
        size_tables.check(place, listed)
    except UsageError as error:
        raise ValueError(error.message) from error


def _keys(value: Any) -> tuple[KeyVariable, ...]:
    wanted = 'keys: a list of { env = "NAME", auth = "bearer" } is wanted'
    try:
        keys = tuple(KeyVariable(**one) for one in value)
    except TypeError as error:
        raise ValueError(wanted) from error
    if not all(isinstance(key.env, str) and key.env and key.auth in ("bearer", "api-key") for key in keys):
        raise ValueError(wanted)
    return keys


def _check(name: str, value: Any, hint: Any) -> None:
    """Raises ValueError, which shows *value* as a file has it, and of a table the entry that is wrong."""
    if get_origin(hint) is Mapping and isinstance(value, dict):
        names, inner = get_args(hint)
        for key, one in value.items():
            if not _fits(key, names):
                raise ValueError(f"{name}: there is no {key!r}; {_words(names)} is wanted")
            _check(f"{name}.{key}", one, inner)
    elif not _fits(value, hint):
        raise ValueError(f"{name}{_shown(value)}: {_words(hint)} is wanted")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return f" {str(value).lower()}"
    return f" {value!r}" if isinstance(value, (str, int, float)) else ""


def _fits(value: Any, hint: Any) -> bool:
    """Whether *value* is one of *hint*, which is made of the few types that rows have."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is Literal:
        return value in inner
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(one, inner[0]) for one in value)
    if origin is Mapping:
        return isinstance(value, dict)
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool) and value > 0
    return isinstance(value, hint)


def _words(hint: Any) -> str:
    """A type for people."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(_words(one) for one in inner if one is not type(None))
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


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
