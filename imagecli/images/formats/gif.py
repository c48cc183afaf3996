"""The structure of a GIF: a screen descriptor, blocks of length-prefixed sub-blocks, a trailer. Uses no Pillow.

Source: CompuServe, GIF89a specification.
"""

from __future__ import annotations

from imagecli.domain import Size

SIGNATURES = (b"GIF87a", b"GIF89a")
_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B


def gif_size(data: memoryview) -> Size | None:
    """The size of the logical screen, or None if the data ends before it."""
    if len(data) < 13:
        return None
    return Size(int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little"))


def find_gif_problem(data: memoryview) -> str | None:
    """The first structural problem."""
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
    return "GIF ends in the middle of an image" if images else "GIF ends before its pixels"


def _color_table_bytes(flags: int) -> int:
    """Length of the colour table that *flags* announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _skip_sub_blocks(data: memoryview, position: int) -> int:
    while position < len(data) and data[position]:
        position += data[position] + 1
    return position + 1
