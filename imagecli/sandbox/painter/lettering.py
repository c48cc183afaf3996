"""The prompt set into a picture so that it can be read whatever lies under it, and the word "sandbox" in a corner."""

from __future__ import annotations

import unicodedata
from typing import Final

from PIL import Image, ImageDraw, ImageFilter

from imagecli.sandbox.painter.fonts import Face, Wording
from imagecli.sandbox.painter.palettes import Colour, Palette, contrast, mix
from imagecli.sandbox.painter.typeset import LEADING, Block, Width, fit

LIGHT: Final[Colour] = (255, 251, 242)
READABLE = 4.6
"""The least contrast of the letters with nearly all that lies under them. Source: WCAG 2.2 asks for 4.5."""
MAX_SPREAD = 90
"""Greys under the letters, of 255: more looks restless even where it can be read."""
MAX_CHARACTERS = 700
"""More than any picture shows."""

Area = tuple[int, int, int, int]
"""left, top, right, bottom in pixels."""


def letter(image: Image.Image, wording: Wording, palette: Palette, area: Area) -> Area | None:
    """Writes into *area* of an RGB picture: at its calmest place, on a veil or a card where the ground is too busy.

    Gives the place; None where *area* is too small for any letters.
    """
    wide, high = area[2] - area[0], area[3] - area[1]
    unit = min(wide, high)
    if unit < 24:
        return None
    gauge = wording.face.at(100)
    block = _set(wording.text, lambda text: gauge.getlength(text) / 100, wide, high)
    across = max(gauge.getlength(line) / 100 * block.size for line in block.lines)
    place = _calmest(image, _places(area, (round(across), round(block.height)), unit))
    ink = _ground(image, place, palette, unit)
    _write(image, block, wording.face, place, ink)
    return place


def _set(text: str, width: Width, wide: int, high: int) -> Block:
    """A few large lines if they hold the text, else many small ones, else as many as go in."""
    unit = min(wide, high)
    largest = max(11.0, min((wide * high) ** 0.5 * 0.085, wide * 0.11, high * 0.2))
    usual = max(10.0, min(largest, unit * 0.056))
    block = fit(text, width, (wide * 0.86, max(high * 0.19, min(high * 0.5, wide * 0.1))), largest, usual)
    if not block.cut:
        return block
    return fit(text, width, (wide * 0.86, high * 0.38), usual, max(10.0, unit * 0.034))


def sign(image: Image.Image, area: Area, avoid: Area | None = None) -> None:
    """The word "sandbox" on a small dark pill: in the upper right corner of *area*, the lower if *avoid* is above."""
    unit = min(area[2] - area[0], area[3] - area[1])
    size = max(9.0, unit * 0.021)
    font = Face().at(size)
    wide, pad, gap = font.getlength("sandbox"), size * 0.55, max(4, round(unit * 0.022))
    left, right, high = area[2] - gap - wide - 2 * pad, area[2] - gap, size * 1.5
    if left < area[0] or high + 2 * gap > area[3] - area[1]:
        return
    below = avoid is not None and avoid[1] + avoid[3] < area[1] + area[3]
    top = area[3] - gap - high if below else area[1] + gap
    bottom = top + high
    pill = Image.new("L", (round(right - left) * 4, round(bottom - top) * 4))
    ImageDraw.Draw(pill).rounded_rectangle((0, 0, pill.width - 1, pill.height - 1), pill.height / 2, fill=150)
    image.paste((14, 14, 26), (round(left), round(top)), pill.reduce(4))
    ImageDraw.Draw(image).text((left + pad, (top + bottom) / 2), "sandbox", font=font, fill=LIGHT, anchor="lm")


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


def _extremes(image: Image.Image, place: Area) -> tuple[int, int]:
    """The darkest and the lightest grey there, but for two in a hundred."""
    counts = image.crop(place).convert("L").histogram()
    total, seen, levels = sum(counts), 0, []
    for level, count in enumerate(counts):
        seen += count
        if count and total * 0.02 <= seen <= total * 0.98 + count:
            levels.append(level)
    return (levels[0], levels[-1]) if levels else (0, 255)


def _ground(image: Image.Image, place: Area, palette: Palette, unit: int) -> Colour:
    """The ink for *place*, after the ground under it was made calm enough for one."""
    dark = mix(palette.near, (8, 8, 16), 0.35)
    for veil in (0.0, 0.15, 0.3):
        for ink, cloth in ((LIGHT, dark), (dark, mix(palette.low, LIGHT, 0.6))):
            ground = image.copy() if veil else image
            if veil:
                _veil(ground, place, cloth, veil, unit)
            dim, bright = _extremes(ground, place)
            if bright - dim <= MAX_SPREAD and all(contrast(ink, (v, v, v)) >= READABLE for v in (dim, bright)):
                image.paste(ground)
                return ink
    _card(image, place, mix(palette.low, LIGHT, 0.5), unit)
    return dark


def _veil(image: Image.Image, place: Area, colour: Colour, strength: float, unit: int) -> None:
    """A soft cloud of *colour* behind the letters; blurred small, for speed."""
    less = max(1, unit // 64)
    margin = unit * 0.05
    mask = Image.new("L", (max(1, image.width // less), max(1, image.height // less)))
    box = (place[0] - margin, place[1] - margin, place[2] + margin, place[3] + margin)
    ImageDraw.Draw(mask).rectangle([value / less for value in box], fill=round(255 * strength))
    mask = mask.filter(ImageFilter.GaussianBlur(unit * 0.05 / less)).resize(image.size, Image.Resampling.BICUBIC)
    image.paste(colour, (0, 0), mask)


def _card(image: Image.Image, place: Area, colour: Colour, unit: int) -> None:
    """A sheet of paper behind the letters."""
    pad = round(unit * 0.035)
    box = (place[0] - pad, place[1] - pad, place[2] + pad, place[3] + pad)
    _veil(image, (box[0], box[1] + pad // 2, box[2], box[3] + pad // 2), (10, 8, 20), 0.45, unit // 2)
    ImageDraw.Draw(image).rectangle(box, fill=colour)


def _write(image: Image.Image, block: Block, face: Face, place: Area, ink: Colour) -> None:
    font = face.at(block.size)
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(block.lines):
        middle = place[1] + block.size * LEADING * (number + 0.5)
        if _reads_leftwards(line):
            pen.text((place[2], middle), line, font=font, fill=ink, anchor="rm")
        else:
            pen.text((place[0], middle), line, font=font, fill=ink, anchor="lm")


def _reads_leftwards(line: str) -> bool:
    strong = (unicodedata.bidirectional(char) for char in line)
    return next((kind for kind in strong if kind in ("L", "R", "AL")), "L") != "L"
