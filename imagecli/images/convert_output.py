"""Converts a generated image to another format or size, and marks how it was made, as its C2PA manifest is lost."""

from __future__ import annotations

from typing import Any

from PIL import Image, ImageSequence

from imagecli.domain import DigitalSourceType, Size
from imagecli.errors import ImagecliError, InputImageError
from imagecli.images.color_conversion import sample_scale, to_eight_bit
from imagecli.images.identify import identify_image
from imagecli.images.pillow_io import (
    MAX_DECODED_BYTES,
    REDUCING_GAP,
    detect_image_format,
    open_image,
    translate_decoder_errors,
)
from imagecli.images.provenance import encode_marked

_TARGETS = frozenset({"png", "jpeg", "webp", "gif"})
_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})
_NAME = "the image"


def convert_image(data: bytes, format: str, source_type: DigitalSourceType, fit: Size | None = None) -> bytes:
    """Converts a complete image to png, jpeg, webp or gif; with *fit* crops and resizes it to that size.

    The result is marked with *source_type*. As JPEG (quality 95) transparency becomes white, and of an animation the
    first frame is used; other formats stay animated. The color profile is kept. Raises ImagecliError if *data* can't
    be converted.
    """
    source = detect_image_format(data)
    if source is None or format not in _TARGETS:
        raise ImagecliError(f"can't convert {source or identify_image(data).problem or 'this image'} to {format}")
    try:
        image: Image.Image = open_image(data, source, _NAME)
        with translate_decoder_errors(_NAME):
            options = _save_options(image, format)
            if format != "jpeg" and getattr(image, "is_animated", False):
                frame, animation_options = _resize_animation(image, format, fit) if fit else (image, {})
                return encode_marked(frame, format, source_type, save_all=True, **animation_options, **options)
            image.load()
            if fit:
                image = _resize_to_fit(to_eight_bit(image, sample_scale(image)), fit)
            return encode_marked(_to_format_mode(image, format), format, source_type, **options)
    except InputImageError as error:
        raise ImagecliError(error.message) from error


def encode_pixels(
    pixels: Image.Image,
    format: str,
    source_type: DigitalSourceType,
    fit: Size | None,
    profile: bytes | None,
    exif: bytes | None,
) -> bytes:
    """Encodes RGB or RGBA *pixels* as png, jpeg, webp or gif as `convert_image` does; with *fit* cropped and resized.

    *profile* and *exif* are written too, except into a GIF.
    """
    options = {"icc_profile": profile} if profile and format != "gif" else {}
    if exif and format != "gif":
        options["exif"] = exif
    if fit:
        pixels = _resize_to_fit(pixels, fit)
    return encode_marked(_to_format_mode(pixels, format), format, source_type, **options)


def _to_format_mode(image: Image.Image, format: str) -> Image.Image:
    """*image* in a mode that *format* supports; PNG supports most."""
    if format == "png" and image.mode in _PNG_MODES:
        return image
    plain = to_eight_bit(image, sample_scale(image))
    if format == "jpeg" and plain.mode == "RGBA":
        return Image.alpha_composite(Image.new("RGBA", plain.size, "white"), plain).convert("RGB")
    return plain if format == "jpeg" or plain.mode in ("L", "RGB", "RGBA") else plain.convert("RGB")


def _save_options(image: Image.Image, format: str) -> dict[str, Any]:
    """With the color profile of *image*, unless its colors are converted."""
    if format == "gif":
        return {}
    return {"icc_profile": None if image.mode == "CMYK" and format != "jpeg" else image.info.get("icc_profile")}


def _resize_to_fit(image: Image.Image, fit: Size) -> Image.Image:
    """Crops *image* centrally to the ratio of *fit* and resizes it. Its mode must not be a palette."""
    left, top, right, bottom = _fill_box(Size(*image.size), fit)
    if (right - left, bottom - top) == fit:
        return image.crop((int(left), int(top), int(left) + fit.width, int(top) + fit.height))
    return image.resize(fit, Image.Resampling.LANCZOS, (left, top, right, bottom), reducing_gap=REDUCING_GAP)


def _fill_box(size: Size, fit: Size) -> tuple[float, float, float, float]:
    """The largest centered box in *size* with the ratio of *fit*; its edges may lie between pixels."""
    if size.width * fit.height > size.height * fit.width:
        width = size.height * fit.width / fit.height
        left = (size.width - width) / 2
        return left, 0, left + width, size.height
    height = size.width * fit.height / fit.width
    top = (size.height - height) / 2
    return 0, top, size.width, top + height


def _resize_animation(image: Image.Image, format: str, fit: Size) -> tuple[Image.Image, dict[str, Any]]:
    """The first frame of *image* resized to *fit*, and the save options with the others: frames, durations, loop.

    Raises InputImageError if the frames would not fit into memory.
    """
    count = getattr(image, "n_frames", 1)
    if count * fit.pixels * 4 > MAX_DECODED_BYTES:
        raise InputImageError(f"its {count} frames of {fit} need too much memory")
    frames, durations = [], []
    for frame in ImageSequence.Iterator(image):
        frames.append(_resize_to_fit(frame.convert("RGBA"), fit))
        durations.append(frame.info.get("duration", 0))
    options: dict[str, Any] = {"append_images": frames[1:], "duration": durations}
    if "loop" in image.info:
        options["loop"] = image.info["loop"]
    if format == "gif":
        options["disposal"] = 2  # clear the screen before each frame, so that transparent areas stay transparent
    return frames[0], options
