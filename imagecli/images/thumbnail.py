"""Small copies of images to look at: the first frame, upright and in sRGB, transparency shown as a checkerboard."""

from __future__ import annotations

from typing import Final

from PIL import Image

from imagecli.domain import Size, Transform
from imagecli.images.header import ImageHeader
from imagecli.images.transform_input import render_transformed

_LIGHT: Final = (204, 204, 204)
_DARK: Final = (153, 153, 153)
_SQUARES: Final = 16
"""Squares of the checkerboard along the longer edge."""


def render_thumbnail(header: ImageHeader, size: Size) -> Image.Image:
    """The image at *size*, RGB. Raises InputImageError if its pixels are damaged."""
    pixels, _ = render_transformed(header, Transform(upright=header.size, size=size), Image.Resampling.LANCZOS)
    if pixels.mode != "RGBA":
        return pixels
    board = draw_checkerboard(size)
    board.paste(pixels, mask=pixels.getchannel("A"))
    return board


def draw_checkerboard(size: Size) -> Image.Image:
    """Gray squares, RGB."""
    side = max(2, max(size.width, size.height) // _SQUARES)
    pair = Image.new("RGB", (2, 2), _LIGHT)
    pair.putpixel((1, 0), _DARK)
    pair.putpixel((0, 1), _DARK)
    board = Image.new("RGB", size)
    tile = pair.resize((2 * side, 2 * side), Image.Resampling.NEAREST)
    for top in range(0, size.height, 2 * side):
        for left in range(0, size.width, 2 * side):
            board.paste(tile, (left, top))
    return board
