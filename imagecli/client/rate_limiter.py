"""When the next request may go, from all that was sent, answered and refused so far. Pure: time is handed in.

What headers tell is believed (`buckets`). Where a server only refuses, its rate is learned: between two refusals it
has taken just as many requests as its limit lets through. After a refusal one request goes alone to see whether it is
over; a storm of refusals so costs one request a round and not one for each thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from imagecli.api.buckets import MINUTE, Bucket, Ticket, learned
from imagecli.api.limits import Limit

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
class Pace:
    """All that is known; each method gives the next value."""

    sent: int = 0
    sent_at: float = float("-inf")
    """When the last one was; monotonic."""
    images: int = 0
    buckets: Mapping[str, Bucket] = field(default_factory=dict)
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

    def held(self, until: float) -> Pace:
        """Nobody sends before *until*."""
        return replace(self, hold_until=max(self.hold_until, until))

    def lost(self, ticket: Ticket) -> Pace:
        """*ticket* ended without an answer."""
        return replace(self, alone_since=None) if ticket.number == self.sent else self

    def taken(self, now: float, images: int = 1) -> tuple[Pace, Ticket]:
        """A request is sent now."""
        ticket = Ticket(number=self.sent + 1, at=now, images=images, images_before=self.images + images)
        first_at = now if self.sent == self.held_at else self.first_at
        alone = now if self.sent == 0 or self.rounds > (1 if self.was_let_through else 0) else None
        buckets = {of: bucket.taken(now, images if _counts_images(of) else 1) for of, bucket in self.buckets.items()}
        pace = replace(self, sent=ticket.number, images=ticket.images_before, buckets=buckets, alone_since=alone)
        return replace(pace, sent_at=now, first_at=first_at), ticket

    def answered(self, now: float, ticket: Ticket, limits: tuple[Limit, ...]) -> Pace:
        """*ticket* was let through, however it ended."""
        pace = replace(self._told(now, ticket, limits), was_let_through=True)
        if ticket.number <= self.held_at:
            return pace
        if bucket := pace.buckets.get(REFUSED_ONLY):
            pace = replace(pace, buckets={**pace.buckets, REFUSED_ONLY: bucket.grown(now)})
        return replace(pace, rounds=0, alone_since=None, let_through=pace.let_through + 1)

    def refused(
        self, now: float, ticket: Ticket, limits: tuple[Limit, ...], hold: float, asked: float | None = None
    ) -> Pace:
        """*ticket* met the limit: everybody waits *hold* seconds from now; *asked* of them is the server's word."""
        pace = replace(
            self._told(now, ticket, limits),
            hold_until=max(self.hold_until, now + hold),
            longest_hold=max(self.longest_hold, hold),
            alone_since=None,
        )
        if ticket.number <= self.held_at:
            return pace  # of the storm that is known already
        # Refusals come at once: what was sent a while before this one, and was not refused, was let through.
        is_new = ticket.number > self.held_at + 1 and now - self.first_at >= PROBE_SECONDS
        buckets = {of: bucket if of == OWN else bucket.emptied(now) for of, bucket in pace.buckets.items()}
        if not limits:
            buckets |= pace._of_refusals(now, ticket, asked)
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

    def _told(self, now: float, ticket: Ticket, limits: tuple[Limit, ...]) -> Pace:
        buckets = dict(self.buckets)
        for limit in limits:
            count = self.images if limit.of == "images" else self.sent
            since = count - ticket.count(limit.of)
            buckets[limit.of] = learned(buckets.get(limit.of), limit, ticket, since, now)
        return replace(self, buckets=buckets)

    def _of_refusals(self, now: float, ticket: Ticket, asked: float | None) -> dict[str, Bucket]:
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
            return {REFUSED_ONLY: old.emptied(now)} if old else {}
        level = (1 - rate * asked if exact and asked else 0.0) - reserve
        size = float(max(went, 1))
        bucket = Bucket(of=REFUSED_ONLY, level=level, at=now, rate=rate, size=size, grown_at=now, growth=growth)
        return {REFUSED_ONLY: bucket}


def of_rate(per_minute: float, now: float) -> Pace:
    """A pace that never goes over *per_minute* pictures a minute: a second's worth at once, the rest evenly."""
    rate = per_minute / MINUTE
    size = max(rate, 1.0)
    return Pace(buckets={OWN: Bucket(of=OWN, level=size, at=now, rate=rate, size=size)})


def _counts_images(of: str) -> bool:
    return of in ("images", OWN)
