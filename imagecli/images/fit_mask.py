"""Fits the mask of an edit to its image: a file in any form, shapes, or both.

A mask has alpha 0 where the image may be edited (OpenAI API reference, read 2026-11-22: a PNG with transparent pixels,
as large as the first image when upright). Other servers edit where it is white, so masks are written for both: the
edited area white with alpha 0, the rest black and opaque.
"""

from __future__ import annotations

from typing import NamedTuple

from PIL import Image

from imagecli.domain import InputFit, InputImage, InputRule, MaskSource, Size, Transform
from imagecli.errors import MaskError
from imagecli.images.fit_input import FittedImage, check_input_complete, keep_bytes
from imagecli.images.fit_overlay import describe_overlay_changes, overlay_transform, raise_as_mask_error
from imagecli.images.header import ImageHeader
from imagecli.images.mask_area import (
    MIN_ALPHA,
    cut_edges,
    draw_shape,
    drop_faint_alpha,
    edited_share,
    empty_area,
    has_faint_alpha,
    has_soft_edges,
    invert_area,
    mask_pixels,
    transform_area,
)
from imagecli.images.mask_geometry import extends_outside
from imagecli.images.mask_reading import WHITE_IS_EDITED, fit_area, read_mask_area
from imagecli.images.pillow_io import encode_with_pillow, load_alpha, open_image

FAINT_ALPHA = f"alpha below {MIN_ALPHA} treated as transparent"
CUT_EDGES = "soft edges made hard at 50%, because the provider does not support them"


class MaskArea(NamedTuple):
    """The area that a mask marks on the upright image, before the image's transform is applied to it."""

    area: Image.Image
    by_alpha: bool
    """Alpha decided what is edited, not brightness."""
    changes: tuple[str, ...]
    """A phrase for each thing that was decided or changed."""


def fit_mask(
    mask: MaskSource, header: ImageHeader | None, rule: InputRule, image: FittedImage, framing: InputFit
) -> FittedImage:
    """Fits a mask to *rule* and its *image*; *header* is that of its file. Padding is not to be edited.

    A file that satisfies *rule* is sent byte for byte. Raises MaskError if the file has another size, is damaged or too
    large, and if nothing would be edited.
    """
    with raise_as_mask_error():
        transform = _mask_transform(mask, header, image)
        mask_area = draw_mask(mask, header, transform.upright)
        result, changes = finish_area(transform_area(mask_area.area, transform), rule)
        changes = (*mask_area.changes, *changes)
        if not edited_share(result):
            raise nothing_to_edit_error(mask, mask_area, transform)
        unchanged = None
        if header and mask_area.by_alpha and not mask.shapes and not changes and not rule.white:
            unchanged = _try_unchanged(header, rule, framing, transform)
        return unchanged or _encode_mask(mask, header, rule, result, transform, changes)


def draw_mask(mask: MaskSource, header: ImageHeader | None, upright: Size) -> MaskArea:
    """The area of *mask* on an image of the size *upright*; *header* is that of its file.

    Raises MaskError, InputImageError.
    """
    if header:
        check_input_complete(header)
    area, by_alpha = read_mask_area(header) if header else (empty_area(upright), True)
    changes = [] if by_alpha else [f"{WHITE_IS_EDITED}; --mask-invert swaps them"]
    if area.size != upright:
        area = fit_area(area, upright, mask.label)
        changes.append(f"scaled to {upright}")
    for shape in mask.shapes:
        area = draw_shape(area, shape)
        if extends_outside(shape, upright):
            changes.append(f"{shape.kind} {shape} clipped to the image")
    if mask.invert:
        area = invert_area(area)
        changes.append("inverted")
    return MaskArea(area=area, by_alpha=by_alpha, changes=tuple(changes))


def finish_area(area: Image.Image, rule: InputRule) -> tuple[Image.Image, tuple[str, ...]]:
    """*area* as a mask can express it that follows *rule*, and a phrase for each change."""
    changes = [FAINT_ALPHA] if has_faint_alpha(area) else []
    area = drop_faint_alpha(area)
    if rule.binary and has_soft_edges(area):
        area = cut_edges(area)
        changes.append(CUT_EDGES)
    return area, tuple(changes)


def _mask_transform(mask: MaskSource, header: ImageHeader | None, image: FittedImage) -> Transform:
    """The transform of the mask. A file of the size at which the image is sent is not transformed."""
    upright = image.transform.upright
    if header is None or header.size == upright:
        return image.transform
    is_sent_size = header.size == image.image.size
    if is_sent_size and not mask.shapes:
        return Transform(upright=header.size)
    if mask.fit:
        return image.transform
    hint = f"--mask-fit scales it; or draw a new one: imagecli mask {image.name} --rect X,Y,W,H"
    if is_sent_size:
        raise MaskError(
            f"{header.name} is {header.size}, but shapes refer to {image.name}, which is {upright}", hint=hint
        )
    return overlay_transform(header, image, "mask", hint)


def nothing_to_edit_error(mask: MaskSource, mask_area: MaskArea, transform: Transform) -> MaskError:
    """Why *mask* allows no edits, and what to do about it."""
    if transform.crop and edited_share(mask_area.area):
        return MaskError(
            f"{mask.label} allows no edits: its area is outside the cropped part",
            hint="use --pad to keep the entire image",
        )
    if not mask.file:
        return MaskError("the mask allows no edits: its shapes cover no pixel", hint="check their position and size")
    expected = "transparent (alpha below 16)" if mask_area.by_alpha else "white or transparent"
    if mask.invert:
        return MaskError(f"{mask.label} allows no edits: inverted, it keeps every pixel", hint="omit --mask-invert")
    return MaskError(
        f"{mask.label} allows no edits: no pixel is {expected}",
        hint="make the area to edit transparent or white, or make a mask: imagecli mask IMAGE --rect X,Y,W,H",
    )


def _try_unchanged(header: ImageHeader, rule: InputRule, framing: InputFit, transform: Transform) -> FittedImage | None:
    """The user's bytes, at most without their metadata; None if the mask must be encoded."""
    is_sendable = header.format in rule.formats and header.mode == "RGBA"
    return keep_bytes(header, framing, transform, rule.max_bytes) if is_sendable else None


def _encode_mask(
    mask: MaskSource,
    header: ImageHeader | None,
    rule: InputRule,
    area: Image.Image,
    transform: Transform,
    changes: tuple[str, ...],
) -> FittedImage:
    image = encode_area(area, rule, mask.label, "use --input-size to shrink the image and its mask")
    phrases = (*describe_overlay_changes(header, transform), *changes) if header else changes
    if header and not phrases:
        phrases = ("redrawn in white and black with transparency",)
    return FittedImage(name=mask.label, image=image, transform=transform, changes=phrases)


def encode_area(area: Image.Image, rule: InputRule, name: str, hint: str) -> InputImage:
    """*area* as the mask that is sent. Raises MaskError, with *hint*, if it is larger than *rule* allows."""
    data = encode_with_pillow(mask_pixels(area), "png", compress_level=9)
    if len(data) > rule.max_bytes:
        raise MaskError(f"{name} is {len(data):,} bytes as PNG; the limit is {rule.max_bytes:,}", hint=hint)
    return InputImage(data=data, format="png", size=Size(*area.size), has_alpha=True)


def mask_coverage(mask: InputImage) -> float:
    """The share of *mask* that may be edited (alpha 0), from 0.0 to 1.0. It may be an image that is its own mask."""
    alpha = load_alpha(open_image(mask.data, mask.format, "the mask"), "the mask")
    return alpha.histogram()[0] / (alpha.width * alpha.height)
