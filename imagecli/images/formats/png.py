"""The structure of a PNG: a signature, then chunks with a length, a type, data and a CRC. Uses no Pillow.

Source: W3C PNG Specification, third edition.
"""

import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from imagecli.domain import Size

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
MAX_INFLATED_BYTES: Final = 1 << 29
"""Pixel data beyond this is trusted without being decompressed. It takes about a second to get there."""
_IHDR: Final = b"\0\0\0\x0dIHDR"
_INFLATE_STEP: Final = 1 << 17
_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Color type → allowed bits per sample."""
_SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Color type → samples per pixel."""
_PALETTE: Final = 3
"""The color type of images with a palette."""
_LAST_FILTER: Final = 4
_ADAM7: Final = ((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2))
"""The passes of an interlaced image: first column, column step, first row, row step."""


class PngChunk(NamedTuple):
    """One chunk; *start* is the offset of its length field, *end* that behind its CRC, which may lie past the data."""

    kind: bytes
    start: int
    end: int


def png_chunks(data: memoryview) -> Iterator[PngChunk]:
    """The chunks in order, up to and including IEND."""
    start = len(SIGNATURE)
    while start + 8 <= len(data):
        kind = bytes(data[start + 4 : start + 8])
        end = start + 12 + int.from_bytes(data[start : start + 4])
        yield PngChunk(kind, start, end)
        if kind == b"IEND":
            return
        start = end


def png_size(data: memoryview) -> Size | None:
    """The size in IHDR, or None if there is no complete IHDR."""
    if len(data) < 24 or bytes(data[8:16]) != _IHDR:
        return None
    return Size(int.from_bytes(data[16:20]), int.from_bytes(data[20:24]))


class PngChecker:
    """Checks a PNG while its bytes arrive: every CRC, and that the pixel data is complete. Keeps no pixels.

    Feed it everything from the signature on, in pieces of any length; the first chunk must be an IHDR (see `png_size`).
    """

    def __init__(self) -> None:
        self._offset = 0
        """Bytes fed so far."""
        self._field = b""
        """The beginning of the field that is being collected."""
        self._field_bytes = len(SIGNATURE)
        """Length of that field: the signature, then for each chunk 8 bytes of length and type, and 4 of CRC."""
        self._kind = b""
        """Type of the chunk that is being read; empty between chunks."""
        self._data_left = 0
        """Bytes of that chunk's data that have not arrived."""
        self._crc = 0
        self._header = b""
        """Data of IHDR."""
        self._pixels: _PixelData | None = None
        self._problem: str | None = None
        self._is_finished = False
        """IEND or a problem was found; what follows is not read."""

    def feed(self, piece: bytes | memoryview) -> None:
        """Checks the next bytes of the file."""
        at = 0
        while at < len(piece) and not self._is_finished:
            is_data = self._data_left > 0
            part = piece[at : at + (self._data_left or self._field_bytes - len(self._field))]
            at += len(part)
            self._offset += len(part)
            if is_data:
                self._data_left -= len(part)
                self._read_data(part)
                continue
            self._field += part
            if len(self._field) == self._field_bytes:
                field, self._field = self._field, b""
                if self._kind:
                    self._end_chunk(int.from_bytes(field))
                elif self._offset > len(SIGNATURE):
                    self._begin_chunk(int.from_bytes(field[:4]), field[4:])

    def finish(self) -> str | None:
        """What is wrong with the bytes fed, or None if they are a complete PNG."""
        if self._is_finished:
            return self._problem
        if self._kind:
            return f"PNG ends in the middle of its {self._kind.decode('ascii')} chunk"
        return "PNG ends before its IEND chunk"

    def _stop(self, problem: str | None) -> None:
        self._problem, self._is_finished = problem, True

    def _begin_chunk(self, length: int, kind: bytes) -> None:
        if not (kind.isascii() and kind.isalpha()):
            self._stop(f"PNG is damaged: no chunk at byte {self._offset - 8:,}")
            return
        self._kind, self._data_left, self._crc, self._field_bytes = kind, length, zlib.crc32(kind), 4
        if kind == b"IDAT" and self._pixels:
            self._pixels.begin_chunk()
        elif kind == b"PLTE" and self._pixels:
            self._pixels.has_palette = True

    def _read_data(self, part: bytes | memoryview) -> None:
        self._crc = zlib.crc32(part, self._crc)
        if self._pixels is None:
            self._header += part
        elif self._kind == b"IDAT":
            self._pixels.feed(part)

    def _end_chunk(self, crc: int) -> None:
        kind, self._kind, self._field_bytes = self._kind, b"", 8
        if crc != self._crc:
            self._stop(f"PNG has a bad CRC in its {kind.decode('ascii')} chunk")
            return
        if self._pixels is None:
            self._pixels = _PixelData(self._header)
        # Only now: a bad CRC is the better explanation of pixels that can't be decompressed.
        if kind == b"IEND":
            self._stop(self._pixels.finish())
        elif self._pixels.problem:
            self._stop(self._pixels.problem)


class _PixelData:
    """The data of a PNG's IDAT chunks, decompressed in steps and counted, never kept.

    Correct CRCs prove nothing if the server wrapped a truncated image in them.
    """

    def __init__(self, header: bytes) -> None:
        """*header* is the data of IHDR."""
        self.problem = None if _is_valid_header(header) else "PNG has an invalid header"
        self._passes = [] if self.problem else _interlace_passes(header)
        """Passes that are not complete."""
        self._inflater = zlib.decompressobj()
        self._pass_offset = 0
        self._bytes_left = sum(image_pass.size for image_pass in self._passes)
        self._bytes_inflated = 0
        self._is_complete = False
        self._needs_palette = not self.problem and header[9] == _PALETTE
        self.has_palette = False
        self._has_chunk = False

    def begin_chunk(self) -> None:
        """Notes that there is an IDAT chunk, which may be empty."""
        self._has_chunk = True
        if self._needs_palette and not self.has_palette:
            self.problem = "PNG has no palette for its pixels"

    def feed(self, piece: bytes | memoryview) -> None:
        """Decompresses the next bytes and checks the rows in them."""
        while piece and not self._is_complete and not self.problem:
            bytes_left = self._bytes_left
            try:
                # After the last row one more byte is requested: that makes zlib verify its checksum, if it has arrived.
                inflated = self._inflater.decompress(piece, min(bytes_left, _INFLATE_STEP) or 1)
            except zlib.error:
                self.problem = "PNG has pixels that can't be decompressed"
                return
            if bytes_left:
                self._check_filters(inflated)
            is_trusted = self._bytes_inflated >= MAX_INFLATED_BYTES
            self._is_complete = self._inflater.eof or is_trusted or bool(inflated and not bytes_left)
            piece = self._inflater.unconsumed_tail

    def finish(self) -> str | None:
        """What is wrong with the pixel data as a whole."""
        if not self._has_chunk:
            return "PNG has no pixels"
        if self.problem is None and self._bytes_left and self._bytes_inflated < MAX_INFLATED_BYTES:
            return "PNG has too few pixels"
        return self.problem

    def _check_filters(self, inflated: bytes) -> None:
        """Checks the filter byte at the start of each row in the next *inflated* bytes of the image."""
        self._bytes_left -= len(inflated)
        self._bytes_inflated += len(inflated)
        while inflated:
            current = self._passes[0]
            part, inflated = inflated[: current.size - self._pass_offset], inflated[current.size - self._pass_offset :]
            if max(part[-self._pass_offset % current.row_bytes :: current.row_bytes], default=0) > _LAST_FILTER:
                self.problem = "PNG has a row with an unknown filter type"
                return
            self._pass_offset += len(part)
            if self._pass_offset == current.size:
                del self._passes[0]
                self._pass_offset = 0


class _Pass(NamedTuple):
    row_bytes: int
    """With the filter byte."""
    size: int
    """Bytes of all rows."""


def _is_valid_header(header: bytes) -> bool:
    if len(header) != 13:
        return False
    depth, color, compression, filtering, interlace = header[8:]
    return depth in _DEPTHS.get(color, ()) and not compression and not filtering and interlace < 2


def _interlace_passes(header: bytes) -> list[_Pass]:
    """The one pass of a plain image, or the up to seven of an interlaced one."""
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    depth, color, interlace = header[8], header[9], header[12]
    passes = []
    for left, column_step, top, row_step in _ADAM7 if interlace else ((0, 1, 0, 1),):
        columns, rows = -(-(width - left) // column_step), -(-(height - top) // row_step)
        if columns > 0 and rows > 0:
            row_bytes = 1 + -(-columns * depth * _SAMPLES[color] // 8)
            passes.append(_Pass(row_bytes, row_bytes * rows))
    return passes
