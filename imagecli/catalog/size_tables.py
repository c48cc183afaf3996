"""A size rule as tables write it, a model's or a provider's: what may stand there, and the rule it makes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from imagecli.catalog import wanted
from imagecli.catalog.sizes import SizeRule
from imagecli.domain import Size
from imagecli.errors import UsageError


def size(place: str, value: Any) -> None:
    """Raises UsageError for a text that is no size."""
    wanted.text(place, value)
    try:
        Size.parse(value)
    except UsageError as error:
        raise UsageError(f"{place}: {error.message}", hint=error.hint) from error


_FIELDS = wanted.table(
    {
        "auto": wanted.flag,
        **dict.fromkeys(("set", "usual"), wanted.list_of(size)),
        **dict.fromkeys(("multiple", "max_edge", "min_pixels", "max_pixels", "long_edge"), wanted.count),
        "max_ratio": wanted.ratio,
    }
)


def check(place: str, value: Any) -> None:
    """Raises UsageError for a table that is none, or whose limits leave no size."""
    _FIELDS(place, value)
    check_limits(place, value)


def check_limits(place: str, table: Mapping[str, Any]) -> None:
    """Raises UsageError where the least is above the most."""
    least, most, edge = table.get("min_pixels", 1), table.get("max_pixels"), table.get("max_edge")
    if most is not None and least > most:
        raise UsageError(f"{place}: min_pixels {least:,} is above max_pixels {most:,}", hint=wanted.HINT)
    if edge is not None and least > edge * edge:
        raise UsageError(f"{place}: min_pixels {least:,} is above max_edge {edge:,} squared", hint=wanted.HINT)
    if edge is not None and table.get("multiple", 1) > edge:
        raise UsageError(f"{place}: multiple {table['multiple']:,} is above max_edge {edge:,}", hint=wanted.HINT)


def laid_over(rule: SizeRule, table: Mapping[str, Any]) -> SizeRule:
    """*rule* with what a checked *table* says in place of its own."""
    lists = {field: tuple(map(Size.parse, table[field])) for field in ("set", "usual") if field in table}
    return replace(rule, **{**table, **lists})
