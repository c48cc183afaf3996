"""What a decoder says of a picture whose structure is whole: JPEG, WebP and GIF have no checksums that would tell."""

from __future__ import annotations

import hashlib
from typing import Final

from PIL import ImageSequence

from imagecli.domain import ImageInfo
from imagecli.errors import InputImageError, LargeImageError
from imagecli.images.formats.jpeg_scans import FILLERS, HUFFMAN, PROGRESSIVE, JpegStructure, fill_scans, is_unfinished
from imagecli.images.identify import LABELS
from imagecli.images.pillow_io import open_image, translate_decoder_errors

WANTED: Final = frozenset({"jpeg", "webp", "gif"})
MAX_PIXELS: Final = 1_000_000_000
"""So many pixels are looked at, of all frames or scans together; what comes behind is believed."""
_LEAST_PIXELS: Final = 1_000_000
"""A scan is counted as so many: each takes time, however small its picture is."""
_STRIP_ROWS: Final = 64


def find_decoding_damage(data: bytes, identity: ImageInfo) -> str | None:
    """Why *data*, whole by its structure, can't be decoded to its end; None where it can, or is too large to try."""
    kind = identity.format
    if not identity.size or kind not in WANTED:
        return None
    try:
        with translate_decoder_errors(LABELS[kind]):
            if kind == "jpeg":
                return _find_lost_parts(data, identity.size.pixels)
            _load_frames(data, kind)
    except LargeImageError:
        return None
    except InputImageError as error:
        return None if isinstance(error.__cause__, MemoryError) else error.message
    return None


def _load_frames(data: bytes, kind: str) -> None:
    pixels = 0
    for frame in ImageSequence.Iterator(open_image(data, kind, LABELS[kind])):
        frame.load()
        pixels += frame.width * frame.height
        if pixels > MAX_PIXELS:
            return


def _find_lost_parts(data: bytes, pixels: int) -> str | None:
    """A JPEG's missing parts. Raises InputImageError for what no decoder takes."""
    with memoryview(data) as view:
        structure = JpegStructure.parse(view)
        if max(pixels, _LEAST_PIXELS) * len(structure.scans) > MAX_PIXELS:
            return None
        if structure.frame not in HUFFMAN:
            _pixel_hash(data, False)
            return None
        seen = {_pixel_hash(fill_scans(view, structure, filler), structure.frame == PROGRESSIVE) for filler in FILLERS}
        is_cut = len(seen) > 1 or is_unfinished(view, structure)
    return "JPEG lacks a part of its pixels" if is_cut else None


def _pixel_hash(data: bytes, is_fine: bool) -> bytes:
    """A hash of the pixels: of all, or at an eighth. That too reads every bit, fast and in little memory; what it
    does not show is detail, which a progressive JPEG has in scans of its own.
    """
    image = open_image(data, "jpeg", LABELS["jpeg"])
    if not is_fine:
        image.draft("RGB", (max(image.width // 8, 1), max(image.height // 8, 1)))
    found = hashlib.blake2b()
    image.load()
    for top in range(0, image.height, _STRIP_ROWS):
        found.update(image.crop((0, top, image.width, min(top + _STRIP_ROWS, image.height))).tobytes())
    return found.digest()
