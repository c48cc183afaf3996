"""Where an input's pixels go, decided from sizes alone: crop, pad, resize. Pure.

--fit: a picture brought to exactly one size, by a central crop to its ratio and then a resize.
"""

from __future__ import annotations

from typing import Any

from PIL import Image, ImageSequence

from imagecli.domain import InputFit, InputRule, Size, Transform
from imagecli.errors import InputImageError
from imagecli.images.pillow_io import MAX_DECODED_BYTES

_REDUCING_GAP = 3.0
"""Pillow's own word for fast and hardly different from the slow way."""


def resize_to_fit(image: Image.Image, fit: Size) -> Image.Image:
    """*image*, a mode whose pixels can be mixed, cropped centrally and resized to *fit*."""
    left, top, right, bottom = _fill_box(Size(*image.size), fit)
    if (right - left, bottom - top) == (fit.width, fit.height):
        return image.crop((int(left), int(top), int(left) + fit.width, int(top) + fit.height))
    return image.resize(
        (fit.width, fit.height),
        Image.Resampling.LANCZOS,
        box=(left, top, right, bottom),
        reducing_gap=_REDUCING_GAP,
    )


def _fill_box(came: Size, fit: Size) -> tuple[float, float, float, float]:
    """The largest part of the ratio of *fit*, in the middle; its edges may lie between pixels."""
    if came.width * fit.height > came.height * fit.width:
        width = came.height * fit.width / fit.height
        left = (came.width - width) / 2
        return left, 0, left + width, came.height
    height = came.width * fit.height / fit.width
    top = (came.height - height) / 2
    return 0, top, came.width, top + height


def resize_animation(picture: Image.Image, format: str, fit: Size) -> tuple[Image.Image, dict[str, Any]]:
    """The first frame of *picture* at *fit*, and what saves the others with it: frames, times, loops.

    Raises InputImageError when all of them would not fit into memory.
    """
    count = getattr(picture, "n_frames", 1)
    if count * fit.pixels * 4 > MAX_DECODED_BYTES:
        raise InputImageError(f"its {count} frames of {fit} are more than can be decoded at once")
    frames, times = [], []
    for frame in ImageSequence.Iterator(picture):
        frames.append(resize_to_fit(frame.convert("RGBA"), fit))
        times.append(frame.info.get("duration", 0))
    options: dict[str, Any] = {"append_images": frames[1:], "duration": times}
    if "loop" in picture.info:
        options["loop"] = picture.info["loop"]
    if format == "gif":
        options["disposal"] = 2  # what shows through stays so: each frame is drawn on an empty screen
    return frames[0], options


CLASSIC_SIDE = 1024
"""The classic API makes squares of at most this; a larger upload gains nothing (OpenAI's image guide)."""
MAX_REENCODED_PIXELS = 50_000_000
"""A picture that must be encoded anyway is brought under this: more than phones make, and memory stays bounded."""

Box = tuple[int, int, int, int]


def crop_and_pad(upright: Size, rule: InputRule, framing: InputFit, name: str) -> Transform:
    """The square that *rule* wants cut out or filled up; nothing where it wants none or the picture is square.

    Raises InputImageError when a square is wanted and *framing* forbids to make one.
    """
    if upright.is_square or not rule.square:
        return Transform(upright=upright)
    if framing.pad:
        return Transform(upright=upright, pad=_padding_box(upright))
    if framing.crop == "none":
        raise InputImageError(
            f"{name} is {upright}, a square is wanted", hint="--crop center cuts one out, --pad fills up"
        )
    return Transform(upright=upright, crop=_crop_box(upright, framing.crop))


def size_after_framing(transform: Transform) -> Size:
    """The size after crop and pad, before any resize."""
    left, top, right, bottom = transform.crop or (0, 0, transform.upright.width, transform.upright.height)
    more_left, more_top, more_right, more_bottom = transform.pad or (0, 0, 0, 0)
    return Size(right - left + more_left + more_right, bottom - top + more_top + more_bottom)


def shrink_size(size: Size, inside: Size) -> Size:
    """*size* scaled to fit inside, keeping its ratio; never larger than it was."""
    scale = min(inside.width / size.width, inside.height / size.height, 1.0)
    return Size(max(1, round(size.width * scale)), max(1, round(size.height * scale)))


def encoded_size(size: Size, rule: InputRule, framing: InputFit) -> Size:
    """How large a picture of *size* is encoded, once it has to be."""
    if framing.input_size:
        size = shrink_size(size, framing.input_size)
    if rule.square:
        return shrink_size(size, Size(CLASSIC_SIDE, CLASSIC_SIDE))
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
