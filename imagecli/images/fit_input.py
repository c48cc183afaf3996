"""An input made into what its endpoint takes: byte for byte where it fits already, else changed as little as needed.

What fits keeps its own colour profile; whatever must be encoded anyway comes out as sRGB. Every change has a phrase.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PIL import Image

from imagecli.domain import InputFit, InputImage, InputRule, Size, Transform
from imagecli.errors import InputImageError
from imagecli.images.exif import set_upright
from imagecli.images.header import ImageHeader
from imagecli.images.identify import LABELS
from imagecli.images.integrity import inspect_image
from imagecli.images.metadata import read_exif, strip_metadata
from imagecli.images.pillow_io import encode_within
from imagecli.images.resize import crop_and_pad, encoded_size, size_after_framing
from imagecli.images.transform import render_transformed

_SIDES = {"center": "centre", "top": "top", "bottom": "bottom", "left": "left", "right": "right"}
TURNED = "turned upright"
NO_METADATA = "location and camera data removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedImage:
    """An input as it is sent, and what was done to it."""

    name: str
    """As the user typed it; for messages."""
    image: InputImage
    transform: Transform
    changes: tuple[str, ...] = ()
    """One short phrase each, in the order they were made; empty when the bytes are the user's own."""


def fit_input(look: ImageHeader, rule: InputRule, framing: InputFit) -> FittedImage:
    """*look* as *rule* wants it.

    Raises InputImageError when it is cut off or broken, or when a square is wanted and *framing* forbids one.
    """
    check_input_whole(look)
    transform = crop_and_pad(look.size, rule, framing, look.name)
    return _try_unchanged(look, rule, framing, transform) or _encode_input(look, rule, framing, transform)


def check_input_whole(look: ImageHeader) -> None:
    """Raises InputImageError if *look* is truncated or damaged; formats without a check of ours fail when decoded."""
    identity = inspect_image(look.data) if look.format in LABELS else None
    if identity and not identity.whole:
        raise InputImageError(f"{look.name} is broken: {identity.problem}", hint="open and save it anew")


def _try_unchanged(look: ImageHeader, rule: InputRule, framing: InputFit, transform: Transform) -> FittedImage | None:
    """The user's own bytes, at most with the metadata cut out of them; None when that does not satisfy."""
    if transform.crop or transform.pad or look.orientation != 1 or not look.is_plain:
        return None
    if look.format not in rule.formats or (framing.input_size and must_shrink(look.size, framing.input_size)):
        return None
    stripped = None if framing.keep_metadata else strip_metadata(look.data, look.format)
    data = stripped or look.data
    if len(data) > rule.max_bytes:
        return None
    image = InputImage(data=data, format=look.format, size=look.size, has_alpha=look.has_alpha)
    return FittedImage(name=look.name, image=image, transform=transform, changes=(NO_METADATA,) if stripped else ())


def must_shrink(size: Size, inside: Size) -> bool:
    """Whether *size* must be shrunk to lie inside."""
    return size.width > inside.width or size.height > inside.height


def _encode_input(look: ImageHeader, rule: InputRule, framing: InputFit, transform: Transform) -> FittedImage:
    before = size_after_framing(transform)
    size = encoded_size(before, rule, framing)
    transform = Transform(
        upright=transform.upright, crop=transform.crop, pad=transform.pad, size=_changed_size(size, before)
    )
    pixels, note = render_transformed(look, transform, Image.Resampling.LANCZOS)
    encoding = _choose_format(look, pixels, rule)
    if rule.square and encoding == "png" and pixels.mode != "RGBA":
        # Classic edits refused RGB: "format must be in ['RGBA', 'LA', 'L']".
        pixels = pixels.convert("RGBA")
    data, kept = encode_within(pixels, encoding, rule.max_bytes, **_metadata_options(look, framing))
    size = Size(*kept.size)
    transform = Transform(
        upright=transform.upright, crop=transform.crop, pad=transform.pad, size=_changed_size(size, before)
    )
    image = InputImage(data=data, format=encoding, size=size, has_alpha=kept.mode == "RGBA")
    return FittedImage(
        name=look.name,
        image=image,
        transform=transform,
        changes=_describe_changes(look, framing, transform, encoding, note),
    )


def _changed_size(size: Size, before: Size) -> Size | None:
    return None if size == before else size


def _choose_format(look: ImageHeader, pixels: Image.Image, rule: InputRule) -> str:
    """PNG keeps everything; a photograph that was compressed with loss before may be JPEG or WebP again."""
    if look.is_lossy and pixels.mode == "RGB" and "jpeg" in rule.formats:
        return "jpeg"
    return "png" if "png" in rule.formats else rule.formats[0]


def _metadata_options(look: ImageHeader, framing: InputFit) -> dict[str, Any]:
    """EXIF to write again where the user wants it; the orientation is in the pixels now."""
    block = read_exif(look.data, look.format) if framing.keep_metadata and look.has_metadata else None
    if block is None:
        return {}
    return {"exif": b"Exif\0\0" + set_upright(block)}


def _describe_changes(
    look: ImageHeader, framing: InputFit, transform: Transform, format: str, note: str | None
) -> tuple[str, ...]:
    gone = look.has_metadata and not framing.keep_metadata
    said = (
        f"first of {look.frames} frames taken" if look.frames > 1 else None,
        TURNED if look.orientation != 1 else None,
        _describe_framing(transform, framing),
        "brought to 8 bits a channel" if look.is_deep else None,
        note,
        f"shrunk to {transform.size}" if transform.size else None,
        f"converted to {LABELS[format]}" if format != look.format else None,
        NO_METADATA if gone else None,
    )
    return tuple(phrase for phrase in said if phrase) or ("compressed anew",)


def _describe_framing(transform: Transform, framing: InputFit) -> str | None:
    if transform.pad:
        return f"padded to {size_after_framing(transform)}"
    return f"{_SIDES[framing.crop]} square {size_after_framing(transform)} cropped" if transform.crop else None
