"""The sandbox's time, which `--speed` lets run faster than the client's.

Rules are written in seconds of this clock. What a client reads, a date or a time to wait, is in its own seconds.
"""

from __future__ import annotations

import time


class Clock:
    """Seconds since it was made, *speed* of them in each second outside."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._began = time.monotonic()

    def now(self) -> float:
        """Seconds, never fewer than before."""
        return (time.monotonic() - self._began) * self._speed

    def outside(self, seconds: float) -> float:
        """How long *seconds* take for the client."""
        return seconds / self._speed

    def date(self, moment: float) -> float:
        """The Unix seconds at which it is, was or will be *moment*."""
        return time.time() + self.outside(moment - self.now())
