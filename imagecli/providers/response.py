"""A successful body → the pictures it holds. Lenient in what it takes: every shape in use, one result.

Sources: OpenAI API reference; the answers of compatible servers, collected 2026-11-22.

One item of an answer → the picture it holds, wherever it hides. Every shape in use, and no shape is trusted.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from imagecli.errors import ImagecliError, NetworkError, UnsavedError
from imagecli.http_message import Answer, Found
from imagecli.providers.batch_response import answer_in, is_line
from imagecli.providers.error_text import sound
from imagecli.providers.errors import error_told
from imagecli.providers.lenient import FURTHER, parsed, pictures_in
from imagecli.providers.sse import is_stream


def all_found_in(item: Any, base_url: str) -> tuple[Found, ...]:
    """As `found_in`; where nothing stands in its place, every picture that *item* holds under other names.

    And what it says twice: an object that names its picture again has two.
    """
    found = found_in(item, base_url)
    if not isinstance(item, (dict, list)):
        return (found,)
    nothing = not (found.b64_json or found.url or found.error)
    hidden = pictures_in(item if nothing else {FURTHER: _repeated(item)})
    others = tuple(found_in(other, base_url) for other in hidden)
    return others or (found,) if nothing else (found, *others)


def _repeated(item: Any) -> list[Any]:
    """What is said before something else under the same name; an address there is a picture's."""
    repeated: list[Any] = item.get(FURTHER, []) if isinstance(item, dict) else []
    return [{"image": value} for one in repeated for name, value in one.items() if name in ("b64_json", "url")]


def found_in(item: Any, base_url: str) -> Found:
    """The picture of *item*: base64, plain or in a `data:` address; or an address, also one relative to *base_url*.

    Both where it has both: servers fill `b64_json` with a stand-in beside a good address. Neither where there is none,
    with the error that the item tells instead.
    """
    if isinstance(item, str):
        item = {"url": item} if _is_address(item) else {"b64_json": item}
    if not isinstance(item, dict):
        return Found()
    b64_json, url = _text(item.get("b64_json")), _text(item.get("url"))
    if url and url.startswith("data:"):
        b64_json, url = b64_json or url, None
    if b64_json and b64_json.startswith("data:"):
        b64_json = b64_json.partition(",")[2]
    if not b64_json and not url and item.get("error"):
        return Found(error=error_told({"error": item["error"]}))
    return Found(
        b64_json=b64_json or None,
        url=_absolute(base_url, url) if url else None,
        hint=_hint(url) if url else None,
        revised_prompt=sound(_text(item.get("revised_prompt")) or "") or None,
    )


def _is_address(text: str) -> bool:
    """Whether a bare string is an address. `/9j/` is how every JPEG begins in base64."""
    return text.startswith(("http://", "https://", "data:", "/")) and not text.startswith("/9j/")


def _absolute(base_url: str, url: str) -> str:
    """*url* as an address of its own, without a name and password of the base URL's: those are the API's.

    One that is none stays as it is, and is refused where it is fetched.
    """
    try:
        base = urlsplit(base_url)
        return urljoin(urlunsplit(base._replace(netloc=base.netloc.rpartition("@")[2])), url)
    except ValueError:
        return url


def _hint(url: str) -> str | None:
    """A path can be one below the server's address (SGLang) or one on its disk (Xinference): only asking it tells."""
    try:
        if urlsplit(url).scheme in ("http", "https") or url.startswith("//"):
            return None
    except ValueError:
        return None
    return f"the server named its own place {sound(url)[:200]}; --response-format b64_json asks for the picture itself"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def decode(body: bytes, base_url: str) -> Answer:
    """The pictures of a 2xx *body*, JSON or events. Raises UnsavedError where it holds none: it may have been paid for.

    An item without a picture stays in the list, empty, so that the caller can name it. A line of a batch is read as
    the answer in it, and raises what it tells of instead.
    """
    if is_stream(body):
        # Most answers are none, and pay nothing for it.
        from imagecli.providers.stream import read_stream

        told = read_stream(body)
        return _answer(told.items, told.usage, base_url, told.errors)
    document = _document(body)
    if is_line(document):
        document = answer_in(document)
    if not isinstance(document, dict):
        raise UnsavedError("the answer is JSON, but not an object with pictures", hint=_BILLED)
    items = _items(document)
    if not items and (document.get("error") or {"code", "message"} <= document.keys()):
        raise error_told(document)
    if not items:
        raise UnsavedError("the answer holds no pictures", hint=_BILLED)
    answer = _answer(items, document.get("usage"), base_url)
    if all(found == Found() for found in answer.found) and (hidden := list(pictures_in(document))):
        answer = _answer(hidden, document.get("usage"), base_url)
    return replace(answer, svg_usage=_table(document.get("svg_usage")))


def _items(document: dict[str, Any]) -> list[Any]:
    """What stands where pictures stand; what lies elsewhere only where nothing stands there, and no error is told."""
    places = [document, *document.get(FURTHER, [])]
    items = [item for place in places for item in _listed(place.get("data") or place.get("images"))]
    return items if items or document.get("error") else list(pictures_in(document))


def _listed(items: Any) -> list[Any]:
    return items if isinstance(items, list) else [items] if isinstance(items, dict) else []


def _answer(items: Iterable[Any], usage: Any, base_url: str, errors: tuple[ImagecliError, ...] = ()) -> Answer:
    found = tuple(found for item in items for found in all_found_in(item, base_url))
    return Answer(found=found, usage=_table(usage), errors=errors)


def _table(usage: Any) -> dict[str, Any] | None:
    return _clean(usage) if isinstance(usage, dict) else None


_BILLED = "it may have been billed; the provider's usage page tells. Is --base-url that of an Images API?"


def _document(body: bytes) -> Any:
    try:
        return parsed(body)
    except (ValueError, RecursionError) as error:
        if body.lstrip()[:1] == b"<" and b"<svg" not in body[:1000]:
            raise NetworkError(
                "the answer is a web page, not the Images API",
                hint="check --base-url, and whether a login page is in between",
            ) from error
        raise UnsavedError("the answer is not whole JSON", hint=_BILLED) from error


def _clean(value: Any, depth: int = 8) -> Any:
    """*value* as JSON that any output can hold: no lone surrogates, no NaN or Infinity, nothing deeper than *depth*."""
    if isinstance(value, str):
        return sound(value)
    if isinstance(value, (dict, list)) and not depth:
        return None
    if isinstance(value, dict):
        return {sound(key): _clean(inner, depth - 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_clean(inner, depth - 1) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def picture_bytes(b64_json: str) -> bytes:
    """The bytes of a base64 text: of either alphabet, with or without padding and line breaks. Raises UnsavedError."""
    text = "".join(b64_json.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnsavedError("a picture of the answer is not base64", code="not_base64") from error
