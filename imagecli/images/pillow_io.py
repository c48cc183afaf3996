"""Opens and saves images with Pillow: only known formats, no pixel bombs, and every exception turned into ours.

Pillow's plugins are called by name and never through `Image.open`: so no other format is ever tried, and Pillow's own
bomb warning, which is one switch for the whole process, is not needed.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import IO, Any

from PIL import Image, ImageFile

from imagecli.domain import Size
from imagecli.errors import InputImageError, LargeImageError
from imagecli.images.formats.jpeg import add_end_of_image
from imagecli.images.identify import detect_input_format, identify_image
from imagecli.images.strip_metadata import strip_for_decoder

MAX_DECODED_BYTES = 600_000_000
"""Limit of the memory for decoding and shrinking one image, so that the process stays under 700 MB."""
BYTES_PER_PIXEL = {"jpeg": 3, "webp": 16, "heic": 9, "avif": 9, "tiff": 7, "gif": 7}
"""The peak while decoding and shrinking, measured with Pillow 13; a large JPEG is never decoded at full size.

TIFF and GIF stay under the 89 megapixels above which their plugins themselves warn on stderr.
"""
_USUAL_BYTES, _PROGRESSIVE_BYTES = 5, 8
REDUCING_GAP = 3.0
"""Pillow's value for a fast resize that hardly differs from the slow one."""

_READERS = {
    "png": "PIL.PngImagePlugin:PngImageFile",
    "jpeg": "PIL.JpegImagePlugin:JpegImageFile",
    "webp": "PIL.WebPImagePlugin:WebPImageFile",
    "gif": "PIL.GifImagePlugin:GifImageFile",
    "bmp": "PIL.BmpImagePlugin:BmpImageFile",
    "tiff": "PIL.TiffImagePlugin:TiffImageFile",
    "ico": "PIL.IcoImagePlugin:IcoImageFile",
    "avif": "PIL.AvifImagePlugin:AvifImageFile",
    "heic": "pi_heif:HeifImageFile",
}
"""Format → module and class, imported when needed: all of them take as much memory as Python itself."""

_USE_SMALLER = "use a smaller copy"
SAVE_AGAIN = "open it in an image editor and save it again"
"""The hint for damaged inputs."""


@contextmanager
def translate_decoder_errors(name: str) -> Iterator[None]:
    """Turns any exception of a decoder into InputImageError: OSError, SyntaxError, ValueError, KeyError …"""
    try:
        yield
    except (InputImageError, KeyboardInterrupt):
        raise
    except MemoryError as error:
        raise InputImageError(f"not enough memory to decode {name}", hint=_USE_SMALLER) from error
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputImageError(f"can't decode {name}: {reason}", hint=SAVE_AGAIN) from error


def detect_image_format(data: bytes) -> str | None:
    """The format of *data* by its first bytes, or None if it is not one of the formats we read."""
    identified = identify_image(data).format
    if identified:
        return identified if identified in _READERS else None
    return detect_input_format(data)


def open_image(data: bytes, format: str, name: str) -> ImageFile.ImageFile:
    """Opens an image without decoding its pixels. A JPEG may lack its end marker: check first that it is complete.

    Raises InputImageError, and LargeImageError for a pixel bomb.
    """
    claimed = identify_image(data).size
    if claimed:
        _refuse_bomb(claimed, BYTES_PER_PIXEL.get(format, _USUAL_BYTES), name)
    with translate_decoder_errors(name):
        # Pillow parses EXIF and text chunks when it opens a file, warns on stderr and fails if they are broken.
        stripped = strip_for_decoder(data, format) or data
        if format == "jpeg":
            stripped = add_end_of_image(stripped)
        image = _pillow_reader(format)(io.BytesIO(stripped))
        if format == "ico":
            _check_icon(image)
    is_progressive = image.info.get("progressive")
    bytes_per_pixel = _PROGRESSIVE_BYTES if is_progressive else BYTES_PER_PIXEL.get(format, _USUAL_BYTES)
    _refuse_bomb(Size(*image.size), bytes_per_pixel, name)
    return image


def load_pixels(image: ImageFile.ImageFile, name: str) -> Image.Image:
    """Decodes the first frame. Raises InputImageError if its pixels are truncated or damaged."""
    with translate_decoder_errors(name):
        image.load()
    return image


def load_alpha(image: ImageFile.ImageFile, name: str) -> Image.Image:
    """Decodes the alpha channel of the first frame. Raises InputImageError if its pixels are damaged."""
    return load_pixels(image, name).convert("RGBA").getchannel("A")


def has_transparent_pixels(data: bytes, format: str, name: str) -> bool:
    """Whether a pixel is not opaque. Decodes only images with alpha. Raises InputImageError for a damaged one."""
    image = open_image(data, format, name)
    return image.has_transparency_data and load_alpha(image, name).getextrema() != (255, 255)


def _pillow_reader(format: str) -> Callable[[IO[bytes]], ImageFile.ImageFile]:
    module, _, name = _READERS[format].partition(":")
    reader: Callable[[IO[bytes]], ImageFile.ImageFile] = getattr(import_module(module), name)
    return reader


def _check_icon(image: ImageFile.ImageFile) -> None:
    """Refuses an icon whose PNG claims a wrong size, which Pillow believes; the format allows at most 256."""
    if max(image.size) > 256:
        raise ValueError(f"an icon of {image.width}x{image.height} pixels")


def _refuse_bomb(size: Size, bytes_per_pixel: int, name: str) -> None:
    if size.width < 1 or size.height < 1:
        raise InputImageError(f"{name} has an invalid size, {size}")
    max_pixels = MAX_DECODED_BYTES // bytes_per_pixel
    if size.pixels > max_pixels:
        raise LargeImageError(
            f"{name} is {size}, {size.pixels:,} pixels; the limit is {max_pixels:,}", hint=_USE_SMALLER
        )


_SAVE_OPTIONS: dict[str, tuple[dict[str, Any], ...]] = {
    "png": ({"compress_level": 3}, {"compress_level": 9}),
    "jpeg": ({"quality": 95, "subsampling": 0}, {"quality": 85, "subsampling": 0}),
    "webp": ({"quality": 95}, {"quality": 85}),
    "gif": ({},),
}
"""Format → options to try in turn: the first are fast and good, the next make smaller files."""


def encode_with_pillow(image: Image.Image, format: str, **options: Any) -> bytes:
    """Encodes *image* in *format*; *options* override the default ones."""
    buffer = io.BytesIO()
    image.save(buffer, format, **{**_SAVE_OPTIONS[format][0], **options})
    return buffer.getvalue()


def encode_within(image: Image.Image, format: str, max_bytes: int, **options: Any) -> tuple[bytes, Image.Image]:
    """Encodes *image* in at most *max_bytes*, with stronger compression or shrunk if needed.

    Returns the bytes and the image that they show. Raises InputImageError if not even one pixel fits.
    """
    for attempt, step in _attempts(image, format):
        data = encode_with_pillow(attempt, format, **{**step, **options})
        if len(data) <= max_bytes:
            return data, attempt
    raise InputImageError(f"can't encode the image as {format} within {max_bytes:,} bytes")


def _attempts(image: Image.Image, format: str) -> Iterator[tuple[Image.Image, dict[str, Any]]]:
    """All options at full size, then the strongest compression at ever smaller sizes."""
    yield from ((image, step) for step in _SAVE_OPTIONS[format])
    while max(image.size) > 1:
        image = image.resize((max(1, image.width * 5 // 6), max(1, image.height * 5 // 6)), Image.Resampling.LANCZOS)
        yield image, _SAVE_OPTIONS[format][-1]
