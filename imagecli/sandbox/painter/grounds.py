"""What lies under the letters: nothing where the picture is calm, else a veil or a card, so that they can be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from PIL import Image, ImageDraw, ImageFilter

from imagecli.sandbox.painter.palettes import Colour, Palette, contrast, mix

LIGHT: Final[Colour] = (255, 251, 242)
READABLE = 4.6
"""The least contrast of the letters with nearly all that lies under them. Source: WCAG 2.2 asks for 4.5."""
MAX_SPREAD = 90
"""Greys under the letters, of 255: more looks restless even where it can be read."""

Area: TypeAlias = tuple[int, int, int, int]
"""left, top, right, bottom in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The ink, and the cloth under it: a soft veil of some strength, or a card."""

    ink: Colour
    cloth: Colour
    veil: float = 0.0
    """0 for none."""
    card: bool = False

    def lay(self, image: Image.Image, place: Area, unit: int) -> None:
        """Under *place* of an RGB picture."""
        if self.card:
            _lay_card(image, place, self.cloth, unit)
        elif self.veil:
            lay_veil(image, place, self.cloth, self.veil, unit)


def calm(image: Image.Image, place: Area, palette: Palette, unit: int) -> Ground:
    """The least that makes letters at *place* readable."""
    dark = mix(palette.near, (8, 8, 16), 0.35)
    for veil in (0.0, 0.15, 0.3):
        for ink, cloth in ((LIGHT, dark), (dark, mix(palette.low, LIGHT, 0.6))):
            ground = Ground(ink=ink, cloth=cloth, veil=veil)
            laid = image.copy() if veil else image
            ground.lay(laid, place, unit)
            dim, bright = _extremes(laid, place)
            if bright - dim <= MAX_SPREAD and all(contrast(ink, (v, v, v)) >= READABLE for v in (dim, bright)):
                return ground
    return Ground(ink=dark, cloth=mix(palette.low, LIGHT, 0.5), card=True)


def _extremes(image: Image.Image, place: Area) -> tuple[int, int]:
    """The darkest and the lightest grey there, but for two in a hundred."""
    counts = image.crop(place).convert("L").histogram()
    total, seen, levels = sum(counts), 0, []
    for level, count in enumerate(counts):
        seen += count
        if count and total * 0.02 <= seen <= total * 0.98 + count:
            levels.append(level)
    return (levels[0], levels[-1]) if levels else (0, 255)


def lay_veil(image: Image.Image, place: Area, colour: Colour, strength: float, unit: int) -> None:
    """A soft cloud of *colour* behind the letters; blurred small, for speed."""
    less = max(1, unit // 64)
    margin = unit * 0.05
    mask = Image.new("L", (max(1, image.width // less), max(1, image.height // less)))
    box = (place[0] - margin, place[1] - margin, place[2] + margin, place[3] + margin)
    ImageDraw.Draw(mask).rectangle([value / less for value in box], fill=round(255 * strength))
    mask = mask.filter(ImageFilter.GaussianBlur(unit * 0.05 / less)).resize(image.size, Image.Resampling.BICUBIC)
    image.paste(colour, (0, 0), mask)


def _lay_card(image: Image.Image, place: Area, colour: Colour, unit: int) -> None:
    """A sheet of paper behind the letters."""
    pad = card_pad(unit)
    box = (place[0] - pad, place[1] - pad, place[2] + pad, place[3] + pad)
    lay_veil(image, (box[0], box[1] + pad // 2, box[2], box[3] + pad // 2), (10, 8, 20), 0.45, unit // 2)
    ImageDraw.Draw(image).rectangle(box, fill=colour)


def card_pad(unit: int) -> int:
    """How far the sheet reaches beyond the letters, in pixels."""
    return round(unit * 0.035)
