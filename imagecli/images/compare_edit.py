"""Compares an edited image with its original outside the mask, to find servers that ignored the mask.

Both are compared at a few hundred pixels, after a shift of colors common to the complete image is removed. A pixel
counts as changed if it is outside the range of its neighbours in the other image by more than `MIN_DIFFERENCE`.

Measured on 2026-11-30 with 16 photos (of scikit-image and scikit-learn, 300 to 1411 pixels wide) and a mask over 14% of
each. As JPEG or WebP at quality 60 to 95, at most 0.1% count as changed, and 1.4% of copies 256 pixels wide; at half
the size and quality 60, 0.8% and 4.2%. Brightness, contrast, saturation or gamma by 8 to 20%: 0.1%. Shifted by 0.6% or
enlarged by 2%: 2.2%. Sharpened strongly: 6.8%. Of 96 results with another photo, or the mirrored one, 95 have more than
10%, and half have more than 80%; those with less are photos of an almost even surface.
"""

from __future__ import annotations

from PIL import Image, ImageChops, ImageFilter, ImageStat

from imagecli.domain import InputImage, Size, Transform
from imagecli.images.header import ImageHeader, read_header
from imagecli.images.pillow_io import load_alpha, open_image
from imagecli.images.transform_input import render_transformed

EDGE = 256
"""The longer edge at which images are compared: noise and compression disappear, objects do not."""
NEIGHBORS = 5
"""A pixel is compared with a square of this many pixels across and down, so that shifts by 1% do not count."""
MIN_DIFFERENCE = 24
"""Of 255, in one of the three channels."""
MARGIN = 17
"""Edges of the edited area that do not count, of both sides together: servers feather them."""
MIN_KEPT = 250
"""The lowest alpha of a mask's pixels that are to be kept."""
MAX_GAIN, MAX_OFFSET = 1.25, 20.0
"""A larger common shift of contrast or brightness is a change."""
MAX_RATIO_DIFFERENCE = 0.05
"""With another aspect ratio, the server cropped, padded or distorted, and nothing is known about any pixel."""
MIN_AREA = 0.02
"""Of the image. A smaller area outside the mask is not compared."""


def changed_outside_mask(original: InputImage, mask: InputImage, result: bytes) -> float | None:
    """The share of the area outside *mask* that differs between *original* and *result*, from 0.0 to 1.0.

    *result* may have another size. None if its aspect ratio is another. Raises InputImageError if one can't be read.
    """
    before, after = read_header(original.data, "the original"), read_header(result, "the result")
    ratio = (after.size.width * before.size.height) / (after.size.height * before.size.width)
    if not 1 / (1 + MAX_RATIO_DIFFERENCE) < ratio < 1 + MAX_RATIO_DIFFERENCE:
        return None
    size = small_size(before.size)
    alpha = load_alpha(open_image(mask.data, mask.format, "the mask"), "the mask")
    return changed_share(_render_small(before, size), _render_small(after, size), alpha)


def small_size(size: Size) -> Size:
    """The size at which images of *size* are compared."""
    return size.shrink_to_fit(Size(EDGE, EDGE))


def changed_share(old: Image.Image, new: Image.Image, alpha: Image.Image) -> float:
    """The share of the kept area that differs between two small images of the same size, from 0.0 to 1.0.

    *alpha* is that of the mask: 255 where nothing may change. It may be larger.
    """
    opaque = ImageChops.darker(_opaque_area(old), _opaque_area(new))
    area = ImageChops.darker(_kept_area(alpha, old.size), opaque)
    pixels = area.histogram()[255]
    if pixels < MIN_AREA * old.width * old.height:
        return 0.0
    old_rgb, new_rgb = old.convert("RGB"), new.convert("RGB")
    # Without matched colors too: an object beside the mask changes the average of an image that is the same elsewhere.
    matched = _match_colors(new_rgb, old_rgb, area)
    difference = ImageChops.darker(_difference(old_rgb, new_rgb), _difference(old_rgb, matched))
    return sum(difference.histogram(area)[MIN_DIFFERENCE:]) / pixels


def _render_small(header: ImageHeader, size: Size) -> Image.Image:
    transform = Transform(upright=header.size, size=size)
    return render_transformed(header, transform, Image.Resampling.BICUBIC)[0]


def _kept_area(alpha: Image.Image, size: tuple[int, int]) -> Image.Image:
    """255 at pixels that must not change and are not near the edited area, else 0."""
    small = alpha.resize(size, Image.Resampling.BOX)
    return small.point([0] * MIN_KEPT + [255] * (256 - MIN_KEPT)).filter(ImageFilter.MinFilter(MARGIN))


def _opaque_area(image: Image.Image) -> Image.Image:
    """255 at opaque pixels, else 0: the color of a transparent pixel means nothing."""
    return image.convert("RGBA").getchannel("A").point([0] * 255 + [255])


def _match_colors(image: Image.Image, original: Image.Image, area: Image.Image) -> Image.Image:
    """*image* with the contrast and brightness of the *original* in *area*, as far as they are similar."""
    stats, original_stats = ImageStat.Stat(image, area), ImageStat.Stat(original, area)
    table: list[int] = []
    for mean, spread, original_mean, original_spread in zip(
        stats.mean, stats.stddev, original_stats.mean, original_stats.stddev, strict=True
    ):
        gain = min(max(original_spread / max(spread, 1.0), 1 / MAX_GAIN), MAX_GAIN)
        offset = min(max(original_mean - mean, -MAX_OFFSET), MAX_OFFSET)
        table += [min(max(round((value - mean) * gain + mean + offset), 0), 255) for value in range(256)]
    return image.point(table)


def _difference(first: Image.Image, second: Image.Image) -> Image.Image:
    """How far each pixel of either image is from all its neighbours in the other: the largest of the channels."""
    channels = ImageChops.lighter(_distance_from_range(first, second), _distance_from_range(second, first))
    red, green, blue = channels.split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue)


def _distance_from_range(image: Image.Image, reference: Image.Image) -> Image.Image:
    """How far each pixel is above or below the range of its neighbours in *reference*."""
    lowest = reference.filter(ImageFilter.MinFilter(NEIGHBORS))
    highest = reference.filter(ImageFilter.MaxFilter(NEIGHBORS))
    return ImageChops.lighter(ImageChops.subtract(image, highest), ImageChops.subtract(lowest, image))
