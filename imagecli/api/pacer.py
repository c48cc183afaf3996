"""The one pace of all threads: whoever wants to send asks for its turn, and tells what came of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from imagecli.api.buckets import Ticket
from imagecli.api.limits import limits_of
from imagecli.api.pace import Pace, of_rate

SLACK_SECONDS = 1.0
"""A wait of the longest that is allowed is one of ours too, with its jitter."""
LOOK_SECONDS = 1.0
"""How long one sleeps before it looks again, whatever it waits for: clocks can be wrong, and machines asleep."""


class StormError(Exception):
    """Refusal followed refusal until the tries of all were used up."""


class TooLongError(Exception):
    """The next turn is further away than one may wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Pacer:
    """Guards a `Pace` with a lock, and waits by the monotonic clock, or by the one that is handed in."""

    def __init__(
        self,
        *,
        max_rounds: int,
        max_wait: float,
        per_minute: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[threading.Condition, float], object] = threading.Condition.wait,
    ) -> None:
        self._max_rounds, self._max_wait = max_rounds, max_wait
        self._clock, self._sleep = clock, sleep
        self._changed = threading.Condition()
        self._pace = of_rate(per_minute, clock()) if per_minute else Pace()
        self._over = False

    def turn(self, images: int = 1, waiting: Callable[[float], None] = lambda seconds: None) -> Ticket:
        """Returns when a request for *images* pictures may be sent; *waiting* hears once of a wait worth telling.

        Raises StormError when the limit did not give way, TooLongError when it would take too long.
        """
        told = False
        with self._changed:
            while True:
                now = self._clock()
                if self._over:
                    raise StormError
                limit = self._pace.limit_wait(now, images)
                if limit > self._max_wait + SLACK_SECONDS:
                    raise TooLongError(limit)
                wait = self._pace.wait(now, images)
                if wait <= 0:
                    self._pace, ticket = self._pace.taken(now, images)
                    return ticket
                if limit >= LOOK_SECONDS and not told:
                    told = True
                    waiting(limit)
                self._sleep(self._changed, min(wait, LOOK_SECONDS))

    def answered(self, ticket: Ticket, headers: Mapping[str, str]) -> None:
        """The request was let through, however it ended; *headers* with lower-case names may tell of limits."""
        with self._changed:
            self._pace = self._pace.answered(self._clock(), ticket, limits_of(headers, datetime.now(UTC)))
            self._changed.notify_all()

    def lost(self, ticket: Ticket) -> None:
        """Nothing is known of the request: nobody waits for news of it."""
        with self._changed:
            self._pace = self._pace.lost(ticket)
            self._changed.notify_all()

    def hold(self, seconds: float) -> None:
        """Nobody sends for *seconds*: a server that is overloaded has asked for it."""
        with self._changed:
            self._pace = self._pace.held(self._clock() + seconds)

    def refused(self, ticket: Ticket, headers: Mapping[str, str], hold: float, asked: float | None) -> bool:
        """The request met the limit: everybody waits *hold* seconds, of which *asked* are the server's word.

        Whether there is another try in it for anybody.
        """
        with self._changed:
            limits = limits_of(headers, datetime.now(UTC))
            self._pace = self._pace.refused(self._clock(), ticket, limits, hold, asked)
            self._over = self._over or self._pace.rounds > self._max_rounds
            self._changed.notify_all()
            return not self._over

    @property
    def rounds(self) -> int:
        """How many refusals in a row there were."""
        with self._changed:
            return self._pace.rounds
