"""Fits a mask or a markup drawing to its image: it gets exactly the transform that the image got.

A mask has alpha 0 where the image may be edited (OpenAI API reference, read 2026-11-22: a PNG with transparent pixels,
as large as the first image when upright). Other servers edit where it is white, so masks are written for both: the
edited area white with alpha 0, the rest black and opaque. A drawing shows with arrows and circles what to edit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image, ImageChops

from imagecli.domain import InputFit, InputImage, InputRule, Size, Transform
from imagecli.errors import InputImageError, MaskError
from imagecli.images.fit_input import NO_METADATA, TURNED, FittedImage, check_input_whole, keep_bytes
from imagecli.images.header import SENDABLE, ImageHeader
from imagecli.images.pillow_io import encode_with_pillow, load_pixels, open_image
from imagecli.images.transform_input import render_transformed


@dataclass(frozen=True, slots=True, kw_only=True)
class _OverlayKind:
    """A kind of overlay: a mask or a drawing."""

    what: str
    """The name for users: "mask"."""
    is_clear: str
    """Which part of it must be transparent, for messages."""
    way_out: str
    """How to make an opaque one transparent, for hints."""
    formats: tuple[str, ...]
    modes: frozenset[str]
    """Pillow modes of pixels that may be sent unchanged; empty if all must be redrawn."""
    max_bytes: int
    is_mask: bool
    redrawn: str
    """The phrase if nothing but the encoding changed."""


def _fit_overlay(kind: _OverlayKind, header: ImageHeader, image: FittedImage, framing: InputFit) -> FittedImage:
    """Applies the transform of *image* to an overlay, after its own orientation.

    An overlay of the upright size of the image is cropped, padded and resized like it; one of the size at which the
    image is sent stays unchanged. Raises MaskError for any other size, one without alpha, damaged or too large.
    """
    if not header.has_alpha:
        raise MaskError(
            f"{header.name} has no transparency; a {kind.what} must be transparent {kind.is_clear}", hint=kind.way_out
        )
    transform = _image_transform(header, image, kind.what)
    with _raise_as_mask_error():
        check_input_whole(header)
        is_faint = kind.is_mask and _has_faint_alpha(header)
        unchanged = None if is_faint else _try_unchanged(kind, header, framing, transform)
        return unchanged or _encode_overlay(kind, header, transform, is_faint=is_faint)


def _image_transform(header: ImageHeader, image: FittedImage, what: str) -> Transform:
    if header.size == image.transform.upright:
        return image.transform
    if header.size == image.image.size:
        return Transform(upright=header.size)
    rotation = " after rotation" if TURNED in image.changes else ""
    sent_size = "" if image.transform.upright == image.image.size else f" (sent as {image.image.size})"
    raise MaskError(
        f"{header.name} is {header.size}, {image.name} is {image.transform.upright}{rotation}{sent_size}; "
        f"a {what} must have the size of its image",
        hint=f"resize the {what} to {image.transform.upright}",
    )


@contextmanager
def _raise_as_mask_error() -> Iterator[None]:
    """Turns an InputImageError about an overlay into a MaskError."""
    try:
        yield
    except MaskError:
        raise
    except InputImageError as error:
        raise MaskError(error.message, hint=error.hint) from error


def _try_unchanged(
    kind: _OverlayKind, header: ImageHeader, framing: InputFit, transform: Transform
) -> FittedImage | None:
    """The user's bytes, at most without their metadata; None if the overlay must be redrawn."""
    is_transformed = transform.crop or transform.pad or transform.size or header.orientation != 1
    if is_transformed or header.format not in kind.formats or header.mode not in kind.modes or not header.is_plain:
        return None
    return keep_bytes(header, framing, transform, kind.max_bytes)


def _encode_overlay(kind: _OverlayKind, header: ImageHeader, transform: Transform, *, is_faint: bool) -> FittedImage:
    pixels = _draw_mask(header, transform) if kind.is_mask else _draw_markup(header, transform)
    data = encode_with_pillow(pixels, "png", compress_level=9)
    if len(data) > kind.max_bytes:
        raise MaskError(
            f"{header.name} is {len(data):,} bytes as PNG; the limit is {kind.max_bytes:,}",
            hint=f"use --input-size to shrink the image and its {kind.what}",
        )
    image = InputImage(data=data, format="png", size=Size(*pixels.size), has_alpha=True)
    changes = _describe_changes(header, transform) + ((FAINT_ALPHA,) if is_faint else ())
    return FittedImage(name=header.name, image=image, transform=transform, changes=changes or (kind.redrawn,))


def _describe_changes(header: ImageHeader, transform: Transform) -> tuple[str, ...]:
    phrases = (
        header.frame_note,
        TURNED if header.orientation != 1 else None,
        _describe_transform(transform),
        "converted to PNG" if header.format != "png" else None,
        NO_METADATA if header.has_metadata else None,
    )
    return tuple(phrase for phrase in phrases if phrase)


def _describe_transform(transform: Transform) -> str | None:
    steps = {"cropped": transform.crop, "padded": transform.pad, "resized": transform.size}
    applied = [word for word, step in steps.items() if step]
    return f"{' and '.join(applied)} like its image" if applied else None


MIN_ALPHA = 16
"""A lower alpha counts as 0, which alone is editable: brushes and resizing leave such pixels behind."""
FAINT_ALPHA = f"alpha below {MIN_ALPHA} treated as transparent"
_UNCHANGED = (0, 0, 0, 255)
"""Padding of masks: black and opaque, not to be edited."""


def fit_mask(header: ImageHeader, rule: InputRule, image: FittedImage, framing: InputFit) -> FittedImage:
    """Fits a mask to *rule* and its *image*. Padding is not to be edited; resizing interpolates no values.

    Raises MaskError as `_fit_overlay` does, and if nothing may be edited.
    """
    kind = _OverlayKind(
        what="mask",
        is_clear="where the image may change",
        way_out="erase the area to edit and save as PNG with transparency",
        formats=rule.formats,
        modes=frozenset() if rule.white else frozenset({"RGBA"}),
        max_bytes=rule.max_bytes,
        is_mask=True,
        redrawn="redrawn in white and black with transparency",
    )
    mask = _fit_overlay(kind, header, image, framing)
    if not mask_coverage(mask.image):
        part = "the cropped part" if mask.transform.crop else "it"
        raise MaskError(
            f"{header.name} allows no edits: {part} has no transparent pixel",
            hint="use --pad to keep the entire image" if mask.transform.crop else kind.way_out,
        )
    return mask


def mask_coverage(mask: InputImage) -> float:
    """The share of *mask* that may be edited (alpha 0), from 0.0 to 1.0. It may be an image that is its own mask."""
    alpha = _read_alpha(mask.data, mask.format, "the mask")
    return alpha.histogram()[0] / (alpha.width * alpha.height)


def _has_faint_alpha(header: ImageHeader) -> bool:
    """Whether pixels are almost transparent: with an alpha above 0 and below `MIN_ALPHA`."""
    return any(_read_alpha(header.data, header.format, header.name).histogram()[1:MIN_ALPHA])


def _read_alpha(data: bytes, format: str, name: str) -> Image.Image:
    return load_pixels(open_image(data, format, name), name).convert("RGBA").getchannel("A")


def _draw_mask(header: ImageHeader, transform: Transform) -> Image.Image:
    """The mask as RGBA, white where it is transparent, else black. Raises InputImageError if its pixels are damaged."""
    pixels, _ = render_transformed(header, transform, Image.Resampling.NEAREST, padding=_UNCHANGED)
    alpha = pixels.getchannel("A").point([0] * MIN_ALPHA + list(range(MIN_ALPHA, 256)))
    white = ImageChops.invert(alpha)
    return Image.merge("RGBA", (white, white, white, alpha))


def fit_markup(header: ImageHeader, max_bytes: int, image: FittedImage, framing: InputFit) -> FittedImage:
    """Fits a drawing to its *image*, as PNG of at most *max_bytes*. Raises MaskError as `_fit_overlay` does."""
    drawing = _OverlayKind(
        what="drawing",
        is_clear="where the image shows through",
        way_out="draw on a transparent layer and save only that layer as PNG",
        formats=("png",),
        modes=SENDABLE,
        max_bytes=max_bytes,
        is_mask=False,
        redrawn="recompressed",
    )
    return _fit_overlay(drawing, header, image, framing)


def _draw_markup(header: ImageHeader, transform: Transform) -> Image.Image:
    pixels, _ = render_transformed(header, transform, Image.Resampling.LANCZOS)
    return pixels.convert("RGBA")
