"""Sample images: a scene whose corners differ, so that rotation, mirroring and cropping can be distinguished."""

from __future__ import annotations

import io
import random
import struct
import zlib
from typing import Any

from PIL import Image

from imagecli.domain import InputFit, InputRule
from imagecli.images.fit_input import FittedImage, fit_input
from imagecli.images.header import ImageHeader, read_header

CLASSIC = InputRule(formats=("png",), max_bytes=4_194_303, square=True)
GPT = InputRule(formats=("png", "jpeg", "webp"), max_bytes=52_428_799)
CLASSIC_MASK = InputRule(formats=("png",), max_bytes=4_194_303, square=True, alpha=True)
GPT_MASK = InputRule(formats=("png",), max_bytes=4_194_303, alpha=True)

RED, GREEN, BLUE, YELLOW = (220, 30, 30), (30, 200, 40), (30, 40, 220), (230, 220, 40)
CORNERS = (RED, GREEN, BLUE, YELLOW)
"""top left, top right, bottom left, bottom right."""

Pixel = tuple[int, ...]


def scene(width: int = 60, height: int = 40, mode: str = "RGB") -> Image.Image:
    """Four quarters: red, green, blue, yellow."""
    image = Image.new("RGB", (width, height), RED)
    middle, centre = width // 2, height // 2
    image.paste(GREEN, (middle, 0, width, centre))
    image.paste(BLUE, (0, centre, middle, height))
    image.paste(YELLOW, (middle, centre, width, height))
    return image.convert(mode)


def mask_of(width: int, height: int, clear: tuple[int, int, int, int]) -> Image.Image:
    """Opaque gray, transparent inside *clear*."""
    image = Image.new("RGBA", (width, height), (90, 90, 90, 255))
    image.paste((90, 90, 90, 0), clear)
    return image


def saved(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def corners(image: Image.Image) -> tuple[Pixel, ...]:
    """The colors near the four corners, in the order of CORNERS."""
    rgb = image.convert("RGB")
    right, bottom = rgb.width - 3, rgb.height - 3
    pixels = [rgb.getpixel(at) for at in ((2, 2), (right, 2), (2, bottom), (right, bottom))]
    return tuple(pixel for pixel in pixels if isinstance(pixel, tuple))


def alike(some: tuple[Pixel, ...], other: tuple[Pixel, ...], within: int = 12) -> bool:
    return all(abs(a - b) <= within for x, y in zip(some, other, strict=True) for a, b in zip(x, y, strict=True))


def fitted(data: bytes, rule: InputRule = GPT, framing: InputFit | None = None, name: str = "photo.jpg") -> FittedImage:
    return fit_input(read_header(data, name), rule, framing or InputFit())


def read_sample(data: bytes, name: str = "photo.jpg") -> ImageHeader:
    return read_header(data, name)


def chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG chunk with its length and CRC."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(png: bytes, kind: bytes, body: bytes) -> bytes:
    """*png* with a chunk after its IHDR."""
    return png[:33] + chunk(kind, body) + png[33:]


def png_of(header: tuple[int, ...], packed: bytes, *before: bytes) -> bytes:
    """A PNG with these seven IHDR values, compressed pixel data, and the chunks *before* it."""
    first = chunk(b"IHDR", struct.pack(">IIBBBBB", *header))
    return b"".join((b"\x89PNG\r\n\x1a\n", first, *before, chunk(b"IDAT", packed), chunk(b"IEND", b"")))


def lying_png(width: int, height: int) -> bytes:
    """A few bytes whose header claims an image of this size."""
    return png_of((width, height, 8, 2, 0, 0, 0), zlib.compress(b"\0" * 1000))


def large_png(size: int, dice: random.Random | None = None) -> bytes:
    """A complete image of about *size* bytes, compressed and uncompressed: black, or the noise of *dice*."""
    row, rows = 1_001, size // 1_001
    pixels = bytearray(dice.randbytes(row * rows) if dice else row * rows)
    pixels[::row] = bytes(rows)
    return png_of((row - 1, rows, 8, 0, 0, 0, 0), zlib.compress(pixels, 0))


def exif(orientation: int = 1, place: bool = False) -> bytes:
    """An EXIF block; with *place* it has a camera and a position."""
    block = Image.Exif()
    block[0x0112] = orientation
    if place:
        block[0x010F] = "Kamera"
        block.get_ifd(0x8825)[1] = "N"
    return block.tobytes()


def segment(marker: int, body: bytes) -> bytes:
    """A JPEG segment."""
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


def with_segment(jpeg: bytes, marker: int, body: bytes) -> bytes:
    """*jpeg* with a segment after its SOI."""
    return jpeg[:2] + segment(marker, body) + jpeg[2:]
