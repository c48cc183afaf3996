"""What a Batch API returns: batch jobs, and the lines of their output and error files.

Lenient: fields of the wrong type count as missing. Shapes of jobs: OpenAI API reference, batches, read 2026-11-22;
compatible servers send errors as text, and further states. A line is `{"id", "custom_id", "response": {"status_code",
"request_id", "body"}, "error": {"code", "message"}}`: a request that was executed has a response, any other an error.
OpenAI's guide and its older schemas of these lines; the codes from a generated client; read 2026-11-22. The order of
the lines is undefined.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from imagecli.errors import NetworkError, UnsavedError
from imagecli.providers.errors import (
    MAX_CODE,
    error_detail,
    error_from_response,
    error_text,
    shorten_text,
    without_surrogates,
)
from imagecli.providers.response import ParsedResponse, parse_document, parse_response_document
from imagecli.providers.retry_rules import mentions_loss

ENDED: Final = frozenset({"completed", "failed", "expired", "cancelled"})
"""States in which no more results will come."""
MAX_ERRORS: Final = 1000
"""At most this many errors of a batch are read."""
_ID: Final = re.compile(r"(?!\.{1,2}\Z)[!-~]{1,1024}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJobError:
    """An error of a batch, or of a line of its input file."""

    code: str
    message: str
    line: int | None
    """From 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJob:
    """A batch and its current state."""

    id: str
    status: str
    endpoint: str
    total: int
    completed: int
    failed: int
    input_file_id: str
    output_file_id: str | None
    error_file_id: str | None
    errors: tuple[BatchJobError, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)
    created_at: int
    """Unix time in seconds; 0 if the server does not state it."""
    expires_at: int | None

    @property
    def has_ended(self) -> bool:
        """Whether no more results will come; an unknown state does not count as ended."""
        return self.status in ENDED


def is_valid_id(text: Any) -> bool:
    """Whether *text* can be the id of a batch or file: printable, of limited length, not a path component like `..`."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def parse_batch_job(document: Any) -> BatchJob:
    """The batch in *document*. Raises UnsavedError if it is not a batch."""
    if not _is_batch_job(document):
        raise UnsavedError("the response is not a batch", hint=_HINT, code="no_batch")
    counts = document.get("request_counts")
    counts = counts if isinstance(counts, dict) else {}
    return BatchJob(
        id=document["id"],
        status=shorten_text(document["status"], MAX_CODE),
        endpoint=_as_text(document.get("endpoint")),
        total=_parse_count(counts.get("total")) or 0,
        completed=_parse_count(counts.get("completed")) or 0,
        failed=_parse_count(counts.get("failed")) or 0,
        input_file_id=_parse_id(document.get("input_file_id")) or "",
        output_file_id=_parse_id(document.get("output_file_id")),
        error_file_id=_parse_id(document.get("error_file_id")),
        errors=_parse_errors(document.get("errors")),
        metadata=_parse_metadata(document.get("metadata")),
        created_at=_parse_count(document.get("created_at")) or 0,
        expires_at=_parse_count(document.get("expires_at")),
    )


def parse_batch_jobs(document: Any) -> tuple[tuple[BatchJob, ...], str | None]:
    """One page of a list: its batches, and the `after` parameter of the next page, or None if this is the last.

    Entries that are not batches are skipped. Raises UnsavedError if *document* is not a list.
    """
    entries = document.get("data") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise UnsavedError("the response is not a list of batches", hint=_HINT, code="no_batch")
    jobs = tuple(parse_batch_job(entry) for entry in entries if _is_batch_job(entry))
    if document.get("has_more") is not True:
        return jobs, None
    return jobs, _parse_id(document.get("last_id")) or (jobs[-1].id if jobs else None)


_HINT: Final = "check that the server at --base-url has a Batch API, then run the same command again"


def _is_batch_job(document: Any) -> bool:
    return (
        isinstance(document, dict)
        and document.get("object", "batch") == "batch"
        and is_valid_id(document.get("id"))
        and isinstance(document.get("status"), str)
    )


def _parse_errors(value: Any) -> tuple[BatchJobError, ...]:
    errors = value.get("data") if isinstance(value, dict) else value
    return tuple(map(_parse_error, errors[:MAX_ERRORS])) if isinstance(errors, list) else ()


def _parse_error(value: Any) -> BatchJobError:
    fields = value if isinstance(value, dict) else {}
    return BatchJobError(
        code=_as_text(fields.get("code")),
        message=error_text(value) or "no reason given",
        line=_parse_count(fields.get("line")),
    )


def _parse_metadata(value: Any) -> dict[str, str]:
    pairs = value.items() if isinstance(value, dict) else ()
    return {without_surrogates(key): without_surrogates(text) for key, text in pairs if isinstance(text, str)}


def _as_text(value: Any) -> str:
    return shorten_text(value, MAX_CODE) if isinstance(value, str) else ""


def _parse_id(value: Any) -> str | None:
    return value if is_valid_id(value) else None


def _parse_count(value: Any) -> int | None:
    """A number that can be a count of lines or seconds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e15:
        return None
    return int(value)


_MESSAGES: Final = {
    "batch_expired": "the batch expired before this image was created",
    "batch_cancelled": "the batch was cancelled before this image was created",
    "request_timeout": "the provider gave up on this image because it took too long",
}
HINT_AGAIN: Final = "run the same command again to submit the rest"


class BatchResponseLine(NamedTuple):
    """The fields of a line besides its response."""

    custom_id: str
    status: int | None
    """HTTP status of its response; None if it has no response."""
    request_id: str | None


def parse_response_line(condensed: bytes) -> BatchResponseLine:
    """Parses a line whose long strings `condense_body` has cut. Raises ValueError if it is not a line of a batch."""
    try:
        document = json.loads(condensed)
    except RecursionError as error:
        raise ValueError("a line of a batch is nested too deeply") from error
    if not _is_response_line(document) or not isinstance(document["custom_id"], str):
        raise ValueError("not a line of a batch")
    response = _response_object(document) or {}
    request_id = response.get("request_id")
    return BatchResponseLine(
        custom_id=without_surrogates(document["custom_id"]),
        status=_status_code(response),
        request_id=without_surrogates(request_id) if isinstance(request_id, str) else None,
    )


def parse_line_images(condensed: bytes, base_url: str) -> ParsedResponse:
    """The images in a line whose long strings `condense_body` has cut, as `parse_response` finds them in a body.

    Raises the error of a failed line.
    """
    return parse_response_document(_response_body(parse_document(condensed)), base_url)


def _is_response_line(document: Any) -> bool:
    """Whether a JSON value is a line of a batch, and not itself a response."""
    return (
        isinstance(document, dict) and "custom_id" in document and not document.keys().isdisjoint(("response", "error"))
    )


def _response_body(line: dict[str, Any]) -> Any:
    """The body of the *line*'s 2xx response, as JSON.

    Any other response raises the error that it would raise as a live response; a line without a response raises
    NetworkError.
    """
    response = _response_object(line)
    if response is None:
        raise _unanswered_error(line.get("error"))
    status, body = _status_code(response), response.get("body")
    if status is None or 200 <= status < 300:
        return body
    text = body if isinstance(body, str) else json.dumps(body) if body is not None else ""
    request_id = response.get("request_id")
    headers = {"x-request-id": request_id} if isinstance(request_id, str) else {}
    # A line is no exchange with a gateway: its error is the API's own.
    error_body = text.encode("utf-8", "replace")
    raise error_from_response(status, headers, error_body, is_nothing_generated=not mentions_loss(error_body))


def _response_object(line: dict[str, Any]) -> dict[str, Any] | None:
    response = line.get("response")
    return response if isinstance(response, dict) else None


def _status_code(response: dict[str, Any]) -> int | None:
    status = response.get("status_code")
    return status if isinstance(status, int) and 100 <= status < 1000 else None


def _unanswered_error(error: Any) -> NetworkError | UnsavedError:
    if not error:
        return UnsavedError("the line has neither a response nor an error", hint=_HINT_EMPTY, code="no_answer")
    code = error_detail({"error": error})["code"]
    words = _MESSAGES.get(code) or error_text({"error": error}) or "the provider gave no reason"
    return NetworkError(words, hint=HINT_AGAIN, code=code or "batch_error")


_HINT_EMPTY: Final = "it may have been billed; check the provider's usage page"
