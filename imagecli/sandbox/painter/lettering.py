"""The prompt set into a picture so that it can be read whatever lies under it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter

from imagecli.sandbox.painter.fonts import Face, Wording
from imagecli.sandbox.painter.grounds import Area, Ground, calm
from imagecli.sandbox.painter.palettes import Palette
from imagecli.sandbox.painter.typeset import LEADING, Block, Width, fit

MAX_CHARACTERS = 700
"""More than any picture shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lettering:
    """Lines, where they stand and on what: decided once, for all frames of a moving picture."""

    block: Block
    face: Face
    place: Area
    ground: Ground
    unit: int
    """The shorter edge of the area they were set into."""

    def write(self, image: Image.Image) -> None:
        """Into an RGB picture."""
        self.ground.lay(image, self.place, self.unit)
        font, pen = self.face.at(self.block.size), ImageDraw.Draw(image)
        for text, x, y in self.lines():
            anchor = "rm" if reads_leftwards(text) else "lm"
            pen.text((x, y), text, font=font, fill=self.ground.ink, anchor=anchor)

    def lines(self) -> Iterator[tuple[str, float, float]]:
        """Each line with the point at which it begins, at half its height."""
        for number, line in enumerate(self.block.lines):
            x = self.place[2] if reads_leftwards(line) else self.place[0]
            yield line, x, self.place[1] + self.block.size * LEADING * (number + 0.5)


def letter(image: Image.Image, wording: Wording, palette: Palette, area: Area) -> Area | None:
    """Writes into *area* of an RGB picture and gives the place; None where *area* is too small for any letters."""
    words = compose(image, wording, palette, area)
    if words is None:
        return None
    words.write(image)
    return words.place


def compose(image: Image.Image, wording: Wording, palette: Palette, area: Area) -> Lettering | None:
    """The words at the calmest place of *area*, on a veil or a card where the ground is too busy; None without room."""
    wide, high = area[2] - area[0], area[3] - area[1]
    unit = min(wide, high)
    if unit < 24 or not wording.text:
        return None
    gauge = wording.face.at(100)
    block = _set(wording.text, lambda text: gauge.getlength(text) / 100, wide, high)
    across = max(gauge.getlength(line) / 100 * block.size for line in block.lines)
    place = _calmest(image, _places(area, (round(across), round(block.height)), unit))
    return Lettering(block=block, face=wording.face, place=place, ground=calm(image, place, palette, unit), unit=unit)


def _set(text: str, width: Width, wide: int, high: int) -> Block:
    """A few large lines if they hold the text, else many small ones, else as many as go in."""
    unit = min(wide, high)
    largest = max(11.0, min((wide * high) ** 0.5 * 0.085, wide * 0.11, high * 0.2))
    usual = max(10.0, min(largest, unit * 0.056))
    block = fit(text, width, (wide * 0.86, max(high * 0.19, min(high * 0.5, wide * 0.1))), largest, usual)
    if not block.cut:
        return block
    return fit(text, width, (wide * 0.86, high * 0.38), usual, max(10.0, unit * 0.034))


def _places(area: Area, size: tuple[int, int], unit: int) -> list[Area]:
    """The corners and the middles of the upper and lower edge, below first."""
    left, top, right, bottom = area
    side, down = round((right - left) * 0.07), round(unit * 0.075)
    xs = (left + side, right - side - size[0], (left + right - size[0]) // 2)
    ys = (bottom - down - size[1], top + down)
    return [(x, y, x + size[0], y + size[1]) for y in ys for x in xs]


def _calmest(image: Image.Image, places: list[Area]) -> Area:
    """Where the least is going on: the first of those that are nearly alike."""
    unrest = [round(_unrest(image, place) / 24) for place in places]
    return places[unrest.index(min(unrest))]


def _unrest(image: Image.Image, place: Area) -> float:
    """How far greys and colours lie apart, and how much of it is edges."""
    crop = image.crop(place)
    edges = crop.convert("L").filter(ImageFilter.FIND_EDGES).crop((1, 1, crop.width - 1, crop.height - 1))
    spread = sum(high - low for low, high in crop.getextrema())  # type: ignore[misc]
    return spread / 3 + sum(level * count for level, count in enumerate(edges.histogram())) / max(1, crop.width)


def reads_leftwards(line: str) -> bool:
    """By its first letter that says."""
    strong = (unicodedata.bidirectional(char) for char in line)
    return next((kind for kind in strong if kind in ("L", "R", "AL")), "L") != "L"
