"""Everything that an image's bytes say about it, for `imagecli info`. Decodes pixels only to look for transparency."""

from __future__ import annotations

import hashlib
import io
import re
from contextlib import suppress
from typing import Any, Final, NamedTuple

from PIL import Image, ImageCms, ImageFile

from imagecli.domain import Size
from imagecli.errors import InputImageError, LargeImageError
from imagecli.formats import RECEIVED_FORMATS
from imagecli.images.animation import frame_durations
from imagecli.images.color_profile import PROFILE_ERRORS
from imagecli.images.embedded_metadata import (
    EmbeddedMetadata,
    find_source_type,
    has_xmp_location,
    manifest_source_types,
    read_embedded_metadata,
)
from imagecli.images.header import ImageHeader, read_header
from imagecli.images.identify import LABELS, identify_image
from imagecli.images.integrity import inspect_image
from imagecli.images.pillow_io import load_pixels, open_image, translate_decoder_errors

_BITS_PER_SAMPLE, _MAKE, _MODEL, _SOFTWARE, _DATE = 0x0102, 0x010F, 0x0110, 0x0131, 0x0132
_EXIF_IFD, _DATE_TAKEN, _GPS_IFD, _LATITUDE = 0x8769, 0x9003, 0x8825, 2
_COLORS: Final = {
    "1": "black and white",
    "L": "gray",
    "LA": "gray",
    "P": "palette",
    "PA": "palette",
    "RGB": "RGB",
    "RGBA": "RGB",
    "CMYK": "CMYK",
    "YCbCr": "YCbCr",
    "LAB": "Lab",
    "I": "gray",
    "F": "gray",
}
"""Pillow mode → the colors that the file stores."""
_DATE_TEXT: Final = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)", re.ASCII)
_PIXI: Final = b"pixi\0\0\0\0"
"""The box with the bits of each channel in an AVIF or HEIC: type, version and flags."""
_HEAD_BYTES: Final = 65_536


class CameraData(NamedTuple):
    """What an EXIF block says of where the image comes from. Untrusted text."""

    has_location: bool = False
    camera: str | None = None
    software: str | None = None
    taken_at: str | None = None
    """Local time of the camera: 2026-05-01T10:11:12."""


class ImageDescription(NamedTuple):
    """One image. None stands for what its format lacks or what can't be read."""

    format: str
    size: Size | None
    """As a viewer shows it: after applying the EXIF orientation."""
    bytes: int
    sha256: str
    problem: str | None = None
    """What is wrong if the image is not complete."""
    orientation: int = 1
    """1 to 8, as in EXIF."""
    color: str | None = None
    bit_depth: int | None = None
    """Bits of a channel."""
    color_profile: str | None = None
    has_alpha: bool | None = None
    transparent_share: float | None = None
    """The share of the pixels that are not opaque, 0.0 to 1.0; of an animation those of its first frame."""
    frames: int = 1
    """Frames of an animation, or pages of a TIFF."""
    duration_ms: int | None = None
    """Of all frames together."""
    has_c2pa: bool = False
    """It has a C2PA manifest, which is not verified."""
    c2pa_source_types: tuple[str, ...] = ()
    """The digital source types that the manifest mentions."""
    source_type: str | None = None
    """IPTC's digital source type in its XMP."""
    camera: CameraData = CameraData()
    active_parts: tuple[str, ...] = ()
    """The kinds of content in an SVG that a browser would run, load or expand."""


def describe_image(data: bytes, name: str) -> ImageDescription:
    """What *data* says; *name* is used in messages only.

    Raises InputImageError if it is not an image, if its headers are damaged, or if it is a TIFF, AVIF or HEIC with more
    pixels than are decoded. Other images of that size are described as far as their headers are readable without a
    decoder.
    """
    identity = identify_image(data)
    if identity.format == "svg":
        return _describe_svg(data, identity.size)
    try:
        header = read_header(data, name)
    except InputImageError as error:
        problem = None if isinstance(error, LargeImageError) else inspect_image(data).problem
        if identity.format not in LABELS or not (identity.size and (problem or isinstance(error, LargeImageError))):
            raise
        embedded = read_embedded_metadata(data, identity.format)
        return _describe_bytes(data, identity.format, identity.size, embedded)._replace(problem=problem)
    image = open_image(header.data, header.format, name)
    embedded = _read_embedded(data, header, image)
    description = _describe_bytes(data, header.format, header.size, embedded)
    return description._replace(
        problem=_find_problem(header),
        orientation=header.orientation,
        color=_COLORS.get(image.mode.partition(";")[0], image.mode),
        bit_depth=_bit_depth(data, header, image),
        color_profile=_profile_name(image),
        has_alpha=header.has_alpha,
        transparent_share=_transparent_share(image, name) if header.has_alpha else 0.0,
        frames=max(header.frames, description.frames),
    )


def _describe_bytes(data: bytes, format: str, size: Size | None, embedded: EmbeddedMetadata) -> ImageDescription:
    """What can be read without a decoder."""
    durations = frame_durations(data, format)
    xmp, c2pa = embedded.xmp or b"", embedded.c2pa or b""
    camera = _read_camera_data(embedded.exif) if embedded.exif else CameraData()
    return ImageDescription(
        format=format,
        size=size,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        frames=len(durations) or 1,
        duration_ms=sum(durations) if durations else None,
        has_c2pa=embedded.c2pa is not None,
        c2pa_source_types=manifest_source_types(c2pa),
        source_type=find_source_type(xmp),
        camera=camera._replace(has_location=camera.has_location or has_xmp_location(xmp)),
    )


def _find_problem(header: ImageHeader) -> str | None:
    if header.format in LABELS or header.format in RECEIVED_FORMATS:
        return inspect_image(header.data).problem
    try:
        load_pixels(open_image(header.data, header.format, header.name), header.name)
    except InputImageError as error:
        return error.message
    return None


def _describe_svg(data: bytes, size: Size | None) -> ImageDescription:
    from imagecli.images.formats.svg import active_parts

    description = _describe_bytes(data, "svg", size, read_embedded_metadata(data, "svg"))
    return description._replace(problem=inspect_image(data).problem, active_parts=active_parts(io.BytesIO(data)))


def _read_embedded(data: bytes, header: ImageHeader, image: ImageFile.ImageFile) -> EmbeddedMetadata:
    """The blocks in *data*; those that only the decoder finds are in *image*."""
    embedded = read_embedded_metadata(data, header.format)
    if header.format in LABELS:
        return embedded
    exif, xmp = image.info.get("exif"), image.info.get("xmp")
    if header.format == "tiff":  # its tags are an EXIF block
        exif = data
    return embedded._replace(
        exif=exif if isinstance(exif, bytes) else None, xmp=xmp if isinstance(xmp, bytes) else None
    )


def _bit_depth(data: bytes, header: ImageHeader, image: ImageFile.ImageFile) -> int | None:
    if header.format == "png":
        return data[24]
    if header.format == "tiff":
        bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, 1)
        return max(bits) if isinstance(bits, tuple) else int(bits)
    if header.format in ("avif", "heic"):
        at = data.find(_PIXI, 0, _HEAD_BYTES) + len(_PIXI)
        return max(data[at + 1 : at + 1 + data[at]], default=8) if at >= len(_PIXI) and at < len(data) else 8
    return 1 if image.mode == "1" else 8


def _profile_name(image: ImageFile.ImageFile) -> str | None:
    """The name of the color profile, or sRGB if a PNG says that without one."""
    profile = image.info.get("icc_profile")
    if not profile:
        return "sRGB" if "srgb" in image.info else None
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip() or "unnamed"
    except PROFILE_ERRORS:
        return "invalid"


def _transparent_share(image: ImageFile.ImageFile, name: str) -> float | None:
    """The share of the pixels that are not opaque; None if they can't be decoded."""
    with suppress(InputImageError):
        pixels = load_pixels(image, name)
        with translate_decoder_errors(name):
            alpha = (pixels if pixels.mode in ("RGBA", "LA", "PA") else pixels.convert("RGBA")).getchannel("A")
            return 1 - alpha.histogram()[255] / max(alpha.width * alpha.height, 1)
    return None


def _read_camera_data(block: bytes) -> CameraData:
    """The facts in an EXIF block; none if it is damaged."""
    exif = Image.Exif()
    with suppress(InputImageError), translate_decoder_errors("the EXIF block"):
        exif.load(block)
        maker, model = _exif_text(exif.get(_MAKE)), _exif_text(exif.get(_MODEL))
        details = exif.get_ifd(_EXIF_IFD)
        return CameraData(
            has_location=_LATITUDE in exif.get_ifd(_GPS_IFD),
            # Some makers begin the model with their own name.
            camera=(model if model.startswith(maker) else f"{maker} {model}").strip() or None,
            software=_exif_text(exif.get(_SOFTWARE)) or None,
            taken_at=_exif_date(details.get(_DATE_TAKEN) or exif.get(_DATE)),
        )
    return CameraData()


def _exif_text(value: Any) -> str:
    return value.strip("\0 ") if isinstance(value, str) else ""


def _exif_date(value: Any) -> str | None:
    match = _DATE_TEXT.match(_exif_text(value))
    return "{}-{}-{}T{}".format(*match.groups()) if match else None
