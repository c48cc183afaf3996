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

FIRST_ALONE_SECONDS = 0.025
"""The first request goes alone for so long, so that a quick answer of it can teach the others."""
PROBE_SECONDS = 1.0
"""After a refusal one goes alone for so long: refusals come at once, pictures take their time."""
GROWTH = 0.005
"""A learned rate grows by so much a second: the limit may have been raised, or who shared it gone."""
GROWTH_OF_EXACT = 0.0005
GROWTH_OF_GUESS = 0.25
RESERVE = 0.5
"""Of one request: so much less than what is surely there is taken, for clocks and roundings differ."""
REFUSED_ONLY = "refusals"
"""The bucket of a server that tells of no limit."""
OWN = "own"
"""The bucket of a limit that the user set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """All that is known; each method gives the next value."""

    sent: int = 0
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
        return max(self.limit_wait(now, images), alone, 0.0)

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
        alone = now if self.sent == 0 or self.rounds > (1 if self.was_let_through else 0) else None
        buckets = {of: bucket.taken(now, images if _counts_images(of) else 1) for of, bucket in self.buckets.items()}
        pace = replace(self, sent=ticket.number, images=ticket.images_before, buckets=buckets, alone_since=alone)
        return pace, ticket

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
        buckets = {of: bucket if of == OWN else bucket.emptied(now) for of, bucket in pace.buckets.items()}
        if not limits:
            buckets |= pace._of_refusals(now, ticket, asked)
        return replace(
            pace,
            buckets=buckets,
            held_at=self.sent,
            let_through=0,
            back_at=ticket.at + (asked or 0.0),
            rounds=self.rounds + 1,
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
            # Servers that refuse for other reasons than our pace are not to slow us down without end.
            rate = max((went if exact else went + 0.5) / took, 1 / max(self.longest_hold, 1.0))
            growth = GROWTH_OF_EXACT if exact else GROWTH
        elif asked and not old:
            rate = (1 if exact else max(went, 1)) / asked
            growth = GROWTH_OF_GUESS
        else:
            return {REFUSED_ONLY: old.emptied(now)} if old else {}
        level = (1 - rate * asked if exact and asked else 0.0) - (RESERVE if rate > 1 else 0.0)
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
