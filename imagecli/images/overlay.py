"""What lies on an image, its mask or a drawing: it gets exactly the transform that the image got.

A mask made to lie on its image as it is sent: exactly the image's transform, and alpha 0 where may be changed.

What imagecli writes serves both habits at once: edited area white with alpha 0, the rest black and opaque.

A drawing over the first picture, arrows and circles that show what is meant: made to lie on it as it is sent.

OpenAI API reference, read 2026-11-22: a PNG with transparent pixels, as large as the first image once that is upright.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image, ImageChops

from imagecli.domain import InputFit, InputImage, InputRule, Size, Transform
from imagecli.errors import InputImageError, MaskError
from imagecli.images.fit_input import NO_METADATA, TURNED, FittedImage, check_input_whole
from imagecli.images.header import SENDABLE, ImageHeader
from imagecli.images.metadata import strip_metadata
from imagecli.images.pillow_io import encode_with_pillow, load_pixels, open_image
from imagecli.images.transform import render_transformed


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayKind:
    """One kind of what lies on an image."""

    what: str
    """As users call it: "mask"."""
    is_clear: str
    """Where it is transparent."""
    way_out: str
    """How one without transparency gets some."""
    formats: tuple[str, ...]
    modes: frozenset[str]
    """Pillow's words for pixels that may stay as they are; empty where all are drawn anew."""
    max_bytes: int
    drawn: Callable[[ImageHeader, Transform], Image.Image]
    """Its pixels where it lies, RGBA. Raises InputImageError for broken ones."""
    redrawn: str
    """What was done where nothing else was."""


def fit_overlay(layer: OverlayKind, look: ImageHeader, image: FittedImage, framing: InputFit) -> FittedImage:
    """*look* with the transform that its *image* got; its own orientation is applied first.

    One of the image's upright size is cropped, padded and resized with it; one that has the size the image is sent at
    is taken as it is. Raises MaskError for any other size, without alpha, broken, or too large.
    """
    if not look.has_alpha:
        raise MaskError(
            f"{look.name} has no transparency; a {layer.what} is transparent {layer.is_clear}", hint=layer.way_out
        )
    transform = _image_transform(look, image, layer.what)
    with _raise_as_mask_error():
        check_input_whole(look)
        return _try_unchanged(layer, look, framing, transform) or _encode_overlay(layer, look, transform)


def _image_transform(look: ImageHeader, image: FittedImage, what: str) -> Transform:
    if look.size == image.transform.upright:
        return image.transform
    if look.size == image.image.size:
        return Transform(upright=look.size)
    turned = " after rotation" if TURNED in image.changes else ""
    sent = "" if image.transform.upright == image.image.size else f" (sent as {image.image.size})"
    its_image = f"{image.name} is {image.transform.upright}{turned}{sent}"
    raise MaskError(
        f"{look.name} is {look.size}, {its_image}; a {what} has its image's size",
        hint=f"scale the {what} to {image.transform.upright}",
    )


@contextmanager
def _raise_as_mask_error() -> Iterator[None]:
    """What is wrong with a picture that lies on another is raised as the MaskError that it is."""
    try:
        yield
    except MaskError:
        raise
    except InputImageError as error:
        raise MaskError(error.message, hint=error.hint) from error


def _try_unchanged(
    layer: OverlayKind, look: ImageHeader, framing: InputFit, transform: Transform
) -> FittedImage | None:
    """The user's own bytes, at most with the metadata cut out of them; None when that does not satisfy."""
    changed = transform.crop or transform.pad or transform.size or look.orientation != 1
    if changed or look.format not in layer.formats or look.mode not in layer.modes or not look.is_plain:
        return None
    stripped = None if framing.keep_metadata else strip_metadata(look.data, look.format)
    data = stripped or look.data
    if len(data) > layer.max_bytes:
        return None
    image = InputImage(data=data, format=look.format, size=look.size, has_alpha=True)
    return FittedImage(name=look.name, image=image, transform=transform, changes=(NO_METADATA,) if stripped else ())


def _encode_overlay(layer: OverlayKind, look: ImageHeader, transform: Transform) -> FittedImage:
    pixels = layer.drawn(look, transform)
    data = encode_with_pillow(pixels, "png", compress_level=9)
    if len(data) > layer.max_bytes:
        raise MaskError(
            f"{look.name} is {len(data):,} bytes as PNG, at most {layer.max_bytes:,} are taken",
            hint=f"--input-size makes image and {layer.what} smaller",
        )
    image = InputImage(data=data, format="png", size=Size(*pixels.size), has_alpha=True)
    return FittedImage(
        name=look.name, image=image, transform=transform, changes=_describe_changes(look, transform) or (layer.redrawn,)
    )


def _describe_changes(look: ImageHeader, transform: Transform) -> tuple[str, ...]:
    said = (
        f"first of {look.frames} frames taken" if look.frames > 1 else None,
        TURNED if look.orientation != 1 else None,
        _describe_transform(transform),
        "converted to PNG" if look.format != "png" else None,
        NO_METADATA if look.has_metadata else None,
    )
    return tuple(phrase for phrase in said if phrase)


def _describe_transform(transform: Transform) -> str | None:
    done = [("cropped", transform.crop), ("padded", transform.pad), ("resized", transform.size)]
    words = [word for word, step in done if step]
    return f"{' and '.join(words)} as its image" if words else None


_UNCHANGED = (0, 0, 0, 255)
"""Black and opaque."""


def fit_mask(look: ImageHeader, rule: InputRule, image: FittedImage, framing: InputFit) -> FittedImage:
    """*look* as *rule* wants it, lying on its *image*. Padding is opaque: unchanged. No value is invented in resizing.

    Raises MaskError as `fit_overlay` does.
    """
    mask = OverlayKind(
        what="mask",
        is_clear="where the picture may change",
        way_out="erase the area to be edited and save as PNG with alpha",
        formats=rule.formats,
        modes=frozenset() if rule.white else frozenset({"RGBA"}),
        max_bytes=rule.max_bytes,
        drawn=_draw_mask,
        redrawn="rewritten as white and black with alpha",
    )
    return fit_overlay(mask, look, image, framing)


def mask_coverage(mask: InputImage) -> float:
    """The share of *mask* that may be changed (alpha 0), from 0.0 to 1.0."""
    pixels = load_pixels(open_image(mask.data, mask.format, "the mask"), "the mask")
    alpha = pixels.convert("RGBA").getchannel("A")
    return alpha.histogram()[0] / (alpha.width * alpha.height)


def _draw_mask(look: ImageHeader, transform: Transform) -> Image.Image:
    pixels, _ = render_transformed(look, transform, Image.Resampling.NEAREST, padding=_UNCHANGED)
    alpha = pixels.getchannel("A")
    white = ImageChops.invert(alpha)
    return Image.merge("RGBA", (white, white, white, alpha))


def fit_markup(look: ImageHeader, max_bytes: int, image: FittedImage, framing: InputFit) -> FittedImage:
    """*look* as PNG of at most *max_bytes*, lying on its *image*. Raises MaskError as `fit_overlay` does."""
    drawing = OverlayKind(
        what="drawing",
        is_clear="where the picture shows through",
        way_out="draw on a transparent layer, and save that layer alone as PNG",
        formats=("png",),
        modes=SENDABLE,
        max_bytes=max_bytes,
        drawn=_draw_markup,
        redrawn="compressed anew",
    )
    return fit_overlay(drawing, look, image, framing)


def _draw_markup(look: ImageHeader, transform: Transform) -> Image.Image:
    pixels, _ = render_transformed(look, transform, Image.Resampling.LANCZOS)
    return pixels.convert("RGBA")
