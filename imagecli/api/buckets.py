"""A server's limit as we imagine it: a bucket that fills at a rate, from which every request takes. Pure.

A total is one of a minute unless the server's own figures say else. Whether they do is seen in two ways. A bucket that
was seen nearly full is as large as the server says, so what is missing and the time to its reset give its rate; and a
reset much later than a minute's rate would need belongs to a longer limit, such as one of a day.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from imagecli.api.limits import Limit

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
class Bucket:
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

    def left(self, now: float) -> float:
        return min(self.size, self.level + self.rate * (now - self.at))

    def wait(self, now: float, cost: int) -> float:
        """Seconds until *cost* can be taken; a cost larger than the bucket waits for a full one."""
        short = min(cost * self.unit, self.size) - self.left(now)
        if short <= 1e-9:
            return 0.0
        return max(min(short / self.rate, self.full_at - now if self.resets else short / self.rate), 0.0)

    def taken(self, now: float, cost: int) -> Bucket:
        left = self.left(now) - cost * self.unit
        leapt = left < -1e-9
        return replace(self, level=left, at=now, leapt=leapt, full_at=float("inf") if leapt else self.full_at)

    def grown(self, now: float) -> Bucket:
        """As it is now, and a little faster than when it last grew."""
        rate = self.rate * (1 + self.growth * (now - self.grown_at))
        return replace(self, level=self.left(now), at=now, rate=rate, grown_at=now)

    def emptied(self, now: float) -> Bucket:
        """The server refused: whatever we thought, nothing is left."""
        return replace(self, level=min(self.left(now), 0.0), at=now, resets=self.resets and not self.leapt)


def learned(old: Bucket | None, limit: Limit, ticket: Ticket, sent_since: int, now: float) -> Bucket:
    """The bucket after an answer to *ticket* told of *limit*; *sent_since* were sent after it and are not in it."""
    size = max(old.size if old else 0.0, limit.left + ticket.cost(limit.of) * (old.unit if old else 1.0))
    size = min(size, limit.total)
    gone = limit.total - limit.left
    least = max(old.least if old else 0.0, (gone - ROUNDED) / limit.reset if limit.reset else 0.0)
    rate = _rate(limit, gone, least, size)
    if old and old.told and old.told.number > ticket.number:
        return replace(old, level=old.left(now), at=now, size=size, least=least, rate=rate)
    unit = _unit(old, limit, ticket, rate)
    # Some servers tell of the moment when the request came, others of the one when the answer left: the lesser holds.
    told = min(limit.left - sent_since * unit + rate * (now - ticket.at), limit.left)
    return Bucket(
        of=limit.of,
        # What is told is whole numbers; the part of one that is left over is ours to remember.
        level=min(max(old.left(now), told), told + ROUNDED) if old else told,
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


def _rate(limit: Limit, gone: float, least: float, size: float) -> float:
    """A second: that of a minute where the server's figures allow it, else what they say if they can be believed."""
    a_minute = limit.total / MINUTE
    if limit.reset and least <= a_minute <= gone / limit.reset:
        return a_minute
    believed = size >= SEEN_FULL * limit.total or least < a_minute / 2
    return least if least > 0 and believed else a_minute


def _unit(old: Bucket | None, limit: Limit, ticket: Ticket, rate: float) -> float:
    """Tokens that a request takes, by what went from one answer to a later one; requests and pictures are counted."""
    if limit.of in ("requests", "images") or not old or not old.told:
        return 1.0
    sent = ticket.number - old.told.number
    if sent <= 0:
        return old.unit
    went = old.told_left + rate * (ticket.at - old.told.at) - limit.left
    return min(max(went / sent, 1.0), limit.total)
