"""When the next request may go, from all that was sent, answered and refused so far. Pure: time is handed in.

What headers tell is believed (`buckets`). Where a server only refuses, its rate is learned: between two refusals it
has taken just as many requests as its limit lets through. After a refusal one request goes alone to see whether it is
over; a storm of refusals so costs one request a round and not one for each thread.

The limits a server tells of in its headers: how many there are, how many are left, when they are all there again.

`x-ratelimit-{limit,remaining,reset}-{requests,images,tokens}`, also on 200 answers; a reset is a duration (`6m0s`,
`12ms`) or seconds. Others leave the last part out, and give the reset as a time of the Unix clock. Pure.

A server's limit as we imagine it: a bucket that fills at a rate, from which every request takes. Pure.

A total is one of a minute unless the server's own figures say else. Whether they do is seen in two ways. A bucket that
was seen nearly full is as large as the server says, so what is missing and the time to its reset give its rate; and a
reset much later than a minute's rate would need belongs to a longer limit, such as one of a day.

The one pace of all threads: whoever wants to send asks for its turn, and tells what came of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from imagecli.client.retry import LONGEST_SECONDS, parse_duration, parse_number

_PREFIXES = ("x-ratelimit-", "ratelimit-")
_EPOCH_SECONDS = 1e9
"""A larger reset is a time and no duration; a thousand times larger it is in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """One measure of a server's."""

    of: str
    """requests, images, tokens, or what else a server counts."""
    total: float
    left: float
    reset: float | None
    """Seconds until all of it is there again."""


def parse_rate_limits(headers: Mapping[str, str], now: datetime) -> tuple[RateLimit, ...]:
    """The limits in *headers* (lower-case names) that make sense: a total, and no more left than that."""
    found = []
    for prefix in _PREFIXES:
        for name, value in headers.items():
            if not name.startswith(f"{prefix}remaining"):
                continue
            of = name.removeprefix(f"{prefix}remaining")
            total, left = parse_number(headers.get(f"{prefix}limit{of}")), parse_number(value)
            if total and left is not None and left <= total:
                reset = _parse_reset(headers.get(f"{prefix}reset{of}"), now)
                found.append(RateLimit(of=of.lstrip("-") or "requests", total=total, left=left, reset=reset))
    return tuple({limit.of: limit for limit in reversed(found)}.values())


def _parse_reset(text: str | None, now: datetime) -> float | None:
    seconds = parse_duration(text)
    if seconds is not None and seconds > _EPOCH_SECONDS:
        seconds = max((seconds / 1000 if seconds > 1000 * _EPOCH_SECONDS else seconds) - now.timestamp(), 0.0)
    return None if seconds is None else min(seconds, LONGEST_SECONDS)


MINUTE = 60.0
ROUNDED = 0.99
SEEN_FULL = 0.9
"""A bucket of which so much was seen at once is as large as the server says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One request that went out: the how manieth, when, and how many pictures it asks for."""

    number: int
    at: float
    """Monotonic."""
    images: int
    images_before: int
    """Asked for up to and with this one."""

    def count(self, of: str) -> int:
        return self.images_before if of == "images" else self.number

    def cost(self, of: str) -> int:
        return self.images if of == "images" else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBucket:
    """What is thought to be left of one limit, and how fast it fills."""

    of: str
    level: float
    at: float
    """When *level* was so; monotonic."""
    rate: float
    """A second."""
    size: float
    """The most that was ever seen in it."""
    unit: float = 1.0
    """What one request takes, or one picture: more than one only where tokens are counted."""
    told: Ticket | None = None
    """The newest request whose answer told of it."""
    told_left: float = 0.0
    full_at: float = float("inf")
    """When all of it is there again, as the server says."""
    growth: float = 0.0
    """A second."""
    grown_at: float = 0.0
    leapt: bool = False
    """The last request went because of *full_at* alone."""
    resets: bool = True
    """Whether such a leap has never been refused."""
    least: float = 0.0
    """It fills at least as fast as this."""

    def remaining(self, now: float) -> float:
        return min(self.size, self.level + self.rate * (now - self.at))

    def wait(self, now: float, cost: int) -> float:
        """Seconds until *cost* can be taken; a cost larger than the bucket waits for a full one."""
        short = min(cost * self.unit, self.size) - self.remaining(now)
        if short <= 1e-9:
            return 0.0
        return max(min(short / self.rate, self.full_at - now if self.resets else short / self.rate), 0.0)

    def take(self, now: float, cost: int) -> TokenBucket:
        left = self.remaining(now) - cost * self.unit
        leapt = left < -1e-9
        return replace(self, level=left, at=now, leapt=leapt, full_at=float("inf") if leapt else self.full_at)

    def grow(self, now: float) -> TokenBucket:
        """As it is now, and a little faster than when it last grew."""
        rate = self.rate * (1 + self.growth * (now - self.grown_at))
        return replace(self, level=self.remaining(now), at=now, rate=rate, grown_at=now)

    def empty(self, now: float) -> TokenBucket:
        """The server refused: whatever we thought, nothing is left."""
        return replace(self, level=min(self.remaining(now), 0.0), at=now, resets=self.resets and not self.leapt)


def update_bucket(
    old: TokenBucket | None, limit: RateLimit, ticket: Ticket, sent_since: int, now: float
) -> TokenBucket:
    """The bucket after an answer to *ticket* told of *limit*; *sent_since* were sent after it and are not in it."""
    size = max(old.size if old else 0.0, limit.left + ticket.cost(limit.of) * (old.unit if old else 1.0))
    size = min(size, limit.total)
    gone = limit.total - limit.left
    least = max(old.least if old else 0.0, (gone - ROUNDED) / limit.reset if limit.reset else 0.0)
    rate = _rate(limit, gone, least, size)
    if old and old.told and old.told.number > ticket.number:
        return replace(old, level=old.remaining(now), at=now, size=size, least=least, rate=rate)
    unit = _unit(old, limit, ticket, rate)
    # Some servers tell of the moment when the request came, others of the one when the answer left: the lesser holds.
    told = min(limit.left - sent_since * unit + rate * (now - ticket.at), limit.left)
    return TokenBucket(
        of=limit.of,
        # What is told is whole numbers; the part of one that is left over is ours to remember.
        level=min(max(old.remaining(now), told), told + ROUNDED) if old else told,
        at=now,
        rate=rate,
        size=size,
        unit=unit,
        told=ticket,
        told_left=limit.left,
        full_at=now + limit.reset if limit.reset is not None else float("inf"),
        least=least,
        leapt=old.leapt if old else False,
        resets=old.resets if old else True,
    )


def _rate(limit: RateLimit, gone: float, least: float, size: float) -> float:
    """A second: that of a minute where the server's figures allow it, else what they say if they can be believed."""
    a_minute = limit.total / MINUTE
    if limit.reset and least <= a_minute <= gone / limit.reset:
        return a_minute
    believed = size >= SEEN_FULL * limit.total or least < a_minute / 2
    return least if least > 0 and believed else a_minute


def _unit(old: TokenBucket | None, limit: RateLimit, ticket: Ticket, rate: float) -> float:
    """Tokens that a request takes, by what went from one answer to a later one; requests and pictures are counted."""
    if limit.of in ("requests", "images") or not old or not old.told:
        return 1.0
    sent = ticket.number - old.told.number
    if sent <= 0:
        return old.unit
    went = old.told_left + rate * (ticket.at - old.told.at) - limit.left
    return min(max(went / sent, 1.0), limit.total)


FIRST_ALONE_SECONDS = 0.015
"""The first request goes alone for so long, so that a quick refusal of it can teach the others."""
AT_ONCE = 8
"""So many go before anything is known of the server."""
RAMP_SECONDS = 0.05
"""Those that follow them: number N so long divided by N behind the one before it, until something is known. A server
that lets so many through refuses few more then before its first refusal has come."""
PROBE_SECONDS = 1.0
"""After a refusal one goes alone for so long: refusals come at once, pictures take their time."""
GROWTH = 0.001
"""A learned rate grows by so much of itself with every request: the limit may have been raised, or who shared it gone.
It so meets the limit again after half a hundred requests, however long they take."""
GROWTH_OF_EXACT = 0.00005
GROWTH_OF_GUESS = 0.25
RESERVE = 0.5
"""Of one request: so much less than what is surely there is taken, for clocks and roundings differ."""
CALMER = 0.1
"""What was learned while a guess grew may be far too little: growth becomes less with each refusal, not at once."""
SLOWEST_HOLDS = 2
"""Servers that refuse for other reasons than our pace slow it down to one request in as many of their waits."""
RESERVE_SECONDS = 0.05
"""And no more than fills in this time, once the rate is learned."""
MISSED = 0.05
"""Of what went, and no more than half a request: so much a full bucket did not take in during whole seconds of wait."""
REFUSED_ONLY = "refusals"
"""The bucket of a server that tells of no limit."""
OWN = "own"
"""The bucket of a limit that the user set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateState:
    """All that is known; each method gives the next value."""

    sent: int = 0
    sent_at: float = float("-inf")
    """When the last one was; monotonic."""
    images: int = 0
    buckets: Mapping[str, TokenBucket] = field(default_factory=dict)
    hold_until: float = float("-inf")
    """Nobody sends before; monotonic."""
    alone_since: float | None = None
    """One request is out to see how things are: nobody else sends for a while."""
    alone_seconds: float = FIRST_ALONE_SECONDS
    longest_hold: float = 0.0
    """Seconds: the longest that a refusal made us wait."""
    held_at: int = 0
    """How many had been sent when the last refusal made everyone wait."""
    first_at: float = 0.0
    """When the first since then was sent."""
    let_through: int = 0
    """Requests since then."""
    back_at: float | None = None
    """When the request that met the last refusal could have come, by the server's word."""
    was_let_through: bool = False
    """Some request, at some time."""
    rounds: int = 0
    """Refusals in a row, with no request in between that was let through."""

    def wait(self, now: float, images: int = 1) -> float:
        """Seconds until a request for *images* pictures may be sent; 0 is now."""
        alone = self.alone_since + self.alone_seconds - now if self.alone_since is not None else 0.0
        ramp = self.sent_at + RAMP_SECONDS / self.sent - now if self.sent >= AT_ONCE and not self._is_known else 0.0
        return max(self.limit_wait(now, images), alone, ramp, 0.0)

    @property
    def _is_known(self) -> bool:
        """Whether anything tells how many the server takes."""
        return bool(self.buckets) or self.was_let_through or self.held_at > 0

    def limit_wait(self, now: float, images: int = 1) -> float:
        """As `wait`, for the limits alone and not for the one that looks how things are."""
        waits = [bucket.wait(now, images if _counts_images(of) else 1) for of, bucket in self.buckets.items()]
        return max([self.hold_until - now, 0.0, *waits])

    def hold(self, until: float) -> RateState:
        """Nobody sends before *until*."""
        return replace(self, hold_until=max(self.hold_until, until))

    def record_lost(self, ticket: Ticket) -> RateState:
        """*ticket* ended without an answer."""
        return replace(self, alone_since=None) if ticket.number == self.sent else self

    def take(self, now: float, images: int = 1) -> tuple[RateState, Ticket]:
        """A request is sent now."""
        ticket = Ticket(number=self.sent + 1, at=now, images=images, images_before=self.images + images)
        first_at = now if self.sent == self.held_at else self.first_at
        alone = now if self.sent == 0 or self.rounds > (1 if self.was_let_through else 0) else None
        buckets = {of: bucket.take(now, images if _counts_images(of) else 1) for of, bucket in self.buckets.items()}
        pace = replace(self, sent=ticket.number, images=ticket.images_before, buckets=buckets, alone_since=alone)
        return replace(pace, sent_at=now, first_at=first_at), ticket

    def record_answer(self, now: float, ticket: Ticket, limits: tuple[RateLimit, ...]) -> RateState:
        """*ticket* was let through, however it ended."""
        pace = replace(self._update_buckets(now, ticket, limits), was_let_through=True)
        if ticket.number <= self.held_at:
            return pace
        if bucket := pace.buckets.get(REFUSED_ONLY):
            pace = replace(pace, buckets={**pace.buckets, REFUSED_ONLY: bucket.grow(now)})
        return replace(pace, rounds=0, alone_since=None, let_through=pace.let_through + 1)

    def record_refusal(
        self, now: float, ticket: Ticket, limits: tuple[RateLimit, ...], hold: float, asked: float | None = None
    ) -> RateState:
        """*ticket* met the limit: everybody waits *hold* seconds from now; *asked* of them is the server's word."""
        pace = replace(
            self._update_buckets(now, ticket, limits),
            hold_until=max(self.hold_until, now + hold),
            longest_hold=max(self.longest_hold, hold),
            alone_since=None,
        )
        if ticket.number <= self.held_at:
            return pace  # of the storm that is known already
        # Refusals come at once: what was sent a while before this one, and was not refused, was let through.
        is_new = ticket.number > self.held_at + 1 and now - self.first_at >= PROBE_SECONDS
        buckets = {of: bucket if of == OWN else bucket.empty(now) for of, bucket in pace.buckets.items()}
        if not limits:
            buckets |= pace._estimate_from_refusals(now, ticket, asked)
        return replace(
            pace,
            buckets=buckets,
            held_at=self.sent,
            let_through=0,
            back_at=ticket.at + (asked or 0.0),
            was_let_through=self.was_let_through or is_new,
            rounds=1 if is_new else self.rounds + 1,
            alone_seconds=PROBE_SECONDS,
        )

    def _update_buckets(self, now: float, ticket: Ticket, limits: tuple[RateLimit, ...]) -> RateState:
        buckets = dict(self.buckets)
        for limit in limits:
            count = self.images if limit.of == "images" else self.sent
            since = count - ticket.count(limit.of)
            buckets[limit.of] = update_bucket(buckets.get(limit.of), limit, ticket, since, now)
        return replace(self, buckets=buckets)

    def _estimate_from_refusals(self, now: float, ticket: Ticket, asked: float | None) -> dict[str, TokenBucket]:
        """What went through between two refusals is what the limit lets through in that time.

        A wait in milliseconds is exact, and tells after a single refusal how fast it can be at most; one in whole
        seconds is rounded up.
        """
        exact = asked is not None and asked > 0 and asked != int(asked)
        old = self.buckets.get(REFUSED_ONLY)
        went = max(ticket.number - 1 - self.held_at, self.let_through)
        took = ticket.at + (asked or 0.0) - self.back_at if self.back_at is not None else 0.0
        if went > 0 and took > 0:
            missed = 0.0 if exact else min(0.5, MISSED * went)
            rate = max((went + missed) / took, 1 / (SLOWEST_HOLDS * max(self.longest_hold, 1.0)))
            reserve = min(RESERVE, RESERVE_SECONDS * rate)
            growth = GROWTH_OF_EXACT * rate if exact else max(GROWTH * rate, old.growth * CALMER if old else 0.0)
        elif asked and not old:
            rate = (1 if exact else max(went, 1)) / asked
            reserve = RESERVE if rate > 1 else 0.0
            growth = GROWTH_OF_GUESS
        else:
            return {REFUSED_ONLY: old.empty(now)} if old else {}
        level = (1 - rate * asked if exact and asked else 0.0) - reserve
        size = float(max(went, 1))
        bucket = TokenBucket(of=REFUSED_ONLY, level=level, at=now, rate=rate, size=size, grown_at=now, growth=growth)
        return {REFUSED_ONLY: bucket}


def rate_state_for(per_minute: float, now: float) -> RateState:
    """A pace that never goes over *per_minute* pictures a minute: a second's worth at once, the rest evenly."""
    rate = per_minute / MINUTE
    size = max(rate, 1.0)
    return RateState(buckets={OWN: TokenBucket(of=OWN, level=size, at=now, rate=rate, size=size)})


def _counts_images(of: str) -> bool:
    return of in ("images", OWN)


SLACK_SECONDS = 1.0
"""A wait of the longest that is allowed is one of ours too, with its jitter."""
LOOK_SECONDS = 1.0
"""How long one sleeps before it looks again, whatever it waits for: clocks can be wrong, and machines asleep."""


class RateLimitExhaustedError(Exception):
    """Refusal followed refusal until the tries of all were used up."""


class WaitTooLongError(Exception):
    """The next turn is further away than one may wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class RateLimiter:
    """Guards a `RateState` with a lock, and waits by the monotonic clock, or by the one that is handed in."""

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
        self._pace = rate_state_for(per_minute, clock()) if per_minute else RateState()
        self._over = False

    def wait_turn(self, images: int = 1, waiting: Callable[[float], None] = lambda seconds: None) -> Ticket:
        """Returns when a request for *images* pictures may be sent; *waiting* hears once of a wait worth telling.

        Raises StormError when the limit did not give way, TooLongError when it would take too long.
        """
        told = False
        with self._changed:
            while True:
                now = self._clock()
                if self._over:
                    raise RateLimitExhaustedError
                limit = self._pace.limit_wait(now, images)
                if limit > self._max_wait + SLACK_SECONDS:
                    raise WaitTooLongError(limit)
                wait = self._pace.wait(now, images)
                if wait <= 0:
                    self._pace, ticket = self._pace.take(now, images)
                    return ticket
                if limit >= LOOK_SECONDS and not told:
                    told = True
                    waiting(limit)
                self._sleep(self._changed, min(wait, LOOK_SECONDS))

    def record_answer(self, ticket: Ticket, headers: Mapping[str, str]) -> None:
        """The request was let through, however it ended; *headers* with lower-case names may tell of limits."""
        with self._changed:
            self._pace = self._pace.record_answer(self._clock(), ticket, parse_rate_limits(headers, datetime.now(UTC)))
            self._changed.notify_all()

    def record_lost(self, ticket: Ticket) -> None:
        """Nothing is known of the request: nobody waits for news of it."""
        with self._changed:
            self._pace = self._pace.record_lost(ticket)
            self._changed.notify_all()

    def hold(self, seconds: float) -> None:
        """Nobody sends for *seconds*: a server that is overloaded has asked for it."""
        with self._changed:
            self._pace = self._pace.hold(self._clock() + seconds)

    def record_refusal(self, ticket: Ticket, headers: Mapping[str, str], hold: float, asked: float | None) -> bool:
        """The request met the limit: everybody waits *hold* seconds, of which *asked* are the server's word.

        Whether there is another try in it for anybody.
        """
        with self._changed:
            limits = parse_rate_limits(headers, datetime.now(UTC))
            self._pace = self._pace.record_refusal(self._clock(), ticket, limits, hold, asked)
            self._over = self._over or self._pace.rounds > self._max_rounds
            self._changed.notify_all()
            return not self._over

    @property
    def refusals_in_a_row(self) -> int:
        """How many refusals in a row there were."""
        with self._changed:
            return self._pace.rounds
