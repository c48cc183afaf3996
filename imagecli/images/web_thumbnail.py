"""Small copies of images that a browser can show, for pages with many of them."""

from __future__ import annotations

from typing import Final, NamedTuple

from PIL import Image

from imagecli.domain import Size, Transform
from imagecli.errors import LargeImageError
from imagecli.images.header import read_header
from imagecli.images.identify import identify_image
from imagecli.images.pillow_io import encode_with_pillow
from imagecli.images.transform_input import render_transformed

MAX_SVG_BYTES: Final = 2_000_000
"""A larger SVG takes a browser seconds to draw."""
_QUALITY: Final = 80
_METHOD: Final = 2
"""WebP's effort, 0 to 6: the default of 4 takes twice as long for files that are 3% smaller."""


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
    scale = min(1.0, edge / max(header.size.width, header.size.height))
    size = Size(max(1, round(header.size.width * scale)), max(1, round(header.size.height * scale)))
    image, _ = render_transformed(header, Transform(upright=header.size, size=size), Image.Resampling.LANCZOS)
    return WebThumbnail(encode_with_pillow(image, "webp", quality=_QUALITY, method=_METHOD), "webp")
