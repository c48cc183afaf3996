"""A mask made to lie on its image as it is sent: exactly the image's transform, and alpha 0 where may be changed.

What imagecli writes serves both habits at once: edited area white with alpha 0, the rest black and opaque.
"""

from __future__ import annotations

from PIL import Image, ImageChops

from imagecli.domain import Framing, InputImage, InputRule, Size, Transform
from imagecli.errors import MaskError
from imagecli.pictures.beside import as_its_image, as_mask_error, its_transform
from imagecli.pictures.decode import load, open_picture
from imagecli.pictures.encode import saved
from imagecli.pictures.fit import NO_METADATA, TURNED, Fitted, check_whole
from imagecli.pictures.look import Look
from imagecli.pictures.metadata import without_metadata
from imagecli.pictures.pixels import rendered

_UNCHANGED = (0, 0, 0, 255)
"""Black and opaque."""


def fit_mask(look: Look, rule: InputRule, image: Fitted, framing: Framing) -> Fitted:
    """*look* with the transform that its *image* got; its own orientation is applied first.

    A mask of the image's upright size is cropped, padded (padding is opaque: unchanged) and resized with it; one that
    has the size the image is sent at already is taken as it is. No value is invented in resizing.
    Raises MaskError for any other size, without alpha, or broken.
    """
    if not look.has_alpha:
        raise MaskError(
            f"{look.name} has no transparency; a mask is transparent where the picture may change",
            hint="erase the area to be edited and save as PNG with alpha",
        )
    transform = its_transform(look, image, "mask")
    with as_mask_error():
        check_whole(look)
        return _as_it_is(look, rule, framing, transform) or _encoded(look, rule, transform)


def coverage(mask: InputImage) -> float:
    """The share of *mask* that may be changed (alpha 0), from 0.0 to 1.0."""
    pixels = load(open_picture(mask.data, mask.format, "the mask"), "the mask")
    alpha = pixels.convert("RGBA").getchannel("A")
    return alpha.histogram()[0] / (alpha.width * alpha.height)


def _as_it_is(look: Look, rule: InputRule, framing: Framing, transform: Transform) -> Fitted | None:
    changed = transform.crop or transform.pad or transform.size or look.orientation != 1
    if changed or rule.white or look.format not in rule.formats or look.mode != "RGBA" or not look.is_plain:
        return None
    stripped = None if framing.keep_metadata else without_metadata(look.data, look.format)
    data = stripped or look.data
    if len(data) > rule.max_bytes:
        return None
    load(open_picture(look.data, look.format, look.name), look.name)
    return _fitted(look.name, data, look.format, look.size, transform, (NO_METADATA,) if stripped else ())


def _encoded(look: Look, rule: InputRule, transform: Transform) -> Fitted:
    pixels, _ = rendered(look, transform, Image.Resampling.NEAREST, padding=_UNCHANGED)
    alpha = pixels.getchannel("A")
    white = ImageChops.invert(alpha)
    data = saved(Image.merge("RGBA", (white, white, white, alpha)), "png", compress_level=9)
    if len(data) > rule.max_bytes:
        raise MaskError(
            f"{look.name} is {len(data):,} bytes as PNG, at most {rule.max_bytes:,} are taken",
            hint="--input-size makes image and mask smaller",
        )
    return _fitted(look.name, data, "png", Size(*alpha.size), transform, _changes(look, transform))


def _fitted(name: str, data: bytes, format: str, size: Size, transform: Transform, changes: tuple[str, ...]) -> Fitted:
    image = InputImage(data=data, format=format, size=size, has_alpha=True)
    return Fitted(name=name, image=image, transform=transform, changes=changes)


def _changes(look: Look, transform: Transform) -> tuple[str, ...]:
    said = (
        f"first of {look.frames} frames taken" if look.frames > 1 else None,
        TURNED if look.orientation != 1 else None,
        as_its_image(transform),
        "converted to PNG" if look.format != "png" else None,
        NO_METADATA if look.has_metadata else None,
    )
    return tuple(phrase for phrase in said if phrase) or ("rewritten as white and black with alpha",)
