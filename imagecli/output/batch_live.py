"""A batch's progress on a terminal: a small table below the lines."""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from rich.live import Live
from rich.text import Text

from imagecli.env import Env
from imagecli.events import BatchApiProgress, BatchProgress, Event, RetryWait, RunStarted
from imagecli.money import format_usd
from imagecli.output.live_progress import open_console
from imagecli.output.plain_progress import PlainProgress
from imagecli.output.terminal import DisplayOptions, format_seconds, sanitize

Cell: TypeAlias = tuple[str, str]
"""A heading and its value."""
WINDOW_SECONDS: Final = 60.0
WINDOW_ITEMS: Final = 10
"""The rate of the last minute; if fewer items ended in it, the rate of that many items."""
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
        self._start = time.monotonic()
        self._ends: deque[float] = deque(maxlen=10_000)
        """When the latest items were done or failed."""
        self._retry_times: dict[int, float] = {}
        """Request → when it is sent again."""
        self._wait_reason = ""
        self._progress: BatchProgress | None = None
        self._api_progress: BatchApiProgress | None = None
        self._live = _LiveTable(self, console=self._console, transient=True, refresh_per_second=REDRAWS_PER_SECOND)

    def __enter__(self) -> BatchLiveProgress:
        self._live.start(refresh=True)
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
                    self._start = now
                elif event.done + event.failed > self._progress.done + self._progress.failed:
                    self._ends.append(now)
                self._progress = event
            case RunStarted():
                self.print_price(event)
            case BatchApiProgress():
                self._api_progress = event if event.batches else None
            case RetryWait():
                self._retry_times[event.request] = now + event.seconds
                self._wait_reason = self._display.redact(sanitize(event.why))
                # The table shows how many requests are waiting, and why.
                return
        super().__call__(event)

    def line(self, text: str) -> None:
        self._live.lines.append(text)
        if not self._live.is_started:
            self._live.print_lines()

    def __rich__(self) -> Text:
        """The table: headings above their values, and a line with the reason why requests wait."""
        now, width = time.monotonic(), self._console.width - ECHO_COLUMNS
        # A copy, because this runs in rich's thread.
        waits = [time - now for time in self._retry_times.copy().values() if time > now]
        cells = fit_cells(self._cells(now, waits), width)
        widths = [max(map(len, cell)) + GAP for cell in cells]
        headings, values = (
            "".join(text.ljust(columns) for text, columns in zip(line, widths, strict=True)).rstrip()
            for line in zip(*cells, strict=True)
        )
        table = Text(no_wrap=True).append(headings, "bold").append(f"\n{values}")
        if waits:
            reason = Text(f"waiting: {self._wait_reason}")
            reason.truncate(max(width, 1), overflow="ellipsis")
            table.append("\n").append(reason)
        return table

    def _cells(self, now: float, waits: Sequence[float]) -> list[Cell]:
        """What is known of the batch; *waits*: the seconds until each waiting request is sent again."""
        progress = self._progress
        if progress is None or not progress.total:
            return [("preparing", "")]
        if api_progress := self._api_progress:
            return [
                ("done", f"{progress.done:,}/{progress.total:,}"),
                ("failed", f"{progress.failed:,}"),
                ("completed", f"{api_progress.completed:,}/{api_progress.total:,}"),
                ("elapsed", format_seconds(now - self._start)),
            ]
        rate = items_per_second(list(self._ends), self._start, now)
        open_items = progress.total - progress.done - progress.failed
        return [
            ("done", f"{progress.done:,}/{progress.total:,}"),
            ("failed", f"{progress.failed:,}"),
            ("waiting", f"{len(waits):,}, {math.ceil(max(waits))} s" if waits else "0"),
            ("per minute", f"{rate * 60:,.0f}"),
            ("cost", _format_cost(progress)),
            ("time left", format_seconds(open_items / rate) if rate else "?"),
        ]


def items_per_second(ends: Sequence[float], start: float, now: float) -> float:
    """How many items end in a second, by the latest of *ends*, so that it follows a pause or another limit."""
    first = min(bisect_left(ends, now - WINDOW_SECONDS), max(len(ends) - WINDOW_ITEMS, 0))
    since = ends[first - 1] if first else start
    return (len(ends) - first) / max(now - since, 1.0)


def _format_cost(progress: BatchProgress) -> str:
    text = format_usd(progress.billed_usd)
    if not progress.unknown:
        return text
    return f"{text}+" if progress.billed_usd else "unknown"


class _LiveTable(Live):
    """Prints new lines above the table when it is redrawn: every line by itself would redraw it."""

    def __init__(self, table: BatchLiveProgress, **options: Any) -> None:
        self.lines: deque[str] = deque()
        super().__init__(table, **options)

    def refresh(self) -> None:
        """Redraws the table: in rich's thread, and a last time when it is removed."""
        with self._lock:
            if self.lines:
                self.print_lines()  # and the table below them
            else:
                super().refresh()

    def print_lines(self) -> None:
        """Prints the lines that are not printed yet."""
        with self._lock:
            lines = [self.lines.popleft() for _ in range(len(self.lines))]
            if lines:
                self.console.print(Text("\n".join(lines)), soft_wrap=True)


OMITTED_FIRST: Final = ("per minute", "cost", "time left", "failed", "waiting")
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
