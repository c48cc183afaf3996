"""The eight EXIF orientations: turns stored pixels upright, and maps upright boxes and sizes to stored pixels.

Source: CIPA DC-008 (Exif 2.32), tag 0x0112.
"""

from __future__ import annotations

from PIL import Image

from imagecli.domain import Size
from imagecli.images.resize import Box

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


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


def stored_size(size: Size, orientation: int) -> Size:
    """*size* of an upright image as stored."""
    return Size(size.height, size.width) if orientation >= 5 else size
