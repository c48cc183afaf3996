"""The image as the paint page shows it, and the painted area brought back to the size of the image.

Painting happens on a layer of a few megapixels, so that large photos stay smooth in a browser.
"""

from __future__ import annotations

from typing import Final

from PIL import Image, ImageChops, ImageFilter

from imagecli.domain import Size, Transform
from imagecli.images.header import ImageHeader
from imagecli.images.mask_area import Area, cut_edges, has_soft_edges
from imagecli.images.pillow_io import encode_with_pillow
from imagecli.images.transform_input import render_transformed

MAX_LAYER_PIXELS: Final = 4_000_000
_ANY: Final = [0] + [255] * 255


def layer_size(size: Size) -> Size:
    """The size of the layer for an image of *size*: the same, or scaled down to a few megapixels."""
    scale = min(1.0, (MAX_LAYER_PIXELS / size.pixels) ** 0.5)
    return Size(max(1, int(size.width * scale)), max(1, int(size.height * scale)))


def render_layer(header: ImageHeader) -> tuple[bytes, str]:
    """The image upright, in sRGB and in the size of the layer, and its media type. Raises InputImageError."""
    layer = layer_size(header.size)
    transform = Transform(upright=header.size, size=None if layer == header.size else layer)
    pixels = render_transformed(header, transform, Image.Resampling.LANCZOS)[0]
    if pixels.mode == "RGBA":
        return encode_with_pillow(pixels, "png", compress_level=1), "image/png"
    return encode_with_pillow(pixels, "jpeg", quality=90), "image/jpeg"


def shrink_to_layer(area: Area) -> Area:
    """*area* of the image in the size of the layer; hard edges stay hard."""
    size = layer_size(Size(*area.size))
    if area.size == size:
        return area
    small = area.resize(size, Image.Resampling.BILINEAR, reducing_gap=2)
    return small if has_soft_edges(area) else cut_edges(small)


def enlarge_from_layer(data: bytes, original: Area) -> Area:
    """The painted layer in the size of the image. Where nothing was painted, it is the *original* area exactly.

    Hard edges stay hard, and are smooth instead of showing the pixels of the layer; soft edges stay soft.
    """
    layer = layer_size(Size(*original.size))
    painted = Image.frombytes("L", layer, data)
    if painted.size == original.size:
        return painted
    large = painted.resize(original.size, Image.Resampling.BILINEAR)
    if has_soft_edges(painted):
        # Pixels that are between two soft ones, or beside one.
        soft = painted.point([0] + [255] * 254 + [0]).filter(ImageFilter.MaxFilter(3))
        large.paste(cut_edges(large), mask=ImageChops.invert(soft).resize(original.size, Image.Resampling.NEAREST))
    else:
        large = cut_edges(large)
    changed_area = ImageChops.difference(painted, shrink_to_layer(original)).point(_ANY)
    result = original.copy()
    result.paste(large, mask=changed_area.resize(original.size, Image.Resampling.NEAREST))
    return result
