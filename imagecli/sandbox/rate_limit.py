"""The rate limit: a bucket of images that fills again through the minute, and the headers that tell of it.

The sandbox's time, which `--speed` lets run faster than the client's.

Rules are written in seconds of this clock. What a client reads, a date or a time to wait, is in its own seconds.
"""

from __future__ import annotations

import math
import threading
import time

from imagecli.sandbox.errors import ApiError


class Clock:
    """Seconds since it was made, *speed* of them in each second outside."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._began = time.monotonic()

    def now(self) -> float:
        """Seconds, never fewer than before."""
        return (time.monotonic() - self._began) * self._speed

    def real_seconds(self, seconds: float) -> float:
        """How long *seconds* take for the client."""
        return seconds / self._speed

    def unix_seconds(self, moment: float) -> float:
        """The Unix seconds at which it is, was or will be *moment*."""
        return time.time() + self.real_seconds(moment - self.now())


MINUTE = 60.0
"""Seconds of the sandbox's clock."""


class TokenLevel:
    """How many of *limit* a minute are left, at most all of them. Not safe between threads."""

    def __init__(self, limit: int, clock: Clock) -> None:
        self.limit = limit
        self.left = float(limit)
        self._clock = clock
        self._seen = clock.now()

    def fill(self) -> None:
        """What has come in since the last time."""
        now = self._clock.now()
        self.left = min(self.limit, self.left + (now - self._seen) * self.limit / MINUTE)
        self._seen = now

    def seconds_until(self, count: float) -> float:
        """The client's seconds until *count* are left; 0 or less where they are."""
        return self._clock.real_seconds((count - self.left) * MINUTE / self.limit)


class ImageRateLimit:
    """At most *limit* images a minute, and a full minute's worth at once. Safe between threads.

    Requests are counted at the same limit, so that clients which read only their headers see one too; as a request has
    an image or more, it is the images that refuse.
    """

    def __init__(self, limit: int, clock: Clock) -> None:
        self._images, self._requests = TokenLevel(limit, clock), TokenLevel(limit, clock)
        self._lock = threading.Lock()

    def take(self, n: int, model: str) -> dict[str, str]:
        """Takes *n* images out and gives the rate headers. Raises ApiError 429 and takes none when too few are left."""
        images = self._images
        if n > images.limit:
            raise self._too_large_error(n, model)
        with self._lock:
            images.fill()
            self._requests.fill()
            wait = images.seconds_until(n)
            if wait > 0:
                raise self._rate_limit_error(n, model, wait)
            images.left -= n
            self._requests.left = max(0.0, self._requests.left - 1)
            return self._headers()

    def _headers(self) -> dict[str, str]:
        """Of images the time to a full bucket is plain seconds, of requests a duration as Go writes it."""
        headers = {}
        for name, level in (("images", self._images), ("requests", self._requests)):
            seconds = level.seconds_until(level.limit)
            headers[f"x-ratelimit-limit-{name}"] = str(level.limit)
            headers[f"x-ratelimit-remaining-{name}"] = str(math.floor(level.left))
            headers[f"x-ratelimit-reset-{name}"] = (
                str(math.ceil(seconds)) if name == "images" else format_go_duration(seconds)
            )
        return headers

    def _too_large_error(self, n: int, model: str) -> ApiError:
        """More than a full bucket holds: no waiting helps, so no time to wait is named."""
        return ApiError(
            f"Request too large for {model} in organization sandbox on images per min: Limit {self._images.limit}, "
            f"Requested {n}. The number of images must be reduced in order to run successfully.",
            status=429,
            type="images",
            code="rate_limit_exceeded",
            headers={"x-should-retry": "false"},
        )

    def _rate_limit_error(self, n: int, model: str, wait: float) -> ApiError:
        limit = self._images.limit
        used = limit - math.floor(self._images.left)
        hint = f"{math.ceil(wait)}s" if wait > 1 else format_go_duration(wait)
        return ApiError(
            f"Rate limit reached for {model} in organization sandbox on images per min: Limit {limit}, "
            f"Used {used}, Requested {n}. Please try again in {hint}.",
            status=429,
            type="images",
            code="rate_limit_exceeded",
            headers={
                **self._headers(),
                "retry-after": str(math.ceil(wait)),
                "retry-after-ms": str(math.ceil(wait * 1000)),
            },
        )


def format_go_duration(seconds: float) -> str:
    """As Go writes it: `0s`, `120ms`, `1.5s`, `6m0s`."""
    thousandths = math.ceil(seconds * 1000)
    if thousandths < 1000:
        return f"{thousandths}ms" if thousandths else "0s"
    minutes, rest = divmod(thousandths, 60_000)
    text = f"{rest / 1000:g}s"
    return f"{minutes}m{text}" if minutes else text
