"""The sandbox's clock, which `--speed` makes faster than the client's.

Rules are in seconds of the sandbox's clock. What a client reads, a date or a time to wait, is in real seconds.
"""

from __future__ import annotations

import time


class SandboxClock:
    """Counts seconds since its creation, *speed* of them in each real second."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._started = time.monotonic()

    def now(self) -> float:
        """Seconds; monotonic."""
        return (time.monotonic() - self._started) * self._speed

    def real_seconds(self, seconds: float) -> float:
        """How many real seconds *seconds* of this clock take."""
        return seconds / self._speed

    def unix_seconds(self, moment: float) -> float:
        """*moment*, past or future, in Unix seconds."""
        return time.time() + self.real_seconds(moment - self.now())

    def unix_now(self) -> int:
        """The present moment in whole Unix seconds."""
        return int(self.unix_seconds(self.now()))
