"""Pixels to bytes: one function per question, how a format is saved and how it is brought under a limit."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from PIL import Image

from imagecli.errors import InputImageError

_LADDERS: dict[str, tuple[dict[str, Any], ...]] = {
    "png": ({"compress_level": 3}, {"compress_level": 9}),
    "jpeg": ({"quality": 95, "subsampling": 0}, {"quality": 85, "subsampling": 0}),
    "webp": ({"quality": 95}, {"quality": 85}),
    "gif": ({},),
}
"""The first is fast and good; the next are tried only when the bytes are too many."""


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    """*image* in *format*, by its best options unless *options* say else."""
    buffer = io.BytesIO()
    image.save(buffer, format, **{**_LADDERS[format][0], **options})
    return buffer.getvalue()


def saved_under(image: Image.Image, format: str, max_bytes: int, **options: Any) -> tuple[bytes, Image.Image]:
    """*image* in at most *max_bytes*, compressed harder or shrunk until it is; and the pixels that were saved.

    Raises InputImageError when not even one pixel fits.
    """
    for attempt, step in _attempts(image, format):
        data = saved(attempt, format, **{**step, **options})
        if len(data) <= max_bytes:
            return data, attempt
    raise InputImageError(f"no picture fits into {max_bytes:,} bytes as {format}")


def _attempts(image: Image.Image, format: str) -> Iterator[tuple[Image.Image, dict[str, Any]]]:
    """Every step of the ladder at full size, then the hardest at ever smaller ones."""
    yield from ((image, step) for step in _LADDERS[format])
    while max(image.size) > 1:
        image = image.resize((max(1, image.width * 5 // 6), max(1, image.height * 5 // 6)), Image.Resampling.LANCZOS)
        yield image, _LADDERS[format][-1]
