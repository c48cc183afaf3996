"""Crops, pads and resizes: decides on the sizes of inputs (pure), and brings results to the size of --fit."""

from __future__ import annotations

from typing import Any

from PIL import Image, ImageSequence

from imagecli.domain import InputFit, InputRule, Size, Transform
from imagecli.errors import InputImageError
from imagecli.images.pillow_io import MAX_DECODED_BYTES

_REDUCING_GAP = 3.0
"""Pillow's value for a fast resize that hardly differs from the slow one."""


def resize_to_fit(image: Image.Image, fit: Size) -> Image.Image:
    """Crops *image* centrally to the ratio of *fit* and resizes it. Its mode must not be a palette."""
    left, top, right, bottom = _fill_box(Size(*image.size), fit)
    if (right - left, bottom - top) == (fit.width, fit.height):
        return image.crop((int(left), int(top), int(left) + fit.width, int(top) + fit.height))
    return image.resize(
        (fit.width, fit.height),
        Image.Resampling.LANCZOS,
        box=(left, top, right, bottom),
        reducing_gap=_REDUCING_GAP,
    )


def _fill_box(size: Size, fit: Size) -> tuple[float, float, float, float]:
    """The largest centred box in *size* with the ratio of *fit*; its edges may lie between pixels."""
    if size.width * fit.height > size.height * fit.width:
        width = size.height * fit.width / fit.height
        left = (size.width - width) / 2
        return left, 0, left + width, size.height
    height = size.width * fit.height / fit.width
    top = (size.height - height) / 2
    return 0, top, size.width, top + height


def resize_animation(image: Image.Image, format: str, fit: Size) -> tuple[Image.Image, dict[str, Any]]:
    """The first frame of *image* resized to *fit*, and the save options with the others: frames, durations, loop.

    Raises InputImageError if the frames would not fit into memory.
    """
    count = getattr(image, "n_frames", 1)
    if count * fit.pixels * 4 > MAX_DECODED_BYTES:
        raise InputImageError(f"its {count} frames of {fit} are more than can be decoded at once")
    frames, durations = [], []
    for frame in ImageSequence.Iterator(image):
        frames.append(resize_to_fit(frame.convert("RGBA"), fit))
        durations.append(frame.info.get("duration", 0))
    options: dict[str, Any] = {"append_images": frames[1:], "duration": durations}
    if "loop" in image.info:
        options["loop"] = image.info["loop"]
    if format == "gif":
        options["disposal"] = 2  # clear the screen before each frame, so that transparent areas stay transparent
    return frames[0], options


CLASSIC_SIDE = 1024
"""Edge of the largest square of the classic API; a larger upload gains nothing (OpenAI's image guide)."""
MAX_REENCODED_PIXELS = 50_000_000
"""Limit for images that must be re-encoded: more than phone cameras make, and memory stays bounded."""

Box = tuple[int, int, int, int]


def crop_and_pad(upright: Size, rule: InputRule, framing: InputFit, name: str) -> Transform:
    """The crop or padding that makes the square *rule* requires; none if it requires none, or the image is square.

    Raises InputImageError if a square is required and *framing* forbids to make one.
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
    """The size after cropping and padding, before resizing."""
    left, top, right, bottom = transform.crop or (0, 0, transform.upright.width, transform.upright.height)
    more_left, more_top, more_right, more_bottom = transform.pad or (0, 0, 0, 0)
    return Size(right - left + more_left + more_right, bottom - top + more_top + more_bottom)


def shrink_size(size: Size, inside: Size) -> Size:
    """*size* scaled down to fit into *inside*, with the same ratio; never enlarged."""
    scale = min(inside.width / size.width, inside.height / size.height, 1.0)
    return Size(max(1, round(size.width * scale)), max(1, round(size.height * scale)))


def encoded_size(size: Size, rule: InputRule, framing: InputFit) -> Size:
    """The size at which an image of *size* is encoded, if it has to be."""
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
