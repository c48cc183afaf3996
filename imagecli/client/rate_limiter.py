"""When the next paid request may be sent: one limiter for all threads of a command.

Each limit that a server states in its headers is a token bucket. If a server states none and only refuses, its rate is
measured between two refusals and then raised a little with every accepted request, until it refuses again. A refusal
moves one "not before" time for all threads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

from imagecli.client.retry import LONGEST_SECONDS, is_backed_off, parse_duration, parse_number

MINUTE: Final = 60.0
REFUSALS_ONLY: Final = "refusals"
"""Name of the bucket of a server that states no limit."""
OWN: Final = "own"
"""Name of the bucket of a limit that the user set."""
PROBE_SECONDS: Final = 1.0
"""After repeated refusals one request is alone for this long: refusals arrive quickly, images take their time."""
INCREASE: Final = 6e-5
"""A measured rate grows by this part of itself, times the requests accepted since the refusal, with each of them: it
meets its limit again after half a hundred, and a limit that was raised is soon found."""
INCREASE_OF_GUESS: Final = 2e-3
"""The same for the rate after a first refusal, which is a guess."""
ROUNDING: Final = 0.99
"""Servers state whole numbers: up to this much more may be left."""
RESERVE_SECONDS: Final = 0.05
"""What fills in this time stays in a measured bucket, for clocks differ and waits are rounded."""
LOOK_SECONDS: Final = 1.0
"""The longest sleep before the clock is read again: clocks are adjusted, and machines suspended."""


class RateLimit(NamedTuple):
    """One limit as a response states it."""

    of: str
    """requests, images, tokens, or what else a server counts."""
    total: float
    left: float
    reset: float | None
    """Seconds until the whole limit is available again; some servers mean: until one more request is."""


def parse_rate_limits(headers: Mapping[str, str], now: datetime) -> tuple[RateLimit, ...]:
    """The limits in *headers* (lower-case names): `[x-]ratelimit-{limit,remaining,reset}[-requests|-images|-tokens]`.

    A reset is a duration (`6m0s`, `12ms`), seconds, or a Unix time. Limits that make no sense are left out.
    """
    limits = {}
    for prefix in ("ratelimit-", "x-ratelimit-"):
        for name, value in headers.items():
            if not name.startswith(f"{prefix}remaining"):
                continue
            suffix = name.removeprefix(f"{prefix}remaining")
            total, left = parse_number(headers.get(f"{prefix}limit{suffix}")), parse_number(value)
            if total and left is not None and left <= total:
                of = suffix.lstrip("-") or "requests"
                reset = _parse_reset(headers.get(f"{prefix}reset{suffix}"), now)
                limits[of] = RateLimit(of=of, total=total, left=left, reset=reset)
    return tuple(limits.values())


def _parse_reset(text: str | None, now: datetime) -> float | None:
    seconds = parse_duration(text)
    if seconds is None:
        return None
    if seconds > 1e9:  # a Unix time; a thousand times more, in milliseconds
        seconds = max((seconds / 1000 if seconds > 1e12 else seconds) - now.timestamp(), 0.0)
    return min(seconds, LONGEST_SECONDS)


class Ticket(NamedTuple):
    """One request that may be sent."""

    number: int
    """From 1, in the order of sending."""
    at: float
    """When it was sent; monotonic."""
    images: int
    images_so_far: int
    """Images requested up to this request, including its own."""

    def cost(self, of: str) -> int:
        return self.images if _counts_images(of) else 1

    def count(self, of: str) -> int:
        return self.images_so_far if _counts_images(of) else self.number


@dataclass(slots=True, kw_only=True)
class TokenBucket:
    """What is left of one limit, and how fast it fills."""

    level: float
    at: float
    """When *level* was right; monotonic."""
    rate: float
    """A second."""
    size: float
    step: float = 0.0
    """What the rate grows by with each accepted request, times the requests accepted since the last refusal."""
    unit: float = 1.0
    """What one request or image takes; more than 1 only if tokens are counted."""
    least: float = 0.0
    """The lowest rate that the stated numbers allow."""
    stated_by: Ticket | None = None
    """The newest request whose response stated the limit."""
    stated: float = 0.0

    def level_at(self, now: float) -> float:
        return min(self.size, self.level + self.rate * (now - self.at))

    def wait(self, now: float, cost: int) -> float:
        """Seconds until *cost* can be taken; a cost beyond the size waits for a full bucket."""
        short = min(cost * self.unit, self.size) - self.level_at(now)
        return short / self.rate if short > 1e-9 else 0.0

    def set_level(self, now: float, level: float) -> None:
        self.level, self.at = level, now

    def update(self, limit: RateLimit, ticket: Ticket, sent_since: int, now: float) -> None:
        """Takes over what the response to *ticket* states; *sent_since* requests or images were sent after it."""
        level = self.level_at(now)
        self.size = min(max(self.size, limit.left + (ticket.cost(limit.of) + sent_since) * self.unit), limit.total)
        if limit.reset:
            self.least = max(self.least, (limit.total - limit.left - ROUNDING) / limit.reset)
        # A total is one of a minute, unless the numbers state another rate: a bucket that was seen nearly full is as
        # large as stated, and a rate far below belongs to a longer limit, such as one of a day.
        self.rate = limit.total / MINUTE
        is_of_a_minute = limit.reset and self.least <= self.rate <= (limit.total - limit.left) / limit.reset
        is_stated = self.size >= 0.9 * limit.total or self.least < self.rate / 2
        if self.least > 0 and is_stated and not is_of_a_minute:
            self.rate = self.least
        before = self.stated_by
        if before and before.number > ticket.number:
            self.set_level(now, min(level, self.size))
            return
        if before and before.number < ticket.number and limit.of not in ("requests", "images"):
            spent = self.stated + self.rate * (ticket.at - before.at) - limit.left
            self.unit = min(max(spent / (ticket.number - before.number), 1.0), limit.total)
        # Some servers state what was left when the request arrived, others when the response left: the lesser holds.
        stated = min(limit.left - sent_since * self.unit + self.rate * (now - ticket.at), limit.left)
        self.set_level(now, min(max(level, stated), stated + ROUNDING) if before else stated)
        self.stated_by, self.stated = ticket, limit.left


class RateLimitExhaustedError(Exception):
    """Refusal followed refusal until the tries of all threads were used up."""


class WaitTooLongError(Exception):
    """The next request would have to wait for longer than allowed."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class RateLimiter:
    """Shared by all threads. *clock* and *sleep* stand in for the monotonic clock in tests."""

    def __init__(
        self,
        *,
        max_retries: int,
        max_wait: float,
        per_minute: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[threading.Condition, float], object] = threading.Condition.wait,
    ) -> None:
        """*per_minute*: the user's own limit of images; a second's worth of it may go at the same time."""
        self._max_retries, self._max_wait = max_retries, max_wait
        self._clock, self._sleep = clock, sleep
        self._changed = threading.Condition()
        self._buckets: dict[str, TokenBucket] = {}
        if per_minute:
            size = max(per_minute / MINUTE, 1.0)
            self._buckets[OWN] = TokenBucket(level=size, at=clock(), rate=per_minute / MINUTE, size=size)
        self._sent = self._images = 0
        self._sent_at = float("-inf")
        self._not_before = float("-inf")
        self._alone_until = float("-inf")
        """No other request is sent before a response to the newest one, or this time."""
        self._refused_at = 0
        """How many requests had been sent at the last refusal. Later refusals of these belong to it."""
        self._first_at = 0.0
        """When the first request after it was sent."""
        self._accepted = 0
        """Requests accepted since then."""
        self._available_at: float | None = None
        """When the request of that refusal could have been accepted, as the server stated it."""
        self._ever_accepted = False
        self._longest_hold = 1.0
        """Seconds."""
        self._refusals = 0
        self._exhausted = False

    @property
    def refusals_in_a_row(self) -> int:
        """Refusals with no accepted request in between; those of requests sent at the same time count once."""
        with self._changed:
            return self._refusals

    def wait_turn(self, images: int = 1, on_wait: Callable[[float], None] = lambda seconds: None) -> Ticket:
        """Waits until a request for *images* images may be sent; *on_wait* is called once before a long wait.

        Raises RateLimitExhaustedError, WaitTooLongError.
        """
        announced = False
        with self._changed:
            while True:
                now = self._clock()
                if self._exhausted:
                    raise RateLimitExhaustedError
                limit_wait = self._limit_wait(now, images)
                if limit_wait > self._max_wait + 1.0:  # the longest stated wait may have jitter on top
                    raise WaitTooLongError(limit_wait)
                turn = self._take_turn(now, images)
                if isinstance(turn, Ticket):
                    return turn
                if limit_wait >= LOOK_SECONDS and not announced:
                    announced = True
                    on_wait(limit_wait)
                self._sleep(self._changed, min(turn, LOOK_SECONDS))

    def try_turn(self, images: int = 1) -> Ticket | float:
        """A request's ticket if it may be sent now, else the seconds to wait."""
        with self._changed:
            return self._take_turn(self._clock(), images)

    def record_answer(self, ticket: Ticket, headers: Mapping[str, str]) -> None:
        """The request was accepted, however it ended; *headers* with lower-case names."""
        with self._changed:
            now = self._clock()
            self._update_stated(now, ticket, headers)
            self._ever_accepted = True
            if ticket.number > self._refused_at:
                self._refusals, self._alone_until = 0, float("-inf")
                self._accepted += 1
                if measured := self._buckets.get(REFUSALS_ONLY):
                    measured.set_level(now, measured.level_at(now))
                    measured.rate += measured.step * self._accepted
            self._changed.notify_all()

    def record_lost(self, ticket: Ticket) -> None:
        """No response arrived: the other threads don't wait for it any longer."""
        with self._changed:
            if ticket.number == self._sent:
                self._alone_until = float("-inf")
            self._changed.notify_all()

    def hold(self, seconds: float) -> None:
        """No request is sent for *seconds*, as an overloaded server has requested."""
        with self._changed:
            self._not_before = max(self._not_before, self._clock() + seconds)

    def record_refusal(self, ticket: Ticket, headers: Mapping[str, str], hold: float, stated: float | None) -> bool:
        """The request met the limit: all threads wait *hold* seconds; *stated* is the wait that the server states.

        Returns whether it may be tried again.
        """
        with self._changed:
            now = self._clock()
            has_limits = self._update_stated(now, ticket, headers)
            self._not_before = max(self._not_before, now + hold)
            self._longest_hold = max(self._longest_hold, hold)
            self._alone_until = float("-inf")
            if ticket.number > self._refused_at:
                self._count_refusal(now, ticket, stated, has_limits=has_limits)
                is_over = self._refusals > self._max_retries and (
                    stated is not None or self._max_retries == 0 or is_backed_off(self._refusals - 1, self._max_wait)
                )
                self._exhausted = self._exhausted or is_over
            elif (measured := self._buckets.get(REFUSALS_ONLY)) and measured.size > 1:
                measured.rate *= (measured.size - 1) / measured.size
                measured.size -= 1
            self._changed.notify_all()
            return not self._exhausted

    def _limit_wait(self, now: float, images: int) -> float:
        waits = [bucket.wait(now, images if _counts_images(of) else 1) for of, bucket in self._buckets.items()]
        return max(self._not_before - now, 0.0, *waits)

    def _take_turn(self, now: float, images: int) -> Ticket | float:
        is_known = bool(self._buckets or self._ever_accepted or self._refused_at)
        ramp = 0.0 if is_known else _seconds_after(self._sent)
        wait = max(self._limit_wait(now, images), self._alone_until - now, self._sent_at + ramp - now)
        if wait > 0:
            return wait
        if self._sent == self._refused_at:
            self._first_at = now
        if self._refusals > (1 if self._ever_accepted else 0):
            self._alone_until = now + PROBE_SECONDS
        self._sent, self._images, self._sent_at = self._sent + 1, self._images + images, now
        ticket = Ticket(number=self._sent, at=now, images=images, images_so_far=self._images)
        for of, bucket in self._buckets.items():
            bucket.set_level(now, bucket.level_at(now) - ticket.cost(of) * bucket.unit)
        return ticket

    def _update_stated(self, now: float, ticket: Ticket, headers: Mapping[str, str]) -> bool:
        """Takes over the limits that *headers* state. Returns whether there are any."""
        limits = parse_rate_limits(headers, datetime.now(UTC))
        for limit in limits:
            bucket = self._buckets.setdefault(limit.of, TokenBucket(level=0.0, at=now, rate=1.0, size=0.0))
            total = self._images if limit.of == "images" else self._sent
            bucket.update(limit, ticket, total - ticket.count(limit.of), now)
        return bool(limits)

    def _count_refusal(self, now: float, ticket: Ticket, stated: float | None, *, has_limits: bool) -> None:
        """Starts the time after a refusal."""
        # Refusals arrive quickly, so the others are taken for accepted; those that are refused as well lower the rate.
        accepted = self._sent - self._refused_at - 1
        is_slow = ticket.number > self._refused_at + 1 and now - self._first_at >= PROBE_SECONDS
        for of, bucket in self._buckets.items():
            if of != OWN:
                bucket.set_level(now, min(bucket.level_at(now), 0.0))  # whatever was expected, nothing is left
        if not has_limits:
            self._measure(now, ticket, accepted, stated)
        self._refused_at, self._accepted = self._sent, 0
        self._available_at = ticket.at + (stated or 0.0)
        self._ever_accepted = self._ever_accepted or is_slow
        self._refusals = 1 if is_slow else self._refusals + 1

    def _measure(self, now: float, ticket: Ticket, accepted: int, stated: float | None) -> None:
        """Learns the rate: between two refusals the server has accepted exactly what its limit allows."""
        wait, before = stated or 0.0, self._buckets.get(REFUSALS_ONLY)
        is_exact = wait != int(wait)  # a wait in whole seconds is rounded up
        seconds = ticket.at + wait - self._available_at if self._available_at is not None else 0.0
        if accepted > 0 and seconds > 0:
            # Threads overtake each other, so a single measurement can be far too low: it halves the rate at most. A
            # server that refuses for other reasons slows us down to one request in two of its waits, and no more.
            lowest = max(before.rate / 2 if before else 0.0, 0.5 / self._longest_hold)
            rate, increase = max(accepted / seconds, lowest), INCREASE
            reserve = min(RESERVE_SECONDS * rate, 0.5)
        elif wait and not before:
            rate, increase = (1 if is_exact else max(accepted, 1)) / wait, INCREASE_OF_GUESS
            reserve = 0.5 if rate > 1 else 0.0
        else:
            return
        level = (1 - rate * wait if is_exact else 0.0) - reserve
        size = float(max(accepted, 1))
        self._buckets[REFUSALS_ONLY] = TokenBucket(level=level, at=now, rate=rate, size=size, step=increase * rate)


def _seconds_after(sent: int) -> float:
    """Seconds between request number *sent* and the next one while nothing is known of the server.

    Refusals arrive quickly: that of the first request saves those of the others, and few are sent after one beyond
    the limit. Eight at the same time are within most limits.
    """
    if sent == 1:
        return 0.015
    return 0.05 / sent if sent >= 8 else 0.0


def _counts_images(of: str) -> bool:
    return of in ("images", OWN)
