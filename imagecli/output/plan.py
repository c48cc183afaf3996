"""A dry run's plan as lines: each request, the files it makes, and the price. rich only lays them out on a terminal.

What a command can cost, and did cost, in a line.

What a batch would buy, in lines: counts, price and time; and the first of the files. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from typing import Final

from imagecli.env import Env
from imagecli.money import format_usd, format_usd_range
from imagecli.output.display import DisplayOptions
from imagecli.output.terminal import printable_path, sanitize
from imagecli.results import CommandResult, Cost, DryRunRequest


def format_price(cost: Cost) -> str:
    """The price before: `about $0.21 (gpt-image-2, high, 1024x1024; table of 2026-11)`."""
    if cost.low_usd is None:
        return f"unknown: {cost.about}"
    if cost.is_free:
        return f"nothing: {cost.about}"
    return f"about {format_usd_range(cost.low_usd, cost.high_usd)} ({cost.about})"


def format_bill(report: CommandResult) -> str | None:
    """What it did cost; None where nothing was bought, nothing is ever billed, or nothing is known of it."""
    cost = report.cost
    if cost.is_free or not any(outcome.may_be_billed for outcome in report.outcomes):
        return None
    if cost.actual_usd is not None:
        return f"cost: {format_usd(cost.actual_usd)}"
    if cost.reported_usd is not None:
        return f"cost: {format_usd(cost.reported_usd)}, and {cost.unpriced_note}"
    return f"cost: not told; {format_price(cost)}" if cost.low_usd is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDryRun:
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


def format_batch_dry_run(plan: BatchDryRun) -> list[str]:
    """The lines."""
    rows = [
        ("manifest", f"{plan.manifest}, {plural(plan.rows, 'row')}"),
        ("buys", _format_purchase(plan)),
        ("requests", f"{plan.requests:,} for {plural(plan.pictures, 'picture')} in {plural(plan.files, 'file')}"),
        ("price", format_price(plan.cost)),
    ]
    if plan.requests:
        rows.append(("time", _format_time(plan)))
    rows += plan.first
    if plan.more:
        rows.append(("and", f"{plan.more:,} more; --json tells of each"))
    rows += [("reads", path) for path in plan.reads]
    rows.append(("sent", "nothing: this was a dry run"))
    return [f"{label:<10}{sanitize(text)}" for label, text in rows]


def _format_time(plan: BatchDryRun) -> str:
    if plan.window:
        return f"within {plan.window}, by the Batch API"
    if plan.least_seconds is not None:
        return f"at least {format_seconds(plan.least_seconds)}, at {plan.rate:g} a minute"
    rounds = -(-plan.requests // plan.jobs)
    long = "as long as a request" if rounds == 1 else f"{rounds:,} times as long as a request"
    return f"unknown; at least {long}, {plan.jobs:,} at once (--rate tells a limit)"


def _format_purchase(plan: BatchDryRun) -> str:
    bought = plan.purchases - plan.kept - plan.away
    away = f", {plan.away:,} are with the Batch API" if plan.away else ""
    return f"{bought:,} of {plan.purchases:,}, {plan.kept:,} are there{away}"


def plural(count: int, word: str) -> str:
    """`1 row`, `20 rows`."""
    return f"{count:,} {word}{'s' * (count != 1)}"


def format_seconds(seconds: float) -> str:
    """`1 h 04 min`, `2 min 05 s`, `7 s`."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours:,} h {minutes:02} min"
    return f"{minutes} min {whole % 60:02} s" if minutes else f"{whole} s"


SHOWN: Final = 20
"""Requests that are shown one by one; `--json` tells of all."""

Row = tuple[str, str]
"""A label and what stands behind it; an empty label goes on with the one above."""


def format_dry_run(report: CommandResult, style: DisplayOptions, env: Env) -> list[str]:
    """The plan, for a person: laid out to the terminal's width, or a fact a line where stdout is none."""
    rows = list(_dry_run_rows(report, env))
    return _wrapped_lines(rows, style, env) if env.stdout.isatty() else _plain_lines(rows)


def _dry_run_rows(report: CommandResult, env: Env) -> Iterator[Row]:
    requests = report.planned or ()
    for number, request in enumerate(requests[:SHOWN], start=1):
        yield from _request_rows(request, f"request {number} of {len(requests)}" if len(requests) > 1 else "", env)
        yield "", ""
    if len(requests) > SHOWN:
        yield "and", f"{len(requests) - SHOWN:,} more requests; --json tells of each"
    for kept in report.skipped:
        yield "keeps", printable_path(kept.path, env.stdout)
    yield "price", format_price(report.cost) if requests else "nothing: all of it is there"
    yield "sent", "nothing: this was a dry run"


def _request_rows(request: DryRunRequest, title: str, env: Env) -> Iterator[Row]:
    if title:
        yield title, ""
    yield request.method, sanitize(request.url)
    for name, text in request.headers.items():
        yield name, sanitize(text)
    for name, value in request.body.items():
        yield sanitize(name), sanitize(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    for file in request.files:
        yield sanitize(file.field), f"{file.filename}, {file.media_type}, {file.bytes:,} bytes"
    for number, path in enumerate([printable_path(path, env.stdout) for path in request.paths] or ["to stdout"]):
        yield "" if number else "saves", path


def _plain_lines(rows: list[Row]) -> list[str]:
    width = _label_width(rows)
    return [f"{label:<{width}}{text}".rstrip() for label, text in rows]


def _label_width(rows: list[Row]) -> int:
    return max(len(label) for label, text in rows if text) + 2


def _wrapped_lines(rows: list[Row], style: DisplayOptions, env: Env) -> list[str]:
    """As `_plain_lines`, with what is too long for a line going on below itself."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    width = Console(file=env.stdout).width
    paper = Console(file=StringIO(), width=width, force_terminal=style.color, no_color=not style.color, highlight=False)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, max_width=max(width // 2, 1))
    table.add_column(overflow="fold")
    for label, text in rows:
        table.add_row(Text(label, style="bold"), Text(text))
    with paper.capture() as captured:
        paper.print(table)
    return [line.rstrip() for line in captured.get().splitlines()]
