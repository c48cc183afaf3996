"""The structure of a WebP: a RIFF container of chunks with a length, padded to an even one. Uses no Pillow.

Source: Google, WebP Container Specification; RFC 9649.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from imagecli.domain import Size

_PIXELS = frozenset({b"VP8 ", b"VP8L", b"ANMF"})


class WebpChunk(NamedTuple):
    """One chunk; *start* is the offset of its type, *end* that after its padding, which may be past the data."""

    kind: bytes
    start: int
    end: int


def is_webp(data: memoryview) -> bool:
    """Whether the first twelve bytes are those of a WebP."""
    return bytes(data[:4]) == b"RIFF" and bytes(data[8:12]) == b"WEBP"


def riff_end(data: memoryview) -> int:
    """The end of the container by its header, in bytes from the start."""
    return 8 + int.from_bytes(data[4:8], "little")


def webp_chunks(data: memoryview) -> Iterator[WebpChunk]:
    """The chunks in order, as far as the container reaches."""
    start, stop = 12, min(riff_end(data), len(data))
    while start + 8 <= stop:
        length = int.from_bytes(data[start + 4 : start + 8], "little")
        end = start + 8 + length + length % 2
        yield WebpChunk(bytes(data[start : start + 4]), start, end)
        start = end


def webp_size(data: memoryview) -> Size | None:
    """The size of the canvas (extended format) or frame in the first chunk; None if that has no size."""
    first = bytes(data[12:16])
    if first == b"VP8X" and len(data) >= 30:
        return Size(_little_endian(data[24:27]) + 1, _little_endian(data[27:30]) + 1)
    if first == b"VP8L" and len(data) >= 25 and data[20] == 0x2F:
        bits = _little_endian(data[21:25])
        return Size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if first == b"VP8 " and len(data) >= 30 and bytes(data[23:26]) == b"\x9d\x01\x2a":
        return Size(_little_endian(data[26:28]) & 0x3FFF, _little_endian(data[28:30]) & 0x3FFF)
    return None


def find_webp_problem(data: memoryview) -> str | None:
    """The first structural problem. A missing last padding byte is allowed."""
    has_pixels = False
    for kind, _, end in webp_chunks(data):
        if end > len(data) + 1:
            return f"WebP ends in the middle of its {_label(kind)} chunk"
        has_pixels = has_pixels or kind in _PIXELS
    if riff_end(data) > len(data) + 1:
        return f"WebP ends {riff_end(data) - len(data):,} bytes early"
    return None if has_pixels else "WebP has no pixels"


def _little_endian(data: memoryview) -> int:
    return int.from_bytes(data, "little")


def _label(kind: bytes) -> str:
    return kind.decode("ascii").strip() if kind.isascii() and kind.strip().isalnum() else "next"
