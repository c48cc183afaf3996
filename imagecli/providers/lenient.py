"""Pictures under names that no document tells of, known by how they begin. Asked where nothing stands in its place.

Seen 2026-11-23: `image`, `image_base64`, `b64`, `base64`, `bytesBase64Encoded`, `image_url`, and objects around them.

JSON in which an object says a name twice: `json` keeps the last, and what was paid for may lie in the first.
"""

from __future__ import annotations

import json
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


def find_hidden_images(value: Any) -> Iterator[dict[str, str]]:
    """Every picture in a JSON value, in its order, as an item with `b64_json` or `url`."""
    return _walk_json(value, MAX_DEPTH, is_picture=False)


def looks_like_image(text: str) -> bool:
    """Whether *text* is base64 that begins like a picture, or a `data:` address of one."""
    return text.startswith("data:image/") or (text.startswith(BEGINNINGS) and len(text) >= MIN_CHARACTERS)


def _walk_json(value: Any, depth: int, *, is_picture: bool) -> Iterator[dict[str, str]]:
    """*is_picture*: by the names around it *value* is one, and so an address is a picture's."""
    if isinstance(value, str):
        if looks_like_image(value):
            yield {"b64_json": value}
        elif is_picture and _ADDRESS.match(value):
            yield {"url": value}
    elif isinstance(value, list) and depth:
        for inner in value:
            yield from _walk_json(inner, depth - 1, is_picture=is_picture)
    elif isinstance(value, dict) and depth:
        for key, inner in value.items():
            word = key.lower()
            if word not in ECHOES:
                named = "image" in word or (is_picture and word in ("url", "uri", FURTHER))
                yield from _walk_json(inner, depth - 1, is_picture=named)


def parse_json_keeping_repeated(body: bytes | str, *, strict: bool = True) -> Any:
    """*body* as JSON. Lists under one name are one list, and of other values the last that is not empty stays.

    The others lie in a list under `FURTHER`. Raises ValueError, RecursionError.
    """
    return json.loads(body, strict=strict, object_pairs_hook=_merge_repeated)


def _merge_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    return made if len(made) == len(pairs) else _join_values(pairs)


def _join_values(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    further: list[Any] = []
    for name, value in pairs:
        before = made.get(name)
        if isinstance(before, list) and isinstance(value, list):
            made[name] = before + value
        elif value or not before:
            further += [{name: before}] if before and before != value else []
            made[name] = value
    return {**made, FURTHER: further} if further else made
