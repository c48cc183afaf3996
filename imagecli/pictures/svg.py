"""How an SVG begins and ends. Reads the first 64 KiB and the tail; parses no XML, so no entity can grow.

Source: W3C SVG 2 and XML 1.0.
"""

from __future__ import annotations

import re

from imagecli.domain import Size
from imagecli.pictures.view import View

_HEAD_BYTES = 65_536
_TAIL_BYTES = 4_096
_ROOT = re.compile(rb"\s*(<(?:[A-Za-z_][\w.-]{0,63}:)?svg(?=[\s/>])[^>]*>?)")
_SKIPPED = ((b"<?", b"?>"), (b"<!--", b"-->"))
_END = re.compile(rb"(?:</(?:[A-Za-z_][\w.-]{0,63}:)?svg\s{0,64}>|/>)\s{0,64}(?:<!--[^>]{0,1024}-->\s{0,64})?\Z")
_VIEW_BOX = re.compile(
    rb"""\sviewBox\s{0,8}=\s{0,8}["'](?:[\s,]{0,8}[-+0-9.e]{1,16}[\s,]{1,8}){2}([0-9.]{1,12})[\s,]{1,8}([0-9.]{1,12})"""
)
_NUMBER = rb"\s*([0-9.]{1,12})"


def root(data: View) -> bytes | None:
    """The `<svg …>` tag behind an optional BOM, XML declaration, doctype and comments; None when there is none."""
    head = bytes(data[:_HEAD_BYTES]).removeprefix(b"\xef\xbb\xbf")
    position: int | None = 0
    while position is not None:
        if match := _ROOT.match(head, position):
            return match[1]
        position = _behind(head, len(head) - len(head[position:].lstrip()))
    return None


def size(data: View) -> Size | None:
    """Width and height in pixels where the root says them, else the view box's; None when it says neither."""
    tag = root(data) or b""
    width, height = _length(tag, b"width"), _length(tag, b"height")
    if width and height:
        return Size(width, height)
    box = _VIEW_BOX.search(tag)
    return Size(_whole(box[1]), _whole(box[2])) if box else None


def problem(data: View) -> str | None:
    """Whether the last thing in the text closes an `svg`."""
    tail = bytes(data[-_TAIL_BYTES:]).rstrip()
    return None if _END.search(tail) else "SVG ends before its closing tag"


def _behind(head: bytes, position: int) -> int | None:
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
    return _whole(match[1]) if match else None


def _whole(number: bytes) -> int:
    try:
        return round(float(number))
    except ValueError:
        return 0
