"""multipart/form-data, taken apart where its boundary stands: a part of hundreds of megabytes is sliced, not parsed.

Form: RFC 2046 §5.1 and RFC 7578.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from email.parser import HeaderParser

from imagecli.sandbox.exchange import Request

MAX_HEAD = 16 * 1024
"""Bytes of one part's headers."""

_PADDING = re.compile(rb"[ \t]*\r\n")
"""What may stand between a boundary and the end of its line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One field of a form."""

    name: str
    filename: str | None
    """None for a field that is no file."""
    data: bytes = field(repr=False)


def parts_of(request: Request) -> Iterator[Part]:
    """The parts in their order, as far as the body is well-formed; a part without a name is left out."""
    boundary = _boundary(request.headers.get("content-type", ""))
    if not boundary:
        return
    delimiter = b"\r\n--" + boundary
    body = request.body
    place = body.find(delimiter[2:])
    start = place + len(delimiter) - 2 if place == 0 or body[max(0, place - 2) : place] == b"\r\n" else -1
    while start >= 0 and (line := _PADDING.match(body, start)):
        end = body.find(delimiter, line.end() - 2)
        if end < 0:
            return
        if part := _part(body, line.end(), end):
            yield part
        start = end + len(delimiter)


def _boundary(content_type: str) -> bytes:
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_param("boundary", "")
    return boundary.encode("latin-1", "replace") if isinstance(boundary, str) else b""


def _part(body: bytes, start: int, end: int) -> Part | None:
    """The part between two boundaries: headers, an empty line, data."""
    blank = body.find(b"\r\n\r\n", max(0, start - 2), min(end, start + MAX_HEAD))
    if blank < 0:
        return None
    headers = HeaderParser().parsestr(body[start : blank + 2].decode("latin-1"))
    name, filename = _param(headers, "name"), _param(headers, "filename")
    return Part(name=name, filename=filename, data=body[blank + 4 : end]) if name else None


def _param(headers: Message, name: str) -> str | None:
    """A parameter of Content-Disposition, in plain UTF-8 or as RFC 2231 spells it."""
    value = headers.get_param(name, None, header="content-disposition")
    text = value[2] if isinstance(value, tuple) else value
    return text.encode("latin-1", "replace").decode("utf-8", "replace") if text is not None else None
