"""Formats amounts in USD."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Final

_TENTH: Final = Decimal("0.1")
_CENT: Final = Decimal("0.01")
_MILL: Final = Decimal("0.001")


def format_usd(usd: float, *, up: bool = False) -> str:
    """An amount for people: `$1,234.50`, `$0.21`, `$0.006`, `less than $0.001`; with *up* it is never rounded down."""
    # Digits beyond a billionth are rounding errors of sums.
    amount = Decimal(repr(round(usd, 9)))
    if not amount:
        return "$0"
    if amount < _MILL and not up:
        return "less than $0.001"
    unit = _CENT if amount >= _TENTH else _MILL
    return f"${amount.quantize(unit, ROUND_CEILING if up else ROUND_HALF_UP):,f}"


def format_usd_range(low: float, high: float | None) -> str:
    """A range for people, whose upper end is never rounded down; one figure if both ends are the same as text.

    *high* is None if it is unknown.
    """
    if high is None:
        return f"{format_usd(low)} or more"
    if not high:
        return "nothing"
    ends = (format_usd(low), format_usd(high, up=True))
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def format_usd_exact(usd: float) -> str:
    """An amount for a flag, with all digits and without an exponent: `5`, `0.25`."""
    text = f"{Decimal(repr(usd)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def round_up_usd(usd: float) -> str:
    """A round amount for a flag that is at least *usd*: `9` for 8.44, `0.22` for 0.2107."""
    amount = Decimal(repr(usd))
    unit = Decimal(1) if amount > 1 else _CENT if amount > _CENT else _MILL
    return format_usd_exact(float(amount.quantize(unit, ROUND_CEILING)))
