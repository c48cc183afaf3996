"""The structure of a JPEG: marker segments, then scans of entropy-coded data, then EOI. Uses no Pillow.

Source: ITU-T T.81, annex B.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from imagecli.domain import Size

SIGNATURE: Final = b"\xff\xd8\xff"
END_OF_IMAGE: Final = b"\xff\xd9"
SOS: Final = 0xDA
EOI: Final = 0xD9
SOF: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_MARKERS_WITHOUT_LENGTH: Final = frozenset({0xD8, EOI})
_MARKER: Final = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")
"""A marker that ends entropy-coded data: neither a stuffed zero nor a restart marker."""
_RESTART: Final = re.compile(rb"\xff[\xd0-\xd7]")
_PROGRESSIVE: Final = 0xC2
CUT_IN_PIXELS: Final = "JPEG ends in the middle of its pixels"
_FILLERS: Final = (b"\x2a\x51\x39\xc4\x5b\x8e\x17\xa3" * 16, b"\xd5\xae\xc6\x3b\xa4\x71\xe8\x5c" * 16)
"""Entropy-coded data of several blocks without a marker; what is a 1 in one is a 0 in the other."""


class Segment(NamedTuple):
    """One segment without the entropy-coded data that follows it; *end* may lie past the data."""

    marker: int
    start: int
    end: int


def jpeg_segments(data: memoryview) -> Iterator[Segment]:
    """The segments in order, up to and including EOI. Bytes between segments are skipped, as decoders do."""
    end = 0
    while match := _MARKER.search(data, end):
        start, marker = match.start(), data[match.start() + 1]
        if marker in _MARKERS_WITHOUT_LENGTH:
            end = start + 2
        else:
            length = int.from_bytes(data[start + 2 : start + 4]) if start + 4 <= len(data) else len(data)
            end = start + 2 + max(length, 2)
        yield Segment(marker, start, end)
        if marker == EOI:
            return


def jpeg_size(data: memoryview) -> Size | None:
    """The size in the frame header, or None if there is no frame header before the pixels."""
    for marker, start, end in jpeg_segments(data):
        if marker == SOS:
            return None
        if marker in SOF and end <= len(data) and end >= start + 9:
            return Size(int.from_bytes(data[start + 7 : start + 9]), int.from_bytes(data[start + 5 : start + 7]))
    return None


def find_jpeg_problem(data: memoryview) -> str | None:
    """The first structural problem. `CUT_IN_PIXELS` means only that EOI is missing: the pixels may be complete."""
    has_pixels = False
    for marker, _, end in jpeg_segments(data):
        if marker == EOI:
            return None if has_pixels else "JPEG has no pixels"
        if end > len(data):
            return "JPEG ends in the middle of its headers"
        has_pixels = has_pixels or marker == SOS
    return CUT_IN_PIXELS if has_pixels else "JPEG ends before its pixels"


def add_end_of_image(data: bytes) -> bytes:
    """*data* with EOI if that is missing: without it decoders refuse even complete pixels."""
    with memoryview(data) as view:
        *_, last = jpeg_segments(view)
        return data if last.marker == EOI else data.rstrip(b"\xff") + END_OF_IMAGE


def fill_end(data: bytes) -> tuple[bytes, ...]:
    """*data*, which lacks EOI, with further pixel data appended that differs from copy to copy, and EOI.

    A decoder uses that only for pixels that are missing: if the copies decode alike, the last scan is complete.
    """
    coded = data.rstrip(b"\xff")
    # If the data was cut at a restart, the decoder goes on behind the marker that is next in turn.
    restart = b"\xff%c" % (0xD0 + len(_RESTART.findall(coded, coded.rindex(b"\xff\xda"))) % 8)
    return tuple(coded + filler + restart + filler + END_OF_IMAGE for filler in _FILLERS)


def has_all_scans(data: memoryview) -> bool:
    """Whether the scans bring every component, and each band of coefficients that a progressive one began."""
    is_progressive = False
    bits_left: dict[tuple[int, int], int] = {}
    """(component, coefficient) → its low bits that no scan has brought yet."""
    for marker, start, end in jpeg_segments(data):
        body = bytes(data[start + 4 : end])
        if marker in SOF:
            is_progressive = marker == _PROGRESSIVE
            bits_left = dict.fromkeys(((component, 0) for component in body[6::3]), 1)
        elif marker == SOS and body and len(body) >= 4 + 2 * body[0]:
            components = body[1 : 1 + 2 * body[0] : 2]
            first, last, bits = body[1 + 2 * body[0] : 4 + 2 * body[0]] if is_progressive else (0, 0, 0)
            bits_left |= {(component, band): bits & 0x0F for component in components for band in range(first, last + 1)}
    return not any(bits_left.values())
