"""Continues the edges of an image into the area around it.

Blurred, they are what a model sees where nothing is yet. They continue the image's colors, so that servers which start
from the pixels under the mask start from something like the image; and they are opaque, because some servers read
transparent pixels as white or black.
"""

from __future__ import annotations

from PIL import Image, ImageFilter

from imagecli.domain import Size

_EDGE = 4
"""Pixels of an edge that are averaged, so that noise does not become stripes."""
_BLUR_SHARE = 64
"""The radius of the blur is this part of the longer edge."""


def fill_around(image: Image.Image, offset: tuple[int, int], size: Size) -> Image.Image:
    """*image* at *offset* in a larger one of *size*, surrounded by its blurred edges."""
    result = continue_edges(image, offset, size).filter(ImageFilter.GaussianBlur(max(size) / _BLUR_SHARE))
    result.paste(image, offset)
    return result


def continue_edges(image: Image.Image, offset: tuple[int, int], size: Size) -> Image.Image:
    """*image* at *offset* in a larger one of *size*, with the pixels of its edges repeated up to the border."""
    result = Image.new(image.mode, size)
    for left, right, first, last in _bands(offset[0], image.width, size.width):
        for top, bottom, upper, lower in _bands(offset[1], image.height, size.height):
            part = image.crop((first, upper, last, lower))
            result.paste(part.resize((right - left, bottom - top), Image.Resampling.BOX), (left, top))
    return result


def _bands(offset: int, length: int, total: int) -> list[tuple[int, int, int, int]]:
    """From where to where a line is filled, and from which pixels of the image: before it, by it, and after it."""
    edge, end = min(_EDGE, length), offset + length
    bands = [(0, offset, 0, edge), (offset, end, 0, length), (end, total, length - edge, length)]
    return [band for band in bands if band[0] < band[1]]
