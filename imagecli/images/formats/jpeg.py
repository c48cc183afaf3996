"""How a JPEG is built: marker segments, then scans of entropy-coded data, then EOI. Knows no Pillow.

Source: ITU-T T.81, annex B.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from imagecli.domain import Size
from imagecli.images.byte_window import ByteWindow, find_pair

SIGNATURE = b"\xff\xd8\xff"
SOS = 0xDA
EOI = 0xD9
SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE = frozenset({0xD8, EOI})
"""Markers without a length."""
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")
"""A marker that ends entropy-coded data: neither a stuffed zero nor a restart."""


class Segment(NamedTuple):
    """One segment without its entropy-coded data; *end* lies past the data when the file is cut."""

    marker: int
    start: int
    end: int


def jpeg_segments(data: ByteWindow) -> Iterator[Segment]:
    """The segments in order, up to and with EOI. Bytes between segments are skipped, as decoders do."""
    end = 2
    while (start := find_pair(data, _MARKER, end)) is not None:
        marker = data[start + 1]
        if marker in _BARE:
            end = start + 2
        else:
            length = int.from_bytes(data[start + 2 : start + 4]) if start + 4 <= len(data) else len(data)
            end = start + 2 + max(length, 2)
        yield Segment(marker, start, end)
        if marker == EOI:
            return


def jpeg_size(data: ByteWindow) -> Size | None:
    """What the frame header says, or None when there is none before the pixels."""
    for marker, start, end in jpeg_segments(data):
        if marker == SOS:
            return None
        if marker in SOF and end <= len(data) and end >= start + 9:
            return Size(int.from_bytes(data[start + 7 : start + 9]), int.from_bytes(data[start + 5 : start + 7]))
    return None


def find_jpeg_problem(data: ByteWindow) -> str | None:
    """The first thing that is wrong between SOI and EOI."""
    has_pixels = False
    for marker, _, end in jpeg_segments(data):
        if marker == EOI:
            return None if has_pixels else "JPEG has no pixels"
        if end > len(data):
            return "JPEG ends in the middle of its headers"
        has_pixels = has_pixels or marker == SOS
    return "JPEG ends in the middle of its pixels" if has_pixels else "JPEG ends before its pixels"
