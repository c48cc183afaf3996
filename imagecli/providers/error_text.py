"""The message, code and content filter result in an error response of any known shape. Trusts none of it.

Shapes: OpenAI's object, a bare text, a list; FastAPI's `detail`; bare code and message; problem+json; text, XML, HTML;
nothing. Collected from OpenAI's reference and compatible servers, 2026-11-22.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

MAX_MESSAGE = 300
"""Characters of a server's message that are shown."""
MAX_CODE = 100
MAX_DEPTH = 6
MAX_ITEMS = 3
"""Errors of a list that are shown."""
MAX_CATEGORIES = 8

_RUN = r"[A-Za-z0-9+/_\\-]"
_ENCODED = rf"(?<!{_RUN})(?:{_RUN}{{120,}}+={{0,2}}|{_RUN}{{60,}}+(?:\s+{_RUN}{{60,}}+)+(?:\s+{_RUN}{{20,}}+)?={{0,2}})"
"""Base64 on one line or several, for example of an image that a server repeats: no language has such words."""
_MESSAGE_FIELDS = ("message", "msg", "error", "detail", "title", "errors")
"""Fields that hold the message, the best first."""


def parse_json(body: bytes) -> Any:
    """A body as JSON; None if it is invalid."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def error_text(document: Any, depth: int = MAX_DEPTH) -> str:
    """The message in an error document of any shape, or ""; searched at most *depth* levels deep."""
    if isinstance(document, str):
        return shorten_text(document)
    if isinstance(document, list) and depth:
        return shorten_text("; ".join(filter(None, (error_text(item, depth - 1) for item in document[:MAX_ITEMS]))))
    if not isinstance(document, dict) or not depth:
        return ""
    for key in _MESSAGE_FIELDS:
        if message := error_text(document.get(key), depth - 1):
            return shorten_text(_with_location(document, message))
    return ""


def _with_location(document: dict[str, Any], message: str) -> str:
    """*message* after the field it is about: FastAPI's `loc`."""
    location = document.get("loc")
    return f"{'.'.join(map(str, location))}: {message}" if isinstance(location, list) and location else message


def error_detail(document: Any) -> dict[str, str]:
    """code, type and param as text, "" if missing; numbers become text too."""
    source = _find_error_object(document)
    detail = {key: _scalar_text(source.get(key)) for key in ("code", "type", "param")}
    error = source.get("error")
    if not detail["code"] and isinstance(error, str) and re.fullmatch(r"\w+", error) and error_text(source) != error:
        # sd-server: {"error": "server_error", "message": "…"}
        detail["code"] = shorten_text(error, MAX_CODE)
    return detail


def _find_error_object(document: Any, depth: int = MAX_DEPTH) -> dict[str, Any]:
    """The object with the code: the one in `error` or `detail`, the first of a list, else the outermost."""
    if isinstance(document, list) and document and depth:
        return _find_error_object(document[0], depth - 1)
    if not isinstance(document, dict):
        return {}
    for key in ("error", "detail"):
        value = document.get(key)
        if depth and isinstance(value, (dict, list)) and (inner := _find_error_object(value, depth - 1)):
            return inner
    return document


def content_filter_categories(document: Any) -> tuple[str, ...]:
    """The categories that a content filter found (`violence`), in the order of the response.

    From OpenAI's `moderation_details`, or the filtered ones in Azure's `content_filter_results`.
    """
    return tuple(dict.fromkeys(_find_categories(_find_error_object(document), MAX_DEPTH)))[:MAX_CATEGORIES]


def content_filter_stage(document: Any) -> str:
    """Where OpenAI's content filter found it: "input", "output", or "" if unknown."""
    details = _find_error_object(document).get("moderation_details")
    stage = details.get("moderation_stage") if isinstance(details, dict) else None
    return stage if stage in ("input", "output") else ""


def _find_categories(node: Any, depth: int) -> Iterator[str]:
    if not isinstance(node, dict) or not depth:
        return
    for key, value in node.items():
        if key == "categories" and isinstance(value, list):
            yield from (shorten_text(name, MAX_CODE) for name in value if isinstance(name, str) and name)
        elif isinstance(value, dict) and value.get("filtered") is True:
            yield shorten_text(key, MAX_CODE)
        else:
            yield from _find_categories(value, depth - 1)


def page_text(body: bytes) -> str:
    """The message in a body that is not JSON: the title of a web page, else the beginning of the text."""
    text = body[:20_000].decode("utf-8", "replace")
    if is_page(body):
        title = re.search(r"<(?:title|h1|message)[^>]*>([^<]*)", text, re.IGNORECASE)
        return shorten_text(title[1]) if title else "a web page"
    return shorten_text(text)


def is_page(body: bytes) -> bool:
    """Whether it is HTML or XML."""
    return body.lstrip()[:1] == b"<"


def without_surrogates(text: str) -> str:
    """*text* without lone surrogates, which JSON can hold but no output can encode."""
    return text.encode("utf-8", "replace").decode("utf-8")


def shorten_text(text: str, max_characters: int = MAX_MESSAGE) -> str:
    """*text* on one line of at most *max_characters*, without encoded data."""
    text = re.sub(_ENCODED, "[encoded data]", text)
    text = without_surrogates(" ".join(text[: 10 * max_characters].split()))
    return text if len(text) <= max_characters else text[: max_characters - 1] + "…"


def _scalar_text(value: Any) -> str:
    return shorten_text(str(value), MAX_CODE) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
