"""A batch's progress on a terminal: a small table below the lines."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from rich.live import Live
from rich.table import Table
from rich.text import Text

from imagecli.env import Env
from imagecli.events import BatchApiProgress, BatchProgress, Event, RetryWait, RunStarted
from imagecli.money import format_usd
from imagecli.output.live_progress import open_console
from imagecli.output.plain_progress import PlainProgress
from imagecli.output.terminal import DisplayOptions, format_seconds

Cell: TypeAlias = tuple[str, str]
"""A heading and its value."""
WINDOW_SECONDS: Final = 60.0
GAP: Final = 3
"""Spaces between columns."""
REDRAWS_PER_SECOND: Final = 2
ECHO_COLUMNS: Final = 4
"""Columns at the right edge that stay free for the echo of Ctrl-C, which would break the table on a full line."""


class BatchLiveProgress(PlainProgress):
    """As `PlainProgress`, with a table below the lines, on stderr, which is removed at the end."""

    def __init__(self, env: Env, display: DisplayOptions) -> None:
        super().__init__(env, display)
        self._console = open_console(env, display)
        self._started = time.monotonic()
        self._ends: deque[float] = deque(maxlen=10_000)
        """When the latest items were done or failed."""
        self._retry_times: dict[int, float] = {}
        """Request → when it is sent again."""
        self._progress: BatchProgress | None = None
        self._api_progress: BatchApiProgress | None = None
        # Last, as it calls `_table` immediately.
        self._live = _LiveTable(
            console=self._console, get_renderable=self._table, transient=True, refresh_per_second=REDRAWS_PER_SECOND
        )

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
                if self._progress is None:
                    self._started = now
                elif event.done + event.failed > self._progress.done + self._progress.failed:
                    self._ends.append(now)
                self._progress = event
            case RunStarted():
                self.print_price(event)
            case BatchApiProgress():
                self._api_progress = event if event.batches else None
            case RetryWait():
                self._retry_times[event.request] = now + event.seconds
                # The table shows how many requests are waiting.
                return
        super().__call__(event)

    def line(self, text: str) -> None:
        self._live.lines.append(text)
        if not self._live.is_started:
            self._live.print_lines()

    def _table(self) -> Table:
        now = time.monotonic()
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
        cells = fit_cells(self._cells(now), self._console.width - ECHO_COLUMNS)
        for heading, _ in cells:
            table.add_column(heading, no_wrap=True)
        table.add_row(*(Text(text) for _, text in cells))
        return table

    def _cells(self, now: float) -> list[Cell]:
        progress = self._progress
        if progress is None or not progress.total:
            return [("preparing", "")]
        if api_progress := self._api_progress:
            return [
                ("done", f"{progress.done:,}/{progress.total:,}"),
                ("failed", f"{progress.failed:,}"),
                ("completed", f"{api_progress.answered:,}/{api_progress.total:,}"),
                ("elapsed", format_seconds(now - self._started)),
            ]
        # A copy, because this runs in rich's thread.
        waits = [time - now for time in self._retry_times.copy().values() if time > now]
        billed = format_usd(progress.billed_usd)
        return [
            ("done", f"{progress.done:,}/{progress.total:,}"),
            ("failed", f"{progress.failed:,}"),
            ("rate limited", f"{len(waits)}, {max(waits):.0f} s" if waits else "0"),
            ("per minute", self._rate(now)),
            ("cost", f"{billed}+" if progress.unknown else billed),
            ("time left", self._time_left(progress, now)),
        ]

    def _rate(self, now: float) -> str:
        ends = list(self._ends)
        recent = len(ends) - bisect_left(ends, now - WINDOW_SECONDS)
        return f"{recent * WINDOW_SECONDS / max(min(now - self._started, WINDOW_SECONDS), 1.0):.0f}"

    def _time_left(self, progress: BatchProgress, now: float) -> str:
        ended = progress.done + progress.failed
        return format_seconds((now - self._started) / ended * (progress.total - ended)) if ended else "?"


class _LiveTable(Live):
    """Prints new lines above the table when it is redrawn: every line by itself would redraw it."""

    def __init__(self, **options: Any) -> None:
        self.lines: deque[str] = deque()
        super().__init__(**options)

    def refresh(self) -> None:
        """Redraws the table: in rich's thread, and a last time when it is removed."""
        self.print_lines()
        super().refresh()

    def print_lines(self) -> None:
        """Prints the lines that are not printed yet."""
        with self._lock:
            lines = [self.lines.popleft() for _ in range(len(self.lines))]
            if lines:
                self.console.print(Text("\n".join(lines)), soft_wrap=True)


OMITTED_FIRST: Final = ("per minute", "cost", "time left", "failed", "rate limited")
"""Headings that a narrow terminal omits, in this order; values of 0 are omitted before them."""


def fit_cells(cells: Sequence[Cell], width: int) -> list[Cell]:
    """As many of *cells* as fit side by side in *width* columns, in their order."""
    fitting = list(cells)
    by_importance = sorted(cells, key=_importance)
    while sum(max(map(len, cell)) + GAP for cell in fitting) - GAP > width and len(fitting) > 1:
        fitting.remove(by_importance.pop(0))
    return fitting


def _importance(cell: Cell) -> tuple[bool, int]:
    heading, value = cell
    return value != "0", OMITTED_FIRST.index(heading) if heading in OMITTED_FIRST else len(OMITTED_FIRST)
