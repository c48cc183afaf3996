"""The formats of pictures that imagecli saves, and the endings that say so, or say something else."""

from __future__ import annotations

from typing import Final

MEDIA_TYPES: Final = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "svg": "image/svg+xml",
}
"""Picture format → its true media type."""

ENDINGS: Final = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "webp": "webp", "gif": "gif", "svg": "svg"}
"""File ending, lower case and without the dot → picture format."""

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
"""Endings that people take for a picture's, under which imagecli saves nothing."""
