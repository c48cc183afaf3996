"""A line of a batch's output or error file → whose it is, and the answer in it.

`{"id", "custom_id", "response": {"status_code", "request_id", "body"}, "error": {"code", "message"}}`, of which a
request that was answered has the response, and one that never was the error. OpenAI's guide and its older schemas of
these lines; the codes by a generated client; read 2026-11-22. In what order lines come nobody says.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from imagecli.errors import NetworkError, UnsavedError
from imagecli.providers.error_text import detail_of, sound, words_of
from imagecli.providers.errors import error_for

_SAID: Final = {
    "batch_expired": "the batch's time was over before it was made",
    "batch_cancelled": "the batch was cancelled before it was made",
    "request_timeout": "it took the provider too long, and was given up",
}
HINT_AGAIN: Final = "run the same command again: it hands the rest in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a line says of itself."""

    custom_id: str
    status: int | None
    """HTTP status of its response; None where it has none."""
    request_id: str | None


def read_line(condensed: bytes) -> Line:
    """A line without its long strings, as `condense` leaves it. Raises ValueError for what is none."""
    try:
        document = json.loads(condensed)
    except RecursionError as error:
        raise ValueError("a line of a batch is nested too deeply") from error
    if not is_line(document) or not isinstance(document["custom_id"], str):
        raise ValueError("it is no line of a batch")
    response = _response(document) or {}
    request_id = response.get("request_id")
    return Line(
        custom_id=sound(document["custom_id"]),
        status=_status(response),
        request_id=sound(request_id) if isinstance(request_id, str) else None,
    )


def is_line(document: Any) -> bool:
    """Whether a JSON value is a line of a batch, and not an answer itself."""
    return isinstance(document, dict) and "custom_id" in document and not document.keys().isdisjoint(_ENDS)


_ENDS: Final = ("response", "error")


def answer_in(line: dict[str, Any]) -> Any:
    """The body of the *line*'s 2xx response, as JSON.

    Raises what the answer is where it is no such: as if it had come by itself, or NetworkError where none was made.
    """
    response = _response(line)
    if response is None:
        raise _unanswered(line.get("error"))
    status, body = _status(response), response.get("body")
    if status is None or 200 <= status < 300:
        return body
    said = body if isinstance(body, str) else json.dumps(body) if body is not None else ""
    request_id = response.get("request_id")
    headers = {"x-request-id": request_id} if isinstance(request_id, str) else {}
    raise error_for(status, headers, said.encode("utf-8", "replace"))


def _response(line: dict[str, Any]) -> dict[str, Any] | None:
    response = line.get("response")
    return response if isinstance(response, dict) else None


def _status(response: dict[str, Any]) -> int | None:
    status = response.get("status_code")
    return status if isinstance(status, int) and 100 <= status < 1000 else None


def _unanswered(error: Any) -> NetworkError | UnsavedError:
    if not error:
        return UnsavedError("the line has neither an answer nor an error", hint=_HINT_EMPTY, code="no_answer")
    code = detail_of({"error": error})["code"]
    words = _SAID.get(code) or words_of({"error": error}) or "it was not made, and nothing says why"
    return NetworkError(words, hint=HINT_AGAIN, code=code or "batch_error")


_HINT_EMPTY: Final = "it may have been billed; the provider's usage page tells"
