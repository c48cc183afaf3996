"""What a decoder says of a picture whose structure is whole: JPEG, WebP and GIF have no checksums that would tell."""

from __future__ import annotations

from typing import Final

from PIL import ImageFile, ImageSequence

from imagecli.domain import Identity
from imagecli.errors import InputImageError
from imagecli.pictures.decode import BYTES_PER_PIXEL, MAX_DECODED_BYTES, open_picture, translated
from imagecli.pictures.judge import LABELS

WANTED: Final = frozenset({"jpeg", "webp", "gif"})
MAX_FRAME_PIXELS: Final = 1_000_000_000
"""So many pixels of an animation are looked at; what comes behind is believed."""


def damage(data: bytes, identity: Identity) -> str | None:
    """Why *data*, whole by its structure, can't be decoded to its end; None where it can, or is too large to try."""
    size, kind = identity.size, identity.format
    if not size or kind not in WANTED or size.pixels > MAX_DECODED_BYTES // BYTES_PER_PIXEL[kind]:
        return None
    try:
        image = open_picture(data, kind, LABELS[kind])
        with translated(LABELS[kind]):
            _decode(image)
    except InputImageError as error:
        return None if isinstance(error.__cause__, MemoryError) else error.message
    return None


def _decode(image: ImageFile.ImageFile) -> None:
    """All of it, a JPEG at an eighth of its size: every bit is read, and little memory used."""
    image.draft("RGB", (image.width // 8, image.height // 8))
    pixels = 0
    for frame in ImageSequence.Iterator(image):
        frame.load()
        pixels += frame.width * frame.height
        if pixels > MAX_FRAME_PIXELS:
            return
