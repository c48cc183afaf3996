"""Plain data, as TOML and JSON have it, to NamedTuples and back, by their type hints.

A hint can say more than a type: `Annotated[int, Limits(1)]`, `Annotated[str, OneOf(names)]`, or `Annotated[T, parse]`
with a function that returns the value or raises ValueError with what was expected of it.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import date
from functools import cache
from itertools import repeat
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
from imagecli.sizes import Size, parse_size_in_pixels
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


Mode: TypeAlias = Literal["complete", "partial", "overlay"]
"""Whether required fields may be missing, and whether an empty text removes a value."""


def read_table(kind: type[T], table: Any, where: str = "", over: T | None = None, mode: Mode = "complete") -> T:
    """Build a *kind* from *table*, whose keys are its fields; *where* is the table's name in errors.

    With *over*, fields that the table lacks are taken from that value, tables in it are merged with the value's, and
    an empty text removes an entry or sets an optional field to None. Raises UsageError that names the field.
    *mode* is that of the table around this one; without required fields it is "partial", and they become None.
    """
    hashable: Any = kind
    hints = _field_hints(hashable)
    mode = mode if over is None else "overlay"
    if not isinstance(table, Mapping):
        expected = " with the fields " + ", ".join(hints) if len(hints) <= 3 else ""
        raise UsageError(f"{where}: expected a table{expected}")
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in hints:
            raise UsageError(_join(where, f"unknown field {name!r}", ": "), hint=unknown_name_hint(str(name), hints))
        reader = _build_reader(hints[name])
        if reader.optional and (value is None or (mode == "overlay" and value == "")):
            values[name] = None
        elif type(value) is reader.hint:
            values[name] = value
        else:
            before = None if over is None else getattr(over, name)
            values[name] = reader.read(reader.hint, value, _join(where, name), before, mode)
    if over is not None:
        return over._replace(**values)  # type: ignore[attr-defined,no-any-return]
    missing = [name for name in hints if name not in values and name not in hashable._field_defaults]
    if missing and mode == "partial":
        values |= dict.fromkeys(missing)
    elif missing:
        raise UsageError(_join(where, f"{', '.join(missing)} is missing", ": "))
    return kind(**values)


def check_table(kind: type, table: object, where: str = "") -> None:
    """Raise UsageError if a field that *table* has is unknown to *kind* or has a wrong value; none has to be there."""
    read_table(kind, table, where, mode="partial")


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
        names = [name for name in kind._fields if name not in omit]
        return {name: to_plain(getattr(value, name), omit=omit) for name in names}
    if isinstance(value, (list, tuple)):
        return [to_plain(inner, omit=omit) for inner in value]
    return str(value)


def has_fields(kind: Any) -> bool:
    """Whether *kind* is a class with named fields: a NamedTuple."""
    return isinstance(kind, type) and hasattr(kind, "_fields")


class _FieldReader(NamedTuple):
    """How the value of a field is read."""

    hint: Any
    """Its type, without None."""
    optional: bool
    """It can be None."""
    read: Callable[[Any, Any, str, Any, Mode], Any]


@cache
def _field_hints(kind: Any) -> Mapping[str, Any]:
    """The fields of a NamedTuple, each with its type."""
    hints = {name: kind.__annotations__[name] for name in kind._fields}
    # Evaluating annotations that are text is slow: files with large tables don't postpone them.
    if any(isinstance(hint, (str, ForwardRef)) for hint in hints.values()):
        evaluated = get_type_hints(kind, include_extras=True)
        hints = {name: evaluated[name] for name in hints}
    return hints


@cache
def _build_reader(hint: Any) -> _FieldReader:
    origin, inner = _split_hint(hint)
    optional = origin in (Union, UnionType) and NoneType in inner
    members = [member for member in inner if member is not NoneType]
    if optional and len(members) == 1:
        hint = members[0]
    return _FieldReader(hint, optional, _reader(hint))


@cache
def _split_hint(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """`dict[str, int]` → dict, (str, int)."""
    return get_origin(hint), get_args(hint)


@cache
def _reader(hint: Any) -> Callable[[Any, Any, str, Any, Mode], Any]:
    """The function that reads a value of the type *hint*.

    It is called with the hint, the value, its place for errors, the value that a table is merged with, and the mode.
    """
    origin, inner = _split_hint(hint)
    if hint is Any:
        return _accept_any
    if origin is None:
        return read_table if has_fields(hint) and hint is not Size else _read_scalar
    if origin is Annotated and isinstance(inner[1], Limits):
        return _read_limited
    if origin is Annotated:
        return _read_name if isinstance(inner[1], OneOf) else _read_by_function
    readers = {Union: _read_union, UnionType: _read_union, Literal: _read_literal, tuple: _read_list}
    return readers.get(origin, _read_mapping)


def _accept_any(hint: Any, value: Any, where: str, before: Any, mode: Mode) -> Any:
    return value


def _read_union(hint: Any, value: Any, where: str, before: Any, mode: Mode) -> Any:
    inner = _split_hint(hint)[1]
    if value is None and NoneType in inner:
        return None
    *first, last = (member for member in inner if member is not NoneType)
    for member in first:
        with suppress(UsageError):
            return _reader(member)(member, value, where, before, mode)
    return _reader(last)(last, value, where, before, mode)


def _read_literal(hint: Any, value: Any, where: str, before: Any, mode: Mode) -> Any:
    check_name(value, _split_hint(hint)[1], where)
    return value


def _read_limited(hint: Any, value: Any, where: str, before: Any, mode: Mode) -> Any:
    kind, limits = _split_hint(hint)[1]
    result = _read_scalar(kind, value, where, limits=limits)
    if not limits.accept(result):
        raise _wrong_value_error(where, kind, value, limits)
    return result


def _read_name(hint: Any, value: Any, where: str, before: Any, mode: Mode) -> Any:
    check_name(value, _split_hint(hint)[1][1].names, where)
    return value


def _read_by_function(hint: Any, value: Any, where: str, before: Any, mode: Mode) -> Any:
    parse = _split_hint(hint)[1][1]
    try:
        return parse(value)
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from error


def _read_list(hint: Any, value: Any, where: str, before: Any, mode: Mode) -> tuple[Any, ...]:
    inner = _split_hint(hint)[1]
    if not isinstance(value, (list, tuple)):
        raise UsageError(f"{where}: expected {_describe(hint)}")
    if inner[-1] is not ... and len(value) != len(inner):
        raise UsageError(f"{where}: expected a list of {len(inner)} values, found {len(value)}")
    values = []
    for item_hint, item in zip(repeat(inner[0]) if inner[-1] is ... else inner, value, strict=False):
        values.append(_reader(item_hint)(item_hint, item, where, None, mode))
    return tuple(values)


def _read_mapping(hint: Any, value: Any, where: str, before: Any, mode: Mode) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{where}: expected a table")
    key_hint, inner = _split_hint(hint)[1]
    merged = dict(before or {})
    for name, item in value.items():
        key = _reader(key_hint)(key_hint, name, where, None, mode)
        if mode == "overlay" and item == "":
            merged.pop(key, None)
        else:
            merged[key] = _reader(inner)(inner, item, _join(where, str(name)), None, mode)
    return merged


def _read_scalar(
    hint: Any, value: Any, where: str, before: Any = None, mode: Mode = "complete", *, limits: Limits | None = None
) -> Any:
    """A value of a plain type. Integers of TOML and JSON are numbers too; true and false are not.

    *limits* are for the error only.
    """
    match hint:
        case _ if hint is Size and isinstance(value, str):
            if (size := parse_size_in_pixels(value)) is None:
                raise UsageError(f"{where}: expected WIDTHxHEIGHT in pixels{_got(value)}", hint="for example 1024x1024")
            return size
        case _ if hint is Path and isinstance(value, str):
            return Path(value)
        case _ if hint is float:
            fits = isinstance(value, (int, float)) and not isinstance(value, bool)
        case _:
            # Exactly: true is not an integer, and a datetime is not a date.
            fits = type(value) is hint
    if not fits:
        raise _wrong_value_error(where, hint, value, limits)
    return value


def _wrong_value_error(where: str, hint: Any, value: object, limits: Limits | None) -> UsageError:
    return UsageError(f"{where}: expected {_describe(hint, limits)}{_got(value)}")


def _describe(hint: Any, limits: Limits | None = None) -> str:
    """A type for people."""
    origin, inner = _split_hint(hint)
    if origin is Annotated:
        return _describe(inner[0])
    if origin is tuple:
        return "a list of strings" if inner[0] in (str, Text) else "a list"
    name = _TYPE_NAMES.get(hint, "text")
    return f"{name} {limits}" if limits and hint is not str else name


_TYPE_NAMES: Mapping[Any, str] = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    date: "a date without quotes, such as 2026-11-04",
}


def _got(value: Any) -> str:
    """The end of an error: the value as a file has it, if it is short and plain.

    Not for lists and tables, in place of which people write a key or a command.
    """
    if isinstance(value, bool):
        return f", found {str(value).lower()}"
    return f", found {value!r}" if isinstance(value, (str, int, float)) and len(repr(value)) <= 60 else ""


def _join(where: str, name: str, between: str = ".") -> str:
    return f"{where}{between}{name}" if where else name
