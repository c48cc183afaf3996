"""The size of an SVG, its end, and active content in it. Parses no XML, so entities can't expand.

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
"""The end of each piece that is searched again with the next one: longer than any match."""
_ACTIVE: Final = {
    "scripts": re.compile(rb"[<:](?:script|handler)[ />]", re.I),
    "event handlers": re.compile(rb"""[ "'/]on[a-z]{2,40} ?= ?["']""", re.I),
    "embedded HTML": re.compile(rb"[<:](?:foreignObject|iframe|object|embed)[ />]", re.I),
    "entities": re.compile(rb"<!(?:ENTITY|ATTLIST) ", re.I),
    "external style sheets": re.compile(rb"<\?xml-stylesheet ", re.I),
}
"""Kind of active content → how it looks once each run of white space is one blank."""
_DOCTYPE = re.compile(rb"<!DOCTYPE ([^>\[]{0,1024})", re.I)
_QUOTED = re.compile(rb"""["']([^"']*)["']""")
_STANDARD = re.compile(rb"-//|https?://www\.w3\.org/")
"""How the identifiers in the DOCTYPE of ordinary SVGs begin; viewers don't fetch these."""
_SCRIPT_LINK = re.compile(r"""["';](?:javascript|vbscript|data:text/html)[:;,]""", re.I)
_NUMBER = rb"\s*([0-9.]{1,12})"


def find_svg_root(data: memoryview) -> bytes | None:
    """The `<svg …>` tag after an optional BOM, XML declaration, doctype and comments; None if there is none."""
    head = bytes(data[:_HEAD_BYTES]).removeprefix(b"\xef\xbb\xbf")
    position: int | None = 0
    while position is not None:
        if match := _ROOT.match(head, position):
            return match[1]
        position = _end_of_prolog_item(head, len(head) - len(head[position:].lstrip()))
    return None


def svg_size(data: memoryview) -> Size | None:
    """The width and height of the root in pixels, else those of its view box; None if it has neither."""
    tag = find_svg_root(data) or b""
    width, height = _length(tag, b"width"), _length(tag, b"height")
    if width and height:
        return Size(width, height)
    box = _VIEW_BOX.search(tag)
    return Size(_to_int(box[1]), _to_int(box[2])) if box else None


def find_svg_problem(data: memoryview) -> str | None:
    """A problem if the text does not end with the closing tag of an `svg`."""
    tail = bytes(data[-_TAIL_BYTES:]).rstrip()
    return None if _END.search(tail) else "SVG ends before its closing tag"


def active_parts(file: IO[bytes]) -> tuple[str, ...]:
    """The kinds of content in an SVG that a browser would run, load or expand: `scripts`, `event handlers` …

    Text that only looks like it, for example in a comment, counts too. Reads *file* in pieces, from its start.
    """
    kinds: dict[str, None] = {}
    for piece in _overlapping(file):
        kinds |= {name: None for name, pattern in _ACTIVE.items() if pattern.search(piece)}
        identifiers = [text for doctype in _DOCTYPE.findall(piece) for text in _QUOTED.findall(doctype)]
        if not all(map(_STANDARD.match, identifiers)):
            kinds["an external DTD"] = None
        # Viewers resolve character references and drop white space before they look at a link's scheme.
        text = re.sub(r"[\x00-\x20]", "", html.unescape(piece.decode("latin-1")))
        if _SCRIPT_LINK.search(text):
            kinds["script links"] = None
    return tuple(kinds)


def _overlapping(file: IO[bytes]) -> Iterator[bytes]:
    """The bytes of *file* in overlapping pieces, each run of white space replaced by one blank."""
    file.seek(0)
    overlap = b""
    while piece := file.read(_PIECE_BYTES):
        text = re.sub(rb"\s+", b" ", overlap + piece)
        yield text
        overlap = text[-_OVERLAP_BYTES:]


def _end_of_prolog_item(head: bytes, position: int) -> int | None:
    """The end of the declaration, comment or doctype at *position*; None if there is none, or it has no end."""
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
