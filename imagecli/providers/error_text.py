"""What a server says of an error: the sentence, the code, what its filter found. Reads every shape in use, trusts none.

Shapes: OpenAI's object, a bare text, a list; FastAPI's `detail`; bare code and message; problem+json; text, XML or a
page; nothing. Collected from OpenAI's reference and from compatible servers, 2026-11-22.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

MAX_WORDS = 300
"""Characters of a server's text that are shown."""
MAX_CODE = 100
MAX_DEPTH = 6
MAX_ITEMS = 3
"""So many errors of a list are shown."""
MAX_CATEGORIES = 8

_RUN = r"[A-Za-z0-9+/_\\-]"
_ENCODED = re.compile(
    rf"(?<!{_RUN})(?:{_RUN}{{120,}}+={{0,2}}|{_RUN}{{60,}}+(?:\s+{_RUN}{{60,}}+)+(?:\s+{_RUN}{{20,}}+)?={{0,2}})"
)
"""What no language has words of: base64 on one line or on several, as of a picture that a server repeats."""
_SENTENCES = ("message", "msg", "error", "detail", "title", "errors")
"""Where a sentence stands, the best place first."""


def parse_json(body: bytes) -> Any:
    """A body as JSON; None where it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def error_text(document: Any, depth: int = MAX_DEPTH) -> str:
    """The sentence in an error document of whatever shape, or nothing; not looked for deeper than *depth*."""
    if isinstance(document, str):
        return shorten_text(document)
    if isinstance(document, list) and depth:
        return shorten_text("; ".join(filter(None, (error_text(item, depth - 1) for item in document[:MAX_ITEMS]))))
    if not isinstance(document, dict) or not depth:
        return ""
    for key in _SENTENCES:
        if words := error_text(document.get(key), depth - 1):
            return shorten_text(_with_location(document, words))
    return ""


def _with_location(document: dict[str, Any], words: str) -> str:
    """*words* after the field they are about: FastAPI's `loc`."""
    location = document.get("loc")
    return f"{'.'.join(map(str, location))}: {words}" if isinstance(location, list) and location else words


def error_detail(document: Any) -> dict[str, str]:
    """code, type and param as text, empty where there is none; numbers in `code` become digits."""
    source = _find_error_object(document)
    detail = {key: _scalar_text(source.get(key)) for key in ("code", "type", "param")}
    word = source.get("error")
    if not detail["code"] and isinstance(word, str) and re.fullmatch(r"\w+", word) and error_text(source) != word:
        # sd-server: {"error": "server_error", "message": "…"}
        detail["code"] = shorten_text(word, MAX_CODE)
    return detail


def _find_error_object(document: Any, depth: int = MAX_DEPTH) -> dict[str, Any]:
    """The object that has the code: the outermost one, or what stands in its `error` or `detail`, or a list's first."""
    if isinstance(document, list) and document and depth:
        return _find_error_object(document[0], depth - 1)
    if not isinstance(document, dict):
        return {}
    for key in ("error", "detail"):
        if (
            depth
            and isinstance(document.get(key), (dict, list))
            and (inner := _find_error_object(document[key], depth - 1))
        ):
            return inner
    return document


def content_filter_categories(document: Any) -> tuple[str, ...]:
    """What a content filter found, `violence`, in the order of the answer; empty where it does not say.

    OpenAI's `moderation_details`, and Azure's `content_filter_results`, where what was filtered says so.
    """
    return tuple(dict.fromkeys(_find_categories(_find_error_object(document), MAX_DEPTH)))[:MAX_CATEGORIES]


def content_filter_stage(document: Any) -> str:
    """Where OpenAI's filter found it: input or output; empty where it does not say, or does not know."""
    details = _find_error_object(document).get("moderation_details")
    stage = details.get("moderation_stage") if isinstance(details, dict) else None
    return stage if stage in ("input", "output") else ""


def _find_categories(node: Any, depth: int) -> Iterator[str]:
    if not isinstance(node, dict) or not depth:
        return
    for key, value in node.items():
        if key == "categories" and isinstance(value, list):
            yield from (shorten_text(one, MAX_CODE) for one in value if isinstance(one, str) and one)
        elif isinstance(value, dict) and value.get("filtered") is True:
            yield shorten_text(key, MAX_CODE)
        else:
            yield from _find_categories(value, depth - 1)


def page_text(body: bytes) -> str:
    """The text of a body that is not JSON: of a page its title, else its beginning."""
    text = body[:20_000].decode("utf-8", "replace")
    if is_page(body):
        title = re.search(r"<(?:title|h1|message)[^>]*>([^<]*)", text, re.IGNORECASE)
        return shorten_text(title[1]) if title else "a web page"
    return shorten_text(text)


def is_page(body: bytes) -> bool:
    """Whether it is HTML or XML."""
    return body.lstrip()[:1] == b"<"


def without_surrogates(text: str) -> str:
    """*text* without lone surrogates, which JSON can carry and no output can."""
    return text.encode("utf-8", "replace").decode("utf-8")


def shorten_text(text: str, most: int = MAX_WORDS) -> str:
    """*text* on one line, of at most *most* characters, without what a server encoded."""
    text = _ENCODED.sub("[encoded data]", text)
    text = without_surrogates(" ".join(text[: 10 * most].split()))
    return text if len(text) <= most else text[: most - 1] + "…"


def _scalar_text(value: Any) -> str:
    return shorten_text(str(value), MAX_CODE) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
