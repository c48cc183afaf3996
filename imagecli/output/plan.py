"""A dry run's plan as lines: each request, the files it makes, and the price. rich only lays them out on a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from typing import Final

from imagecli.env import Env
from imagecli.outcome import PlannedRequest, Report
from imagecli.report.cost import price
from imagecli.report.style import Style
from imagecli.report.text import as_typed, harmless

SHOWN: Final = 20
"""Requests that are shown one by one; `--json` tells of all."""

Row = tuple[str, str]
"""A label and what stands behind it; an empty label goes on with the one above."""


def plan_lines(report: Report, style: Style, env: Env) -> list[str]:
    """The plan, for a person: laid out to the terminal's width, or a fact a line where stdout is none."""
    rows = list(_rows(report, env))
    return _laid_out(rows, style, env) if env.stdout.isatty() else _plain(rows)


def _rows(report: Report, env: Env) -> Iterator[Row]:
    requests = report.planned or ()
    for number, request in enumerate(requests[:SHOWN], start=1):
        yield from _request(request, f"request {number} of {len(requests)}" if len(requests) > 1 else "", env)
        yield "", ""
    if len(requests) > SHOWN:
        yield "and", f"{len(requests) - SHOWN:,} more requests; --json tells of each"
    for kept in report.kept:
        yield "keeps", as_typed(kept.path, env.stdout)
    yield "price", price(report.cost) if requests else "nothing: all of it is there"
    yield "sent", "nothing: this was a dry run"


def _request(request: PlannedRequest, title: str, env: Env) -> Iterator[Row]:
    if title:
        yield title, ""
    yield request.method, harmless(request.url)
    for name, text in request.headers.items():
        yield name, harmless(text)
    for name, value in request.body.items():
        yield harmless(name), harmless(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    for file in request.files:
        yield harmless(file.field), f"{file.filename}, {file.media_type}, {file.bytes:,} bytes"
    for number, path in enumerate([as_typed(path, env.stdout) for path in request.paths] or ["to stdout"]):
        yield "" if number else "saves", path


def _plain(rows: list[Row]) -> list[str]:
    width = _label_width(rows)
    return [f"{label:<{width}}{text}".rstrip() for label, text in rows]


def _label_width(rows: list[Row]) -> int:
    return max(len(label) for label, text in rows if text) + 2


def _laid_out(rows: list[Row], style: Style, env: Env) -> list[str]:
    """As `_plain`, with what is too long for a line going on below itself."""
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
