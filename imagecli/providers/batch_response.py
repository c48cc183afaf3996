"""A line of a Batch API output or error file: which request it belongs to, and the response in it.

`{"id", "custom_id", "response": {"status_code", "request_id", "body"}, "error": {"code", "message"}}`: a request that
was executed has a response, any other an error. OpenAI's guide and its older schemas of these lines; the codes from a
generated client; read 2026-11-22. The order of the lines is undefined.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from imagecli.errors import NetworkError, UnsavedError
from imagecli.providers.error_text import error_detail, error_text, without_surrogates
from imagecli.providers.errors import error_from_response

_MESSAGES: Final = {
    "batch_expired": "the batch's time was over before it was made",
    "batch_cancelled": "the batch was cancelled before it was made",
    "request_timeout": "it took the provider too long, and was given up",
}
HINT_AGAIN: Final = "run the same command again: it hands the rest in"


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
    if not is_response_line(document) or not isinstance(document["custom_id"], str):
        raise ValueError("it is no line of a batch")
    response = _response_object(document) or {}
    request_id = response.get("request_id")
    return BatchResponseLine(
        custom_id=without_surrogates(document["custom_id"]),
        status=_status_code(response),
        request_id=without_surrogates(request_id) if isinstance(request_id, str) else None,
    )


def is_response_line(document: Any) -> bool:
    """Whether a JSON value is a line of a batch, and not itself a response."""
    return (
        isinstance(document, dict) and "custom_id" in document and not document.keys().isdisjoint(("response", "error"))
    )


def response_body_of_line(line: dict[str, Any]) -> Any:
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
    raise error_from_response(status, headers, text.encode("utf-8", "replace"))


def _response_object(line: dict[str, Any]) -> dict[str, Any] | None:
    response = line.get("response")
    return response if isinstance(response, dict) else None


def _status_code(response: dict[str, Any]) -> int | None:
    status = response.get("status_code")
    return status if isinstance(status, int) and 100 <= status < 1000 else None


def _unanswered_error(error: Any) -> NetworkError | UnsavedError:
    if not error:
        return UnsavedError("the line has neither an answer nor an error", hint=_HINT_EMPTY, code="no_answer")
    code = error_detail({"error": error})["code"]
    words = _MESSAGES.get(code) or error_text({"error": error}) or "it was not made, and nothing says why"
    return NetworkError(words, hint=HINT_AGAIN, code=code or "batch_error")


_HINT_EMPTY: Final = "it may have been billed; the provider's usage page tells"
