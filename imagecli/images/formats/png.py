"""How a PNG is built: a signature, then chunks, each with its length and CRC. Knows no Pillow.

Source: W3C PNG Specification, third edition.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

from imagecli.domain import Size
from imagecli.images.byte_window import ByteWindow, iter_bytes
from imagecli.images.formats.png_scanlines import Scanlines

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_IHDR = b"\0\0\0\x0dIHDR"


class PngChunk(NamedTuple):
    """One chunk: *start* is its length field, *end* lies behind its CRC and past the data when the file is cut."""

    kind: bytes
    start: int
    end: int


def png_chunks(data: ByteWindow) -> Iterator[PngChunk]:
    """The chunks in order, up to and with IEND."""
    start = len(SIGNATURE)
    while start + 8 <= len(data):
        kind = bytes(data[start + 4 : start + 8])
        end = start + 12 + int.from_bytes(data[start : start + 4])
        yield PngChunk(kind, start, end)
        if kind == b"IEND":
            return
        start = end


def png_size(data: ByteWindow) -> Size | None:
    """What IHDR says, or None when there is no whole IHDR."""
    if len(data) < 24 or bytes(data[8:16]) != _IHDR:
        return None
    return Size(int.from_bytes(data[16:20]), int.from_bytes(data[20:24]))


def find_png_problem(data: ByteWindow) -> str | None:
    """The first thing that is wrong between the signature and IEND: every CRC is checked, and the pixels are counted.

    The first chunk has to be an IHDR (`png_size` tells).
    """
    scanlines: Scanlines | None = None
    for chunk in png_chunks(data):
        if broken := _chunk_problem(data, chunk):
            return broken
        if scanlines is None:
            scanlines = Scanlines(bytes(data[chunk.start + 8 : chunk.end - 4]))
        scanlines.take(chunk.kind, data, chunk.start + 8, chunk.end - 4)
        if chunk.kind == b"IEND" or scanlines.problem:
            return scanlines.problem or scanlines.end()
    return "PNG ends before its IEND chunk"


def _chunk_problem(data: ByteWindow, chunk: PngChunk) -> str | None:
    if not (chunk.kind.isascii() and chunk.kind.isalpha()):
        return f"PNG is damaged: no chunk at byte {chunk.start:,}"
    name = chunk.kind.decode("ascii")
    if chunk.end > len(data):
        return f"PNG ends in the middle of its {name} chunk"
    if _crc(data, chunk) != int.from_bytes(data[chunk.end - 4 : chunk.end]):
        return f"PNG has a bad CRC in its {name} chunk"
    return None


def _crc(data: ByteWindow, chunk: PngChunk) -> int:
    found = 0
    for piece in iter_bytes(data, chunk.start + 4, chunk.end - 4):
        found = zlib.crc32(piece, found)
    return found
