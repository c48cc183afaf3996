"""Finds and removes location and camera data in a PNG, JPEG or WebP without changing a pixel. Uses no Pillow.

Removed are EXIF, XMP, IPTC, comments, maker segments, chunks that only one program knows (the original of an edited
screenshot), and data after the end of the image. Pixels, color profiles, animation and a PNG's titles stay. Content
Credentials (C2PA) stay if nothing else has to be removed (they contain no location); otherwise they are removed too,
because they sign the removed bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import pairwise

from imagecli.images.formats import jpeg, png, webp

_PNG_ANIMATION = frozenset({b"acTL", b"fcTL", b"fdAT"})
_PNG_TEXT = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_PNG_KEYWORDS = (
    b"xml:com.adobe.xmp",
    b"raw profile type",
    b"exif",
    b"xmp",
    b"iptc",
    b"gps",
    b"location",
    b"geo",
    b"comment",
)
"""Beginnings, in lower case, of keywords of text chunks with EXIF, XMP, locations and comments."""
_MAX_PROFILE_BYTES = 1024 * 1024
"""Pillow refuses larger ones (`PngImagePlugin.MAX_TEXT_CHUNK`)."""
_APP0, _APP1, _APP2, _APP11, _APP14, _APP15, _COM = 0xE0, 0xE1, 0xE2, 0xEB, 0xEE, 0xEF, 0xFE
_WEBP_KEPT = frozenset({b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"C2PA"})
_WEBP_FLAGS = 0x08 | 0x04

Cut = tuple[int, int]
"""Start and end of bytes to be removed."""


def strip_metadata(data: bytes, format: str) -> bytes | None:
    """*data* without location and camera data, and without what lies after the end of the image.

    None if it has neither, or is not a png, jpeg or webp. The result is as complete as *data*, which may be truncated.
    """
    with memoryview(data) as view:
        return _remove(view, format, list(_find_cuts(view, format)))


def strip_for_decoder(data: bytes, format: str) -> bytes | None:
    """As `strip_metadata`; a PNG also without texts and color profiles that are larger than its decoder accepts."""
    with memoryview(data) as view:
        cuts = list(_find_cuts(view, format))
        if format == "png":
            cuts += [(chunk.start, chunk.end) for chunk in png.png_chunks(view) if _overloads_decoder(view, chunk)]
        return _remove(view, format, cuts)


def has_metadata(data: bytes, format: str) -> bool:
    """Whether a png, jpeg or webp has location or camera data; *data* may be truncated."""
    with memoryview(data) as view:
        return any(True for _ in _find_cuts(view, format))


def has_trailer(data: bytes, format: str) -> bool:
    """Whether something lies after the end of a png, jpeg or webp: a video, a second image."""
    with memoryview(data) as view:
        return _end_of_image(view, format) < len(view)


def _remove(data: memoryview, format: str, cuts: list[Cut]) -> bytes | None:
    """*data* without *cuts*, its trailer, and its provenance, which signs both; None if nothing is to be removed."""
    end = _end_of_image(data, format)
    if not cuts and end == len(data):
        return None
    stripped = b"".join(_parts_between(data, [*cuts, *_provenance_cuts(data, format), (end, len(data))]))
    return _repair_webp_container(stripped) if format == "webp" else stripped


def read_exif(data: bytes, format: str) -> bytes | None:
    """The TIFF structure in the first EXIF block of a png, jpeg or webp; None if there is none."""
    with memoryview(data) as view:
        if format == "png":
            for chunk in png.png_chunks(view):
                if chunk.kind == b"eXIf":
                    return bytes(view[chunk.start + 8 : chunk.end - 4])
        elif format == "webp":
            for part in webp.webp_chunks(view):
                if part.kind == b"EXIF":
                    return bytes(view[part.start + 8 : part.end]).removeprefix(b"Exif\0\0")
        elif format == "jpeg":
            for segment in _header_segments(view):
                if _starts_with(view, segment, b"Exif\0\0"):
                    return bytes(view[segment.start + 10 : segment.end])
    return None


def _find_cuts(data: memoryview, format: str) -> Iterator[Cut]:
    if format == "png":
        for chunk in png.png_chunks(data):
            if (
                chunk.kind == b"eXIf"
                or _is_unknown(chunk.kind)
                or (chunk.kind in _PNG_TEXT and _is_private(data, chunk))
            ):
                yield chunk.start, chunk.end
    elif format == "jpeg":
        for segment in jpeg.jpeg_segments(data):
            if not _is_kept(data, segment):
                yield segment.start, segment.end
    elif format == "webp":
        yield from ((start, end) for kind, start, end in webp.webp_chunks(data) if kind not in _WEBP_KEPT)


def _provenance_cuts(data: memoryview, format: str) -> Iterator[Cut]:
    if format == "png":
        yield from ((start, end) for kind, start, end in png.png_chunks(data) if kind == b"caBX")
    elif format == "jpeg":
        yield from ((start, end) for marker, start, end in jpeg.jpeg_segments(data) if marker == _APP11)
    elif format == "webp":
        yield from ((start, end) for kind, start, end in webp.webp_chunks(data) if kind == b"C2PA")


def _end_of_image(data: memoryview, format: str) -> int:
    """The end of the image itself: after it cameras append further images, videos and the like.

    It is the end of *data* if that is truncated, or in another format.
    """
    end = len(data)
    if format == "webp":
        end = webp.riff_end(data)
    elif format == "png":
        end = next((chunk.end for chunk in png.png_chunks(data) if chunk.kind == b"IEND"), end)
    elif format == "jpeg":
        end = next((segment.end for segment in jpeg.jpeg_segments(data) if segment.marker == jpeg.EOI), end)
    return min(end, len(data))


def _parts_between(data: memoryview, cuts: list[Cut]) -> Iterator[memoryview]:
    for (_, start), (end, _) in pairwise([(0, 0), *sorted(cuts), (len(data), len(data))]):
        yield data[start:end]


def _overloads_decoder(data: memoryview, chunk: png.PngChunk) -> bool:
    """Whether *chunk* is a text, or a color profile so large that the decoder refuses the image."""
    if chunk.kind != b"iCCP":
        return chunk.kind in _PNG_TEXT
    _, _, packed = bytes(data[chunk.start + 8 : chunk.end - 4]).partition(b"\0")
    inflater = zlib.decompressobj()
    try:
        inflater.decompress(packed[1:], _MAX_PROFILE_BYTES)
    except zlib.error:
        return False
    return bool(inflater.unconsumed_tail)


def _is_unknown(kind: bytes) -> bool:
    """Whether a PNG chunk is one program's own: ancillary and private by its letters. C2PA's is `_provenance_cuts`'."""
    return kind[:2].islower() and kind != b"caBX" and kind not in _PNG_ANIMATION


def _is_private(data: memoryview, chunk: png.PngChunk) -> bool:
    return bytes(data[chunk.start + 8 : min(chunk.end, chunk.start + 48)]).lower().startswith(_PNG_KEYWORDS)


def _is_kept(data: memoryview, segment: jpeg.Segment) -> bool:
    """Whether a segment stays: of those of applications JFIF, the color profile and Adobe's color transform do."""
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
    """*data* with the length and the flags of the container adapted to its chunks."""
    repaired = bytearray(data)
    repaired[4:8] = (len(repaired) - 8).to_bytes(4, "little")
    if repaired[12:16] == b"VP8X":
        repaired[20] &= ~_WEBP_FLAGS & 0xFF
    return bytes(repaired)
