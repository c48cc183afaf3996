"""The rate limit: a bucket of images that fills again through the minute."""

from __future__ import annotations

import math
import threading
import time

from imagecli.sandbox.errors import ApiError

MINUTE = 60.0
"""Seconds."""


class Bucket:
    """At most *limit* images a minute, and a full minute's worth at once. Safe between threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = float(limit)
        self._seen = time.monotonic()
        self._lock = threading.Lock()

    def take(self, n: int, model: str) -> dict[str, str]:
        """Takes *n* images out and gives the rate headers. Raises ApiError 429 and takes none when too few are left."""
        if n > self._limit:
            raise self._too_large(n, model)
        with self._lock:
            now = time.monotonic()
            self._left = min(self._limit, self._left + (now - self._seen) * self._limit / MINUTE)
            self._seen = now
            wait = (n - self._left) * MINUTE / self._limit
            if wait > 0:
                raise self._refusal(n, model, wait)
            self._left -= n
            return self._headers()

    def _headers(self) -> dict[str, str]:
        until_full = (self._limit - self._left) * MINUTE / self._limit
        return {
            "x-ratelimit-limit-images": str(self._limit),
            "x-ratelimit-remaining-images": str(math.floor(self._left)),
            "x-ratelimit-reset-images": str(math.ceil(until_full)),
        }

    def _too_large(self, n: int, model: str) -> ApiError:
        """More than a full bucket holds: no waiting helps, so no time to wait is named."""
        return ApiError(
            f"Request too large for {model} in organization sandbox on images per min: Limit {self._limit}, "
            f"Requested {n}. The number of images must be reduced in order to run successfully.",
            status=429,
            type="images",
            code="rate_limit_exceeded",
            headers={"x-should-retry": "false"},
        )

    def _refusal(self, n: int, model: str, wait: float) -> ApiError:
        used = self._limit - math.floor(self._left)
        return ApiError(
            f"Rate limit reached for {model} in organization sandbox on images per min: Limit {self._limit}, "
            f"Used {used}, Requested {n}. Please try again in {math.ceil(wait)}s.",
            status=429,
            type="images",
            code="rate_limit_exceeded",
            headers={
                **self._headers(),
                "retry-after": str(math.ceil(wait)),
                "retry-after-ms": str(math.ceil(wait * 1000)),
            },
        )
