"""Pastes the result of an edit into its original image: outside the mask every pixel stays as it is.

The original keeps its size and color profile, and 8 bits per channel of its colors. Along the inside of the mask's
edge both images are blended.
"""

from __future__ import annotations

import base64
from typing import NamedTuple

from PIL import Image

from imagecli.domain import Box, Size, Transform
from imagecli.errors import ImagecliError
from imagecli.images.color_conversion import sample_scale, to_eight_bit, to_srgb
from imagecli.images.color_profile import from_srgb
from imagecli.images.compare_edit import changed_share, small_size
from imagecli.images.edit_region import box_size, grow_box, image_box, intersection, relative_box
from imagecli.images.fill_edges import continue_edges
from imagecli.images.header import ImageHeader, read_header
from imagecli.images.mask_area import invert_area, soften_inside
from imagecli.images.orientation import turn_upright
from imagecli.images.pillow_io import REDUCING_GAP, load_pixels, open_image, translate_decoder_errors
from imagecli.images.transform_input import render_transformed
from imagecli.prepared_call import Composition

MAX_RATIO_DIFFERENCE = 0.02
"""A result of another aspect ratio than what was sent was cropped or distorted, and does not fit into the image."""


class ComposedImage(NamedTuple):
    """The composed image, ready to be encoded."""

    pixels: Image.Image
    profile: bytes | None
    """The color profile of the pixels; None is sRGB."""
    exif: bytes | None
    changed_share: float
    """How much of what was sent, outside the mask, the model had changed, from 0.0 to 1.0."""
    notes: tuple[str, ...]
    """How the pixels of the original were changed."""


def compose(original: bytes, result: bytes, composition: Composition) -> ComposedImage:
    """*result* pasted into *original*. Raises InputImageError, and ImagecliError if the result has another shape."""
    header, result_header = read_header(original, composition.label), read_header(result, "the result")
    _check_ratio(result_header.size, box_size(composition.region))
    with translate_decoder_errors(header.name):
        pixels, profile, notes = _read_original(header)
    with translate_decoder_errors(result_header.name):
        patch, _ = render_transformed(result_header, Transform(upright=result_header.size), Image.Resampling.LANCZOS)
        patch = from_srgb(_without_unused_alpha(patch), profile)
    area = _read_area(composition)
    changed_share = _measure_change(pixels, patch, area, composition)
    if patch.mode == "RGBA" and pixels.mode == "RGB":
        pixels = pixels.convert("RGBA")
    canvas = _draw_canvas(pixels, composition.canvas, composition.feather)
    _paste(canvas, patch.convert(canvas.mode), soften_inside(area, composition.feather), composition)
    exif = header.upright_exif() if composition.keep_metadata else None
    return ComposedImage(pixels=canvas, profile=profile, exif=exif, changed_share=changed_share, notes=notes)


def _check_ratio(size: Size, region: Size) -> None:
    difference = abs(size.width * region.height / size.height - region.width)
    if difference > max(1.0, region.width * MAX_RATIO_DIFFERENCE):
        raise ImagecliError(f"it is {size}, which has another aspect ratio than the {region} part that was sent")


def _read_original(header: ImageHeader) -> tuple[Image.Image, bytes | None, tuple[str, ...]]:
    """The upright pixels, RGB or RGBA with 8 bits per channel, their profile, and how they were changed."""
    image = open_image(header.data, header.format, header.name)
    profile = image.info.get("icc_profile")
    loaded = load_pixels(image, header.name)
    pixels = to_eight_bit(loaded, sample_scale(loaded))
    notes = ["reduced to 8 bits per channel"] if header.is_deep else []
    if pixels.mode not in ("RGB", "RGBA"):
        pixels, note = to_srgb(pixels, profile)
        profile = None
        notes += [note] if note else []
    pixels = turn_upright(pixels, header.orientation)
    pixels.info.clear()
    if pixels is not loaded:
        image.close()  # it is in reference cycles: else its pixels stay until the next garbage collection
    return pixels, profile, tuple(notes)


def _without_unused_alpha(image: Image.Image) -> Image.Image:
    """*image* as RGB if it is opaque."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        return image.convert("RGB")
    return image


def _read_area(composition: Composition) -> Image.Image:
    """The mask: 255 where the result replaces the original."""
    data = base64.b64decode(composition.mask)
    return load_pixels(open_image(data, "png", "the mask"), "the mask").convert("L")


def _draw_canvas(pixels: Image.Image, canvas: Box, feather: int) -> Image.Image:
    """The original on the canvas, its edges continued as far as the result is blended into them."""
    box = image_box(Size(*pixels.size))
    if canvas == box:
        return pixels
    image = Image.new(pixels.mode, box_size(canvas))
    blended = intersection(canvas, grow_box(box, feather, feather))
    edged = continue_edges(pixels, relative_box(box, blended)[:2], box_size(blended))
    image.paste(edged, relative_box(blended, canvas))
    return image


def _paste(canvas: Image.Image, patch: Image.Image, weights: Image.Image, composition: Composition) -> None:
    """Blends the part of *patch* that the mask shows into *canvas*, by *weights*."""
    box = intersection(composition.mask_box, composition.region)
    part = _part_of_result(patch, box, composition.region, box_size(box))
    mask = weights.crop(relative_box(box, composition.mask_box))
    canvas.paste(part, relative_box(box, composition.canvas), mask)


def _part_of_result(patch: Image.Image, box: Box, region: Box, size: Size) -> Image.Image:
    """What *patch*, which shows *region*, shows of *box*, at *size*."""
    across, down = patch.width / (region[2] - region[0]), patch.height / (region[3] - region[1])
    left, top, right, bottom = relative_box(box, region)
    part = (left * across, top * down, min(right * across, patch.width), min(bottom * down, patch.height))
    return patch.resize(size, Image.Resampling.LANCZOS, part, reducing_gap=REDUCING_GAP)


def _measure_change(pixels: Image.Image, patch: Image.Image, area: Image.Image, composition: Composition) -> float:
    """How much of what was sent of the original, outside the mask, *patch* shows otherwise."""
    visible_box = intersection(composition.region, image_box(Size(*pixels.size)))
    size = box_size(visible_box)
    if not size.pixels:
        return 0.0
    small = small_size(size)
    old = pixels.resize(small, Image.Resampling.LANCZOS, visible_box, reducing_gap=REDUCING_GAP)
    new = _part_of_result(patch, visible_box, composition.region, small)
    edited = area.crop(relative_box(visible_box, composition.mask_box))
    return changed_share(old, new, invert_area(edited))
