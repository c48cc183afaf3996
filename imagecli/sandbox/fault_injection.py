"""`--fail`: some requests for pictures, or batches, fail on purpose, so that retries, pauses and reports can be tried.

Codes and types: OpenAI API reference and error guide, read 2026-11-22; a gateway's 502 and 504 are pages, not JSON.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Final

from imagecli.sandbox.batches.timeline import Ending
from imagecli.sandbox.errors import ApiError, internal_error
from imagecli.sandbox.http_message import ServerResponse
from imagecli.sandbox.validation import moderation_error

WORDS: Final = ("insufficient_quota", "moderation_blocked")
"""Failures that share their status with others, by name."""

OF_BATCHES: Final[dict[str, Ending]] = {"batch_failed": "failed", "batch_expired": "batch_expired"}
"""Failures of whole batches → how these end."""

GATEWAY: Final = (502, 504, 520, 522, 524)
"""Statuses that come from the edge."""

_FORM: Final = re.compile(
    rf"(?P<what>[45][0-9]{{2}}|{'|'.join((*WORDS, *OF_BATCHES))})(?:(?P<how>[:%])(?P<count>[1-9][0-9]{{0,5}}))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One `--fail`: what fails, and which requests do."""

    what: str
    """An HTTP status, or one of WORDS or OF_BATCHES."""
    first: int | None = None
    """Only so many at the start."""
    every: int = 1
    """Only each so-many-th."""

    @classmethod
    def parse(cls, text: str) -> Failure:
        """`429:3` the first three, `500%10` each tenth, `503` all. Raises ValueError."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no failure; 429:3, 500%10, {WORDS[0]} or 503 is")
        how, count = match["how"], int(match["count"] or 1)
        return cls(what=match["what"], first=count if how == ":" else None, every=count if how == "%" else 1)

    def hits(self, number: int) -> bool:
        """Whether it meets request *number*, from 1."""
        return number % self.every == 0 and (self.first is None or number <= self.first)


class FaultCounter:
    """Failures of one kind of thing, of which each is counted. Safe between threads."""

    def __init__(self, failures: tuple[Failure, ...]) -> None:
        self._failures = failures
        self._seen = 0
        self._lock = threading.Lock()

    def next_fault(self) -> str | None:
        """What the next one fails with, by the first rule that hits it; None where it may go on."""
        with self._lock:
            self._seen += 1
            number = self._seen
        return next((one.what for one in self._failures if one.hits(number)), None)


class FaultInjector:
    """Fails the requests for pictures, live and in batches, and the batches that are to fail."""

    def __init__(self, failures: tuple[Failure, ...]) -> None:
        self._pictures = FaultCounter(tuple(one for one in failures if one.what not in OF_BATCHES))
        self._batches = FaultCounter(tuple(one for one in failures if one.what in OF_BATCHES))

    def next_response(self, request_id: str) -> ServerResponse | None:
        """The failure of the next request for pictures; None where it may go on."""
        what = self._pictures.next_fault()
        return _fault_response(what, request_id) if what else None

    def next_ending(self) -> Ending:
        """How the next batch goes."""
        return OF_BATCHES.get(self._batches.next_fault() or "", "completed")


def _fault_response(what: str, request_id: str) -> ServerResponse:
    if what == "moderation_blocked":
        return moderation_error(request_id).response()
    if what == "insufficient_quota":
        said = "You exceeded your current quota, please check your plan and billing details."
        return ApiError(said, status=429, type="insufficient_quota", code="credit_balance_exhausted").response()
    status = int(what)
    if status in GATEWAY:
        page = f"<html><head><title>{status}</title></head><body><h1>{status} at the sandbox's edge</h1></body></html>"
        return ServerResponse(status=status, headers={"Content-Type": "text/html"}, body=page.encode())
    return _fault_error(status).response()


def _fault_error(status: int) -> ApiError:
    if status == 500:
        return internal_error()
    if status == 429:
        said = "Rate limit reached in organization sandbox on requests per min. Please try again in 200ms."
        wait = {"retry-after": "1", "retry-after-ms": "200"}
        return ApiError(said, status=429, type="requests", code="rate_limit_exceeded", headers=wait)
    if status == 503:
        said = "The server is currently overloaded. Please try again later."
        kind, wait = "service_unavailable_error", {"retry-after": "1"}
        return ApiError(said, status=503, type=kind, code="server_is_overloaded", headers=wait)
    if status == 401:
        return ApiError("Incorrect API key provided: sk-*****.", status=401, code="invalid_api_key")
    if status == 404:
        return ApiError("The model does not exist or you do not have access to it.", status=404, code="model_not_found")
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return ApiError(f"The sandbox was told to fail with {status}.", status=status, type=kind)
