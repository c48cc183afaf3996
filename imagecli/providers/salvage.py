"""An answer that broke off → the pictures that came whole before it did. For `recover` alone, where a person asks."""

from __future__ import annotations

import json
import re
from typing import Final

from imagecli.errors import UnsavedError
from imagecli.http_message import Answer
from imagecli.providers.lenient import pictures_in
from imagecli.providers.response import decode, found_in
from imagecli.providers.sse import is_stream

_STRING: Final = re.compile(rb'"(\w{1,80})"\s*:\s*("(?:[^"\\\r\n]++|\\[^\r\n])*+")')
"""A name and a string that ends."""


def salvage(body: bytes, base_url: str) -> Answer:
    """The pictures of a *body* that is no whole JSON. Raises UnsavedError where none of them came whole.

    What a stream had brought whole is no matter of salvage: `decode` reads it, and says what it is.
    """
    if is_stream(body):
        return decode(body, base_url)
    found = []
    for name, text in _STRING.findall(body):
        try:
            said = json.loads(text, strict=False)
        except ValueError:
            continue
        if name in (b"b64_json", b"url"):
            found.append(found_in({name.decode(): said}, base_url))
        else:
            found += [found_in(item, base_url) for item in pictures_in({name.decode("latin-1"): said})]
    if not found:
        raise UnsavedError(
            "only a part of an answer came, and no whole picture with it",
            hint="the provider's usage page tells whether it was billed",
            code="part",
        )
    return Answer(found=tuple(found))
