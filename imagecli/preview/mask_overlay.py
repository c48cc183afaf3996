"""Shows a mask over its image: the area to edit is tinted, the rest is darkened."""

from __future__ import annotations

from typing import Final

from PIL import Image

_TINT: Final = (255, 0, 110)
_TINTED, _DARKENED = 0.5, 0.35


def tint_area(image: Image.Image, area: Image.Image) -> Image.Image:
    """*image*, RGB, with the *area* marked; both show the same, in any two sizes."""
    tinted = Image.blend(image, Image.new("RGB", image.size, _TINT), _TINTED)
    darkened = Image.blend(image, Image.new("RGB", image.size), _DARKENED)
    return Image.composite(tinted, darkened, area.resize(image.size, Image.Resampling.BOX))
