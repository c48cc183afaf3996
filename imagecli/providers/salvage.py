"""Images from a response that was cut off: those that are complete. Used only by `recover`."""

from __future__ import annotations

import json
import re
from typing import Final

from imagecli.errors import UnsavedError
from imagecli.http_message import ParsedResponse
from imagecli.providers.response import find_image, parse_response
from imagecli.providers.sse import is_stream
from imagecli.providers.undocumented_images import find_hidden_images

_STRING: Final = re.compile(rb'"(\w{1,80})"\s*:\s*("(?:[^"\\\r\n]++|\\[^\r\n])*+")')
"""A name and a complete string."""


def salvage_images(body: bytes, base_url: str) -> ParsedResponse:
    """The complete images in a *body* that is not complete JSON. Raises UnsavedError if there are none.

    An event stream needs no salvage: `parse_response` reads every complete event of it.
    """
    if is_stream(body):
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
            "only a part of an answer came, and no whole picture with it",
            hint="the provider's usage page tells whether it was billed",
            code="part",
        )
    return ParsedResponse(images=tuple(images))
