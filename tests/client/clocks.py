"""Clocks for the rate limiter that do not depend on the speed of the machine."""

from __future__ import annotations

import threading
from collections.abc import Callable

from imagecli.client.rate_limiter import MonotonicClock


class Clock(MonotonicClock):
    """Time that passes only while something sleeps."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


class ThreadsClock(MonotonicClock):
    """Time for several threads, which passes only while all of them wait: a busy machine changes nothing."""

    def __init__(self, threads: int) -> None:
        self.time = 1000.0
        self._working = threads
        self._until: list[float] = []
        self._condition: threading.Condition | None = None

    def now(self) -> float:
        return self.time

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        self._condition = condition
        until = self.time + seconds
        self._until.append(until)
        self._pass_time(condition)
        if self.time < until:
            condition.wait()
        self._until.remove(until)

    @property
    def waiting(self) -> int:
        """The number of waiting threads."""
        return len(self._until)

    def end_thread(self) -> None:
        """A thread has finished, so the others don't wait for it."""
        self._working -= 1
        if self._condition:
            with self._condition:
                self._pass_time(self._condition)

    def _pass_time(self, condition: threading.Condition) -> None:
        if self._until and len(self._until) >= self._working:
            self.time = max(self.time, min(self._until))
            condition.notify_all()


def run_threads(clock: ThreadsClock, *works: Callable[[], None]) -> None:
    """Runs each of *works* in a thread of its own, until all have ended."""

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            clock.end_thread()

    started = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join(timeout=60)
        assert not thread.is_alive()
