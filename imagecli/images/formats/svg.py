"""How an SVG begins and ends, and what in it a viewer would run. Parses no XML, so no entity can grow.

Source: W3C SVG 2 and XML 1.0.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import IO, Final

from imagecli.domain import Size

_HEAD_BYTES = 65_536
_TAIL_BYTES = 4_096
_ROOT = re.compile(rb"\s*(<(?:[A-Za-z_][\w.-]{0,63}:)?svg(?=[\s/>])[^>]*>?)")
_SKIPPED = ((b"<?", b"?>"), (b"<!--", b"-->"))
_END = re.compile(rb"(?:</(?:[A-Za-z_][\w.-]{0,63}:)?svg\s{0,64}>|/>)\s{0,64}(?:<!--[^>]{0,1024}-->\s{0,64})?\Z")
_VIEW_BOX = re.compile(
    rb"""\sviewBox\s{0,8}=\s{0,8}["'](?:[\s,]{0,8}[-+0-9.e]{1,16}[\s,]{1,8}){2}([0-9.]{1,12})[\s,]{1,8}([0-9.]{1,12})"""
)
_PIECE_BYTES: Final = 128 * 1024
_OVERLAP_BYTES: Final = 4_096
"""So much of a piece is looked at again with the next one: longer than any text that is looked for."""
_ACTIVE: Final = {
    "scripts": re.compile(rb"[<:](?:script|handler)[ />]", re.I),
    "event handlers": re.compile(rb"""[ "'/]on[a-z]{2,40} ?= ?["']""", re.I),
    "embedded HTML": re.compile(rb"[<:](?:foreignObject|iframe|object|embed)[ />]", re.I),
    "entities": re.compile(rb"<!(?:ENTITY|ATTLIST) ", re.I),
    "style sheets from elsewhere": re.compile(rb"<\?xml-stylesheet ", re.I),
}
"""What is called active → what it looks like, each run of white space being one blank."""
_DOCTYPE = re.compile(rb"<!DOCTYPE ([^>\[]{0,1024})", re.I)
_QUOTED = re.compile(rb"""["']([^"']*)["']""")
_STANDARD = re.compile(rb"-//|https?://www\.w3\.org/")
"""How the identifiers in a usual SVG's DOCTYPE begin; viewers don't fetch these."""
_SCRIPT_LINK = re.compile(r"""["';](?:javascript|vbscript|data:text/html)[:;,]""", re.I)
_NUMBER = rb"\s*([0-9.]{1,12})"


def find_svg_root(data: memoryview) -> bytes | None:
    """The `<svg …>` tag behind an optional BOM, XML declaration, doctype and comments; None when there is none."""
    head = bytes(data[:_HEAD_BYTES]).removeprefix(b"\xef\xbb\xbf")
    position: int | None = 0
    while position is not None:
        if match := _ROOT.match(head, position):
            return match[1]
        position = _end_of_prolog_item(head, len(head) - len(head[position:].lstrip()))
    return None


def svg_size(data: memoryview) -> Size | None:
    """Width and height in pixels where the root says them, else the view box's; None when it says neither."""
    tag = find_svg_root(data) or b""
    width, height = _length(tag, b"width"), _length(tag, b"height")
    if width and height:
        return Size(width, height)
    box = _VIEW_BOX.search(tag)
    return Size(_to_int(box[1]), _to_int(box[2])) if box else None


def find_svg_problem(data: memoryview) -> str | None:
    """Whether the last thing in the text closes an `svg`."""
    tail = bytes(data[-_TAIL_BYTES:]).rstrip()
    return None if _END.search(tail) else "SVG ends before its closing tag"


def active_parts(file: IO[bytes]) -> tuple[str, ...]:
    """What in an SVG a browser would run, load or expand, in words: `scripts`, `event handlers` …; empty if nothing.

    Text that only looks like it, in a comment for example, counts too. Reads *file* in pieces, from its start.
    """
    found: dict[str, None] = {}
    for piece in _overlapping(file):
        found |= {name: None for name, pattern in _ACTIVE.items() if pattern.search(piece)}
        if any(not _STANDARD.match(one) for doctype in _DOCTYPE.findall(piece) for one in _QUOTED.findall(doctype)):
            found["a DTD from elsewhere"] = None
        # Viewers resolve character references and drop white space before they look at a link's scheme.
        text = re.sub(r"[\x00-\x20]", "", html.unescape(piece.decode("latin-1")))
        if _SCRIPT_LINK.search(text):
            found["script links"] = None
    return tuple(found)


def _overlapping(file: IO[bytes]) -> Iterator[bytes]:
    """The bytes of *file*, each run of white space being one blank, in pieces that overlap."""
    file.seek(0)
    kept = b""
    while piece := file.read(_PIECE_BYTES):
        text = re.sub(rb"\s+", b" ", kept + piece)
        yield text
        kept = text[-_OVERLAP_BYTES:]


def _end_of_prolog_item(head: bytes, position: int) -> int | None:
    """Where the declaration, comment or doctype at *position* ends; None when there is none or it does not end."""
    for opening, closing in _SKIPPED:
        if head.startswith(opening, position):
            end = head.find(closing, position)
            return end + len(closing) if end >= 0 else None
    if head[position : position + 9].upper() != b"<!DOCTYPE":
        return None
    end, subset = head.find(b">", position), head.find(b"[", position)
    if 0 <= subset < end:
        end = head.find(b">", head.find(b"]", subset)) if b"]" in head[subset:] else -1
    return end + 1 if end >= 0 else None


def _length(tag: bytes, name: bytes) -> int | None:
    match = re.search(rb"\s" + name + rb"""\s*=\s*["']""" + _NUMBER + rb"""(?:px)?\s*["']""", tag)
    return _to_int(match[1]) if match else None


def _to_int(number: bytes) -> int:
    try:
        return round(float(number))
    except ValueError:
        return 0
