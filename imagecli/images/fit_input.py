"""Fits an input image to the rules of its endpoint: unchanged if it satisfies them, else changed as little as needed.

An unchanged image keeps its color profile; a re-encoded one is sRGB. Every change is described by a phrase.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image

from imagecli.domain import Box, InputFit, InputImage, InputRule, Size, Transform
from imagecli.errors import InputImageError
from imagecli.images.header import ImageHeader
from imagecli.images.identify import LABELS
from imagecli.images.integrity import inspect_image
from imagecli.images.pillow_io import SAVE_AGAIN, encode_within
from imagecli.images.strip_metadata import has_trailer, strip_metadata
from imagecli.images.transform_input import render_transformed

TURNED = "rotated upright"
NO_METADATA = "private metadata removed"
NO_TRAILER = "data after the end of the image removed"
CLASSIC_SIDE = 1024
"""Edge of the largest square of the classic API; a larger upload gains nothing (OpenAI's image guide)."""
MAX_REENCODED_PIXELS = 50_000_000
"""Limit for images that must be re-encoded: more than phone cameras make, and memory stays bounded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedImage:
    """An input image as it is sent, and how it was changed."""

    name: str
    """As typed by the user; for messages."""
    image: InputImage
    transform: Transform
    changes: tuple[str, ...] = ()
    """One short phrase each, in order; empty if the bytes are the user's own."""


def fit_input(header: ImageHeader, rule: InputRule, framing: InputFit) -> FittedImage:
    """Fits an input to *rule*.

    Raises InputImageError if it is truncated or damaged, or if a square is required and *framing* forbids one.
    """
    transform = check_input(header, rule, framing)
    return try_unchanged(header, rule, framing, transform) or _encode_input(header, rule, framing, transform)


def check_input(header: ImageHeader, rule: InputRule, framing: InputFit) -> Transform:
    """The crop or padding that *rule* requires. Raises InputImageError as `fit_input` does; decodes no pixels."""
    check_input_complete(header)
    return _crop_and_pad(header.size, rule, framing, header.name)


def check_input_complete(header: ImageHeader) -> None:
    """Raises InputImageError if *header* is truncated or damaged; formats without a check of ours fail when decoded."""
    identity = inspect_image(header.data) if header.format in LABELS else None
    if identity and not identity.is_complete:
        raise InputImageError(f"{header.name} is damaged: {identity.problem}", hint=SAVE_AGAIN)


def try_unchanged(header: ImageHeader, rule: InputRule, framing: InputFit, transform: Transform) -> FittedImage | None:
    """The user's bytes, at most without their metadata; None if these don't satisfy *rule*."""
    if header.format not in rule.formats or (framing.input_size and _must_shrink(header.size, framing.input_size)):
        return None
    return keep_bytes(header, framing, transform, rule.max_bytes)


def keep_bytes(header: ImageHeader, framing: InputFit, transform: Transform, max_bytes: int) -> FittedImage | None:
    """The user's bytes, without their metadata unless *framing* keeps it.

    None if *transform* or the orientation changes their pixels, if these are not plain, or if they are more than
    *max_bytes*.
    """
    if transform.crop or transform.pad or transform.size or header.orientation != 1 or not header.is_plain:
        return None
    stripped = None if framing.keep_metadata else strip_metadata(header.data, header.format)
    data = stripped or header.data
    if len(data) > max_bytes:
        return None
    image = InputImage(data=data, format=header.format, size=header.size, has_alpha=header.has_alpha)
    changes = []
    if stripped:
        changes += [NO_METADATA] if header.has_metadata else []
        changes += [NO_TRAILER] if has_trailer(header.data, header.format) else []
    return FittedImage(name=header.name, image=image, transform=transform, changes=tuple(changes))


def _must_shrink(size: Size, inside: Size) -> bool:
    """Whether *size* must be shrunk to fit into *inside*."""
    return size.width > inside.width or size.height > inside.height


def _crop_and_pad(upright: Size, rule: InputRule, framing: InputFit, name: str) -> Transform:
    """The crop or padding that makes the square *rule* requires; none if it requires none, or the image is square.

    Raises InputImageError if a square is required and *framing* does not allow making one.
    """
    if upright.is_square or not rule.square:
        return Transform(upright=upright)
    if framing.pad:
        return Transform(upright=upright, pad=_padding_box(upright))
    if framing.crop == "none":
        raise InputImageError(
            f"{name} is {upright}; expected a square", hint="use --crop center, or --pad to keep the entire image"
        )
    return Transform(upright=upright, crop=_crop_box(upright, framing.crop))


def encoded_size(size: Size, rule: InputRule, framing: InputFit) -> Size:
    """The size at which an image of *size* is encoded, if it has to be."""
    if framing.input_size:
        size = size.shrink_to_fit(framing.input_size)
    if rule.square:
        return size.shrink_to_fit(Size(CLASSIC_SIDE, CLASSIC_SIDE))
    factor = 1
    while size.pixels > MAX_REENCODED_PIXELS * factor * factor:
        factor += 1
    return Size(max(1, size.width // factor), max(1, size.height // factor))


def _crop_box(size: Size, where: str) -> Box:
    side = min(size.width, size.height)
    left = {"left": 0, "right": size.width - side}.get(where, (size.width - side) // 2)
    top = {"top": 0, "bottom": size.height - side}.get(where, (size.height - side) // 2)
    return left, top, left + side, top + side


def _padding_box(size: Size) -> Box:
    side = max(size.width, size.height)
    left, top = (side - size.width) // 2, (side - size.height) // 2
    return left, top, side - size.width - left, side - size.height - top


def _encode_input(header: ImageHeader, rule: InputRule, framing: InputFit, transform: Transform) -> FittedImage:
    before = transform.framed_size
    transform = transform._replace(size=_changed_size(encoded_size(before, rule, framing), before))
    pixels, note = render_transformed(header, transform, Image.Resampling.LANCZOS)
    return encode_fitted(header, rule, framing, transform, pixels, (_describe_framing(transform, framing),), note)


def encode_fitted(
    header: ImageHeader,
    rule: InputRule,
    framing: InputFit,
    transform: Transform,
    pixels: Image.Image,
    framing_phrases: Iterable[str | None],
    color_note: str | None,
) -> FittedImage:
    """An input whose *pixels* are those after *transform*, shrunk if they don't fit into the bytes of *rule*."""
    before = transform.framed_size
    encoding = _choose_format(header, pixels, rule)
    if rule.square and encoding == "png" and pixels.mode != "RGBA":
        # Classic edits refused RGB: "format must be in ['RGBA', 'LA', 'L']".
        pixels = pixels.convert("RGBA")
    exif = header.upright_exif() if framing.keep_metadata else None
    data, encoded = encode_within(pixels, encoding, rule.max_bytes, **({"exif": exif} if exif else {}))
    size = Size(*encoded.size)
    transform = transform._replace(size=_changed_size(size, before))
    image = InputImage(data=data, format=encoding, size=size, has_alpha=encoded.mode == "RGBA")
    return FittedImage(
        name=header.name,
        image=image,
        transform=transform,
        changes=_describe_changes(header, framing, transform, encoding, framing_phrases, color_note),
    )


def _changed_size(size: Size, before: Size) -> Size | None:
    return None if size == before else size


def _choose_format(header: ImageHeader, pixels: Image.Image, rule: InputRule) -> str:
    """PNG, which loses nothing; an opaque image whose compression was lossy becomes a JPEG."""
    if header.is_lossy and pixels.mode == "RGB" and "jpeg" in rule.formats:
        return "jpeg"
    return "png" if "png" in rule.formats else rule.formats[0]


def _describe_changes(
    header: ImageHeader,
    framing: InputFit,
    transform: Transform,
    format: str,
    framing_phrases: Iterable[str | None],
    color_note: str | None,
) -> tuple[str, ...]:
    removes_metadata = header.has_metadata and not framing.keep_metadata
    phrases = (
        header.frame_note,
        TURNED if header.orientation != 1 else None,
        *framing_phrases,
        "reduced to 8 bits per channel" if header.is_deep else None,
        color_note,
        _describe_scale(transform),
        f"converted to {LABELS[format]}" if format != header.format else None,
        NO_METADATA if removes_metadata else None,
    )
    return tuple(phrase for phrase in phrases if phrase) or ("recompressed",)


def _describe_scale(transform: Transform) -> str | None:
    if transform.size is None:
        return None
    return f"{'shrunk' if transform.size.pixels < transform.framed_size.pixels else 'enlarged'} to {transform.size}"


def _describe_framing(transform: Transform, framing: InputFit) -> str | None:
    if transform.pad:
        return f"padded to {transform.framed_size}"
    return f"cropped to the {framing.crop} {transform.framed_size} square" if transform.crop else None
