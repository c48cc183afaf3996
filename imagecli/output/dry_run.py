"""What a dry run prints: the requests, files and price of a command, or the counts, price and time of a batch.

Pure; rich only lays the lines out on a terminal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Final, NamedTuple

from imagecli.env import Env
from imagecli.money import Cost, format_price, format_price_by_quality
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
    """Items that are pending in the Batch API."""
    waiting: int
    """Items whose response an earlier run received and did not save."""
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
    """How long the Batch API may take, such as `24h`; empty without the Batch API."""
    first: tuple[Row, ...]
    """`missing` or `stale`, and a file."""
    more: int
    """How many further items are not shown."""
    reads: tuple[str, ...] = ()
    """All files that rows read, each with its target if it is a link."""


def format_batch_dry_run(plan: BatchDryRun) -> list[str]:
    """The lines that a batch's dry run prints."""
    rows: list[Row] = [
        ("manifest", f"{plan.manifest}, {plural(plan.rows, 'row')}"),
        ("items", _format_items(plan)),
        ("requests", f"{plan.requests:,}, for {plural(plan.images, 'image')} in {plural(plan.files, 'file')}"),
        ("price", format_price(plan.cost)),
    ]
    if plan.requests:
        rows.append(("time", _format_time(plan)))
    rows += plan.first
    if plan.more:
        rows.append(("…", f"{plan.more:,} more; use --json to list all"))
    rows += [("reads", path) for path in plan.reads]
    rows.append(("sent", "nothing (dry run)"))
    return [f"{label:<10}{sanitize(text)}" for label, text in rows]


def _format_time(plan: BatchDryRun) -> str:
    if plan.window:
        return f"up to {plan.window}, with the Batch API"
    if plan.min_seconds is not None:
        return f"at least {format_seconds(plan.min_seconds)} at {plan.rate:g} per minute"
    rounds = -(-plan.requests // plan.jobs)
    requests = plural(plan.jobs, "parallel request")
    return f"unknown; {plural(rounds, 'round')} of {requests} (--rate gives an estimate)"


def _format_items(plan: BatchDryRun) -> str:
    missing = plan.items - plan.up_to_date - plan.pending - plan.waiting
    pending = f", {plan.pending:,} pending in the Batch API" if plan.pending else ""
    waiting = f", {plan.waiting:,} received by an earlier run" if plan.waiting else ""
    return f"{missing:,} to create, {plan.up_to_date:,} up to date{pending}{waiting}"


MAX_GROUPS: Final = 20
"""Requests, or groups of equal ones, that are shown; `--json` lists all."""
MAX_PATHS: Final = 10
"""Of one group; of more, only the first and the last are shown."""


def format_dry_run(result: CommandResult, display: DisplayOptions, env: Env) -> list[str]:
    """The lines that a dry run prints: laid out to a terminal's width, or one fact a line."""
    rows = list(_dry_run_rows(result, env))
    return _wrapped_lines(rows, display, env) if env.stdout.isatty() else _plain_lines(rows)


def _dry_run_rows(result: CommandResult, env: Env) -> Iterator[Row]:
    requests = result.planned or ()
    count = 0
    for group in _equal_requests(requests)[:MAX_GROUPS]:
        title = _group_title(group, count + 1, len(requests)) if len(requests) > 1 else ""
        yield from _request_rows(group, title, env)
        yield "", ""
        count += len(group)
    if len(requests) > count:
        yield "…", f"{plural(len(requests) - count, 'more request')}; use --json to list all"
    for skipped in result.skipped:
        yield "exists", printable_path(skipped.path, env.stdout)
    yield from _price_rows(result.cost) if requests else (("price", "nothing; every image exists"),)
    yield "sent", "nothing (dry run)"


def _equal_requests(requests: Sequence[DryRunRequest]) -> list[list[DryRunRequest]]:
    """*requests* in groups of neighbours that differ only in where their images are saved."""
    groups: list[list[DryRunRequest]] = []
    for request in requests:
        if groups and _without_paths(groups[-1][0]) == _without_paths(request):
            groups[-1].append(request)
        else:
            groups.append([request])
    return groups


def _without_paths(request: DryRunRequest) -> DryRunRequest:
    return request._replace(paths=())


def _group_title(group: Sequence[DryRunRequest], first: int, total: int) -> str:
    """`30 images in 3 requests of 10`; of a part, `requests 1 to 2 of 3: 20 images in 2 requests of 10`."""
    if len(group) == 1:
        return f"request {first} of {total}"
    images = group[0].images
    count = f"{images * len(group):,} images in {len(group):,} requests"
    text = f"{count} of {images}" if images > 1 else count
    return text if len(group) == total else f"requests {first} to {first + len(group) - 1} of {total}: {text}"


def _price_rows(cost: Cost) -> Iterator[Row]:
    yield "price", format_price_by_quality(cost)
    if cost.low_usd is not None and not cost.is_free:
        yield "", cost.about


def _request_rows(group: Sequence[DryRunRequest], title: str, env: Env) -> Iterator[Row]:
    request = group[0]
    if title:
        yield title, ""
    yield request.method, sanitize(request.url)
    for name, text in request.headers.items():
        yield name, sanitize(text)
    for name, value in request.body.items():
        yield sanitize(name), sanitize(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    for number, name in enumerate(request.inputs):
        yield "" if number else "uploads", sanitize(name)
    for file in request.files:
        yield sanitize(file.field), f"{file.filename}, {file.media_type}, {file.bytes:,} bytes"
    paths = [printable_path(path, env.stdout) for member in group for path in member.paths] or ["to stdout"]
    if len(paths) > MAX_PATHS:
        paths = [paths[0], f"… {len(paths) - 2:,} more …", paths[-1]]
    for number, path in enumerate(paths):
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
    label_width = min(_label_width(rows) - 2, max(width // 2, 1))
    with console.capture() as captured:
        for label, text in rows:
            if label and not text:  # a title, which does not widen the column of labels
                console.print(Text(label, style="bold"))
                continue
            table = Table.grid(padding=(0, 2, 0, 0))
            table.add_column(no_wrap=True, width=label_width)
            table.add_column(overflow="fold")
            table.add_row(Text(label, style="bold"), Text(text))
            console.print(table)
    return [line.rstrip() for line in captured.get().splitlines()]
