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
from imagecli.http_message import ParsedResponse, ReturnedImage
from imagecli.providers.batch_response import is_response_line, response_body_of_line
from imagecli.providers.error_text import without_surrogates
from imagecli.providers.errors import error_from_document
from imagecli.providers.lenient import FURTHER, find_hidden_images, parse_json_keeping_repeated
from imagecli.providers.sse import is_stream


def find_all_images(item: Any, base_url: str) -> tuple[ReturnedImage, ...]:
    """As `find_image`; where nothing stands in its place, every picture that *item* holds under other names.

    And what it says twice: an object that names its picture again has two.
    """
    found = find_image(item, base_url)
    if not isinstance(item, (dict, list)):
        return (found,)
    nothing = not (found.b64_json or found.url or found.error)
    hidden = find_hidden_images(item if nothing else {FURTHER: _repeated_values(item)})
    others = tuple(find_image(other, base_url) for other in hidden)
    return others or (found,) if nothing else (found, *others)


def _repeated_values(item: Any) -> list[Any]:
    """What is said before something else under the same name; an address there is a picture's."""
    repeated: list[Any] = item.get(FURTHER, []) if isinstance(item, dict) else []
    return [{"image": value} for one in repeated for name, value in one.items() if name in ("b64_json", "url")]


def find_image(item: Any, base_url: str) -> ReturnedImage:
    """The picture of *item*: base64, plain or in a `data:` address; or an address, also one relative to *base_url*.

    Both where it has both: servers fill `b64_json` with a stand-in beside a good address. Neither where there is none,
    with the error that the item tells instead.
    """
    if isinstance(item, str):
        item = {"url": item} if _is_address(item) else {"b64_json": item}
    if not isinstance(item, dict):
        return ReturnedImage()
    b64_json, url = _as_text(item.get("b64_json")), _as_text(item.get("url"))
    if url and url.startswith("data:"):
        b64_json, url = b64_json or url, None
    if b64_json and b64_json.startswith("data:"):
        b64_json = b64_json.partition(",")[2]
    if not b64_json and not url and item.get("error"):
        return ReturnedImage(error=error_from_document({"error": item["error"]}))
    return ReturnedImage(
        b64_json=b64_json or None,
        url=_absolute_url(base_url, url) if url else None,
        hint=_relative_url_hint(url) if url else None,
        revised_prompt=without_surrogates(_as_text(item.get("revised_prompt")) or "") or None,
    )


def _is_address(text: str) -> bool:
    """Whether a bare string is an address. `/9j/` is how every JPEG begins in base64."""
    return text.startswith(("http://", "https://", "data:", "/")) and not text.startswith("/9j/")


def _absolute_url(base_url: str, url: str) -> str:
    """*url* as an address of its own, without a name and password of the base URL's: those are the API's.

    One that is none stays as it is, and is refused where it is fetched.
    """
    try:
        base = urlsplit(base_url)
        return urljoin(urlunsplit(base._replace(netloc=base.netloc.rpartition("@")[2])), url)
    except ValueError:
        return url


def _relative_url_hint(url: str) -> str | None:
    """A path can be one below the server's address (SGLang) or one on its disk (Xinference): only asking it tells."""
    try:
        if urlsplit(url).scheme in ("http", "https") or url.startswith("//"):
            return None
    except ValueError:
        return None
    place = without_surrogates(url)[:200]
    return f"the server named its own place {place}; --response-format b64_json asks for the picture itself"


def _as_text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def parse_response(body: bytes, base_url: str) -> ParsedResponse:
    """The pictures of a 2xx *body*, JSON or events. Raises UnsavedError where it holds none: it may have been paid for.

    An item without a picture stays in the list, empty, so that the caller can name it. A line of a batch is read as
    the answer in it, and raises what it tells of instead.
    """
    if is_stream(body):
        # Most answers are none, and pay nothing for it.
        from imagecli.providers.stream import read_stream

        told = read_stream(body)
        return _build_parsed_response(told.items, told.usage, base_url, told.errors)
    document = _parse_document(body)
    if is_response_line(document):
        document = response_body_of_line(document)
    if not isinstance(document, dict):
        raise UnsavedError("the answer is JSON, but not an object with pictures", hint=_BILLED)
    items = _find_items(document)
    if not items and (document.get("error") or {"code", "message"} <= document.keys()):
        raise error_from_document(document)
    if not items:
        raise UnsavedError("the answer holds no pictures", hint=_BILLED)
    answer = _build_parsed_response(items, document.get("usage"), base_url)
    if all(found == ReturnedImage() for found in answer.images) and (hidden := list(find_hidden_images(document))):
        answer = _build_parsed_response(hidden, document.get("usage"), base_url)
    return replace(answer, svg_usage=_as_table(document.get("svg_usage")))


def _find_items(document: dict[str, Any]) -> list[Any]:
    """What stands where pictures stand; what lies elsewhere only where nothing stands there, and no error is told."""
    places = [document, *document.get(FURTHER, [])]
    items = [item for place in places for item in _as_list(place.get("data") or place.get("images"))]
    return items if items or document.get("error") else list(find_hidden_images(document))


def _as_list(items: Any) -> list[Any]:
    return items if isinstance(items, list) else [items] if isinstance(items, dict) else []


def _build_parsed_response(
    items: Iterable[Any], usage: Any, base_url: str, errors: tuple[ImagecliError, ...] = ()
) -> ParsedResponse:
    found = tuple(found for item in items for found in find_all_images(item, base_url))
    return ParsedResponse(images=found, usage=_as_table(usage), errors=errors)


def _as_table(usage: Any) -> dict[str, Any] | None:
    return _clean_json(usage) if isinstance(usage, dict) else None


_BILLED = "it may have been billed; the provider's usage page tells. Is --base-url that of an Images API?"


def _parse_document(body: bytes) -> Any:
    try:
        return parse_json_keeping_repeated(body)
    except (ValueError, RecursionError) as error:
        if body.lstrip()[:1] == b"<" and b"<svg" not in body[:1000]:
            raise NetworkError(
                "the answer is a web page, not the Images API",
                hint="check --base-url, and whether a login page is in between",
            ) from error
        raise UnsavedError("the answer is not whole JSON", hint=_BILLED) from error


def _clean_json(value: Any, depth: int = 8) -> Any:
    """*value* as JSON that any output can hold: no lone surrogates, no NaN or Infinity, nothing deeper than *depth*."""
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, (dict, list)) and not depth:
        return None
    if isinstance(value, dict):
        return {without_surrogates(key): _clean_json(inner, depth - 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_clean_json(inner, depth - 1) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def decode_image_base64(b64_json: str) -> bytes:
    """The bytes of a base64 text: of either alphabet, with or without padding and line breaks. Raises UnsavedError."""
    text = "".join(b64_json.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnsavedError("a picture of the answer is not base64", code="not_base64") from error
