"""What -v and --debug are told of an exchange. Never a key: it is added behind this, and cookies are left out."""

from __future__ import annotations

import json

from imagecli.api.wire import HttpAnswer
from imagecli.exchange import HttpRequest

_HIDDEN = ("set-cookie", "authorization", "api-key", "x-api-key", "www-authenticate", "location")
"""Headers of answers that can hold what is nobody's business."""


def asked(http: HttpRequest) -> str:
    """A request's fields; of its files only what they are."""
    fields = json.dumps(http.json if http.json is not None else dict(http.form), ensure_ascii=False)
    files = "".join(f", {file.name}: {file.media_type}, {len(file.data):,} bytes" for file in http.files)
    return f"{http.method} {_path(http)} {fields}{files}"


def answered(http: HttpRequest, answer: HttpAnswer) -> str:
    """One exchange: where, and what came back."""
    request_id = answer.headers.get("x-request-id")
    return f"{http.method} {_path(http)}: HTTP {answer.status}" + (f", request {request_id}" if request_id else "")


def headers(answer: HttpAnswer) -> str:
    """An answer's headers, as they are but for those that are hidden."""
    return "; ".join(f"{name}: {value}" for name, value in answer.headers.items() if name not in _HIDDEN)


def _path(http: HttpRequest) -> str:
    """Without host and query: both can hold what is nobody's business."""
    return "/" + http.url.partition("://")[2].partition("/")[2].partition("?")[0]
