"""What a value of a user's table has to be: small checks, put together. Each raises UsageError that names the place.

A size rule as tables write it, a model's or a provider's: what may stand there, and the rule it makes. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, TypeAlias

from imagecli.catalog.size_rule import SizeRule
from imagecli.domain import Size
from imagecli.errors import UsageError
from imagecli.suggestions import suggest

Check: TypeAlias = Callable[[str, Any], None]
"""Takes the place and the value."""


def value_check(wanted: str, fits: Callable[[Any], bool]) -> Check:
    """A value for which *fits* holds; *wanted* says so in words."""

    def check(place: str, value: Any) -> None:
        if not fits(value):
            raise UsageError(f"{place}: {wanted} is wanted", hint=HINT)

    return check


HINT = "imagecli models gpt-image-2 shows a row"

text_check = value_check("text", lambda value: isinstance(value, str) and value != "")
bool_check = value_check("true or false", lambda value: isinstance(value, bool))
date_check = value_check("a day without quotes, as 2026-11-04,", lambda value: type(value) is date)
count_check = value_check("a whole number from 1", lambda value: type(value) is int and 1 <= value < 2**40)
amount_check = value_check("a number from 0", lambda value: type(value) in (int, float) and 0 <= value < 1e9)
ratio_check = value_check("a number from 1", lambda value: type(value) in (int, float) and 1 <= value < 1e9)
bounds_check = value_check(
    "a list of the lowest and the highest number",
    lambda value: isinstance(value, list) and [type(one) for one in value] == [int, int] and value[0] <= value[1],
)


def choice_check(names: Collection[str]) -> Check:
    """One of *names*."""

    def check(place: str, value: Any) -> None:
        if not isinstance(value, str) or value not in names:
            raise UsageError(f"{place}: there is no {value!r}", hint=_suggest_name(str(value), names))

    return check


def list_check(check: Check) -> Check:
    """A list of what *check* takes."""

    def check_list(place: str, value: Any) -> None:
        if not isinstance(value, list):
            raise UsageError(f"{place}: a list is wanted", hint=HINT)
        for one in value:
            check(place, one)

    return check_list


def mapping_check(check: Check, name: Check = text_check) -> Check:
    """A table of anything that *name* takes → what *check* takes."""

    def check_table(place: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise UsageError(f"{place}: a table is wanted", hint=HINT)
        for key, inner in value.items():
            name(place, key)
            check(f"{place}.{key}", inner)

    return check_table


def table_check(fields: Mapping[str, Check]) -> Check:
    """A table of these *fields*; none of them has to be there."""

    def check_table(place: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise UsageError(f"{place}: a table is wanted", hint=HINT)
        for key, inner in value.items():
            if key not in fields:
                raise UsageError(f"{place}: there is no field {key!r}", hint=_suggest_name(key, fields))
            fields[key](f"{place}.{key}", inner)

    return check_table


def name_or_check(names: Collection[str], check: Check) -> Check:
    """One of *names*, or what *check* takes in its place."""

    def check_either(place: str, value: Any) -> None:
        (choice_check(names) if isinstance(value, str) else check)(place, value)

    return check_either


def _suggest_name(name: str, names: Collection[str]) -> str:
    near = suggest(name, names)
    return f"did you mean {near}?" if near else f"there is: {', '.join(names)}"


def check_size_text(place: str, value: Any) -> None:
    """Raises UsageError for a text that is no size."""
    text_check(place, value)
    try:
        Size.parse(value)
    except UsageError as error:
        raise UsageError(f"{place}: {error.message}", hint=error.hint) from error


_FIELDS = table_check(
    {
        "auto": bool_check,
        **dict.fromkeys(("set", "usual"), list_check(check_size_text)),
        **dict.fromkeys(("multiple", "max_edge", "min_pixels", "max_pixels", "long_edge"), count_check),
        "max_ratio": ratio_check,
    }
)


def check_size_table(place: str, value: Any) -> None:
    """Raises UsageError for a table that is none, or whose limits leave no size."""
    _FIELDS(place, value)
    check_size_limits(place, value)


def check_size_limits(place: str, table: Mapping[str, Any]) -> None:
    """Raises UsageError where the least is above the most."""
    least, most, edge = table.get("min_pixels", 1), table.get("max_pixels"), table.get("max_edge")
    if most is not None and least > most:
        raise UsageError(f"{place}: min_pixels {least:,} is above max_pixels {most:,}", hint=HINT)
    if edge is not None and least > edge * edge:
        raise UsageError(f"{place}: min_pixels {least:,} is above max_edge {edge:,} squared", hint=HINT)
    if edge is not None and table.get("multiple", 1) > edge:
        raise UsageError(f"{place}: multiple {table['multiple']:,} is above max_edge {edge:,}", hint=HINT)


def overlay_size_rule(rule: SizeRule, table: Mapping[str, Any]) -> SizeRule:
    """*rule* with what a checked *table* says in place of its own."""
    lists = {field: tuple(map(Size.parse, table[field])) for field in ("set", "usual") if field in table}
    return replace(rule, **{**table, **lists})
