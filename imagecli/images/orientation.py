"""The eight EXIF orientations: read from EXIF data, applied to stored pixels, and to sizes and boxes.

Invalid EXIF data counts as upright. Source: CIPA DC-008 (Exif 2.32), tag 0x0112; TIFF 6.0 for the structure.
"""

from __future__ import annotations

import struct

from PIL import Image

from imagecli.domain import Box, Size

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_ORIENTATION, _SHORT, _ENTRY_BYTES = 0x0112, 3, 12
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}


def read_orientation(block: bytes) -> int:
    """The orientation, 1 to 8, in the first directory of *block*, a TIFF structure; 1 if there is none."""
    location = _find_orientation(block)
    if location is None:
        return 1
    order, at = location
    (value,) = struct.unpack_from(order + "H", block, at)
    return value if 1 <= value <= 8 else 1


def set_upright(block: bytes) -> bytes:
    """*block* with the orientation set to upright."""
    location = _find_orientation(block)
    if location is None:
        return block
    order, at = location
    return block[:at] + struct.pack(order + "H", 1) + block[at + 2 :]


def turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    """*image* turned upright, as a viewer shows it."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def stored_box(box: Box, size: Size, orientation: int) -> Box:
    """*box* of an upright image of *size* in the coordinates of the stored pixels."""
    left, top, right, bottom = box
    if orientation in (2, 3, 6, 7):
        left, right = size.width - right, size.width - left
    if orientation in (3, 4, 7, 8):
        top, bottom = size.height - bottom, size.height - top
    return (top, left, bottom, right) if orientation >= 5 else (left, top, right, bottom)


def turned_size(size: Size, orientation: int) -> Size:
    """The upright size of an image that is stored with *size*; or the other way round."""
    return Size(size.height, size.width) if orientation >= 5 else size


def _find_orientation(block: bytes) -> tuple[str, int] | None:
    """The byte order, and the offset of the value."""
    order = _ORDERS.get(block[:4])
    if order is None or len(block) < 8:
        return None
    (start,) = struct.unpack_from(order + "I", block, 4)
    if start + 2 > len(block):
        return None
    (count,) = struct.unpack_from(order + "H", block, start)
    for at in range(start + 2, min(start + 2 + count * _ENTRY_BYTES, len(block) - _ENTRY_BYTES + 1), _ENTRY_BYTES):
        tag, kind = struct.unpack_from(order + "HH", block, at)
        if tag == _ORIENTATION:
            return (order, at + 8) if kind == _SHORT else None
    return None
