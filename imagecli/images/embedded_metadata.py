"""Finds what an image says about itself: its XMP packet, EXIF block and C2PA manifest. Uses no Pillow.

Sources: Adobe, XMP Specification, part 3; CIPA DC-008 (Exif 2.32); C2PA Technical Specification 2.2, annex A.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from imagecli.images.formats import gif, jpeg, png, webp
from imagecli.images.strip_metadata import read_exif

_MANIFEST_STORE: Final = b"jumdc2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71"
"""The beginning of a JUMBF description box of the type that C2PA uses."""
_MANIFEST_UUID: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
"""Of the box with the manifest, in formats that are made of ISO boxes."""
_JPEG_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_PNG_XMP: Final = b"XML:com.adobe.xmp\0"
_GIF_C2PA: Final = b"\x0bC2PA_GIF\x01\0\0"
_APP1, _APP11 = 0xE1, 0xEB
_JUMBF_HEADER_BYTES: Final = 8
"""In a JPEG segment before the box: "JP", the number of the box, the number of the segment."""
_SVG_XMP: Final = (b"<x:xmpmeta", b"</x:xmpmeta>")
_SVG_MANIFEST: Final = re.compile(rb"<c2pa:manifest[^>]{0,200}>([A-Za-z0-9+/=\s]*)</c2pa:manifest>")
_MAX_XMP_BYTES: Final = 4 * 1024 * 1024
_TERM: Final = rb"""https?://cv\.iptc\.org/newscodes/digitalsourcetype/([A-Za-z]{1,60})"""
_SOURCE_TYPE: Final = re.compile(rb"""DigitalSourceType(?:\s+rdf:resource)?\s*(?:=\s*["']|>\s*)""" + _TERM)
_LOCATION: Final = re.compile(rb"""[:<\s]GPSLatitude\s*[=>]""")


class EmbeddedMetadata(NamedTuple):
    """The blocks of one image; None if there is none."""

    xmp: bytes | None = None
    exif: bytes | None = None
    """A TIFF structure."""
    c2pa: bytes | None = None
    """The manifest store, or most of it: to be searched, not to be verified."""


def read_embedded_metadata(data: bytes, format: str) -> EmbeddedMetadata:
    """The blocks in *data*, which may be truncated. Of a tiff, avif or heic only the manifest: decoders read the rest.

    Nothing is verified.
    """
    with memoryview(data) as view:
        c2pa = b"".join(_manifest_parts(view, format))
        return EmbeddedMetadata(
            xmp=_read_xmp(view, format),
            exif=read_exif(data, format),
            c2pa=c2pa if _MANIFEST_STORE in c2pa[:64] else None,
        )


def find_source_type(xmp: bytes) -> str | None:
    """IPTC's digital source type in an XMP packet, as the last part of its URL: `trainedAlgorithmicMedia`."""
    match = _SOURCE_TYPE.search(xmp)
    return match[1].decode() if match else None


def manifest_source_types(c2pa: bytes) -> tuple[str, ...]:
    """The digital source types that a C2PA manifest mentions, of the image or of what it was made from."""
    return tuple(dict.fromkeys(term.decode() for term in re.findall(_TERM, c2pa)))


def has_xmp_location(xmp: bytes) -> bool:
    """Whether an XMP packet says where the image was taken."""
    return _LOCATION.search(xmp) is not None


def _read_xmp(data: memoryview, format: str) -> bytes | None:
    match format:
        case "png":
            chunks = (chunk for chunk in png.png_chunks(data) if chunk.kind == b"iTXt")
            texts = (_read_png_xmp(bytes(data[chunk.start + 8 : chunk.end - 4])) for chunk in chunks)
            return next(filter(None, texts), None)
        case "jpeg":
            segments = (segment for segment in jpeg.jpeg_segments(data) if segment.marker == _APP1)
            contents = (bytes(data[segment.start + 4 : segment.end]) for segment in segments)
            return next((content[len(_JPEG_XMP) :] for content in contents if content.startswith(_JPEG_XMP)), None)
        case "webp":
            riff_chunks = (chunk for chunk in webp.webp_chunks(data) if chunk.kind == b"XMP ")
            return next((bytes(data[chunk.start + 8 : chunk.end]) for chunk in riff_chunks), None)
        case "gif":
            return gif.read_gif_xmp(data)
        case "svg":
            text = bytes(data)
            start = text.find(_SVG_XMP[0])
            end = text.find(_SVG_XMP[1], start)
            return text[start:end] if 0 <= start < end else None
    return None


def _read_png_xmp(content: bytes) -> bytes | None:
    """The text of an iTXt chunk with XMP; compressed text is read up to a limit."""
    if not content.startswith(_PNG_XMP):
        return None
    is_compressed = content[len(_PNG_XMP) :][:1] == b"\1"
    *_, text = content[len(_PNG_XMP) + 2 :].split(b"\0", 2)
    try:
        return zlib.decompressobj().decompress(text, _MAX_XMP_BYTES) if is_compressed else text
    except zlib.error:
        return None


def _manifest_parts(data: memoryview, format: str) -> Iterator[bytes]:
    match format:
        case "png":
            for chunk in png.png_chunks(data):
                if chunk.kind == b"caBX":
                    yield bytes(data[chunk.start + 8 : chunk.end])
        case "jpeg":
            for segment in jpeg.jpeg_segments(data):
                if segment.marker == _APP11 and bytes(data[segment.start + 4 : segment.start + 6]) == b"JP":
                    yield bytes(data[segment.start + 4 + _JUMBF_HEADER_BYTES : segment.end])
        case "webp":
            for riff_chunk in webp.webp_chunks(data):
                if riff_chunk.kind == b"C2PA":
                    yield bytes(data[riff_chunk.start + 8 : riff_chunk.end])
        case "gif":
            yield from gif.read_gif_application(data, _GIF_C2PA)
        case "svg":
            if match := _SVG_MANIFEST.search(data):
                yield _decode_base64(match[1])
        case "avif" | "heic":
            yield from _uuid_boxes(data)
        case "tiff":
            content = bytes(data)
            yield content[max(content.find(_MANIFEST_STORE), 0) :]


def _decode_base64(text: bytes) -> bytes:
    try:
        return base64.b64decode(text)
    except binascii.Error:
        return b""


def _uuid_boxes(data: memoryview) -> Iterator[bytes]:
    """The content of the boxes at the top level that C2PA uses."""
    start = 0
    while start + 8 <= len(data):
        length, kind, header = int.from_bytes(data[start : start + 4]), bytes(data[start + 4 : start + 8]), 8
        if length == 1:
            length, header = int.from_bytes(data[start + 8 : start + 16]), 16
        end = start + length if length else len(data)
        if kind == b"uuid" and data[start + header : start + header + 16] == _MANIFEST_UUID:
            # Before the manifest: version and flags, the text "manifest", the offset of another box.
            content = bytes(data[start + header + 16 : end])
            yield content[max(content.find(_MANIFEST_STORE) - 8, 0) :]
        if end < start + header:
            return
        start = end
