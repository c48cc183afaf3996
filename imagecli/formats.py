"""The image formats that imagecli requests and saves, and the file extensions of these and other formats."""

from __future__ import annotations

import re
from typing import Final

MEDIA_TYPES: Final = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "svg": "image/svg+xml",
}
"""Image format → media type."""

ENDINGS: Final = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "webp": "webp", "gif": "gif", "svg": "svg"}
"""File extension, lower case and without the dot → image format that can be saved under it."""

RECEIVED_FORMATS: Final = frozenset({"avif", "heic", "tiff"})
"""Formats that are saved only if a server sends them, under these extensions; no option requests them."""

OTHER_ENDINGS: Final = frozenset(
    [
        "avif",
        "bmp",
        "dib",
        "heic",
        "heif",
        "ico",
        "jfif",
        "jif",
        "jp2",
        "jpe",
        "jxl",
        "pdf",
        "psd",
        "qoi",
        "svgz",
        "tga",
        "tif",
        "tiff",
    ]
)
"""Extensions that `-o` does not accept: of images that can't be saved in that format."""


def looks_like_image_name(word: str) -> bool:
    """Whether *word* ends with an image format's file extension."""
    ending = re.search(r"\S\.(\w+)$", word)
    return bool(ending and ending[1].lower() in {*ENDINGS, *OTHER_ENDINGS})
