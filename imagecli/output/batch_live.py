"""A batch while it goes on: a small table on a terminal, and elsewhere a sentence every half minute."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Final, TypeAlias

from rich.live import Live
from rich.table import Table
from rich.text import Text

from imagecli.env import Env
from imagecli.events import BatchApiProgress, BatchProgress, Event, RetryWait, UploadProgress
from imagecli.money import format_usd
from imagecli.output.display import DisplayOptions
from imagecli.output.live import open_console
from imagecli.output.plan import format_seconds
from imagecli.output.progress import PlainProgress

Cell: TypeAlias = tuple[str, str]
"""A heading, and what stands under it."""
WINDOW_SECONDS: Final = 60.0
GAP: Final = 3
"""Blanks between columns."""
ECHO: Final = 4
"""Columns at the right edge that stay free: a Ctrl-C is echoed there, and on a full line it would break the table."""


class BatchLiveProgress(PlainProgress):
    """As `PlainProgress`, with a table under the lines; all of it on stderr, gone at the end."""

    def __init__(self, env: Env, style: DisplayOptions) -> None:
        super().__init__(env, style)
        self._console = open_console(env, style)
        self._began = time.monotonic()
        self._ends: deque[float] = deque(maxlen=10_000)
        self._waiting: dict[int, float] = {}
        """Request → until when it waits."""
        self._last: BatchProgress | None = None
        self._awaited: BatchApiProgress | None = None
        # Last, as it asks at once what to show.
        self._live = Live(console=self._console, get_renderable=self._table, transient=True, refresh_per_second=4)

    def __enter__(self) -> BatchLiveProgress:
        self._live.start()
        super().__enter__()
        return self

    def __exit__(self, *args: object) -> None:
        self._live.stop()
        self._close_log()

    def __call__(self, event: Event) -> None:
        now = time.monotonic()
        match event:
            case BatchProgress():
                if self._last is None:
                    self._began = now
                elif event.done + event.failed > self._last.done + self._last.failed:
                    self._ends.append(now)
                self._last = event
            case BatchApiProgress():
                self._awaited = event if event.batches else None
            case RetryWait():
                self._waiting[event.request] = now + event.seconds
                # The table says it, of all of them together.
                return
            case UploadProgress():
                self._waiting.pop(event.request, None)
        super().__call__(event)

    def line(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)

    def _table(self) -> Table:
        now = time.monotonic()
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
        for heading, _ in (cells := fit_cells(self._cells(now), self._console.width - ECHO)):
            table.add_column(heading, no_wrap=True)
        table.add_row(*(Text(text) for _, text in cells))
        return table

    def _cells(self, now: float) -> list[Cell]:
        last = self._last
        if last is None or not last.total:
            return [("preparing", "")]
        if there := self._awaited:
            return [
                ("done", f"{last.done:,}/{last.total:,}"),
                ("failed", f"{last.failed:,}"),
                ("answered", f"{there.answered:,}/{there.total:,}"),
                ("waited", format_seconds(now - self._began)),
            ]
        waits = [until - now for until in self._waiting.values() if until > now]
        return [
            ("done", f"{last.done:,}/{last.total:,}"),
            ("failed", f"{last.failed:,}"),
            ("waiting for the limit", f"{len(waits)}, {max(waits):.0f} s" if waits else "0"),
            ("a minute", self._rate(now)),
            ("cost", format_usd(last.billed_usd) + "+" * last.unknown),
            ("left", self._time_left(last, now)),
        ]

    def _rate(self, now: float) -> str:
        recent = sum(1 for end in self._ends if now - end <= WINDOW_SECONDS)
        return f"{recent * WINDOW_SECONDS / max(min(now - self._began, WINDOW_SECONDS), 1.0):.0f}"

    def _time_left(self, last: BatchProgress, now: float) -> str:
        ended = last.done + last.failed
        return format_seconds((now - self._began) / ended * (last.total - ended)) if ended else "?"


SPARED: Final = ("a minute", "cost", "left", "failed", "waiting for the limit")
"""What a narrow terminal goes without, the first of them first; before all of these what is 0."""


def fit_cells(cells: Sequence[Cell], width: int) -> list[Cell]:
    """As many of *cells* as stand side by side in *width* columns, in their order."""
    left = list(cells)
    spared = sorted(cells, key=lambda cell: (cell[1] != "0", SPARED.index(cell[0]) if cell[0] in SPARED else 99))
    while sum(max(map(len, cell)) + GAP for cell in left) - GAP > width and len(left) > 1:
        left.remove(spared.pop(0))
    return left
