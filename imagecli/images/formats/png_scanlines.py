"""Whether a PNG's pixel data is what its header promises: unpacked in steps, counted, and never kept.

Right CRCs say nothing of a server that wrapped a broken picture well. Source: W3C PNG Specification, third edition.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from imagecli.images.byte_window import ByteWindow, iter_bytes

MOST_BYTES: Final = 1 << 29
"""So much is unpacked; what a picture has behind it is believed. It takes about a second."""
_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Colour type → bits a sample."""
_SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Colour type → samples a pixel."""
_PALETTE, _LAST_FILTER = 3, 4
_PASSES: Final = ((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2))
"""Of an interlaced picture: first column, step, first row, step."""
_STEP: Final = 1 << 17


class Scanlines:
    """Takes the chunks of one picture in their order, from the first behind IHDR."""

    def __init__(self, header: bytes) -> None:
        """*header* is the data of IHDR, 13 bytes."""
        self.problem = None if _is_valid_header(header) else "PNG has a header that makes no sense"
        self._rows = _Rows([] if self.problem else list(_pass_sizes(header)))
        self._inflate = zlib.decompressobj()
        self._is_over = False
        self._lacks_palette = header[9] == _PALETTE
        self._has_pixels = False

    def take(self, kind: bytes, data: ByteWindow, start: int, end: int) -> None:
        """One chunk's data: the palette's and the pixels' matter."""
        if kind == b"PLTE":
            self._lacks_palette = False
        elif kind == b"IDAT":
            self._has_pixels = True
            if self._lacks_palette:
                self.problem = "PNG has no palette for its pixels"
            for piece in () if self._is_over else iter_bytes(data, start, end):
                self._unpack(piece)

    def end(self) -> str | None:
        """What is wrong with all of it."""
        if not self._has_pixels:
            return "PNG has no pixels"
        too_few = self._rows.left and self._rows.taken < MOST_BYTES
        return self.problem or ("PNG has too few pixels" if too_few else None)

    def _unpack(self, piece: bytes | memoryview) -> None:
        """Behind the last row one byte more is asked for: that makes zlib compare its checksum, if it came."""
        while piece and not self._is_over and not self.problem:
            left = self._rows.left
            try:
                unpacked = self._inflate.decompress(piece, min(left, _STEP) or 1)
            except zlib.error:
                self.problem = "PNG has pixels that can't be unpacked"
                return
            if left and not self._rows.take(unpacked):
                self.problem = "PNG has a row whose filter is none"
            self._is_over = self._inflate.eof or self._rows.taken >= MOST_BYTES or bool(unpacked and not left)
            piece = self._inflate.unconsumed_tail


class _Rows:
    """Where in the unpacked bytes each row begins, with the number of its filter."""

    def __init__(self, passes: list[tuple[int, int]]) -> None:
        """*passes* are bytes a row and bytes in all, each of them."""
        self._passes, self._at = passes, 0
        self.left, self.taken = sum(size for _, size in passes), 0

    def take(self, unpacked: bytes) -> bool:
        """Whether all filters in the next bytes, at most *left*, are among those that there are."""
        self.left, self.taken = self.left - len(unpacked), self.taken + len(unpacked)
        while unpacked:
            row, size = self._passes[0]
            here, unpacked = unpacked[: size - self._at], unpacked[size - self._at :]
            if max(here[-self._at % row :: row], default=0) > _LAST_FILTER:
                return False
            self._at += len(here)
            if self._at == size:
                self._passes, self._at = self._passes[1:], 0
        return True


def _is_valid_header(header: bytes) -> bool:
    depth, colour, compression, filtering, interlace = header[8:13]
    return depth in _DEPTHS.get(colour, ()) and not compression and not filtering and interlace < 2


def _pass_sizes(header: bytes) -> Iterator[tuple[int, int]]:
    """Bytes a row, with that of its filter, and bytes in all: one pass, or the up to seven of an interlaced picture."""
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    for x, dx, y, dy in _PASSES if header[12] else ((0, 1, 0, 1),):
        columns, rows = -(-(width - x) // dx), -(-(height - y) // dy)
        if columns > 0 and rows > 0:
            row = 1 + -(-columns * header[8] * _SAMPLES[header[9]] // 8)
            yield row, row * rows
