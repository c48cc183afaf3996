"""What a batch would buy, in lines: counts, price and time; and the first of the files. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from imagecli.outcome import Cost
from imagecli.report.cost import price
from imagecli.report.text import harmless


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What `--dry-run` tells of."""

    manifest: str
    rows: int
    purchases: int
    """Rows, with each combination of their variables."""
    kept: int
    away: int
    """That the Batch API has already."""
    requests: int
    pictures: int
    files: int
    cost: Cost
    least_seconds: float | None
    """None where no rate is known."""
    rate: float | None
    jobs: int
    """Requests under way at once."""
    window: str
    """How long a Batch API may take, in its words; empty where rows are bought one by one."""
    first: tuple[tuple[str, str], ...]
    """missing or stale, and a file."""
    more: int
    """Purchases of which no file is shown."""
    reads: tuple[str, ...] = ()
    """All files that rows read, each with where it leads if it is a link."""


def plan_lines(plan: Plan) -> list[str]:
    """The lines."""
    rows = [
        ("manifest", f"{plan.manifest}, {counted(plan.rows, 'row')}"),
        ("buys", _buys(plan)),
        ("requests", f"{plan.requests:,} for {counted(plan.pictures, 'picture')} in {counted(plan.files, 'file')}"),
        ("price", price(plan.cost)),
    ]
    if plan.requests:
        rows.append(("time", _time(plan)))
    rows += plan.first
    if plan.more:
        rows.append(("and", f"{plan.more:,} more; --json tells of each"))
    rows += [("reads", path) for path in plan.reads]
    rows.append(("sent", "nothing: this was a dry run"))
    return [f"{label:<10}{harmless(text)}" for label, text in rows]


def _time(plan: Plan) -> str:
    if plan.window:
        return f"within {plan.window}, by the Batch API"
    if plan.least_seconds is not None:
        return f"at least {spoken(plan.least_seconds)}, at {plan.rate:g} a minute"
    rounds = -(-plan.requests // plan.jobs)
    long = "as long as a request" if rounds == 1 else f"{rounds:,} times as long as a request"
    return f"unknown; at least {long}, {plan.jobs:,} at once (--rate tells a limit)"


def _buys(plan: Plan) -> str:
    bought = plan.purchases - plan.kept - plan.away
    away = f", {plan.away:,} are with the Batch API" if plan.away else ""
    return f"{bought:,} of {plan.purchases:,}, {plan.kept:,} are there{away}"


def counted(count: int, word: str) -> str:
    """`1 row`, `20 rows`."""
    return f"{count:,} {word}{'s' * (count != 1)}"


def spoken(seconds: float) -> str:
    """`1 h 04 min`, `2 min 05 s`, `7 s`."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours:,} h {minutes:02} min"
    return f"{minutes} min {whole % 60:02} s" if minutes else f"{whole} s"
