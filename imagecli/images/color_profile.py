"""Converts colors between sRGB and the color space of an ICC profile."""

from __future__ import annotations

import io

from PIL import Image, ImageCms

PROFILE_ERRORS = (ImageCms.PyCMSError, OSError, ValueError, TypeError)
"""What Pillow raises for a broken color profile."""


def convert_to_srgb(image: Image.Image, profile: bytes, space: str | None) -> Image.Image | None:
    """*image*, whose colors are those of *profile*, as RGB or RGBA in sRGB.

    None if the profile is that of sRGB, or not of the color *space* that the image needs. Raises one of PROFILE_ERRORS.
    """
    parsed = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if _is_srgb(parsed) or parsed.profile.xcolor_space.strip() != space:
        return None
    return _transform_colors(image, parsed)


def convert_lab_to_srgb(image: Image.Image) -> Image.Image:
    """*image*, in CIELAB, as RGB in sRGB."""
    return _transform_colors(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))


def from_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """*image*, RGB or RGBA in sRGB, in the color space of *profile*; unchanged if that is sRGB, none, or broken."""
    if not profile:
        return image
    try:
        parsed = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if _is_srgb(parsed) or parsed.profile.xcolor_space.strip() != "RGB":
            return image
        converted = ImageCms.profileToProfile(image, ImageCms.createProfile("sRGB"), parsed, outputMode=image.mode)
    except PROFILE_ERRORS:
        return image
    assert converted is not None
    return converted


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    return "srgb" in ImageCms.getProfileDescription(profile).lower()


def _transform_colors(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    converted = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode=mode)
    assert converted is not None
    return converted
