"""What a command can cost, and did cost, in a line."""

from __future__ import annotations

from imagecli.money import between, dollars
from imagecli.outcome import Cost, Report


def price(cost: Cost) -> str:
    """The price before: `about $0.21 (gpt-image-2, high, 1024x1024; table of 2026-11)`."""
    if cost.low_usd is None:
        return f"unknown: {cost.about}"
    if cost.is_free:
        return f"nothing: {cost.about}"
    return f"about {between(cost.low_usd, cost.high_usd)} ({cost.about})"


def bill(report: Report) -> str | None:
    """What it did cost; None where nothing was bought, nothing is ever billed, or nothing is known of it."""
    cost = report.cost
    if cost.is_free or not any(outcome.may_be_billed for outcome in report.outcomes):
        return None
    if cost.actual_usd is not None:
        return f"cost: {dollars(cost.actual_usd)}"
    if cost.told_usd is not None:
        return f"cost: {dollars(cost.told_usd)}, and {cost.besides}"
    return f"cost: not told; {price(cost)}" if cost.low_usd is not None else None
