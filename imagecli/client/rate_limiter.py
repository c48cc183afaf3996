"""When the next paid request may be sent: one limiter for all threads of a command.

Each limit that a server states in its headers is a token bucket. If a server states none and only refuses, its rate is
learned: every accepted request raises it a little, every refusal lowers it. A refusal moves one "not before" time for
all threads.
"""

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from imagecli.client.retry import LONGEST_SECONDS, is_backed_off, parse_duration, parse_number

MINUTE: Final = 60.0
LEARNED: Final = "learned"
"""Name of the bucket of a server that states no limit."""
OWN: Final = "own"
"""Name of the bucket of the limit that the user set."""
PROBE_SECONDS: Final = 1.0
"""After repeated refusals only one request is sent in this time: refusals arrive quickly, images take longer."""
ARRIVAL_SECONDS: Final = 0.5
"""After repeated refusals no request is sent for this long: earlier requests may arrive late, for example on a busy
machine, and use up what is left, so that the next refusal would prove nothing."""
INCREASE: Final = 6e-5
"""An accepted request raises a learned rate by this share of it, times the requests accepted since the last refusal:
the rate meets its limit again after half a hundred requests, and a limit that was raised is soon found."""
ROUNDING: Final = 0.99
"""Servers state integers: up to this much more may be left."""
DOUBT_SECONDS: Final = 5.0
"""How long a limit is trusted that only accepted requests have stated, and that requires to wait over a minute."""
RATE_LIMIT: Final = "the provider's rate limit"
"""Why requests wait, unless there is another reason."""
LOOK_SECONDS: Final = 1.0
"""The longest sleep before the clock is read again: clocks are adjusted, and machines suspended."""


class RateLimit(NamedTuple):
    """One limit as a response states it."""

    of: str
    """requests, images, tokens, or what else a server counts."""
    total: float
    left: float
    reset: float | None
    """Seconds until the total is available again; for some servers, until one more request is."""


def parse_rate_limits(headers: Mapping[str, str], now: datetime) -> tuple[RateLimit, ...]:
    """The limits in *headers* (lower-case names): `[x-]ratelimit-{limit,remaining,reset}[-requests|-images|-tokens]`.

    A reset is a duration (`6m0s`, `12ms`), seconds, or a Unix time. Limits that make no sense are omitted.
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
                limits[of] = RateLimit(of, total, left, _parse_reset(headers.get(f"{prefix}reset{suffix}"), now))
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


class TokenBucket:
    """What is left of one limit, and how fast it fills."""

    def __init__(self, *, at: float, level: float = 0.0, rate: float = 1.0, size: float = 0.0) -> None:
        """*level* tokens are left at the monotonic time *at*, and *rate* more arrive each second, up to *size*."""
        self.at, self.level, self.rate, self.size = at, level, rate, size
        self.unit = 1.0
        """The tokens of one request or image; more than 1 only if a server counts something else."""
        self.least = 0.0
        """The lowest rate that the stated numbers allow."""
        self.stated_by: Ticket | None = None
        """The newest request whose response stated the limit."""
        self.stated = 0.0
        """What it stated to be left."""
        self.stated_at = 0.0
        """When; monotonic."""
        self.is_confirmed = False
        """A request was refused since then."""

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
        self.rate = self._stated_rate(limit)
        before = self.stated_by
        if before and before.number > ticket.number:
            self.set_level(now, min(level, self.size))
            return
        if before and before.number < ticket.number and limit.of not in ("requests", "images"):
            spent = self.stated + self.rate * (ticket.at - before.at) - limit.left
            self.unit = min(max(spent / (ticket.number - before.number), 1.0), limit.total)
        # Some servers state what was left when the request arrived, others when the response left: the lower one holds.
        self.set_level(now, min(limit.left - sent_since * self.unit + self.rate * (now - ticket.at), limit.left))
        self.stated_by, self.stated, self.stated_at = ticket, limit.left, now

    def _stated_rate(self, limit: RateLimit) -> float:
        """A limit is one of a minute, unless its reset shows another rate."""
        of_a_minute = limit.total / MINUTE
        if not limit.reset:
            return of_a_minute
        used = limit.total - limit.left
        self.least = max(self.least, (used - ROUNDING) / limit.reset)
        if self.least <= of_a_minute <= used / limit.reset or self.least <= 0:
            return of_a_minute
        # A bucket that was seen nearly full is as large as stated; a far lower rate is that of a day, for example.
        is_other = self.size >= 0.9 * limit.total or self.least < of_a_minute / 2
        return self.least if is_other else of_a_minute


class RateLimitExhaustedError(Exception):
    """Refusal followed refusal until the attempts of all threads were used up."""


class WaitTooLongError(Exception):
    """The next request would have to wait for longer than allowed."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class MonotonicClock:
    """The time by which requests are sent and repeated; tests have their own."""

    def now(self) -> float:
        """Seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """Waits for a change, at most *seconds*; the caller holds *condition*."""
        condition.wait(seconds)


class RateLimiter:
    """Shared by all threads of a command."""

    def __init__(
        self, *, max_retries: int, max_wait: float, per_minute: float | None = None, clock: MonotonicClock | None = None
    ) -> None:
        """*per_minute*: the user's own limit of images; those of one second may be requested at the same time."""
        self._max_retries, self._max_wait = max_retries, max_wait
        self._clock = clock or MonotonicClock()
        self._changed = threading.Condition()
        self._buckets: dict[str, TokenBucket] = {}
        if per_minute:
            size = max(per_minute / MINUTE, 1.0)
            self._buckets[OWN] = TokenBucket(level=size, at=self._clock.now(), rate=per_minute / MINUTE, size=size)
        self._sent = self._images = 0
        self._sent_at = float("-inf")
        self._not_before = float("-inf")
        self._alone_until = float("-inf")
        """No other request is sent before the response to the newest one, or this time."""
        self._refusals = 0
        self._refused_at = 0
        """How many requests had been sent at the last refusal. Later refusals of these belong to it."""
        self._period: float | None = None
        """When the time began in which requests are counted to learn a rate: the first request, or the moment at which
        the last refused one could have been accepted."""
        self._first_at = 0.0
        """When the first request after the last refusal was sent."""
        self._accepted = 0
        """Requests accepted since then."""
        self._step = 0.0
        """What the learned rate grows by with an accepted request, times the number of those."""
        self._longest_hold = 1.0
        """Seconds."""
        self._ever_accepted = False
        self._exhausted = False
        self._doubters: dict[int, tuple[str, ...]] = {}
        """Requests sent although these limits forbade it → the limits, which are ignored if one of them is accepted."""
        self._ignored: set[str] = set()
        self._why = RATE_LIMIT

    @property
    def refusals_in_a_row(self) -> int:
        """Refusals with no accepted request in between; those of requests sent at the same time count once."""
        with self._changed:
            return self._refusals

    @property
    def why(self) -> str:
        """Why requests have to wait."""
        with self._changed:
            return self._why

    def wait_turn(self, images: int = 1, *, longest: float = float("inf")) -> Ticket | float:
        """Waits until a request for *images* images may be sent.

        Returns the seconds to wait as soon as a limit requires *longest* or more. Raises RateLimitExhaustedError,
        WaitTooLongError.
        """
        with self._changed:
            while True:
                now = self._clock.now()
                if self._exhausted:
                    raise RateLimitExhaustedError
                limit_wait = self._limit_wait(now, images)
                if limit_wait > self._max_wait + 1.0:  # the longest stated wait may have jitter on top
                    raise WaitTooLongError(limit_wait)
                if limit_wait >= longest:
                    return limit_wait
                turn = self._take_turn(now, images)
                if isinstance(turn, Ticket):
                    return turn
                self._clock.wait(self._changed, min(turn, LOOK_SECONDS))

    def try_turn(self, images: int = 1) -> Ticket | float:
        """A request's ticket if it may be sent now, else the seconds to wait."""
        with self._changed:
            return self._take_turn(self._clock.now(), images)

    def record_response(self, ticket: Ticket, headers: Mapping[str, str]) -> None:
        """The request was accepted, whatever its response; *headers* with lower-case names."""
        with self._changed:
            now = self._clock.now()
            for of in self._doubters.pop(ticket.number, ()):
                self._ignored.add(of)
                self._buckets.pop(of, None)
            self._update_stated(now, ticket, headers)
            self._ever_accepted = True
            if ticket.number > self._refused_at:
                self._refusals, self._alone_until = 0, float("-inf")
                self._accepted += 1
                if learned := self._buckets.get(LEARNED):
                    learned.set_level(now, learned.level_at(now))
                    learned.rate += self._step * self._accepted
            self._changed.notify_all()

    def record_lost(self, ticket: Ticket) -> None:
        """No response arrived: the other threads don't wait for it any longer."""
        with self._changed:
            if ticket.number == self._sent:
                self._alone_until = float("-inf")
            self._changed.notify_all()

    def hold(self, seconds: float, why: str) -> None:
        """No request is sent for *seconds*: an overloaded server has requested it, or it can't be reached."""
        with self._changed:
            self._why = why
            self._not_before = max(self._not_before, self._clock.now() + seconds)

    def record_refusal(self, ticket: Ticket, headers: Mapping[str, str], hold: float, stated: float | None) -> bool:
        """The request met the limit: all threads wait *hold* seconds; *stated* is the wait that the server states.

        Returns whether it may be tried again.
        """
        with self._changed:
            now = self._clock.now()
            self._why = RATE_LIMIT
            self._ignored.clear()
            has_limits = self._update_stated(now, ticket, headers)
            self._not_before = max(self._not_before, now + hold)
            self._longest_hold = max(self._longest_hold, hold)
            self._alone_until = float("-inf")
            if ticket.number > self._refused_at:
                self._count_refusal(now, ticket, stated or 0.0, has_limits=has_limits)
                if self._refusals > 1:
                    self._not_before = max(self._not_before, now + min(ARRIVAL_SECONDS, self._max_wait))
                is_over = self._refusals > self._max_retries and (
                    stated is not None or self._max_retries == 0 or is_backed_off(self._refusals - 1, self._max_wait)
                )
                self._exhausted = self._exhausted or is_over
            elif (learned := self._buckets.get(LEARNED)) and learned.size > 1:
                learned.rate *= (learned.size - 1) / learned.size
                learned.size -= 1
            self._changed.notify_all()
            return not self._exhausted

    def _limit_wait(self, now: float, images: int) -> float:
        waits = []
        for of, bucket in self._buckets.items():
            wait = bucket.wait(now, images if _counts_images(of) else 1)
            waits.append(min(wait, bucket.stated_at + DOUBT_SECONDS - now) if _is_doubted(bucket, wait) else wait)
        return max(self._not_before - now, 0.0, *waits)

    def _take_turn(self, now: float, images: int) -> Ticket | float:
        is_known = bool(self._buckets or self._refused_at)
        ramp = 0.0 if is_known else _seconds_after(self._sent)
        wait = max(self._limit_wait(now, images), self._alone_until - now, self._sent_at + ramp - now)
        if wait > 0:
            return wait
        if self._period is None:
            self._period = now
        if self._sent == self._refused_at:
            self._first_at = now
        if self._refusals > (1 if self._ever_accepted else 0):
            self._alone_until = now + PROBE_SECONDS
        self._sent, self._images, self._sent_at = self._sent + 1, self._images + images, now
        ticket = Ticket(number=self._sent, at=now, images=images, images_so_far=self._images)
        doubted = []
        for of, bucket in self._buckets.items():
            if _is_doubted(bucket, bucket.wait(now, ticket.cost(of))):
                doubted.append(of)
            bucket.set_level(now, bucket.level_at(now) - ticket.cost(of) * bucket.unit)
        if doubted:
            self._doubters[ticket.number] = tuple(doubted)
        return ticket

    def _update_stated(self, now: float, ticket: Ticket, headers: Mapping[str, str]) -> bool:
        """Takes over the limits that *headers* state. Returns whether there are any."""
        limits = [limit for limit in parse_rate_limits(headers, datetime.now(UTC)) if limit.of not in self._ignored]
        for limit in limits:
            bucket = self._buckets.setdefault(limit.of, TokenBucket(at=now))
            total = self._images if limit.of == "images" else self._sent
            bucket.update(limit, ticket, total - ticket.count(limit.of), now)
        return bool(limits)

    def _count_refusal(self, now: float, ticket: Ticket, wait: float, *, has_limits: bool) -> None:
        """Begins the time after a refusal; *wait* seconds after it the request could have been accepted."""
        for of, bucket in self._buckets.items():
            if of != OWN:
                bucket.is_confirmed = True
                bucket.set_level(now, min(bucket.level_at(now), 0.0))  # whatever was expected, nothing is left
        # Refusals arrive quickly, so the other requests are taken for accepted until they are refused as well.
        accepted = self._sent - self._refused_at - 1
        is_slow = ticket.number > self._refused_at + 1 and now - self._first_at >= PROBE_SECONDS
        self._ever_accepted = self._ever_accepted or is_slow
        self._refusals = 1 if is_slow else self._refusals + 1
        available_at = ticket.at + wait
        if accepted and not has_limits and self._period is not None and available_at > self._period:
            self._learn(now, accepted, accepted / (available_at - self._period), wait)
        self._refused_at, self._period, self._accepted = self._sent, available_at, 0

    def _learn(self, now: float, accepted: int, rate: float, wait: float) -> None:
        """Requests were accepted at *rate* since the last refusal, whose wait was *wait* seconds."""
        if before := self._buckets.get(LEARNED):
            # Threads overtake each other, so a single measurement can be far too low: it halves the rate at most. And a
            # server that refuses for other reasons slows us down to one request in two of its waits, and no more.
            rate = max(rate, before.rate / 2, 0.5 / self._longest_hold)
        elif wait != int(wait):  # a wait in whole seconds is rounded up, any other is at most that for one request
            rate = min(rate, 1 / wait)
        self._buckets[LEARNED] = TokenBucket(at=now, rate=rate, size=float(accepted))
        self._step = INCREASE * rate


def _seconds_after(sent: int) -> float:
    """Seconds between request number *sent* and the next one while nothing is known of the server.

    Refusals arrive quickly: that of the first request saves those of the others, and few are sent after one beyond
    the limit. Eight at the same time are within most limits; many limits are little more.
    """
    if sent == 1:
        return 0.015
    return max(0.05 / sent, 0.8 / sent**2) if sent >= 8 else 0.0


def _is_doubted(bucket: TokenBucket, wait: float) -> bool:
    """Whether *wait* is longer than a minute, and no refusal has confirmed the limit that the bucket stands for."""
    return wait > MINUTE and bucket.stated_by is not None and not bucket.is_confirmed


def _counts_images(of: str) -> bool:
    return of in ("images", OWN)
