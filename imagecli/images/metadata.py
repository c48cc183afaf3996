"""Location and camera data: found and cut out of a PNG, JPEG or WebP without touching a pixel. Knows no Pillow.

What goes: EXIF, XMP, IPTC, comments, makers' segments, and what cameras append behind the picture. What stays: pixels,
colour profiles, animation. C2PA provenance stays where nothing else has to go (it tells no place by itself); where
something goes, it goes too, because it signs the bytes that are no longer there.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from imagecli.images.formats import jpeg, png, webp

_PNG_TEXT = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_PNG_KEYWORDS = (b"xml:com.adobe.xmp", b"raw profile type", b"exif", b"xmp", b"iptc", b"gps", b"location", b"geo")
"""Starts of the keywords, lower case, under which programs keep EXIF, XMP and places in text chunks."""
_APP0, _APP1, _APP2, _APP11, _APP14, _APP15, _COM = 0xE0, 0xE1, 0xE2, 0xEB, 0xEE, 0xEF, 0xFE
_WEBP_METADATA, _WEBP_FLAGS = frozenset({b"EXIF", b"XMP "}), 0x08 | 0x04

Cut = tuple[int, int]
"""Start and end of bytes that go."""


def strip_metadata(data: bytes, format: str) -> bytes | None:
    """*data* without what tells of place and camera, or None when there is nothing to take out.

    The result is whole as far as *data* was. Other formats than png, jpeg and webp answer None.
    """
    with memoryview(data) as view:
        cuts = list(_find_cuts(view, format))
        if not cuts:
            return None
        kept = b"".join(
            _parts_between(view, [*cuts, *_provenance_cuts(view, format), (_end_of_image(view, format), len(view))])
        )
    return _repair_webp_container(kept) if format == "webp" else kept


def has_metadata(data: bytes, format: str) -> bool:
    """Whether `strip_metadata` would take something out; *data* may be cut short."""
    with memoryview(data) as view:
        return any(True for _ in _find_cuts(view, format))


def read_exif(data: bytes, format: str) -> bytes | None:
    """The TIFF structure inside the first EXIF block of a png, jpeg or webp."""
    with memoryview(data) as view:
        if format == "png":
            return next((bytes(view[c.start + 8 : c.end - 4]) for c in png.png_chunks(view) if c.kind == b"eXIf"), None)
        if format == "webp":
            found = next((bytes(view[c.start + 8 : c.end]) for c in webp.webp_chunks(view) if c.kind == b"EXIF"), None)
            return found.removeprefix(b"Exif\0\0") if found else None
        if format == "jpeg":
            return next(
                (
                    bytes(view[s.start + 10 : s.end])
                    for s in _header_segments(view)
                    if _starts_with(view, s, b"Exif\0\0")
                ),
                None,
            )
    return None


def _find_cuts(data: memoryview, format: str) -> Iterator[Cut]:
    if format == "png":
        for chunk in png.png_chunks(data):
            if chunk.kind == b"eXIf" or (chunk.kind in _PNG_TEXT and _is_private(data, chunk)):
                yield chunk.start, chunk.end
    elif format == "jpeg":
        for segment in jpeg.jpeg_segments(data):
            if not _is_kept(data, segment):
                yield segment.start, segment.end
    elif format == "webp":
        yield from ((start, end) for kind, start, end in webp.webp_chunks(data) if kind in _WEBP_METADATA)


def _provenance_cuts(data: memoryview, format: str) -> Iterator[Cut]:
    if format == "png":
        yield from ((start, end) for kind, start, end in png.png_chunks(data) if kind == b"caBX")
    elif format == "jpeg":
        yield from ((start, end) for marker, start, end in jpeg.jpeg_segments(data) if marker == _APP11)
    elif format == "webp":
        yield from ((start, end) for kind, start, end in webp.webp_chunks(data) if kind == b"C2PA")


def _end_of_image(data: memoryview, format: str) -> int:
    """Where the picture itself ends: bytes behind it are second pictures, films and the like."""
    if format == "webp":
        return min(webp.riff_end(data), len(data))
    ends = (part.end for part in (png.png_chunks(data) if format == "png" else jpeg.jpeg_segments(data)))
    return max(ends, default=len(data))


def _parts_between(data: memoryview, cuts: list[Cut]) -> Iterator[memoryview]:
    for (_, start), (end, _) in pairwise([(0, 0), *sorted(cuts), (len(data), len(data))]):
        yield data[start:end]


def _is_private(data: memoryview, chunk: png.PngChunk) -> bool:
    return bytes(data[chunk.start + 8 : min(chunk.end, chunk.start + 48)]).lower().startswith(_PNG_KEYWORDS)


def _is_kept(data: memoryview, segment: jpeg.Segment) -> bool:
    """Of the application segments only what the pixels need: JFIF, the colour profile, Adobe's colour transform."""
    if segment.marker == _APP2:
        return _starts_with(data, segment, b"ICC_PROFILE\0")
    return segment.marker in (_APP0, _APP11, _APP14) or not (
        _APP1 <= segment.marker <= _APP15 or segment.marker == _COM
    )


def _header_segments(data: memoryview) -> Iterator[jpeg.Segment]:
    for segment in jpeg.jpeg_segments(data):
        if segment.marker == jpeg.SOS:
            return
        yield segment


def _starts_with(data: memoryview, segment: jpeg.Segment, start: bytes) -> bool:
    return data[segment.start + 4 : segment.start + 4 + len(start)] == start


def _repair_webp_container(data: bytes) -> bytes:
    """The container's length and its flags brought in line with what is left."""
    mended = bytearray(data)
    mended[4:8] = (len(mended) - 8).to_bytes(4, "little")
    if mended[12:16] == b"VP8X":
        mended[20] &= ~_WEBP_FLAGS & 0xFF
    return bytes(mended)
