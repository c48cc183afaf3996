"""The properties of an input image, read from its headers without decoding pixels."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from PIL import ImageFile

from imagecli.domain import Size
from imagecli.errors import InputImageError, LargeImageError
from imagecli.images.formats.tiff import is_camera_raw, largest_page_first, tiff_pages
from imagecli.images.identify import LABELS, RAW, identify_image
from imagecli.images.integrity import inspect_image
from imagecli.images.orientation import read_orientation, set_upright, turned_size
from imagecli.images.pillow_io import SAVE_AGAIN, detect_image_format, open_image, translate_decoder_errors
from imagecli.images.strip_metadata import has_metadata, read_exif

_EXIF, _GPS = 0x8769, 0x8825
_STRIPPED_FORMATS = frozenset({"png", "jpeg", "webp"})
"""Their metadata is removed before Pillow reads them, and is read from their bytes instead."""
SENDABLE = frozenset({"L", "LA", "RGB", "RGBA", "P"})
"""Pillow modes of 8 bits that every endpoint accepts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageHeader:
    """The properties of an input image."""

    name: str
    data: bytes = field(repr=False)
    format: str
    """Detected from the bytes: png, jpeg, webp, gif, bmp, tiff, ico, avif or heic."""
    size: Size
    """As a viewer shows it: after applying the EXIF orientation."""
    orientation: int
    """1 to 8, as in EXIF; 1 means stored upright."""
    mode: str
    """Pillow's mode of the pixels."""
    is_deep: bool
    """More than 8 bits per channel."""
    has_alpha: bool
    frames: int
    """Frames of an animation, or pages of a TIFF."""
    has_metadata: bool
    """It has location or camera data."""
    is_lossy: bool
    """Its compression is lossy."""

    @property
    def is_plain(self) -> bool:
        """Whether it is one frame of 8-bit gray, RGB or palette, with or without transparency."""
        return self.frames == 1 and self.mode in SENDABLE and not self.is_deep

    @property
    def frame_note(self) -> str | None:
        """A phrase about which frame is used, if there are several."""
        if self.frames == 1:
            return None
        if self.format == "tiff":
            return f"largest of {self.frames} pages used"
        return f"first of {self.frames} frames used"

    @property
    def stored_size(self) -> Size:
        """The size before applying the orientation."""
        return turned_size(self.size, self.orientation)

    def upright_exif(self) -> bytes | None:
        """Its EXIF block, for an encoder of upright pixels; None if it has none."""
        block = read_exif(self.data, self.format)
        return b"Exif\0\0" + set_upright(block) if block else None


def read_header(data: bytes, name: str) -> ImageHeader:
    """Reads the headers of *data*; *name* is used in messages only.

    Raises InputImageError if it is not an image (naming what it is), is truncated in its headers, or is a pixel bomb.
    """
    detected = detect_image_format(data)
    if detected is None:
        raise _not_an_image_error(data, name)
    if detected in LABELS and (problem := identify_image(data).problem):
        raise InputImageError(f"{name} is damaged: {problem}", hint=SAVE_AGAIN)
    pages = tiff_pages(data)
    if is_camera_raw(data, pages):
        raise InputImageError(f"{name} is {RAW}; expected a developed image", hint="export it as JPEG or PNG first")
    data = largest_page_first(data, pages)
    try:
        image = open_image(data, detected, name)
        with translate_decoder_errors(name):
            header = _header_from_pillow(image, data, detected, name)
            return replace(header, frames=max(sum(page.is_full for page in pages), 1)) if pages else header
    except LargeImageError:
        raise
    except InputImageError as error:
        # The structure often explains more than the decoder's message.
        problem = inspect_image(data).problem if detected in LABELS else None
        if problem is None:
            raise
        raise InputImageError(f"{name} is damaged: {problem}", hint=SAVE_AGAIN) from error


def _header_from_pillow(image: ImageFile.ImageFile, data: bytes, format: str, name: str) -> ImageHeader:
    orientation = _orientation(image, data, format)
    return ImageHeader(
        name=name,
        data=data,
        format=format,
        size=turned_size(Size(*image.size), orientation),
        orientation=orientation,
        mode=image.mode,
        is_deep=image.mode.startswith(("I", "F")) or (format == "png" and data[24] > 8),
        has_alpha=image.has_transparency_data,
        frames=getattr(image, "n_frames", 1),
        has_metadata=has_metadata(data, format) if format in _STRIPPED_FORMATS else _has_metadata(image),
        is_lossy=format in ("jpeg", "heic", "avif") or (format == "webp" and b"VP8 " in data[12:64]),
    )


def _orientation(image: ImageFile.ImageFile, data: bytes, format: str) -> int:
    """The EXIF orientation. Pillow applies that of TIFF itself, libheif that of HEIC."""
    if format in ("tiff", "heic"):
        return 1
    if format not in _STRIPPED_FORMATS:
        return read_orientation(image.info.get("exif", b"").removeprefix(b"Exif\0\0"))
    block = read_exif(data, format)
    return read_orientation(block) if block else 1


def _has_metadata(image: ImageFile.ImageFile) -> bool:
    tiff_tags = getattr(image, "tag_v2", ())
    return bool(image.info.get("exif") or image.info.get("xmp") or any(tag in tiff_tags for tag in (_EXIF, _GPS)))


def _not_an_image_error(data: bytes, name: str) -> InputImageError:
    identity = identify_image(data)
    if identity.format == "svg":
        return InputImageError(f"{name} is an SVG drawing; expected a raster image", hint="export it as PNG first")
    if not data:
        return InputImageError(f"{name} is empty (0 bytes)")
    is_other_image = (identity.problem or "").endswith("image")
    return InputImageError(
        f"{name} is {identity.problem}{', which is not supported' if is_other_image else '; expected an image'}",
        hint="supported formats: PNG, JPEG, WebP, GIF, HEIC, AVIF, TIFF, BMP",
    )
