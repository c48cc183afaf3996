"""Small copies of images to look at, on a terminal or in a browser: the first frame, upright and in sRGB."""

from __future__ import annotations

from typing import Final, NamedTuple

from PIL import Image

from imagecli.domain import Size, Transform
from imagecli.errors import LargeImageError
from imagecli.images.header import ImageHeader, read_header
from imagecli.images.identify import identify_image
from imagecli.images.pillow_io import encode_with_pillow
from imagecli.images.transform_input import render_transformed

_LIGHT: Final = (204, 204, 204)
_DARK: Final = (153, 153, 153)
_SQUARES: Final = 16
"""Squares of the checkerboard along the longer edge."""
MAX_SVG_BYTES: Final = 2_000_000
"""A larger SVG takes a browser seconds to draw."""
_QUALITY: Final = 80
_METHOD: Final = 2
"""WebP's effort, 0 to 6: the default of 4 takes twice as long for files that are 3% smaller."""


def render_thumbnail(header: ImageHeader, size: Size) -> Image.Image:
    """The image at *size*, RGB; transparency shows a checkerboard. Raises InputImageError if its pixels are damaged."""
    pixels, _ = render_transformed(header, Transform(upright=header.size, size=size), Image.Resampling.LANCZOS)
    if pixels.mode != "RGBA":
        return pixels
    board = _draw_checkerboard(size)
    board.paste(pixels, mask=pixels.getchannel("A"))
    return board


def _draw_checkerboard(size: Size) -> Image.Image:
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


class WebThumbnail(NamedTuple):
    """A small copy of an image; of an SVG the same bytes, as nothing here draws one."""

    data: bytes
    format: str
    """`webp` or `svg`."""


def make_web_thumbnail(data: bytes, edge: int, name: str) -> WebThumbnail:
    """A copy of *data* whose longer edge is at most *edge* pixels: upright, in sRGB, of an animation the first frame.

    Raises InputImageError if it can't be decoded or is too large.
    """
    if identify_image(data).format == "svg":
        if len(data) > MAX_SVG_BYTES:
            raise LargeImageError(f"{name} is an SVG of {len(data):,} bytes; the limit is {MAX_SVG_BYTES:,}")
        return WebThumbnail(data, "svg")
    header = read_header(data, name)
    size = header.size.shrink_to_fit(Size(edge, edge))
    image, _ = render_transformed(header, Transform(upright=header.size, size=size), Image.Resampling.LANCZOS)
    return WebThumbnail(encode_with_pillow(image, "webp", quality=_QUALITY, method=_METHOD), "webp")
