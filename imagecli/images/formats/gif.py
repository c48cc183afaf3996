"""The structure of a GIF: a screen descriptor, blocks of length-prefixed sub-blocks, a trailer. Uses no Pillow.

Sources: CompuServe, GIF89a specification; Adobe, XMP Specification, part 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from imagecli.domain import Size

SIGNATURES = (b"GIF87a", b"GIF89a")
EXTENSION, IMAGE, TRAILER = 0x21, 0x2C, 0x3B
_APPLICATION = 0xFF
"""The label of an application's extension."""
_XMP = b"\x0bXMP DataXMP"
"""The length and name of the application whose extension is an XMP packet."""
_MAGIC_TRAILER = bytes([1, *range(255, -1, -1), 0])


def gif_size(data: memoryview) -> Size | None:
    """The size of the logical screen, or None if the data ends before it."""
    if len(data) < 13:
        return None
    return Size(int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little"))


class GifBlock(NamedTuple):
    """One block, with its sub-blocks; *end* may lie past the data."""

    kind: int
    """Its first byte: IMAGE, EXTENSION, TRAILER, or one that begins no block."""
    label: int
    """What kind of extension it is; 0 for other blocks."""
    start: int
    end: int


def gif_blocks(data: memoryview) -> Iterator[GifBlock]:
    """The blocks after the global color table, up to and including the trailer or the first that is no block."""
    position = 13 + _color_table_bytes(data[10])
    while position < len(data):
        kind, label, end = data[position], 0, position + 1
        if kind == IMAGE:
            flags = data[position + 9] if position + 9 < len(data) else 0
            end = _skip_sub_blocks(data, position + 11 + _color_table_bytes(flags))
        elif kind == EXTENSION:
            label = data[position + 1] if position + 1 < len(data) else 0
            end = _skip_sub_blocks(data, position + 2)
        yield GifBlock(kind=kind, label=label, start=position, end=end)
        if kind not in (IMAGE, EXTENSION):
            return
        position = end


def find_gif_problem(data: memoryview) -> str | None:
    """The first structural problem."""
    images = 0
    for block in gif_blocks(data):
        if block.kind == TRAILER:
            return None if images else "GIF has no pixels"
        if block.kind not in (IMAGE, EXTENSION):
            return f"GIF is damaged: no block at byte {block.start:,}"
        images += block.kind == IMAGE
    return "GIF ends in the middle of an image" if images else "GIF ends before its pixels"


def read_gif_xmp(data: memoryview) -> bytes | None:
    """The XMP packet; None if there is none, or if its end is missing."""
    for block in gif_blocks(data):
        content = bytes(data[block.start + 2 : block.end])
        if block.label == _APPLICATION and content.startswith(_XMP):
            packet, trailer, _ = content[len(_XMP) :].rpartition(_MAGIC_TRAILER)
            return packet if trailer else None
    return None


def read_gif_application(data: memoryview, application: bytes) -> Iterator[bytes]:
    """The sub-blocks of the extensions of *application*, its name after its length."""
    for block in gif_blocks(data):
        start = block.start + 2
        if block.label == _APPLICATION and data[start : start + len(application)] == application:
            position = start + len(application)
            while position < len(data) and data[position]:
                yield bytes(data[position + 1 : position + 1 + data[position]])
                position += 1 + data[position]


def add_gif_xmp(data: bytes, packet: bytes) -> bytes:
    """*data*, a complete GIF, with *packet* in an application extension at its end.

    The packet is not divided into sub-blocks. A reader that takes its characters for lengths of sub-blocks ends up
    somewhere in the trailer, each byte of which leads to its last one.
    """
    with memoryview(data) as view:
        end = next(block.start for block in gif_blocks(view) if block.kind == TRAILER)
    extension = bytes([EXTENSION, _APPLICATION]) + _XMP + packet + _MAGIC_TRAILER
    return SIGNATURES[1] + data[len(SIGNATURES[1]) : end] + extension + data[end:]


def _color_table_bytes(flags: int) -> int:
    """Length of the color table that *flags* announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _skip_sub_blocks(data: memoryview, position: int) -> int:
    while position < len(data) and data[position]:
        position += data[position] + 1
    return position + 1
