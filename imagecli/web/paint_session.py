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
        self._ended = threading.Event()
        self._end: PaintEnd = "closed"
        self._lock = threading.Lock()
        self._pages: dict[str, float] = {}
        """Open page → when it was last heard of."""
        self._left_pages: set[str] = set()
        self._changed = time.monotonic()
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
            if not self._ended.is_set():
                self._end = end
                self._ended.set()

    def page_alive(self, page: str) -> None:
        """*page* is open. A message that arrives after it was closed changes nothing."""
        with self._lock:
            if page not in self._left_pages:
                self._pages[page] = time.monotonic()

    def page_left(self, page: str) -> None:
        """*page* was closed or is reloaded."""
        with self._lock:
            self._left_pages.add(page)
            self._pages.pop(page, None)
            self._changed = time.monotonic()

    @property
    def has_ended(self) -> bool:
        return self._ended.is_set() or self._lost_page(time.monotonic()) is not None

    def wait(self) -> PaintEnd:
        """Blocks until the mask is saved, or no page is open. Ctrl-C ends it at any time."""
        while not self._ended.wait(POLL_SECONDS):
            if lost := self._lost_page(time.monotonic()):
                self.end(lost)
        return self._end

    def _lost_page(self, now: float) -> PaintEnd | None:
        with self._lock:
            if self._pages:
                return "silent" if now - max(self._pages.values()) > self.times.silence else None
            if self._left_pages:
                return "closed" if now - self._changed > self.times.leave else None
            return "unopened" if now - self._changed > self.times.open else None
