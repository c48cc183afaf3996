"""The format and size of an image, read from its bytes and never from a name. Standard library only.

Accepts any bytes without raising, takes linear time, and decodes no pixels. `integrity` tells whether it is complete.
"""

from __future__ import annotations

from mmap import mmap
from typing import Final, TypeAlias

from imagecli.domain import ImageInfo, Size
from imagecli.formats import RECEIVED_FORMATS
from imagecli.images.formats import gif, jpeg, png, webp

Data: TypeAlias = bytes | bytearray | memoryview | mmap

LABELS = {"png": "PNG", "jpeg": "JPEG", "webp": "WebP", "gif": "GIF", "svg": "SVG"}
"""The formats that results usually have, whose structure is read here → how people write them."""
_INPUT_STARTS = {b"BM": "bmp", b"II*\0": "tiff", b"MM\0*": "tiff", b"\0\0\1\0": "ico"}
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})
_INPUT_LABELS = {"bmp": "a BMP image", "ico": "an icon"}
RAW = "a camera raw file"
_OTHER_STARTS = (
    (b"FUJIFILMCCD-RAW", RAW),
    (b"IIU\0", RAW),
    (b"IIRO", RAW),
    (b"IIRS", RAW),
    (b"MMOR", RAW),
    (b"FOVb", RAW),
    (b"%PDF", "a PDF"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (b"\0\0\0\x0cjP", "a JPEG 2000 image"),
    (b"8BPS", "a Photoshop file"),
    (b"%!PS", "a PostScript file"),
    (b"PK\3\4", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"version https://git-lfs", "a Git LFS pointer"),
    (b"/annex/objects/", "a git-annex pointer"),
    (b"\x89PNG", "a PNG with converted line endings"),
)
_HEAD_BYTES = 1_024


def identify_image(data: Data) -> ImageInfo:
    """Format and size, from the headers; the only problems are that these are broken, or *data* is no known image."""
    with memoryview(data) as view:
        detected = detect_format(view)
        if detected is None:
            input_format = detect_input_format(bytes(view[:_HEAD_BYTES]))
            if input_format in RECEIVED_FORMATS:
                # Where its size is, only its decoder finds out.
                return ImageInfo(format=input_format)
            return ImageInfo(format=None, problem=describe_bytes(view))
        size = _read_size(view, detected)
    if size is None and detected != "svg":
        return ImageInfo(format=detected, problem=f"{LABELS[detected]} ends in the middle of its headers")
    if size is not None and not size.pixels:
        return ImageInfo(format=detected, problem=f"{LABELS[detected]} has an invalid size, {size}")
    return ImageInfo(format=detected, size=size)


def detect_format(data: memoryview) -> str | None:
    """The format of *data*, the beginning of a file (64 KB are enough): a key of `LABELS`, or None."""
    if bytes(data[: len(png.SIGNATURE)]) == png.SIGNATURE:
        return "png"
    if bytes(data[: len(jpeg.SIGNATURE)]) == jpeg.SIGNATURE:
        return "jpeg"
    if webp.is_webp(data):
        return "webp"
    if bytes(data[:6]) in gif.SIGNATURES:
        return "gif"
    # Imported here, as most images are recognized by their first bytes.
    from imagecli.images.formats.svg import find_svg_root

    return "svg" if find_svg_root(data) is not None else None


def detect_input_format(data: bytes) -> str | None:
    """The format of *data* if it is one that only a decoder checks: bmp, tiff, ico, avif or heic."""
    if data[4:8] != b"ftyp":
        return next((name for start, name in _INPUT_STARTS.items() if data.startswith(start)), None)
    box = data[8 : max(16, min(int.from_bytes(data[:4]), 256))]
    brands = {box[at : at + 4] for at in range(0, len(box), 4)}
    if brands & _AVIF_BRANDS:
        return "avif"
    return "heic" if brands & _HEIC_BRANDS else None


NO_IMAGE: Final = frozenset({"empty", "an HTML page", "XML", "JSON", "text"})
"""Descriptions of bytes that are certainly not an image, not even one of an unknown format."""


def describe_bytes(data: memoryview) -> str:
    """What bytes that are not a known image look like: "an HTML page", "JSON", "a PDF", "empty", "unknown data" …"""
    if not len(data):
        return "empty"
    head = bytes(data[:_HEAD_BYTES])
    if input_format := detect_input_format(head):
        return _INPUT_LABELS[input_format]
    if head[4:12] == b"ftypcrx ":
        return RAW
    if head[4:8] == b"ftyp":
        return "a video or an unknown image"
    label = next((description for start, description in _OTHER_STARTS if head.startswith(start)), None)
    return label or (_describe_text(head) if _is_text(head) else "unknown data")


def _is_text(head: bytes) -> bool:
    """Whether *head* is UTF-8 without control characters; its last character may be incomplete."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < _HEAD_BYTES - 4 or not error.start:
            return False
        text = head[: error.start].decode("utf-8")
    return all(character.isprintable() or character in "\t\n\r\f\ufeff" for character in text)


def _describe_text(head: bytes) -> str:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "an HTML page"
    if start.startswith(b"<"):
        return "an HTML page" if b"<html" in start else "XML"
    return "JSON" if start.startswith((b"{", b"[")) else "text"


def _read_size(data: memoryview, format: str) -> Size | None:
    match format:
        case "png":
            return png.png_size(data)
        case "jpeg":
            return jpeg.jpeg_size(data)
        case "webp":
            return webp.webp_size(data)
        case "gif":
            return gif.gif_size(data)
    from imagecli.images.formats.svg import svg_size

    return svg_size(data)
