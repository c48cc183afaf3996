"""An answer that broke off → the pictures that came whole before it did. For `recover` alone, where a person asks."""

from __future__ import annotations

import json
import re
from typing import Final

from imagecli.errors import UnsavedError
from imagecli.exchange import Answer
from imagecli.providers.item import found_in
from imagecli.providers.sse import is_stream

_PICTURE: Final = re.compile(rb'"(b64_json|url)"\s*:\s*("(?:[^"\\\r\n]++|\\[^\r\n])*+")')
"""A name and a string that ends."""


def salvage(body: bytes, base_url: str) -> Answer:
    """The pictures of a *body* that is no whole JSON. Raises UnsavedError where none of them came whole.

    What a stream had brought whole is no matter of salvage: `decode` reads it.
    """
    found = []
    for name, text in [] if is_stream(body) else _PICTURE.findall(body):
        try:
            found.append(found_in({name.decode(): json.loads(text, strict=False)}, base_url))
        except ValueError:
            continue
    if not found:
        raise UnsavedError(
            "only a part of an answer came, and no whole picture with it",
            hint="the provider's usage page tells whether it was billed",
            code="part",
        )
    return Answer(found=tuple(found))
