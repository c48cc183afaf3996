"""What a dry run prints: a command's requests, files and price, or a batch's counts, price and time.

Pure; rich only lays the lines out on a terminal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from typing import Final, NamedTuple

from imagecli.env import Env
from imagecli.money import Cost, format_price
from imagecli.output.terminal import DisplayOptions, format_seconds, plural, printable_path, sanitize
from imagecli.results import CommandResult, DryRunRequest

Row = tuple[str, str]
"""A label and its text; an empty label continues the one above."""


class BatchDryRun(NamedTuple):
    """What `batch --dry-run` prints."""

    manifest: str
    rows: int
    items: int
    """Rows, and each combination of their variables."""
    up_to_date: int
    pending: int
    """Items that the Batch API has already."""
    requests: int
    images: int
    files: int
    cost: Cost
    min_seconds: float | None
    """None without a rate."""
    rate: float | None
    """Images per minute."""
    jobs: int
    """Requests in flight at the same time."""
    window: str
    """How long the Batch API may take, in its own words; empty without the Batch API."""
    first: tuple[Row, ...]
    """`missing` or `stale`, and a file."""
    more: int
    """Items of which no file is shown."""
    reads: tuple[str, ...] = ()
    """All files that rows read, each with its target if it is a link."""


def format_batch_dry_run(plan: BatchDryRun) -> list[str]:
    """The lines that a batch's dry run prints."""
    rows: list[Row] = [
        ("manifest", f"{plan.manifest}, {plural(plan.rows, 'row')}"),
        ("buys", _format_items(plan)),
        ("requests", f"{plan.requests:,} for {plural(plan.images, 'picture')} in {plural(plan.files, 'file')}"),
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
    if plan.min_seconds is not None:
        return f"at least {format_seconds(plan.min_seconds)}, at {plan.rate:g} a minute"
    rounds = -(-plan.requests // plan.jobs)
    long = "as long as a request" if rounds == 1 else f"{rounds:,} times as long as a request"
    return f"unknown; at least {long}, {plan.jobs:,} at once (--rate tells a limit)"


def _format_items(plan: BatchDryRun) -> str:
    missing = plan.items - plan.up_to_date - plan.pending
    pending = f", {plan.pending:,} are with the Batch API" if plan.pending else ""
    return f"{missing:,} of {plan.items:,}, {plan.up_to_date:,} are there{pending}"


SHOWN: Final = 20
"""Requests that are shown one by one; `--json` lists all."""


def format_dry_run(result: CommandResult, display: DisplayOptions, env: Env) -> list[str]:
    """The lines that a dry run prints: laid out to a terminal's width, or one fact a line."""
    rows = list(_dry_run_rows(result, env))
    return _wrapped_lines(rows, display, env) if env.stdout.isatty() else _plain_lines(rows)


def _dry_run_rows(result: CommandResult, env: Env) -> Iterator[Row]:
    requests = result.planned or ()
    for number, request in enumerate(requests[:SHOWN], start=1):
        yield from _request_rows(request, f"request {number} of {len(requests)}" if len(requests) > 1 else "", env)
        yield "", ""
    if len(requests) > SHOWN:
        yield "and", f"{len(requests) - SHOWN:,} more requests; --json tells of each"
    for skipped in result.skipped:
        yield "keeps", printable_path(skipped.path, env.stdout)
    yield "price", format_price(result.cost) if requests else "nothing: all of it is there"
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


def _wrapped_lines(rows: list[Row], display: DisplayOptions, env: Env) -> list[str]:
    """As `_plain_lines`, with long text wrapped below itself."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    width = Console(file=env.stdout).width
    console = Console(
        file=StringIO(), width=width, force_terminal=display.color, no_color=not display.color, highlight=False
    )
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, max_width=max(width // 2, 1))
    table.add_column(overflow="fold")
    for label, text in rows:
        table.add_row(Text(label, style="bold"), Text(text))
    with console.capture() as captured:
        console.print(table)
    return [line.rstrip() for line in captured.get().splitlines()]
