"""What bytes are, from their own structure and never from a name. Standard library only; decodes no pixels.

`identify_image` reads headers, `inspect_image` walks to the end. Both raise on no bytes whatever, take linear time
and copy nothing but a head of fixed length.

What bytes that are no picture of ours look like, in words that finish "it is …".
"""

from __future__ import annotations

from collections.abc import Callable
from mmap import mmap
from typing import IO, NamedTuple, TypeAlias

from imagecli.domain import ImageInfo, Size
from imagecli.images.byte_window import ByteWindow, FileWindow
from imagecli.images.formats import gif, jpeg, png, svg, webp

_STARTS = (
    (b"%PDF", "a PDF"),
    (b"BM", "a BMP picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"\0\0\1\0", "an icon"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\0\0\0\x0cjP", "a JPEG 2000 picture"),
    (b"8BPS", "a Photoshop file"),
    (b"%!PS", "a PostScript file"),
    (b"PK\3\4", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"version https://git-lfs", "a Git LFS pointer, not the picture itself"),
)
_BRANDS = {
    b"avif": "an AVIF picture",
    b"avis": "an AVIF picture",
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "a HEIC picture"),
}
_HEAD_BYTES = 1_024


def describe_bytes(data: ByteWindow) -> str:
    """What the first bytes look like: "an HTML page", "XML", "JSON", "text", "a PDF", "empty", "unknown bytes" …"""
    if not len(data):
        return "empty"
    head = bytes(data[:_HEAD_BYTES])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "a video or an unknown picture")
    known = next((words for start, words in _STARTS if head.startswith(start)), None)
    return known or (_text(head) if _is_text(head) else "unknown bytes")


def _is_text(head: bytes) -> bool:
    """UTF-8 without control characters; a character cut at the end of *head* is forgiven."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < _HEAD_BYTES - 4 or not error.start:
            return False
        text = head[: error.start].decode("utf-8")
    return all(character.isprintable() or character in "\t\n\r\f\ufeff" for character in text)


def _text(head: bytes) -> str:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "an HTML page"
    if start.startswith(b"<"):
        return "an HTML page" if b"<html" in start else "XML"
    return "JSON" if start.startswith((b"{", b"[")) else "text"


Data: TypeAlias = bytes | bytearray | memoryview | mmap


class _Format(NamedTuple):
    is_here: Callable[[ByteWindow], bool]
    size: Callable[[ByteWindow], Size | None]
    problem: Callable[[ByteWindow], str | None]


_FORMATS = {
    "png": _Format(lambda data: bytes(data[:8]) == png.SIGNATURE, png.png_size, png.find_png_problem),
    "jpeg": _Format(lambda data: bytes(data[:3]) == jpeg.SIGNATURE, jpeg.jpeg_size, jpeg.find_jpeg_problem),
    "webp": _Format(webp.is_webp, webp.webp_size, webp.find_webp_problem),
    "gif": _Format(lambda data: bytes(data[:6]) in gif.SIGNATURES, gif.gif_size, gif.find_gif_problem),
    "svg": _Format(lambda data: svg.find_svg_root(data) is not None, svg.svg_size, svg.find_svg_problem),
}
LABELS = {"png": "PNG", "jpeg": "JPEG", "webp": "WebP", "gif": "GIF", "svg": "SVG"}
"""Format → how people write it."""
_VECTORS = frozenset({"svg"})
"""Formats that may say no size and are whole all the same."""


def identify_image(data: Data) -> ImageInfo:
    """Format and size read from the headers; *whole* is False only when the headers themselves are broken."""
    with memoryview(data) as view:
        return _identify(view)


def inspect_image(data: Data) -> ImageInfo:
    """As `identify_image`, and the structure walked to its end: *whole* and *problem* tell of cuts and damage.

    Bytes behind the end are tolerated: cameras and servers append to pictures.
    """
    with memoryview(data) as view:
        return _inspect(view)


def inspect_image_file(file: IO[bytes]) -> ImageInfo:
    """As `inspect_image`, of a file that is read a window at a time and never whole."""
    return _inspect(FileWindow(file))


def _inspect(data: ByteWindow) -> ImageInfo:
    identity = _identify(data)
    if identity.format is None or not identity.whole:
        return identity
    problem = _FORMATS[identity.format].problem(data)
    return ImageInfo(format=identity.format, size=identity.size, whole=problem is None, problem=problem)


def _identify(data: ByteWindow) -> ImageInfo:
    name = next((name for name, known in _FORMATS.items() if known.is_here(data)), None)
    if name is None:
        return ImageInfo(format=None, whole=False, problem=describe_bytes(data))
    size = _FORMATS[name].size(data)
    if size is None and name not in _VECTORS:
        return ImageInfo(format=name, whole=False, problem=f"{LABELS[name]} ends in its headers")
    if size is not None and not size.pixels:
        return ImageInfo(format=name, whole=False, problem=f"{LABELS[name]} says it is {size} pixels")
    return ImageInfo(format=name, size=size)
