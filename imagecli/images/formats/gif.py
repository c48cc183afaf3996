"""How a GIF is built: a screen, then blocks of length-prefixed pieces, then a trailer. Knows no Pillow.

Source: CompuServe, GIF89a specification.
"""

from __future__ import annotations

from imagecli.domain import Size
from imagecli.images.byte_window import ByteWindow, bytes_around

SIGNATURES = (b"GIF87a", b"GIF89a")
_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B


def gif_size(data: ByteWindow) -> Size | None:
    """The logical screen, or None when the data ends before it."""
    if len(data) < 13:
        return None
    return Size(int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little"))


def find_gif_problem(data: ByteWindow) -> str | None:
    """The first thing that is wrong between the screen and the trailer."""
    position, images = 13 + _color_table_bytes(data[10]), 0
    while position < len(data):
        block = data[position]
        if block == _TRAILER:
            return None if images else "GIF has no pixels"
        if block == _IMAGE and position + 10 <= len(data):
            images += 1
            position = _skip_sub_blocks(data, position + 11 + _color_table_bytes(data[position + 9]))
        elif block == _EXTENSION:
            position = _skip_sub_blocks(data, position + 2)
        else:
            return f"GIF is damaged: no block at byte {position:,}"
    return "GIF ends in the middle of a picture" if images else "GIF ends before its pixels"


def _color_table_bytes(flags: int) -> int:
    """Bytes of the colour table that *flags* announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _skip_sub_blocks(data: ByteWindow, position: int) -> int:
    while position < len(data):
        near, start = bytes_around(data, position)
        here, stop = position - start, len(near)
        while here < stop and near[here]:
            here += near[here] + 1
        position = start + here
        if here < stop:
            break
    return position + 1
