"""An error told inside a successful answer → the error that fits it: no status says what it is, so its code does."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from imagecli.errors import ImagecliError
from imagecli.providers.refusal import error_for
from imagecli.providers.said import detail_of, words_of

_STATUSES: Final = {
    "invalid_api_key": 401,
    "authentication_error": 401,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "slow_down": 429,
    "server_error": 500,
    "internal_error": 500,
    "server_is_overloaded": 503,
    "service_unavailable_error": 503,
}
"""Code or type of an error → the status that it has where it has one (OpenAI error guide, read 2026-11-22)."""


def error_told(document: dict[str, Any]) -> ImagecliError:
    """The error that an answer with status 200 tells of, in its own words; its class by code, as no status tells."""
    if not isinstance(document.get("error"), dict):
        document = {name: value for name, value in document.items() if name != "type"}  # that of the event
    detail = detail_of(document)
    code = detail["code"] or detail["type"]
    status = _STATUSES.get(detail["code"]) or _STATUSES.get(detail["type"]) or _status_in(document) or 400
    like = error_for(status, {}, json.dumps(document).encode())
    words = words_of(document) or "the server reported an error with status 200"
    about = f"{words} ({code})" if code and code not in words else words
    return type(like)(about, hint=like.hint, code=code or None, status=200)


def _status_in(document: dict[str, Any]) -> int | None:
    """An HTTP status that the error itself names."""
    error = document.get("error") if isinstance(document.get("error"), dict) else document
    assert isinstance(error, dict)
    for name in ("http_code", "status", "code"):
        value = str(error.get(name))
        if re.fullmatch(r"[45]\d\d", value):
            return int(value)
    return None
