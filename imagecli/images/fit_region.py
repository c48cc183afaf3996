"""Fits the first image of an edit, and its mask, if the result is pasted into that image: `Composition` says how.

Of the image, extended if so requested, the part that is needed is sent at the best size that the model makes. The mask
stays at the image's own resolution in the `Composition`.
"""

from __future__ import annotations

import base64
from typing import NamedTuple

from PIL import Image

from imagecli.catalog.size_rule import SizeRule
from imagecli.domain import Box, CompositionOptions, InputFit, InputRule, MaskSource, RequestedSize, Size, Transform
from imagecli.errors import MaskError
from imagecli.images.edit_region import (
    box_size,
    extended_box,
    feather_width,
    grow_box,
    image_box,
    intersection,
    padded_box,
    place_region,
    region_transform,
    relative_box,
)
from imagecli.images.fill_edges import fill_around
from imagecli.images.fit_input import FittedImage, check_input_complete, encode_fitted, try_unchanged
from imagecli.images.fit_mask import draw_mask, encode_area, finish_area, nothing_to_edit_error
from imagecli.images.fit_overlay import raise_as_mask_error
from imagecli.images.header import ImageHeader
from imagecli.images.mask_area import add_area, drop_faint_alpha, edited_share, empty_area, format_share, invert_area
from imagecli.images.pillow_io import encode_with_pillow
from imagecli.images.transform_input import render_transformed, size_inside_padding
from imagecli.prepared_call import Composition

MAX_MASK_BYTES = 8_000_000
"""Of a mask in the spool, as a PNG. Only noise needs more."""
MOST_OF_THE_IMAGE = 0.9
"""A region of at least this share of the image saves nothing."""
ADDED_AREA = "the added area"


class EditPlan(NamedTuple):
    """What an edit changes, before it is known at what size it is sent. Boxes are in pixels of the upright image."""

    canvas: Box
    """What the composed image shows."""
    area: Image.Image
    """The mask on the canvas."""
    mask_box: Box
    """Where *area* is not 0."""
    target: Box
    """What should be sent."""
    changes: tuple[str, ...]
    """What was changed in the mask."""


class FittedRegion(NamedTuple):
    """The first image of an edit and its mask as they are sent, and how the result is composed."""

    image: FittedImage
    mask: FittedImage
    composition: Composition
    coverage: float
    """How much of the composed image may change, from 0.0 to 1.0."""
    notes: tuple[str, ...]
    """Sentences for the user."""


def choose_region_size(
    header: ImageHeader,
    mask: MaskSource | None,
    mask_header: ImageHeader | None,
    options: CompositionOptions,
    rule: SizeRule,
) -> Size | None:
    """The size to request for an edit that leaves it open. Raises InputImageError, MaskError."""
    check_input_complete(header)
    if options.crop_padding:
        return rule.for_region(box_size(_plan_edit(header, mask, mask_header, options).target))
    return rule.for_region(box_size(extended_box(header.size, options.extension, header.name)))


def fit_region(
    header: ImageHeader,
    mask: MaskSource | None,
    mask_header: ImageHeader | None,
    options: CompositionOptions,
    rules: tuple[InputRule, InputRule, SizeRule],
    size: RequestedSize | None,
    framing: InputFit,
) -> FittedRegion:
    """The part of an image that *options* ask for, at *size* or the best one, and its mask.

    *rules* are those of images, masks and sizes. Raises InputImageError, MaskError.
    """
    check_input_complete(header)
    image_rule, mask_rule, size_rule = rules
    plan = _plan_edit(header, mask, mask_header, options)
    if not isinstance(size, Size):
        size = size_rule.for_region(box_size(plan.target)) or box_size(plan.target)
    side = "none" if framing.pad else framing.crop
    region = place_region(plan.target, plan.mask_box, plan.canvas, size, side)
    transform = region_transform(region, header.size, size)
    image = try_unchanged(header, image_rule, framing, transform) or _encode_region(
        header, image_rule, framing, transform, _describe_region(plan.canvas, region, header.size)
    )
    area, changes = finish_area(_scale_area(plan.area, plan.canvas, region, image.image.size), mask_rule)
    label = mask.label if mask else ADDED_AREA
    if not edited_share(area):
        raise MaskError(
            f"{label} is too small: nothing of it is left in the {image.image.size} image that is sent",
            hint="mark a larger area, or use --crop-to-mask",
        )
    sent_mask = encode_area(area, mask_rule, label, "use a mask with simpler edges, or a smaller --size")
    return FittedRegion(
        image=image,
        mask=FittedImage(
            name=label, image=sent_mask, transform=image.transform, changes=(*plan.changes, *changes) if mask else ()
        ),
        composition=_build_composition(header, plan, region, framing),
        coverage=edited_share(plan.area),
        notes=_region_notes(header.name, plan, region, options),
    )


def _plan_edit(
    header: ImageHeader, mask: MaskSource | None, mask_header: ImageHeader | None, options: CompositionOptions
) -> EditPlan:
    canvas = extended_box(header.size, options.extension, header.name)
    size = box_size(canvas)
    area, changes = empty_area(size), tuple[str, ...]()
    if mask:
        with raise_as_mask_error():
            drawn_area, changes = _draw_upright_mask(header, mask, mask_header)
        if size == header.size:
            area = drawn_area
        else:
            area.paste(drawn_area, (-canvas[0], -canvas[1]))
    if options.extension:
        area = add_area(area, _added_area(header.size, canvas))
    box = area.getbbox()
    assert box is not None
    mask_box = (box[0] + canvas[0], box[1] + canvas[1], box[2] + canvas[0], box[3] + canvas[1])
    target = padded_box(mask_box, options.crop_padding, canvas) if options.crop_padding else canvas
    return EditPlan(canvas=canvas, area=area, mask_box=mask_box, target=target, changes=changes)


def _draw_upright_mask(
    header: ImageHeader, mask: MaskSource, mask_header: ImageHeader | None
) -> tuple[Image.Image, tuple[str, ...]]:
    """The area of the mask on the upright image, and a phrase for each change of the mask.

    Raises MaskError for one of another size, or one that allows no edits.
    """
    if mask_header and mask_header.size != header.size and not mask.fit:
        rotation = " after rotation" if header.orientation != 1 else ""
        raise MaskError(
            f"{mask_header.name} is {mask_header.size}, {header.name} is {header.size}{rotation}; "
            "a mask must have the size of its image",
            hint=f"--mask-fit scales it; or draw a new one: imagecli mask {header.name} --rect X,Y,W,H",
        )
    mask_area = draw_mask(mask, mask_header, header.size)
    area = drop_faint_alpha(mask_area.area)
    if not edited_share(area):
        raise nothing_to_edit_error(mask, mask_area, Transform(upright=header.size))
    return area, mask_area.changes


def _added_area(upright: Size, canvas: Box) -> Image.Image:
    """The area around the image on *canvas*."""
    area = invert_area(empty_area(box_size(canvas)))
    area.paste(0, relative_box(image_box(upright), canvas))
    return area


def _scale_area(area: Image.Image, canvas: Box, box: Box, size: Size) -> Image.Image:
    """What *box* shows of the area, at *size*: never at full resolution, which may be gigapixels around a panorama."""
    full = box_size(box)
    if full == size:
        return area.crop(relative_box(box, canvas))
    across = (full.width / size.width, 0, box[0] - canvas[0])
    down = (0, full.height / size.height, box[1] - canvas[1])
    return area.transform(size, Image.Transform.AFFINE, (*across, *down), Image.Resampling.NEAREST, fillcolor=0)


def _encode_region(
    header: ImageHeader, rule: InputRule, framing: InputFit, transform: Transform, phrases: tuple[str, ...]
) -> FittedImage:
    inner, offset = size_inside_padding(transform)
    pixels, note = render_transformed(header, transform._replace(pad=None, size=inner), Image.Resampling.LANCZOS)
    if transform.pad:
        pixels = fill_around(pixels, offset, transform.size or transform.framed_size)
    return encode_fitted(header, rule, framing, transform, pixels, phrases, note)


def _describe_region(canvas: Box, region: Box, upright: Size) -> tuple[str, ...]:
    """A phrase for each difference between the image and what is sent of it."""
    inner, size = intersection(region, canvas), box_size(region)
    phrases = []
    if canvas != image_box(upright):
        phrases.append(f"extended to {box_size(canvas)}")
    if inner != canvas:
        phrases.append(f"cropped to {box_size(inner)} at {inner[0] - canvas[0]},{inner[1] - canvas[1]}")
    if inner != region:
        phrases.append(f"padded to {size}")
    return tuple(phrases)


def _region_notes(name: str, plan: EditPlan, region: Box, options: CompositionOptions) -> tuple[str, ...]:
    share = box_size(intersection(region, plan.canvas)).pixels / box_size(plan.canvas).pixels
    if not options.crop_padding:
        return ()
    if share >= MOST_OF_THE_IMAGE:
        return (f"--crop-to-mask has little effect: the region around the mask is {format_share(share)} of {name}",)
    return (f"the model sees {format_share(share)} of {name}: the prompt should describe that part",)


def _build_composition(header: ImageHeader, plan: EditPlan, region: Box, framing: InputFit) -> Composition:
    """Without the path and the hash of the original. Raises MaskError if the mask takes too many bytes."""
    # A pixel more, where the canvas has one, so that the mask's edge is an edge of the area and gets a soft one.
    mask_box = intersection(grow_box(plan.mask_box, 1, 1), plan.canvas)
    data = encode_with_pillow(plan.area.crop(relative_box(mask_box, plan.canvas)), "png", compress_level=6)
    if len(data) > MAX_MASK_BYTES:
        raise MaskError(
            f"the mask is {len(data):,} bytes as PNG; the limit is {MAX_MASK_BYTES:,}",
            hint="use a mask with simpler edges, or a smaller image",
        )
    return Composition(
        original=None,
        label=header.name,
        sha256="",
        canvas=plan.canvas,
        region=region,
        mask=base64.b64encode(data).decode("ascii"),
        mask_box=mask_box,
        feather=feather_width(header.size),
        keep_metadata=framing.keep_metadata,
    )
