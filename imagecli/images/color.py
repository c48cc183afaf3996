"""Colours as every model expects them: 8 bits a channel, sRGB, with or without alpha."""

from __future__ import annotations

import io

from PIL import Image, ImageCms

BROKEN_PROFILE = "broken colour profile ignored"
_SPACES = {"RGB": "RGB", "RGBA": "RGB", "L": "GRAY", "CMYK": "CMYK"}
"""Mode → the colour space its profile must be of."""


def sample_scale(image: Image.Image) -> float | None:
    """What 16-bit, 32-bit and float samples are multiplied with to reach 0 to 255; None for 8-bit pictures.

    16 bits are taken whole. Float samples are read as 0 to 1 where they stay inside it, else by their largest.
    """
    if not image.mode.startswith(("I", "F")):
        return None
    if image.mode.startswith("I;16"):
        return 1 / 257
    extrema = image.getextrema()
    top = float(extrema[1]) if isinstance(extrema[1], (int, float)) else 255.0
    if image.mode == "F" and top <= 1:
        return 255.0
    return 1.0 if top <= 255 else 1 / 257 if top <= 65_535 else 255 / top


def to_eight_bit(image: Image.Image, scale: float | None) -> Image.Image:
    """*image* as L, RGB, RGBA or CMYK: modes that can be resized and coloured. *scale* is the whole picture's."""
    if scale is not None:
        samples = image.convert("I") if image.mode in ("I;16B", "I;16L", "I;16N") else image
        return samples.point(lambda sample: sample * scale + 0.5).convert("L")
    if image.has_transparency_data:
        return image if image.mode == "RGBA" else image.convert("RGBA")
    if image.mode == "LAB":
        return _transform_colors(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in _SPACES else image.convert("RGB")


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str | None]:
    """*image* as RGB or RGBA in sRGB, and a phrase where its colour *profile* changed it or was of no use."""
    plain = "RGBA" if image.mode == "RGBA" else "RGB"
    note = None
    if profile:
        try:
            read = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if not _is_srgb(read) and read.profile.xcolor_space.strip() == _SPACES.get(image.mode):
                return _transform_colors(image, read), "colours converted to sRGB"
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            note = BROKEN_PROFILE
    if image.mode == "CMYK":
        note = note or "colours converted to sRGB"
    return (image if image.mode == plain else image.convert(plain)), note


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    return "srgb" in ImageCms.getProfileDescription(profile).lower()


def _transform_colors(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    done = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode=mode)
    assert done is not None
    return done
