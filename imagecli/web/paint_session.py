"""What the paint page has sent so far, and whether it is still open. Threads of the server and the command share it."""

from __future__ import annotations

import threading
import time
from typing import Final, Literal, NamedTuple, TypeAlias

PaintEnd: TypeAlias = Literal["saved", "cancelled", "closed", "silent", "unopened"]
"""How painting ended; only `saved` gives a mask."""

POLL_SECONDS: Final = 0.1


class PaintTimes(NamedTuple):
    """How long the command waits for the page, in seconds."""

    open: float = 1800
    """Until someone opens it."""
    leave: float = 5
    """After it was closed. A reload takes less."""
    silence: float = 300
    """Without a sign of life: a browser that crashed can open the page again. One in the background is heard of once
    a minute."""


DEFAULT_TIMES: Final = PaintTimes()


class PaintSession:
    """The painted area, and the pages that show it: one, or several if the URL is opened again."""

    def __init__(self, area: bytes, times: PaintTimes) -> None:
        self.times = times
        self._area = area
        self._is_final = False
        self._end_event = threading.Event()
        self._end: PaintEnd = "closed"
        self._lock = threading.Lock()
        self._pages: dict[str, float] = {}
        """Open page → when it was last heard of."""
        self._closed_pages: set[str] = set()
        self._last_change = time.monotonic()
        """When the last page was opened or closed; at first when the session began."""

    @property
    def area(self) -> bytes:
        """The area as painted so far: a byte for each pixel of the page's image, 255 where it may be edited."""
        with self._lock:
            return self._area

    def keep_area(self, area: bytes, *, is_final: bool) -> None:
        """Replaces the area, unless a final one was kept: a draft may arrive after the saved area."""
        with self._lock:
            if not self._is_final:
                self._area, self._is_final = area, is_final

    def end(self, end: PaintEnd) -> None:
        """Ends the wait of the command. The first end is final."""
        with self._lock:
            if not self._end_event.is_set():
                self._end = end
                self._end_event.set()

    def note_open_page(self, page: str) -> None:
        """Notes that *page* is open. A message that arrives after it was closed changes nothing."""
        with self._lock:
            if page not in self._closed_pages:
                self._pages[page] = time.monotonic()

    def note_closed_page(self, page: str) -> None:
        """Notes that *page* was closed or is reloaded."""
        with self._lock:
            self._closed_pages.add(page)
            self._pages.pop(page, None)
            self._last_change = time.monotonic()

    @property
    def has_ended(self) -> bool:
        return self._end_event.is_set() or self._end_without_page(time.monotonic()) is not None

    def wait(self) -> PaintEnd:
        """Blocks until the mask is saved, or no page is open. Ctrl-C ends it at any time."""
        while not self._end_event.wait(POLL_SECONDS):
            if end := self._end_without_page(time.monotonic()):
                self.end(end)
        return self._end

    def _end_without_page(self, now: float) -> PaintEnd | None:
        with self._lock:
            if self._pages:
                return "silent" if now - max(self._pages.values()) > self.times.silence else None
            if self._closed_pages:
                return "closed" if now - self._last_change > self.times.leave else None
            return "unopened" if now - self._last_change > self.times.open else None
