"""The area of a mask while it is made: a grayscale image, 255 where the image is edited and 0 where it is kept.

Values in between are soft edges. `mask_pixels` makes the mask of it that both conventions read alike.
"""

from __future__ import annotations

from typing import TypeAlias

from PIL import Image, ImageChops, ImageFilter

from imagecli.domain import MaskShape, Size, Transform
from imagecli.images.edit_region import grow_box, intersection
from imagecli.images.mask_geometry import disc_boxes, shape_spans
from imagecli.images.transform_input import size_inside_padding

Area: TypeAlias = Image.Image
"""For folders that do not import Pillow."""

_LEAST_SOFT = 4
"""Pixels. A narrower edge is hardly softer than none."""
THRESHOLD = 128
"""Brightness from which a pixel of a black and white mask is white."""
MIN_ALPHA = 16
"""A lower alpha counts as 0, which alone is certain to be edited: brushes and resizing leave such pixels behind."""
_ANY = [0] + [255] * 255
_FULL = [0] * 255 + [255]
"""Tables for `point`: 255 where a pixel is edited at all, and where it is edited entirely."""
_LARGEST_DISC = 40
"""Pixels. A larger disc grows the area on a smaller scale, which keeps the time short."""


def empty_area(size: Size) -> Image.Image:
    """Nothing is edited."""
    return Image.new("L", size)


def draw_shape(area: Image.Image, shape: MaskShape) -> Image.Image:
    """*area* with *shape* added."""
    result = area.copy()
    for row, left, right in shape_spans(shape, Size(*area.size)):
        result.paste(255, (left, row, right, row + 1))
    return result


def add_area(first: Image.Image, second: Image.Image) -> Image.Image:
    """Both areas together."""
    return ImageChops.lighter(first, second)


def invert_area(area: Image.Image) -> Image.Image:
    """Everything but *area*."""
    return ImageChops.invert(area)


def cut_edges(area: Image.Image) -> Image.Image:
    """*area* without soft edges."""
    return area.point([0] * THRESHOLD + [255] * (256 - THRESHOLD))


def has_soft_edges(area: Image.Image) -> bool:
    return any(area.histogram()[1:255])


def grow_area(area: Image.Image, pixels: int) -> Image.Image:
    """*area* with all pixels up to *pixels* away from it; shrunk if *pixels* is negative. It has no soft edges."""
    area = cut_edges(area)
    if pixels < 0:
        return invert_area(grow_area(invert_area(area), -pixels))
    box = area.getbbox()
    if box is None:
        return area
    # A pixel more, so that the filters find nothing at the edge that they would extend.
    near = intersection(grow_box(box, pixels + 1, pixels + 1), (0, 0, *area.size))
    area.paste(_grow_by_disc(area.crop(near), pixels), near)
    return area


def _grow_by_disc(area: Image.Image, radius: int) -> Image.Image:
    factor = -(-radius // _LARGEST_DISC)
    if factor > 1:
        small = area.reduce(factor).point(_ANY)
        grown = _grow_by_disc(small, round(radius / factor)).resize(
            (small.width * factor, small.height * factor), Image.Resampling.BILINEAR
        )
        return add_area(area, cut_edges(grown.crop((0, 0, *area.size))))
    result = area
    for across, up in disc_boxes(radius):
        wide = area.filter(ImageFilter.BoxBlur((across, 0))).point(_ANY)
        result = add_area(result, wide.filter(ImageFilter.BoxBlur((0, up))).point(_ANY))
    return result


def feather_area(area: Image.Image, pixels: int) -> Image.Image:
    """*area* with an edge that is *pixels* wide, half of it inside. Cut at 128 it is the same area again."""
    # Pillow blurs by three passes of a box; together they reach three standard deviations to each side.
    return area.filter(ImageFilter.GaussianBlur(pixels / 6))


def soften_inside(area: Image.Image, pixels: int) -> Image.Image:
    """*area* with an edge that is *pixels* wide, all of it inside. Parts that are too narrow for it get a narrower one.

    The borders of the image are not edges.
    """
    if pixels < _LEAST_SOFT:
        return area
    # Two blurs, which together reach as far as the area was shrunk: outside of it everything stays 0.
    first = pixels // 4
    second = pixels // 2 - first
    hard = area.point(_ANY)
    inner = invert_area(_grow_by_square(invert_area(hard), first + second))
    soft = inner.filter(ImageFilter.BoxBlur(first)).filter(ImageFilter.BoxBlur(second))
    covered = _grow_by_square(soft.point(_FULL), 2 * (first + second))
    narrow = ImageChops.subtract(hard, covered).filter(ImageFilter.MinFilter(3))
    if narrow.getbbox():
        near = _grow_by_square(narrow, pixels).filter(ImageFilter.BoxBlur(pixels // 2))
        box = near.getbbox()
        part = ImageChops.darker(soften_inside(hard.crop(box), pixels // 2), near.crop(box))
        soft.paste(add_area(soft.crop(box), part), box)
    return ImageChops.darker(soft, area) if soft.getbbox() else area


def _grow_by_square(area: Image.Image, reach: int) -> Image.Image:
    wide = area.filter(ImageFilter.BoxBlur((reach, 0))).point(_ANY)
    return wide.filter(ImageFilter.BoxBlur((0, reach))).point(_ANY)


def has_faint_alpha(area: Image.Image) -> bool:
    """Whether pixels are almost transparent in the mask."""
    return any(area.histogram()[256 - MIN_ALPHA : 255])


def drop_faint_alpha(area: Image.Image) -> Image.Image:
    """*area* with everything edited that is almost transparent in the mask."""
    return area.point([*range(256 - MIN_ALPHA), *[255] * MIN_ALPHA])


def edited_share(area: Image.Image) -> float:
    """The share of *area* that is certain to be edited, from 0.0 to 1.0."""
    box = area.getbbox()
    return area.crop(box).histogram()[255] / (area.width * area.height) if box else 0.0


def format_share(share: float) -> str:
    """`12.4%`; a small area is never 0%, nor a large one 100%."""
    if share == 1:
        return "100%"
    return "less than 0.1%" if share < 0.0005 else "more than 99.9%" if 0.9995 <= share < 1 else f"{share:.1%}"


def mask_pixels(area: Image.Image) -> Image.Image:
    """The mask as RGBA: white with alpha 0 where the image is edited, elsewhere black and opaque."""
    return Image.merge("RGBA", (area, area, area, invert_area(area)))


def transform_area(area: Image.Image, transform: Transform) -> Image.Image:
    """*area* of the upright image as it lies on the sent one. Padding is kept; resizing interpolates no values."""
    inner, offset = size_inside_padding(transform)
    if transform.crop:
        area = area.crop(transform.crop)
    if area.size != inner:
        area = area.resize(inner, Image.Resampling.NEAREST)
    if not transform.pad:
        return area
    final = transform.size or transform.framed_size
    canvas = empty_area(final)
    canvas.paste(area, offset)
    return canvas
