"""Images in undocumented places, recognized by how they begin: the last resort for paid responses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

BASE64_FIELDS: Final = ("image", "image_base64", "b64", "base64", "bytesBase64Encoded")
"""Names under which servers send base64 instead of `b64_json` (seen 2026-11-23)."""
MAX_DEPTH: Final = 8
MIN_CHARACTERS: Final = 40
"""No image is shorter as base64."""
BEGINNINGS: Final = (
    r"iVBORw0KGgo|/9j/|UklGR|R0lGOD|PHN2Zy"
    r"|SUkqA|TU0AK|AAAA[A-Za-z0-9+/]{2}Z0eXB(?:hdml[mz]|oZWl[jts4]|oZXZ[jts4]|taWYx|tc2Yx)"
)
"""How PNG, JPEG, WebP, GIF, SVG, TIFF, AVIF and HEIC begin as base64: a pattern."""
ECHOES: Final = frozenset(
    {
        *("input", "inputs", "request", "prompt", "parameters", "params", "source", "original"),
        *("mask", "reference", "references", "control_image", "init_image", "init_images", "error", "errors"),
    }
)
"""Names under which a server repeats what it was sent: nothing in them is searched."""
_IMAGE: Final = (
    rb"(?s)\x89PNG\r\n\x1a\n|\xff\xd8\xff|RIFF....WEBP|GIF8[79]a"
    rb"|II\*\0|MM\0\*|\0\0..ftyp(?:avi[fs]|he(?:i|v)[cmsx]|m[is]f1)"
    rb"|(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--[^>]*-->\s*|<!DOCTYPE svg[^>]*>\s*)*<svg[\s>]"
)
"""How PNG, JPEG, WebP, GIF, TIFF, AVIF, HEIC and SVG begin. Compiled if it is needed: most responses are JSON."""
_BASE64_BODY: Final = rb"\s*(?:data:image/[\w.+-]+;base64,)?(?:%s)[\w+/-]{40}" % BEGINNINGS.encode()
_JSON_STARTS: Final = (b"{", b"[")


def is_image(body: bytes) -> bool:
    """Whether a response's *body* is itself an image instead of JSON (Cloudflare Workers AI, Hugging Face)."""
    return not body.startswith(_JSON_STARTS) and re.match(_IMAGE, body) is not None


def match_base64_body(body: bytes) -> re.Match[bytes] | None:
    """The beginning of a *body* that is the base64 of an image, or its `data:` URL, instead of JSON."""
    return None if body.startswith(_JSON_STARTS) else re.match(_BASE64_BODY, body)


def starts_as_image(body: bytes) -> bool:
    """Whether *body*, or its beginning, is an image, or the base64 of one, instead of JSON."""
    return is_image(body) or match_base64_body(body) is not None


def find_hidden_images(value: Any) -> Iterator[dict[str, str]]:
    """Every image anywhere in a JSON value, in order, as an item with `b64_json` or `url`."""
    return _search(value, MAX_DEPTH, is_image=False)


def looks_like_image(text: str) -> bool:
    """Whether *text* is base64 that begins like an image, or the `data:` URL of one."""
    return text.startswith("data:image/") or (len(text) >= MIN_CHARACTERS and re.match(BEGINNINGS, text) is not None)


def _search(value: Any, depth: int, *, is_image: bool) -> Iterator[dict[str, str]]:
    """*is_image*: the name of *value* says that it is an image, so that a URL in it is an image's."""
    if isinstance(value, str):
        if looks_like_image(value):
            yield {"b64_json": value}
        elif is_image and value[:8].lower().startswith(("http://", "https://")):
            yield {"url": value}
    elif isinstance(value, list) and depth:
        for inner in value:
            yield from _search(inner, depth - 1, is_image=is_image)
    elif isinstance(value, dict) and depth:
        for key, inner in value.items():
            name = key.lower()
            if name not in ECHOES:
                yield from _search(inner, depth - 1, is_image="image" in name or (is_image and name in ("url", "uri")))
