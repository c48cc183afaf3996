"""The limits a server tells of in its headers: how many there are, how many are left, when they are all there again.

`x-ratelimit-{limit,remaining,reset}-{requests,images,tokens}`, also on 200 answers; a reset is a duration (`6m0s`,
`12ms`) or seconds. Others leave the last part out, and give the reset as a time of the Unix clock. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from imagecli.api.waits import LONGEST_SECONDS, duration, number

_PREFIXES = ("x-ratelimit-", "ratelimit-")
_EPOCH_SECONDS = 1e9
"""A larger reset is a time and no duration; a thousand times larger it is in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One measure of a server's."""

    of: str
    """requests, images, tokens, or what else a server counts."""
    total: float
    left: float
    reset: float | None
    """Seconds until all of it is there again."""


def limits_of(headers: Mapping[str, str], now: datetime) -> tuple[Limit, ...]:
    """The limits in *headers* (lower-case names) that make sense: a total, and no more left than that."""
    found = []
    for prefix in _PREFIXES:
        for name, value in headers.items():
            if not name.startswith(f"{prefix}remaining"):
                continue
            of = name.removeprefix(f"{prefix}remaining")
            total, left = number(headers.get(f"{prefix}limit{of}")), number(value)
            if total and left is not None and left <= total:
                reset = _reset(headers.get(f"{prefix}reset{of}"), now)
                found.append(Limit(of=of.lstrip("-") or "requests", total=total, left=left, reset=reset))
    return tuple({limit.of: limit for limit in reversed(found)}.values())


def _reset(text: str | None, now: datetime) -> float | None:
    seconds = duration(text)
    if seconds is not None and seconds > _EPOCH_SECONDS:
        seconds = max((seconds / 1000 if seconds > 1000 * _EPOCH_SECONDS else seconds) - now.timestamp(), 0.0)
    return None if seconds is None else min(seconds, LONGEST_SECONDS)
