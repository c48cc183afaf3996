"""A successful response body → the images in it, whatever shape of response the server sends.

Sources: OpenAI API reference; responses of compatible servers, collected 2026-11-22.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.parse import urljoin, urlsplit, urlunsplit

from imagecli.errors import ImagecliError, NetworkError, UnsavedError
from imagecli.providers.errors import (
    blocked_error,
    error_from_document,
    error_text,
    reason_without_images,
    without_surrogates,
)
from imagecli.providers.large_json import parse_json_joining_lists
from imagecli.providers.sse import is_stream
from imagecli.providers.undocumented_images import (
    BASE64_FIELDS,
    find_hidden_images,
    is_image,
    looks_like_image,
)


class ReturnedImage(NamedTuple):
    """One image of a response: base64 text, a URL, or both; or the body itself; nothing if it is missing.

    The base64 is used first. If it is not an image, the URL is fetched: the base64 was a placeholder.
    """

    b64_json: str | None = None
    url: str | None = None
    hint: str | None = None
    """What to do if the URL does not answer."""
    error: ImagecliError | None = None
    """What the server reports about a missing image."""
    revised_prompt: str | None = None
    is_body: bool = False
    """The bytes of the response are the image."""

    @property
    def has_source(self) -> bool:
        """Whether there is something to take its bytes from."""
        return bool(self.b64_json or self.url or self.is_body)


class ParsedResponse(NamedTuple):
    """What was found in the body of a 2xx response."""

    images: tuple[ReturnedImage, ...]
    usage: dict[str, Any] | None = None
    svg_usage: dict[str, Any] | None = None
    """Tokens of the model that wrote an SVG; billed in addition."""
    errors: tuple[ImagecliError, ...] = ()
    """What went wrong with further images, as far as the response says so."""
    applied: Mapping[str, str] = MappingProxyType({})
    """Parameters that the response reports: quality and background."""

    @property
    def received(self) -> int:
        """The number of images that have bytes or a URL."""
        return sum(image.has_source for image in self.images)

    @property
    def may_be_billed(self) -> bool:
        """Unless it has no image at all and gives for each a reason why none was created."""
        if self.received:
            return True
        reasons = [*(image.error for image in self.images), *self.errors]
        return not reasons or any(error is None or error.may_be_billed for error in reasons)


def find_all_images(item: Any, base_url: str) -> tuple[ReturnedImage, ...]:
    """The image of one item of a response; if it has none in the usual fields, every image hidden elsewhere in it."""
    image = find_image(item, base_url)
    if image.has_source or image.error or not isinstance(item, (dict, list)):
        return (image,)
    return tuple(find_image(value, base_url) for value in find_hidden_images(item)) or (image,)


def find_image(item: Any, base_url: str) -> ReturnedImage:
    """The image in the usual fields of *item*: base64, plain or in a `data:` URL; or a URL, absolute or relative.

    Both if it has both: servers fill `b64_json` with a placeholder beside a good URL. An item without an image gives
    an empty ReturnedImage, with the error that the item states instead.
    """
    if isinstance(item, str):
        item = {"url": item} if _is_url(item) else {"b64_json": item}
    if not isinstance(item, dict):
        return ReturnedImage()
    b64_json, url = _as_text(item.get("b64_json")), _as_text(item.get("url"))
    if url and url.startswith("data:"):
        b64_json, url = b64_json or url, None
    if not b64_json and not url and item.get("error"):
        return ReturnedImage(error=error_from_document({"error": item["error"]}))
    if not b64_json and not url:
        b64_json = _find_other_base64(item)
    if b64_json and b64_json.startswith("data:"):
        b64_json = b64_json.partition(",")[2]
    return ReturnedImage(
        b64_json=b64_json or None,
        url=_absolute_url(base_url, url) if url else None,
        hint=_relative_url_hint(url) if url else None,
        revised_prompt=without_surrogates(_as_text(item.get("revised_prompt")) or "") or None,
    )


def _find_other_base64(item: dict[str, Any]) -> str | None:
    """The base64 of an image in one of the fields that some servers use instead of `b64_json`."""
    texts = (_as_text(item.get(name)) for name in BASE64_FIELDS)
    return next((text for text in texts if text and looks_like_image(text)), None)


def _is_url(text: str) -> bool:
    """Whether a bare string is a URL or path. `/9j/` is how every JPEG begins in base64."""
    return text.startswith(("http://", "https://", "data:", "/")) and not text.startswith("/9j/")


def _absolute_url(base_url: str, url: str) -> str:
    """*url* resolved against *base_url* without its user name and password, which are for the API only.

    An invalid URL is returned unchanged; the download refuses it.
    """
    try:
        base = urlsplit(base_url)
        return urljoin(urlunsplit(base._replace(netloc=base.netloc.rpartition("@")[2])), url)
    except ValueError:
        return url


def _relative_url_hint(url: str) -> str | None:
    """What to try if a relative URL fails: it is a path on the server (SGLang) or on its disk (Xinference)."""
    try:
        if urlsplit(url).scheme in ("http", "https") or url.startswith("//"):
            return None
    except ValueError:
        return None
    path = without_surrogates(url)[:200]
    return f"the server returned the path {path} instead of a URL"


def _as_text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def parse_response(body: bytes, base_url: str, blocked_if: Mapping[str, Any] = _NOTHING) -> ParsedResponse:
    """The images of a 2xx *body*, which is JSON, an event stream or an image. Raises UnsavedError if there are none:
    the request may have been billed.

    An item without an image stays in the list, empty, so that the caller can name it. One that moderation blocked, as
    `ProviderRow.blocked_if` describes it, has an error instead of an image.
    """
    if is_image(body):
        return ParsedResponse(images=(ReturnedImage(is_body=True),))
    if is_stream(body):
        # Imported here because most responses are not streams.
        from imagecli.providers.stream import read_stream

        stream = read_stream(body)
        parsed = _build_parsed_response(stream.items, stream.usage, base_url, blocked_if, stream.errors)
        return parsed._replace(applied=_applied_parameters(stream.items[0]))
    return parse_response_document(parse_document(body), base_url, blocked_if)


def parse_response_document(document: Any, base_url: str, blocked_if: Mapping[str, Any] = _NOTHING) -> ParsedResponse:
    """As `parse_response`, of a body that is already parsed as JSON."""
    if isinstance(document, (list, str)) and (hidden_images := list(find_hidden_images(document))):
        return _build_parsed_response(hidden_images, None, base_url, blocked_if)
    if not isinstance(document, dict):
        reason = error_text(document)
        message = f"the response is JSON, but has no images{f': {reason}' if reason else ''}"
        raise UnsavedError(message, hint=_BILLED)
    items = _find_items(document)
    if not items and (document.get("error") or {"code", "message"} <= document.keys()):
        raise error_from_document(document)
    if not items:
        reason = reason_without_images(document)
        raise UnsavedError(f"the response has no images{f': {reason}' if reason else ''}", hint=_BILLED)
    response = _build_parsed_response(items, document.get("usage"), base_url, blocked_if)
    if all(image == ReturnedImage() for image in response.images) and (
        hidden_images := list(find_hidden_images(document))
    ):
        response = _build_parsed_response(hidden_images, document.get("usage"), base_url, blocked_if)
    elif not any(image.has_source or image.error for image in response.images) and (
        reason := reason_without_images(document)
    ):
        raise UnsavedError(f"the response has no images: {reason}", hint=_BILLED)
    return response._replace(svg_usage=_as_table(document.get("svg_usage")), applied=_applied_parameters(document))


_REPORTED: Final = ("quality", "background")


def _applied_parameters(document: Any) -> dict[str, str]:
    """The parameters that a response, or the event that completes an image, reports as those it applied."""
    fields = document if isinstance(document, dict) else {}
    texts = {name: _as_text(fields.get(name)) for name in _REPORTED}
    return {name: without_surrogates(text)[:40] for name, text in texts.items() if text}


def _find_items(document: dict[str, Any]) -> list[Any]:
    """The items in `data` or `images`; if there are none, and no error, every image hidden elsewhere."""
    items = _as_list(document.get("data") or document.get("images"))
    return items if items or document.get("error") else list(find_hidden_images(document))


def _as_list(items: Any) -> list[Any]:
    if isinstance(items, dict):
        return [items]
    return items if isinstance(items, list) else []


def _build_parsed_response(
    items: Iterable[Any],
    usage: Any,
    base_url: str,
    blocked_if: Mapping[str, Any],
    errors: tuple[ImagecliError, ...] = (),
) -> ParsedResponse:
    images: list[ReturnedImage] = []
    for item in items:
        if _is_blocked(item, blocked_if):
            images.append(ReturnedImage(error=blocked_error()))
        else:
            images += find_all_images(item, base_url)
    return ParsedResponse(images=tuple(images), usage=_as_table(usage), errors=errors)


def _is_blocked(item: Any, blocked_if: Mapping[str, Any]) -> bool:
    """Whether *item* has one of the fields with the value that marks a blocked image."""
    return isinstance(item, dict) and any(name in item and item[name] == value for name, value in blocked_if.items())


def _as_table(usage: Any) -> dict[str, Any] | None:
    return _clean_json(usage) if isinstance(usage, dict) else None


_BILLED = "it may have been billed; check the provider's usage page, and that --base-url is an Images API"


def parse_document(body: bytes) -> Any:
    """*body* as JSON. Raises NetworkError for a web page, UnsavedError for anything else that is not JSON."""
    try:
        return parse_json_joining_lists(body)
    except (ValueError, RecursionError) as error:
        if body.lstrip()[:1] == b"<" and b"<svg" not in body[:1000]:
            raise NetworkError(
                "the response is a web page, not JSON from an Images API",
                hint="check --base-url, and whether the network requires a login",
            ) from error
        raise UnsavedError("the response is not valid JSON", hint=_BILLED) from error


def _clean_json(value: Any, depth: int = 8) -> Any:
    """*value* as JSON that any output can hold: without lone surrogates, NaN, Infinity and levels below *depth*."""
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, (dict, list)) and not depth:
        return None
    if isinstance(value, dict):
        return {without_surrogates(key): _clean_json(inner, depth - 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_clean_json(inner, depth - 1) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def parse_or_salvage(body: bytes, base_url: str, blocked_if: Mapping[str, Any] = _NOTHING) -> ParsedResponse:
    """As `parse_response`; of a body that is not valid JSON, the complete images in it.

    The problem with such a body is among the errors.
    """
    try:
        return parse_response(body, base_url, blocked_if)
    except UnsavedError as error:
        if error.__cause__ is not None:  # it is not JSON
            with suppress(UnsavedError):
                return salvage_images(body, base_url)._replace(errors=(error,))
        raise


_STRING: Final = re.compile(rb'"(\w{1,80})"\s*:\s*("(?:[^"\\\r\n]++|\\[^\r\n])*+")')
"""A name and a complete string."""


def salvage_images(body: bytes, base_url: str) -> ParsedResponse:
    """The complete images in a *body* that is not complete JSON. Raises UnsavedError if there are none.

    An event stream needs no salvage: `parse_response` reads every complete event of it.
    """
    if is_image(body) or is_stream(body):
        return parse_response(body, base_url)
    images = []
    for name, text in _STRING.findall(body):
        try:
            value = json.loads(text, strict=False)
        except ValueError:
            continue
        if name in (b"b64_json", b"url"):
            images.append(find_image({name.decode(): value}, base_url))
        else:
            images += [find_image(item, base_url) for item in find_hidden_images({name.decode("latin-1"): value})]
    if not images:
        raise UnsavedError(
            "the response is incomplete and has no complete image",
            hint="the provider's usage page shows whether it was billed",
            code="part",
        )
    return ParsedResponse(images=tuple(images))
