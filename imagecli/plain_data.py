"""Plain data, as TOML and JSON have it, to NamedTuples or dataclasses and back, by their type hints.

A hint can say more than a type: `Annotated[int, Limits(1)]`, `Annotated[str, OneOf(names)]`, or `Annotated[T, parse]`
with a function that returns the value or raises ValueError with what was expected of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass, replace
from datetime import date
from functools import cache
from math import inf
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    ForwardRef,
    Literal,
    NamedTuple,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from imagecli.errors import UsageError
from imagecli.sizes import Size
from imagecli.suggestions import unknown_name_hint

T = TypeVar("T")


class Limits(NamedTuple):
    """Of a number, the lowest and highest value; of a text, the lowest length."""

    lowest: float
    highest: float = inf
    above: bool = False
    """The lowest value is not allowed itself."""

    def accept(self, value: Any) -> bool:
        """Whether a number, or a text by its length, is within the limits. NaN never is."""
        measure = len(value) if isinstance(value, str) else value
        return self.lowest <= measure <= self.highest and not (self.above and measure == self.lowest)

    def __str__(self) -> str:
        start = f"{'above' if self.above else 'from'} {self.lowest:g}"
        # A bound that only keeps out nonsense is not worth naming.
        return f"{start} to {self.highest:g}" if self.highest < 1e9 else start


class OneOf(NamedTuple):
    """The names that a text can be, if they are too many or too late known for a `Literal`."""

    names: tuple[str, ...]


Text: TypeAlias = Annotated[str, Limits(1)]
Count: TypeAlias = Annotated[int, Limits(1, 2**40)]
Amount: TypeAlias = Annotated[float, Limits(0, 1e9)]
Positive: TypeAlias = Annotated[float, Limits(0, above=True)]


def read_table(kind: type[T], table: object, where: str = "", *, over: T | None = None) -> T:
    """Build a *kind* from *table*, whose keys are its fields; *where* is the table's name in errors.

    With *over*, fields that the table lacks are taken from that value, tables in it are merged with the value's, and
    an empty text removes an entry or sets an optional field to None. Raises UsageError that names the field.
    """
    row: T = _build(kind, table, where, over, "complete" if over is None else "overlay")
    return row


def check_table(kind: type, table: object, where: str = "") -> None:
    """Raise UsageError if a field that *table* has is unknown to *kind* or has a wrong value; none has to be there."""
    _read_fields(kind, table, where, None, "partial")


def check_name(name: object, names: Collection[str], where: str) -> None:
    """Raise UsageError, with the name that was probably meant, if *name* is not one of *names*."""
    if not isinstance(name, str):
        raise UsageError(f"{where}: expected text{_got(name)}")
    if name not in names:
        raise UsageError(f"{where}: unknown value {name!r}", hint=unknown_name_hint(name, names))


def to_plain(value: Any, *, omit: Collection[str] = ()) -> Any:
    """*value* as JSON has it: values with fields as tables without *omit*, sizes and paths as text, dates in ISO.

    Inverse of `read_table`. A table's keys become text.
    """
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): to_plain(inner, omit=omit) for key, inner in value.items()}
    # Before lists: a NamedTuple is a tuple, too.
    kind: Any = type(value)
    if has_fields(kind):
        if kind.__str__ is not object.__str__:
            return str(value)
        names = [name for name in field_defaults(kind) if name not in omit]
        return {name: to_plain(getattr(value, name), omit=omit) for name in names}
    if isinstance(value, (list, tuple)):
        return [to_plain(inner, omit=omit) for inner in value]
    return str(value)


def has_fields(kind: Any) -> bool:
    """Whether *kind* is a class with named fields: a NamedTuple or a dataclass."""
    return isinstance(kind, type) and (hasattr(kind, "_fields") or is_dataclass(kind))


@cache
def field_defaults(kind: Any) -> Mapping[str, Any]:
    """The fields of a NamedTuple or dataclass, in order, each with its default; MISSING if it has none."""
    if is_dataclass(kind):
        return {it.name: it.default if it.default_factory is MISSING else it.default_factory() for it in fields(kind)}
    return {name: kind._field_defaults.get(name, MISSING) for name in kind._fields}


Mode: TypeAlias = Literal["complete", "partial", "overlay"]
"""Whether required fields may be missing, and whether an empty text removes a value."""


def _build(kind: Any, table: object, where: str, over: Any, mode: Mode) -> Any:
    values = _read_fields(kind, table, where, over, mode)
    if over is not None:
        return replace(over, **values) if is_dataclass(kind) else over._replace(**values)
    missing = [name for name in _required_fields(kind) if name not in values]
    if missing:
        raise UsageError(_join(where, f"{', '.join(missing)} is missing", ": "))
    return kind(**values)


@cache
def _field_types(kind: Any) -> Mapping[str, Any]:
    """The fields of a NamedTuple or dataclass with their type hints."""
    hints = {name: kind.__annotations__[name] for name in field_defaults(kind)}
    # Evaluating annotations that are text is slow: files with large tables don't postpone them.
    if any(isinstance(hint, (str, ForwardRef)) for hint in hints.values()):
        evaluated = get_type_hints(kind, include_extras=True)
        hints = {name: evaluated[name] for name in hints}
    return hints


@cache
def _required_fields(kind: Any) -> tuple[str, ...]:
    return tuple(name for name, default in field_defaults(kind).items() if default is MISSING)


def _read_fields(kind: Any, table: object, where: str, over: Any, mode: Mode) -> dict[str, Any]:
    """The values of the fields that *table* has."""
    hints = _field_types(kind)
    if not isinstance(table, Mapping):
        expected = " with the fields " + ", ".join(hints) if len(hints) <= 3 else ""
        raise UsageError(f"{where}: expected a table{expected}")
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in hints:
            raise UsageError(_join(where, f"unknown field {name!r}", ": "), hint=unknown_name_hint(str(name), hints))
        before = None if over is None else getattr(over, name)
        if mode == "overlay" and value == "" and NoneType in _split_hint(hints[name])[1]:
            values[name] = None
        else:
            values[name] = _read_value(hints[name], value, _join(where, name), before, mode)
    return values


@cache
def _split_hint(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """`dict[str, int]` → dict, (str, int)."""
    return get_origin(hint), get_args(hint)


def _read_value(hint: Any, value: Any, where: str, before: Any, mode: Mode) -> Any:
    """*value* as the type *hint* has it; *before* is the value that a table is merged with."""
    if hint is Any or type(value) is hint:
        return value
    origin, inner = _split_hint(hint)
    if origin is None and has_fields(hint) and hint is not Size:
        if mode == "partial":
            return _read_fields(hint, value, where, None, mode)
        return _build(hint, value, where, before, mode)
    if origin is Annotated:
        return _apply_rule(inner, value, where)
    if origin in (Union, UnionType):
        if value is None and NoneType in inner:
            return None
        *first, last = (one for one in inner if one is not NoneType)
        for one in first:
            with suppress(UsageError):
                return _read_value(one, value, where, before, mode)
        return _read_value(last, value, where, before, mode)
    if origin is Literal:
        check_name(value, inner, where)
        return value
    if origin is tuple:
        return _read_list(hint, inner, value, where, mode)
    if origin in (Mapping, dict):
        return _read_mapping(inner, value, where, before, mode)
    return _read_scalar(hint, value, where)


def _apply_rule(inner: tuple[Any, ...], value: Any, where: str) -> Any:
    """A value of `Annotated[hint, rule]`."""
    hint, rule = inner
    if isinstance(rule, Limits):
        value = _read_scalar(hint, value, where, rule)
    elif isinstance(rule, OneOf):
        check_name(_read_scalar(hint, value, where), rule.names, where)
    else:
        try:
            return rule(value)
        except ValueError as error:
            raise UsageError(f"{where}: {error}") from error
    return value


def _read_list(hint: Any, inner: tuple[Any, ...], value: Any, where: str, mode: Mode) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise UsageError(f"{where}: expected {_describe(hint)}")
    if inner[-1] is not ... and len(value) != len(inner):
        raise UsageError(f"{where}: expected a list of {len(inner)} values, got {len(value)}")
    hints = [inner[0]] * len(value) if inner[-1] is ... else inner
    return tuple(_read_value(one, item, where, None, mode) for one, item in zip(hints, value, strict=True))


def _read_mapping(
    inner: tuple[Any, ...], value: Any, where: str, before: Mapping[Any, Any] | None, mode: Mode
) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{where}: expected a table")
    key_hint, hint = inner
    merged = dict(before or {})
    for name, item in value.items():
        key = _read_value(key_hint, name, where, None, mode)
        if mode == "overlay" and item == "":
            merged.pop(key, None)
        else:
            merged[key] = _read_value(hint, item, _join(where, str(name)), None, mode)
    return merged


def _read_scalar(hint: Any, value: Any, where: str, limits: Limits | None = None) -> Any:
    """A value of a plain type. TOML's and JSON's whole numbers are numbers too; true and false are none."""
    match hint:
        case _ if hint is Size and isinstance(value, str):
            try:
                return Size.parse(value)
            except UsageError as error:
                raise UsageError(f"{where}: {error.message}", hint=error.hint) from error
        case _ if hint is Path and isinstance(value, str):
            return Path(value)
        case _ if hint is float:
            fits = isinstance(value, (int, float)) and not isinstance(value, bool)
        case _:
            # Exactly: true is no whole number, and a moment is no day.
            fits = type(value) is hint
    if not fits or (limits and not limits.accept(value)):
        raise UsageError(f"{where}: expected {_describe(hint, limits)}{_got(value)}")
    return value


def _describe(hint: Any, limits: Limits | None = None) -> str:
    """A type for people."""
    origin, inner = _split_hint(hint)
    if origin is Annotated:
        return _describe(inner[0])
    if origin is tuple:
        return "a list of texts" if inner[0] in (str, Text) else "a list"
    name = _TYPE_NAMES.get(hint, "text")
    return f"{name} {limits}" if limits and hint is not str else name


_TYPE_NAMES: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    date: "a day without quotes, as 2026-11-04",
}


def _got(value: Any) -> str:
    """The end of an error: the value as a file has it, if it is short and plain.

    Not for lists and tables, in place of which people write a key or a command.
    """
    if isinstance(value, bool):
        return f", got {str(value).lower()}"
    return f", got {value!r}" if isinstance(value, (str, int, float)) and len(repr(value)) <= 60 else ""


def _join(where: str, name: str, between: str = ".") -> str:
    return f"{where}{between}{name}" if where else name
