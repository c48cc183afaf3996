"""When a request may be sent (again): what servers say about waiting, and one pause shared by all threads."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RETRIED_STATUSES = frozenset({429, 500, 502, 503, 520, 529})
"""Answers by which the server says that it made nothing. 504 is not one: a gateway does not know."""

LONGEST_SECONDS = 366 * 86_400.0
"""What a server asks for beyond a year counts as a year, so that it can be said and compared."""
FIRST_BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 20.0


def is_retried(status: int, headers: Mapping[str, str]) -> bool:
    """Whether an answer says plainly that nothing was bought and that another try may help."""
    return status in RETRIED_STATUSES and headers.get("x-should-retry", "").lower() != "false"


def server_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds the server asks to wait, from `retry-after-ms` or `retry-after`; None where it says nothing sensible."""
    milliseconds = _number(headers.get("retry-after-ms"))
    text = headers.get("retry-after", "").strip()
    wait = milliseconds / 1000 if milliseconds is not None else _number(text)
    wait = _until(text, now) if wait is None else wait
    return None if wait is None else min(wait, LONGEST_SECONDS)


def backoff(attempt: int, chance: float) -> float:
    """Seconds before retry number *attempt* (from 0): doubling, jittered by *chance* (0 to 1) in its upper half."""
    ceiling = min(FIRST_BACKOFF_SECONDS * 2.0**attempt, MAX_BACKOFF_SECONDS)
    return ceiling * (0.5 + chance / 2)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _until(text: str, now: datetime) -> float | None:
    """Seconds until an HTTP date; None when it is none, or past."""
    try:
        when = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    seconds = ((when if when.tzinfo else when.replace(tzinfo=UTC)) - now).total_seconds()
    return seconds if seconds > 0 else None


class Pacer:
    """One for all threads: a pause asked of one is kept by every one. Waits by the monotonic clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._not_before = 0.0

    def pause(self, seconds: float) -> None:
        """Nobody sends for *seconds* from now."""
        with self._lock:
            self._not_before = max(self._not_before, time.monotonic() + seconds)

    def turn(self) -> None:
        """Returns when a request may be sent."""
        while (left := self._left()) > 0:
            time.sleep(left)

    def _left(self) -> float:
        with self._lock:
            return self._not_before - time.monotonic()


def wait_before(attempt: int, asked: float | None, longest: float) -> float:
    """Seconds to wait before retry number *attempt* (from 0): what was *asked* with a little on top, or backoff.

    *longest* cuts only the backoff: a server's word is kept or not waited for at all.
    """
    if asked is None:
        return min(backoff(attempt, random.random()), longest)
    return asked + random.uniform(0, 0.1)
