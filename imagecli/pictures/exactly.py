"""--fit: a picture brought to exactly one size, by a central crop to its ratio and then a resize."""

from __future__ import annotations

from typing import Any

from PIL import Image, ImageSequence

from imagecli.domain import Size
from imagecli.errors import InputImageError
from imagecli.pictures.decode import MAX_DECODED_BYTES

_REDUCING_GAP = 3.0
"""Pillow's own word for fast and hardly different from the slow way."""


def resized(image: Image.Image, fit: Size) -> Image.Image:
    """*image*, a mode whose pixels can be mixed, cropped centrally and resized to *fit*."""
    left, top, right, bottom = _crop(Size(*image.size), fit)
    if (right - left, bottom - top) == (fit.width, fit.height):
        return image.crop((int(left), int(top), int(left) + fit.width, int(top) + fit.height))
    return image.resize(
        (fit.width, fit.height),
        Image.Resampling.LANCZOS,
        box=(left, top, right, bottom),
        reducing_gap=_REDUCING_GAP,
    )


def _crop(came: Size, fit: Size) -> tuple[float, float, float, float]:
    """The largest part of the ratio of *fit*, in the middle; its edges may lie between pixels."""
    if came.width * fit.height > came.height * fit.width:
        width = came.height * fit.width / fit.height
        left = (came.width - width) / 2
        return left, 0, left + width, came.height
    height = came.width * fit.height / fit.width
    top = (came.height - height) / 2
    return 0, top, came.width, top + height


def animation(picture: Image.Image, format: str, fit: Size) -> tuple[Image.Image, dict[str, Any]]:
    """The first frame of *picture* at *fit*, and what saves the others with it: frames, times, loops.

    Raises InputImageError when all of them would not fit into memory.
    """
    count = getattr(picture, "n_frames", 1)
    if count * fit.pixels * 4 > MAX_DECODED_BYTES:
        raise InputImageError(f"its {count} frames of {fit} are more than can be decoded at once")
    frames, times = [], []
    for frame in ImageSequence.Iterator(picture):
        frames.append(resized(frame.convert("RGBA"), fit))
        times.append(frame.info.get("duration", 0))
    options: dict[str, Any] = {"append_images": frames[1:], "duration": times}
    if "loop" in picture.info:
        options["loop"] = picture.info["loop"]
    if format == "gif":
        options["disposal"] = 2  # what shows through stays so: each frame is drawn on an empty screen
    return frames[0], options
