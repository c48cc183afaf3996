"""`--fail`: makes some image requests or batches fail on purpose, to try out retries, waits and error reports.

Codes and types: OpenAI API reference and error guide, read 2026-11-22. A gateway's 502 and 504 are HTML, not JSON.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Final

from imagecli.sandbox.batches.timeline import Ending
from imagecli.sandbox.errors import ApiError, internal_error
from imagecli.sandbox.http_message import ServerResponse
from imagecli.sandbox.request_validation import moderation_error

WORDS: Final = ("insufficient_quota", "moderation_blocked")
"""Failures given by name, because they share their status with others."""

BATCH_FAILURES: Final[dict[str, Ending]] = {"batch_failed": "failed", "batch_expired": "batch_expired"}
"""Name of a failure of a whole batch → how the batch ends."""

GATEWAY: Final = (502, 504, 520, 522, 524)
"""Statuses with an HTML body, from the gateway in front of the API."""

_FORM: Final = re.compile(
    rf"(?P<fault>[45][0-9]{{2}}|{'|'.join((*WORDS, *BATCH_FAILURES))})(?:(?P<how>[:%])(?P<count>[1-9][0-9]{{0,5}}))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One `--fail`: how requests fail, and which ones."""

    fault: str
    """An HTTP status, or one of WORDS or BATCH_FAILURES."""
    first: int | None = None
    """Only the first requests, as many as this; None for no limit."""
    every: int = 1
    """Only every nth request."""

    @classmethod
    def parse(cls, text: str) -> Failure:
        """`429:3` means the first three, `500%10` every tenth, `503` all. Raises ValueError."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"invalid failure {text!r}; for example 429:3, 500%10, {WORDS[0]} or 503")
        how, count = match["how"], int(match["count"] or 1)
        return cls(fault=match["fault"], first=count if how == ":" else None, every=count if how == "%" else 1)

    def hits(self, number: int) -> bool:
        """Whether request *number* fails, counted from 1."""
        return number % self.every == 0 and (self.first is None or number <= self.first)


class FaultCounter:
    """Counts requests, or batches, and decides which of them fail. Thread-safe."""

    def __init__(self, failures: tuple[Failure, ...]) -> None:
        self._failures = failures
        self._count = 0
        self._lock = threading.Lock()

    def next_fault(self) -> str | None:
        """How the next one fails, by the first failure that hits it; None if it does not fail."""
        with self._lock:
            self._count += 1
            number = self._count
        return next((failure.fault for failure in self._failures if failure.hits(number)), None)


class FaultInjector:
    """Chooses the image requests, single and in batches, and the batches that fail on purpose."""

    def __init__(self, failures: tuple[Failure, ...]) -> None:
        self._requests = FaultCounter(tuple(failure for failure in failures if failure.fault not in BATCH_FAILURES))
        self._batches = FaultCounter(tuple(failure for failure in failures if failure.fault in BATCH_FAILURES))

    def next_response(self, request_id: str) -> ServerResponse | None:
        """The error response for the next image request; None if it does not fail."""
        fault = self._requests.next_fault()
        return _fault_response(fault, request_id) if fault else None

    def next_ending(self) -> Ending:
        """How the next batch ends."""
        return BATCH_FAILURES.get(self._batches.next_fault() or "", "completed")


def _fault_response(fault: str, request_id: str) -> ServerResponse:
    if fault == "moderation_blocked":
        return moderation_error(request_id).response()
    if fault == "insufficient_quota":
        message = "You exceeded your current quota, please check your plan and billing details."
        return ApiError(message, status=429, type="insufficient_quota", code="credit_balance_exhausted").response()
    status = int(fault)
    if status in GATEWAY:
        page = f"<html><head><title>{status}</title></head><body><h1>{status} at the sandbox's edge</h1></body></html>"
        return ServerResponse(status=status, headers={"Content-Type": "text/html"}, body=page.encode())
    return _fault_error(status).response()


def _fault_error(status: int) -> ApiError:
    if status == 500:
        return internal_error()
    if status == 429:
        message = "Rate limit reached in organization sandbox on requests per min. Please try again in 200ms."
        wait = {"retry-after": "1", "retry-after-ms": "200"}
        return ApiError(message, status=429, type="requests", code="rate_limit_exceeded", headers=wait)
    if status == 503:
        message = "The server is currently overloaded. Please try again later."
        kind, wait = "service_unavailable_error", {"retry-after": "1"}
        return ApiError(message, status=503, type=kind, code="server_is_overloaded", headers=wait)
    if status == 401:
        return ApiError("Incorrect API key provided: sk-*****.", status=401, code="invalid_api_key")
    if status == 404:
        return ApiError("The model does not exist or you do not have access to it.", status=404, code="model_not_found")
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return ApiError(f"The sandbox is set to fail with {status}.", status=status, type=kind)
