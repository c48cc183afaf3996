"""The rate limit of images per minute: a token bucket, the headers that state it, and the 429 that enforces it."""

from __future__ import annotations

import math
import threading

from imagecli.sandbox.clock import SandboxClock
from imagecli.sandbox.errors import ApiError

MINUTE = 60.0
"""Seconds of the sandbox's clock."""


class TokenLevel:
    """A token bucket that holds *limit* tokens and refills in a minute. Not thread-safe."""

    def __init__(self, limit: int, clock: SandboxClock) -> None:
        self.limit = limit
        self.tokens = float(limit)
        self._clock = clock
        self._updated = clock.now()

    def refill(self) -> None:
        """Adds the tokens since the last call."""
        now = self._clock.now()
        self.tokens = min(self.limit, self.tokens + (now - self._updated) * self.limit / MINUTE)
        self._updated = now

    def seconds_until(self, count: float) -> float:
        """Real seconds until there are *count* tokens; 0 or less if there are."""
        return self._clock.real_seconds((count - self.tokens) * MINUTE / self.limit)


class ImageRateLimit:
    """At most *limit* images a minute, all of which may be requested at the same time. Thread-safe.

    Requests have the same limit, for clients that read only the headers about requests. Because a request has one image
    or more, the limit of images is always reached first.
    """

    def __init__(self, limit: int, clock: SandboxClock) -> None:
        self._images, self._requests = TokenLevel(limit, clock), TokenLevel(limit, clock)
        self._lock = threading.Lock()

    def take(self, n: int, model: str) -> dict[str, str]:
        """Takes *n* images and returns the rate limit headers. Raises ApiError 429 if fewer remain, and takes none."""
        images = self._images
        if n > images.limit:
            raise self._too_large_error(n, model)
        with self._lock:
            images.refill()
            self._requests.refill()
            wait = images.seconds_until(n)
            if wait > 0:
                raise self._rate_limit_error(n, model, wait)
            images.tokens -= n
            self._requests.tokens = max(0.0, self._requests.tokens - 1)
            return self._headers()

    def _headers(self) -> dict[str, str]:
        """As in the real API, the reset time of images is in seconds, that of requests a duration in Go's format."""
        headers = {}
        for name, level in (("images", self._images), ("requests", self._requests)):
            seconds = level.seconds_until(level.limit)
            headers[f"x-ratelimit-limit-{name}"] = str(level.limit)
            headers[f"x-ratelimit-remaining-{name}"] = str(math.floor(level.tokens))
            headers[f"x-ratelimit-reset-{name}"] = (
                str(math.ceil(seconds)) if name == "images" else format_go_duration(seconds)
            )
        return headers

    def _too_large_error(self, n: int, model: str) -> ApiError:
        """For more images than the limit: waiting does not help, so the error names no time to wait."""
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
        used = limit - math.floor(self._images.tokens)
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
    """In Go's format: `0s`, `120ms`, `1.5s`, `6m0s`."""
    milliseconds = math.ceil(seconds * 1000)
    if milliseconds < 1000:
        return f"{milliseconds}ms" if milliseconds else "0s"
    minutes, rest = divmod(milliseconds, 60_000)
    text = f"{rest / 1000:g}s"
    return f"{minutes}m{text}" if minutes else text
