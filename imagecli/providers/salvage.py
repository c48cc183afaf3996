"""An answer that broke off → the pictures that came whole before it did. For `recover` alone, where a person asks."""

from __future__ import annotations

import json
import re
from typing import Final

from imagecli.errors import UnsavedError
from imagecli.http_message import ParsedResponse
from imagecli.providers.lenient import find_hidden_images
from imagecli.providers.response import find_image, parse_response
from imagecli.providers.sse import is_stream

_STRING: Final = re.compile(rb'"(\w{1,80})"\s*:\s*("(?:[^"\\\r\n]++|\\[^\r\n])*+")')
"""A name and a string that ends."""


def salvage_images(body: bytes, base_url: str) -> ParsedResponse:
    """The pictures of a *body* that is no whole JSON. Raises UnsavedError where none of them came whole.

    What a stream had brought whole is no matter of salvage: `parse_response` reads it, and says what it is.
    """
    if is_stream(body):
        return parse_response(body, base_url)
    found = []
    for name, text in _STRING.findall(body):
        try:
            said = json.loads(text, strict=False)
        except ValueError:
            continue
        if name in (b"b64_json", b"url"):
            found.append(find_image({name.decode(): said}, base_url))
        else:
            found += [find_image(item, base_url) for item in find_hidden_images({name.decode("latin-1"): said})]
    if not found:
        raise UnsavedError(
            "only a part of an answer came, and no whole picture with it",
            hint="the provider's usage page tells whether it was billed",
            code="part",
        )
    return ParsedResponse(images=tuple(found))
