"""The word "sandbox" on a small dark pill in a corner, so that no picture is taken for a real one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw

from imagecli.sandbox.painter.fonts import Face
from imagecli.sandbox.painter.grounds import LIGHT, Area
from imagecli.sandbox.painter.palettes import Colour

WORD: Final = "sandbox"
CLOTH: Final[Colour] = (14, 14, 26)
OPACITY: Final = 150
"""Of the pill, of 255."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pill:
    """Where it lies, in pixels."""

    left: float
    top: float
    right: float
    bottom: float
    size: float
    """Of the letters."""

    @property
    def text_at(self) -> tuple[float, float]:
        """The left end of the word, at half its height."""
        return self.left + self.size * 0.55, (self.top + self.bottom) / 2


def pill(area: Area, avoid: Area | None = None) -> Pill | None:
    """In the upper right corner of *area*, the lower if *avoid* is above; None where it does not fit."""
    unit = min(area[2] - area[0], area[3] - area[1])
    size = max(9.0, unit * 0.021)
    wide, pad, gap = Face().at(size).getlength(WORD), size * 0.55, max(4, round(unit * 0.022))
    left, right, high = area[2] - gap - wide - 2 * pad, area[2] - gap, size * 1.5
    if left < area[0] or high + 2 * gap > area[3] - area[1]:
        return None
    below = avoid is not None and avoid[1] + avoid[3] < area[1] + area[3]
    top = area[3] - gap - high if below else area[1] + gap
    return Pill(left=left, top=top, right=right, bottom=top + high, size=size)


def sign(image: Image.Image, area: Area, avoid: Area | None = None) -> None:
    """Sets the pill into an RGB picture."""
    place = pill(area, avoid)
    if place is None:
        return
    cloth = Image.new("L", (round(place.right - place.left) * 4, round(place.bottom - place.top) * 4))
    ImageDraw.Draw(cloth).rounded_rectangle((0, 0, cloth.width - 1, cloth.height - 1), cloth.height / 2, fill=OPACITY)
    image.paste(CLOTH, (round(place.left), round(place.top)), cloth.reduce(4))
    ImageDraw.Draw(image).text(place.text_at, WORD, font=Face().at(place.size), fill=LIGHT, anchor="lm")
