"""The cost of a command, and amounts in USD as text."""

from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

_TENTH: Final = Decimal("0.1")
_CENT: Final = Decimal("0.01")
_MILL: Final = Decimal("0.001")


def format_usd(usd: float, *, up: bool = False) -> str:
    """An amount for people: `$1,234.50`, `$0.21`, `$0.006`, `less than $0.001`; with *up* it is never rounded down."""
    amount = _exact_amount(usd)
    if not amount:
        return "$0"
    if amount < _MILL and not up:
        return "less than $0.001"
    return f"${_round_amount(amount, ROUND_CEILING if up else ROUND_HALF_UP):,f}"


def _exact_amount(usd: float) -> Decimal:
    # Digits beyond a billionth are rounding errors of sums.
    return Decimal(repr(round(usd, 9)))


def _round_amount(amount: Decimal, rounding: str) -> Decimal:
    return amount.quantize(_CENT if amount >= _TENTH else _MILL, rounding)


def format_usd_range(low: float, high: float | None) -> str:
    """A range for people; only its upper end if the ends differ by at most 10 %.

    *high* is None if it is unknown.
    """
    if high is None:
        return f"{format_usd(low)} or more"
    if not high:
        return "nothing"
    upper = _format_about(high)
    return upper if high <= 1.1 * low or format_usd(low) == upper else f"{format_usd(low)} to {upper}"


def _format_about(usd: float) -> str:
    """About *usd*: rounded up, unless that adds more than 2.5 %."""
    amount = _exact_amount(usd)
    return format_usd(usd, up=_round_amount(amount, ROUND_CEILING) <= amount * Decimal("1.025"))


def format_usd_exact(usd: float) -> str:
    """An amount for a flag, with all digits and without an exponent: `5`, `0.25`."""
    text = f"{Decimal(repr(usd)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def round_up_usd(usd: float) -> str:
    """A round amount for a flag that is at least *usd*: `9` for 8.44, `0.22` for 0.2107."""
    amount = Decimal(repr(usd))
    unit = Decimal(1) if amount > 1 else _CENT if amount > _CENT else _MILL
    return format_usd_exact(float(amount.quantize(unit, ROUND_CEILING)))


class Cost(NamedTuple):
    """A command's price in USD; None if it is unknown."""

    low_usd: float | None = None
    high_usd: float | None = None
    actual_usd: float | None = None
    """By the usage that the responses report; None also if nothing was sent."""
    reported_usd: float | None = None
    """The same, if not all of the bill can be known: all but *unpriced_note*."""
    unpriced_note: str = ""
    """What is billed in addition at an unknown price, in words."""
    about: str = ""
    """What the first two are the price of, in words; or why they are unknown."""
    images: int = 1
    quality: str | None = None
    """Which of `by_quality` was requested; None if it is left to the model."""
    by_quality: tuple[tuple[str, float], ...] = ()
    """What all of it can cost at most at each quality, as far as that is known."""

    @property
    def is_free(self) -> bool:
        return self.high_usd == 0


def format_price(cost: Cost) -> str:
    """The estimated price and its basis: `about $0.21 (gpt-image-2, high, 1024x1024; table of 2026-11)`."""
    if cost.low_usd is None or cost.is_free:
        return format_price_by_quality(cost)
    return f"about {format_usd_range(cost.low_usd, cost.high_usd)} ({cost.about})"


def format_price_by_quality(cost: Cost) -> str:
    """The estimated price, and what other qualities cost: `about $0.053 at medium (low $0.006, high $0.21)`."""
    if cost.low_usd is None:
        return f"unknown: {cost.about}"
    if cost.is_free:
        return f"nothing: {cost.about}"
    text = f"about {format_usd_range(cost.low_usd, cost.high_usd)}"
    if cost.quality:
        text += f" at {cost.quality}"
    if cost.images > 1:
        text += f" for {cost.images:,} images"
    other_prices = [f"{quality} {_format_about(usd)}" for quality, usd in cost.by_quality if quality != cost.quality]
    if other_prices:
        text += f" ({', '.join(other_prices)})"
    return text if cost.quality or not other_prices else f"{text}; the model chooses the quality"
