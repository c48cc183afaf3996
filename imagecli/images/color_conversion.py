"""Converts colors to what every model expects: 8 bits per channel, sRGB, with or without alpha."""

from __future__ import annotations

from PIL import Image

BROKEN_PROFILE = "invalid color profile ignored"
_SPACES = {"RGB": "RGB", "RGBA": "RGB", "L": "GRAY", "CMYK": "CMYK"}
"""Pillow mode → the color space that its profile must have."""


def sample_scale(image: Image.Image) -> float | None:
    """The factor that brings 16-bit, 32-bit and float samples to 0 to 255; None for 8-bit images.

    16-bit samples use the full range. Float samples are assumed to be 0 to 1 if none is larger, else 0 to the largest.
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
    """*image* as L, RGB, RGBA or CMYK, which can be resized and converted. *scale* is that of the complete image."""
    if scale is not None:
        samples = image.convert("I") if image.mode in ("I;16B", "I;16L", "I;16N") else image
        return samples.point(lambda sample: sample * scale + 0.5).convert("L")
    if image.has_transparency_data:
        return image if image.mode == "RGBA" else image.convert("RGBA")
    if image.mode == "LAB":
        from imagecli.images.color_profile import convert_lab_to_srgb

        return convert_lab_to_srgb(image)
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in _SPACES else image.convert("RGB")


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str | None]:
    """*image* as RGB or RGBA in sRGB, and a phrase if its color *profile* changed it or is broken."""
    target = "RGBA" if image.mode == "RGBA" else "RGB"
    note = None
    if profile:
        # Imported here, as few images have one.
        from imagecli.images.color_profile import PROFILE_ERRORS, convert_to_srgb

        try:
            if converted := convert_to_srgb(image, profile, _SPACES.get(image.mode)):
                return converted, "colors converted to sRGB"
        except PROFILE_ERRORS:
            note = BROKEN_PROFILE
    if image.mode == "CMYK":
        note = note or "colors converted to sRGB"
    return (image if image.mode == target else image.convert(target)), note
