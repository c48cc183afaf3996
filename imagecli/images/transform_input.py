"""Applies a `Transform` to the pixels of an input, decoding and copying as little as possible.

A JPEG is decoded at half, a quarter or an eighth of its size if that is enough. Shrinking by a large factor first
averages blocks of pixels, strip by strip, so that only the small image is in memory beside the decoded one.
"""

from __future__ import annotations

from PIL import Image

from imagecli.domain import Size, Transform
from imagecli.images.color_conversion import sample_scale, to_eight_bit, to_srgb
from imagecli.images.header import ImageHeader
from imagecli.images.orientation import stored_box, turn_upright, turned_size
from imagecli.images.pillow_io import load_pixels, open_image, translate_decoder_errors

_DRAFT_MARGIN = 1.8
"""A JPEG is decoded to at least this many times its final edge: 50 dB against a full decode."""
_GAP = 2
"""Blocks are averaged down to this many times the final edge, and Lanczos does the rest."""
_LARGE_PIXELS = 20_000_000
"""Larger images are averaged to the final size, to keep memory flat."""
_STRIP_PIXELS = 2_000_000

FloatBox = tuple[float, float, float, float]


def render_transformed(
    header: ImageHeader, transform: Transform, resample: Image.Resampling
) -> tuple[Image.Image, str | None]:
    """The pixels after *transform*, upright, RGB or RGBA in sRGB, and a phrase if their colors changed.

    NEAREST interpolates no values (masks). Padding is transparent. Raises InputImageError if the pixels are damaged.
    """
    with translate_decoder_errors(header.name):
        inner, offset = size_inside_padding(transform)
        crop = transform.crop or (0, 0, header.size.width, header.size.height)
        box = stored_box(crop, header.size, header.orientation)
        small, profile = _decode_box(header, box, turned_size(inner, header.orientation), resample)
        colored, note = to_srgb(small, profile)
        result = _pad(turn_upright(colored, header.orientation), transform, offset)
        # Pillow would write a profile and comment that it finds here into the next file.
        result.info.clear()
        return result, note


def size_inside_padding(transform: Transform) -> tuple[Size, tuple[int, int]]:
    """The size of the cropped image inside the padding, and its offset, both after resizing."""
    framed = transform.framed_size
    final = transform.size or framed
    left, top, right, bottom = transform.pad or (0, 0, 0, 0)
    across, down = final.width / framed.width, final.height / framed.height
    inner = Size(
        max(1, round((framed.width - left - right) * across)), max(1, round((framed.height - top - bottom) * down))
    )
    return inner, (round(left * across), round(top * down))


def _decode_box(
    header: ImageHeader, box: FloatBox, size: Size, resample: Image.Resampling
) -> tuple[Image.Image, bytes | None]:
    """*box* of the stored pixels at *size*, with 8 bits per channel, and the color profile."""
    image = open_image(header.data, header.format, header.name)
    if resample is not Image.Resampling.NEAREST:
        ratio = min((box[2] - box[0]) / size.width, (box[3] - box[1]) / size.height)
        margin = 1 if header.size.pixels > _LARGE_PIXELS else _DRAFT_MARGIN
        image.draft(None, tuple(max(1, int(edge * margin / ratio)) for edge in image.size))  # type: ignore[arg-type]
    across, down = image.width / header.stored_size.width, image.height / header.stored_size.height
    box = (box[0] * across, box[1] * down, min(box[2] * across, image.width), min(box[3] * down, image.height))
    small = _resize_box(load_pixels(image, header.name), box, size, resample)
    profile = image.info.get("icc_profile")
    # Plugins are in reference cycles: without this the pixels would stay until the next garbage collection.
    image.close()
    return small, profile


def _resize_box(image: Image.Image, box: FloatBox, size: Size, resample: Image.Resampling) -> Image.Image:
    scale = sample_scale(image)
    factor = 1
    if resample is not Image.Resampling.NEAREST:
        gap = 1 if image.width * image.height > _LARGE_PIXELS else _GAP
        factor = max(1, int(min((box[2] - box[0]) / size.width, (box[3] - box[1]) / size.height) / gap))
    if factor > 1:
        image, box = _average_blocks(image, box, factor, scale)
    else:
        if box == tuple(map(int, box)) and (box[2] - box[0], box[3] - box[1]) == size:
            return to_eight_bit(image.crop(tuple(map(int, box))), scale)  # type: ignore[arg-type]
        image = to_eight_bit(image, scale)
    return image.resize(size, resample, box)


def _average_blocks(
    image: Image.Image, box: FloatBox, factor: int, scale: float | None
) -> tuple[Image.Image, FloatBox]:
    """The image with blocks of *factor* × *factor* pixels averaged, and *box* in its coordinates."""
    left, top = int(box[0]), int(box[1])
    right, bottom = min(image.width, int(box[2] + 0.999)), min(image.height, int(box[3] + 0.999))
    rows = max(1, _STRIP_PIXELS // ((right - left) * factor)) * factor
    result: Image.Image | None = None
    for row in range(top, bottom, rows):
        strip = to_eight_bit(image.crop((left, row, right, min(bottom, row + rows))), scale).reduce(factor)
        result = result or Image.new(strip.mode, (strip.width, -(-(bottom - top) // factor)))
        result.paste(strip, (0, (row - top) // factor))
    assert result is not None
    moved = ((box[0] - left) / factor, (box[1] - top) / factor, (box[2] - left) / factor, (box[3] - top) / factor)
    return result, (moved[0], moved[1], min(moved[2], result.width), min(moved[3], result.height))


def _pad(image: Image.Image, transform: Transform, offset: tuple[int, int]) -> Image.Image:
    if transform.pad is None:
        return image
    canvas = Image.new("RGBA", transform.size or transform.framed_size)
    canvas.paste(image, offset)
    return canvas
