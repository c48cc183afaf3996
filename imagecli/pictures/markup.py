"""A drawing over the first picture, arrows and circles that show what is meant: made to lie on it as it is sent.

OpenAI API reference, read 2026-11-22: a PNG with transparent pixels, as large as the first image once that is upright.
"""

from __future__ import annotations

from PIL import Image

from imagecli.domain import Framing, InputImage, Size, Transform
from imagecli.errors import MaskError
from imagecli.pictures.beside import as_its_image, as_mask_error, its_transform
from imagecli.pictures.decode import load, open_picture
from imagecli.pictures.encode import saved
from imagecli.pictures.fit import NO_METADATA, TURNED, Fitted, check_whole
from imagecli.pictures.look import Look
from imagecli.pictures.metadata import without_metadata
from imagecli.pictures.pixels import rendered


def fit_markup(look: Look, max_bytes: int, image: Fitted, framing: Framing) -> Fitted:
    """*look* with the transform that its *image* got, as PNG; the user's own bytes where they are that already.

    Raises MaskError where it has another size, hides all of the picture, is broken or too large.
    """
    if not look.has_alpha:
        raise MaskError(
            f"{look.name} has no transparency; a drawing is transparent where the picture shows through",
            hint="draw on a transparent layer, and save that layer alone as PNG",
        )
    transform = its_transform(look, image, "drawing")
    with as_mask_error():
        check_whole(look)
        return _as_it_is(look, max_bytes, framing, transform) or _encoded(look, max_bytes, transform)


def _as_it_is(look: Look, max_bytes: int, framing: Framing, transform: Transform) -> Fitted | None:
    changed = transform.crop or transform.pad or transform.size or look.orientation != 1
    if changed or look.format != "png" or not look.is_plain:
        return None
    stripped = None if framing.keep_metadata else without_metadata(look.data, look.format)
    data = stripped or look.data
    if len(data) > max_bytes:
        return None
    load(open_picture(look.data, look.format, look.name), look.name)
    return _fitted(look, data, look.size, transform, (NO_METADATA,) if stripped else ())


def _encoded(look: Look, max_bytes: int, transform: Transform) -> Fitted:
    pixels, _ = rendered(look, transform, Image.Resampling.LANCZOS)
    data = saved(pixels.convert("RGBA"), "png", compress_level=9)
    if len(data) > max_bytes:
        raise MaskError(
            f"{look.name} is {len(data):,} bytes as PNG, at most {max_bytes:,} are taken",
            hint="--input-size makes image and drawing smaller",
        )
    said = (
        f"first of {look.frames} frames taken" if look.frames > 1 else None,
        TURNED if look.orientation != 1 else None,
        as_its_image(transform),
        "converted to PNG" if look.format != "png" else None,
        NO_METADATA if look.has_metadata else None,
    )
    changes = tuple(phrase for phrase in said if phrase) or ("compressed anew",)
    return _fitted(look, data, Size(*pixels.size), transform, changes)


def _fitted(look: Look, data: bytes, size: Size, transform: Transform, changes: tuple[str, ...]) -> Fitted:
    image = InputImage(data=data, format="png", size=size, has_alpha=True)
    return Fitted(name=look.name, image=image, transform=transform, changes=changes)
