"""Pictures under names that no document tells of, known by how they begin. Asked where nothing stands in its place.

Seen 2026-11-23: `image`, `image_base64`, `b64`, `base64`, `bytesBase64Encoded`, `image_url`, and objects around them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

MAX_DEPTH: Final = 8
MIN_CHARACTERS: Final = 40
"""No picture is shorter as base64."""
BEGINNINGS: Final = ("iVBORw0KGgo", "/9j/", "UklGR", "R0lGOD", "PHN2Zy")
"""Base64 of how PNG, JPEG, WebP, GIF and SVG begin."""
ECHOES: Final = frozenset(
    {
        *("input", "inputs", "request", "prompt", "parameters", "params", "source", "original"),
        *("mask", "reference", "references", "control_image", "init_image", "init_images", "error", "errors"),
    }
)
"""Below these names a server repeats what it was given."""
FURTHER: Final = "\0further"
"""The name below which `repeated` puts values that would be lost: none that JSON of a server has."""
_ADDRESS: Final = re.compile(r"https?://", re.IGNORECASE)


def pictures_in(value: Any) -> Iterator[dict[str, str]]:
    """Every picture in a JSON value, in its order, as an item with `b64_json` or `url`."""
    return _walk(value, MAX_DEPTH, is_picture=False)


def looks_like_picture(text: str) -> bool:
    """Whether *text* is base64 that begins like a picture, or a `data:` address of one."""
    return text.startswith("data:image/") or (text.startswith(BEGINNINGS) and len(text) >= MIN_CHARACTERS)


def _walk(value: Any, depth: int, *, is_picture: bool) -> Iterator[dict[str, str]]:
    """*is_picture*: by the names around it *value* is one, and so an address is a picture's."""
    if isinstance(value, str):
        if looks_like_picture(value):
            yield {"b64_json": value}
        elif is_picture and _ADDRESS.match(value):
            yield {"url": value}
    elif isinstance(value, list) and depth:
        for inner in value:
            yield from _walk(inner, depth - 1, is_picture=is_picture)
    elif isinstance(value, dict) and depth:
        for key, inner in value.items():
            word = key.lower()
            if word not in ECHOES:
                named = "image" in word or (is_picture and word in ("url", "uri", FURTHER))
                yield from _walk(inner, depth - 1, is_picture=named)
