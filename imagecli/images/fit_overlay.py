"""Fits a markup drawing to its image: it gets exactly the transform that the image got.

A drawing shows with arrows and circles what to edit. Masks have the same sizes: see `fit_mask`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from imagecli.domain import InputFit, InputImage, Size, Transform
from imagecli.errors import InputImageError, MaskError
from imagecli.images.fit_input import NO_METADATA, TURNED, FittedImage, check_input_complete, keep_bytes
from imagecli.images.header import ImageHeader
from imagecli.images.pillow_io import encode_with_pillow
from imagecli.images.transform_input import render_transformed


def fit_markup(header: ImageHeader, max_bytes: int, image: FittedImage, framing: InputFit) -> FittedImage:
    """Applies the transform of *image* to a drawing, after its own orientation; as PNG of at most *max_bytes*.

    A drawing of the upright size of the image is cropped, padded and resized like it; one of the size at which the
    image is sent stays unchanged. Raises MaskError for any other size, one without alpha, damaged or too large.
    """
    if not header.has_alpha:
        raise MaskError(
            f"{header.name} has no transparency; a drawing must be transparent where the image shows through",
            hint="draw on a transparent layer and save only that layer as PNG",
        )
    transform = overlay_transform(header, image, "drawing", f"resize the drawing to {image.transform.upright}")
    with raise_as_mask_error():
        check_input_complete(header)
        unchanged = keep_bytes(header, framing, transform, max_bytes) if header.format == "png" else None
        return unchanged or _encode_markup(header, transform, max_bytes)


def overlay_transform(header: ImageHeader, image: FittedImage, kind: str, hint: str) -> Transform:
    """The transform of a mask or drawing (its *kind*) with the size of its *image*.

    Raises MaskError for another size, with *hint*.
    """
    if header.size == image.transform.upright:
        return image.transform
    if header.size == image.image.size:
        return Transform(upright=header.size)
    rotation = " after rotation" if TURNED in image.changes else ""
    sent_size = "" if image.transform.upright == image.image.size else f" (sent as {image.image.size})"
    raise MaskError(
        f"{header.name} is {header.size}, {image.name} is {image.transform.upright}{rotation}{sent_size}; "
        f"a {kind} must have the size of its image",
        hint=hint,
    )


@contextmanager
def raise_as_mask_error() -> Iterator[None]:
    """Turns an InputImageError about an overlay into a MaskError."""
    try:
        yield
    except MaskError:
        raise
    except InputImageError as error:
        raise MaskError(error.message, hint=error.hint) from error


def _encode_markup(header: ImageHeader, transform: Transform, max_bytes: int) -> FittedImage:
    pixels = render_transformed(header, transform, Image.Resampling.LANCZOS)[0].convert("RGBA")
    data = encode_with_pillow(pixels, "png", compress_level=9)
    if len(data) > max_bytes:
        raise MaskError(
            f"{header.name} is {len(data):,} bytes as PNG; the limit is {max_bytes:,}",
            hint="use --input-size to shrink the image and its drawing",
        )
    image = InputImage(data=data, format="png", size=Size(*pixels.size), has_alpha=True)
    changes = describe_overlay_changes(header, transform) or ("recompressed",)
    return FittedImage(name=header.name, image=image, transform=transform, changes=changes)


def describe_overlay_changes(header: ImageHeader, transform: Transform) -> tuple[str, ...]:
    """A phrase for each change of an overlay's file."""
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
