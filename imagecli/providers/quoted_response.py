"""Responses that a gateway could not read and quotes in an error message: the images in them are paid for.

LiteLLM 1.108 quotes the event stream of an edit (tried 2026-11-30); others quote JSON, or the repr of a parsed object.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from imagecli.providers.errors import MAX_DEPTH, parse_json
from imagecli.providers.large_json import CondensedBody, condense_body

_FIELDS: Final = ("error", "errors", "detail", "details", "message", "msg")
"""Fields of an error that can hold the quoting message."""
_STREAM: Final = r"(?m)(?:^|(?<=[\s\"'-]))(?:event:|data:\s*\{)"
_IMAGE: Final = r"b64_json\W{1,10}([A-Za-z0-9+/_-]{40,}={0,2})"
"""Requests have no such field, so that the image is not an input that the error repeats."""


def find_quoted_response(condensed: CondensedBody) -> CondensedBody | None:
    """The response with images that the *condensed* error quotes.

    It is read into memory: the bodies of errors are limited (`MAX_ERROR_IMAGE_BYTES`).
    """
    document = parse_json(condensed.body)
    if not isinstance(document, dict) or document.get("data") or document.get("images"):
        return None
    for message in _messages(document, MAX_DEPTH):
        with suppress(ValueError):  # the message has an invalid escape
            if quoted := _quoted_response(condensed.full_text(message)):
                return condense_body(io.BytesIO(quoted))
    return None


def _messages(document: Any, depth: int) -> Iterator[str]:
    """Every text under the fields of an error."""
    if isinstance(document, list) and depth:
        for item in document:
            yield from _messages(item, depth - 1)
    if isinstance(document, dict) and depth:
        for name in _FIELDS:
            value = document.get(name)
            if isinstance(value, str):
                yield value
            else:
                yield from _messages(value, depth - 1)


def _quoted_response(message: str) -> bytes | None:
    """The event stream in *message*, if it completes an image; or a response of the images quoted in another way."""
    if (start := re.search(_STREAM, message)) and ".completed" in message:
        return message[start.start() :].encode("utf-8", "replace")
    if "partial_image" in message or not (images := re.findall(_IMAGE, message)):
        return None
    return json.dumps({"data": [{"b64_json": image} for image in images]}).encode()
