"""The words in an image: the prompt where the image is calm, and "sandbox" in a corner, so that no one takes the image
for a real one. Lines are balanced, in Chinese as in English."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from PIL import Image, ImageDraw

from imagecli.sandbox.painter.colors import MIDNIGHT, Color, Palette, contrast, mix_colors
from imagecli.sandbox.painter.fonts import FontNotFoundError, find_font, load_font, strip_invisible

MAX_CHARACTERS: Final = 700
"""More than any image shows."""
LABEL: Final = "sandbox"
LIGHT: Final[Color] = (255, 251, 242)
PANEL_COLOR: Final[Color] = (14, 14, 26)
LABEL_OPACITY: Final = 150
"""Of the panel, of 255."""
CAPTION_OPACITY: Final = 175
READABLE: Final = 4.6
"""The least contrast of letters with nearly everything behind them. Source: WCAG 2.2 asks for 4.5."""
MAX_SPREAD: Final = 90
"""Greys behind letters, of 255: more looks restless even where it can be read."""

LINE_HEIGHT: Final = 1.24
"""In font sizes."""

Area: TypeAlias = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""
MeasureWidth: TypeAlias = Callable[[str], float]
"""How wide a text is, in font sizes."""

_UNIT: Final = re.compile(
    # a character of a script without spaces, with the punctuation that may not begin a line; or a run of others
    r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"
    r"[\u3001\u3002\uff0c\uff0e\uff01\uff1f\uff1a\uff1b\uff09\u300d\u300f\u3011\u2019\u201d]*"
    r"|[^\s\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]+|\s+"
)


class Caption(NamedTuple):
    """The prompt as it can be drawn."""

    text: str
    """Empty if no font has its characters."""
    font: str | None
    """Path; None is Pillow's own."""
    note: str | None = None
    """For the client."""


def build_caption(prompt: str, folders: tuple[str, ...] | None = None) -> Caption:
    """*prompt* on one line, with a font of *folders* (the system's by default) that has all of it."""
    text = strip_invisible(prompt[:MAX_CHARACTERS])
    characters = frozenset(text) - {" "}
    try:
        font = find_font(characters) if folders is None else find_font(characters, folders)
    except FontNotFoundError:
        return Caption("", None, "no font has all characters of the prompt, so the image has no caption")
    return Caption(text, font)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lettering:
    """Lines of one size, with or without a dark panel behind them; positions and sizes in pixels."""

    lines: tuple[str, ...]
    font: str | None
    size: float
    area: Area
    """Of the letters; the panel reaches *pad* beyond."""
    color: Color = LIGHT
    panel_opacity: int = 0
    """Of 255; 0 for no panel."""
    pad: int = 0

    @property
    def panel(self) -> Area:
        left, top, right, bottom = self.area
        return left - self.pad, top - self.pad // 2, right + self.pad, bottom + self.pad // 2

    @property
    def corner_radius(self) -> float:
        return min(self.size * 0.75, (self.panel[3] - self.panel[1]) / 2)

    def positions(self) -> Iterator[tuple[str, float, float]]:
        """Each line with the point at its left end, at half of its height."""
        for number, line in enumerate(self.lines):
            yield line, self.area[0], self.area[1] + self.size * LINE_HEIGHT * (number + 0.5)

    def draw(self, image: Image.Image) -> None:
        """On an RGB image."""
        if self.panel_opacity:
            left, top, right, bottom = self.panel
            # Drawn large and reduced, which makes the corners smooth.
            mask = Image.new("L", ((right - left) * 4, (bottom - top) * 4))
            corners = (0, 0, mask.width - 1, mask.height - 1)
            ImageDraw.Draw(mask).rounded_rectangle(corners, self.corner_radius * 4, fill=self.panel_opacity)
            image.paste(PANEL_COLOR, (left, top), mask.reduce(4))
        font, pen = load_font(self.font, self.size), ImageDraw.Draw(image)
        for line, x, y in self.positions():
            pen.text((x, y), line, font=font, fill=self.color, anchor="lm")


def lay_out_letterings(image: Image.Image, caption: Caption | None, palette: Palette, area: Area) -> list[Lettering]:
    """What is written into *area* of *image*: the caption and the label, each only if there is room for it."""
    lettering = lay_out_caption(image, caption, palette, area) if caption else None
    label = _lay_out_label(area, lettering.area if lettering else None)
    return [words for words in (lettering, label) if words]


def lay_out_caption(image: Image.Image, caption: Caption, palette: Palette, area: Area) -> Lettering | None:
    """The caption at the calmest place of *area*; None without room or without text."""
    width, height = area[2] - area[0], area[3] - area[1]
    unit = min(width, height)
    # A text of blanks alone, NEL for example, has no line.
    if unit < 24 or not caption.text.split():
        return None
    gauge = load_font(caption.font, 100)
    measure = lru_cache(maxsize=None)(lambda text: gauge.getlength(text) / 100)
    block = fit_text(
        caption.text,
        measure,
        width=width * 0.86,
        height=max(min(height * 0.34, width * 0.4), 12),
        largest=max(11.0, min((width * height) ** 0.5 * 0.085, width * 0.11, height * 0.2)),
        smallest=max(10.0, unit * 0.036),
    )
    text_size = round(max(measure(line) for line in block.lines) * block.size), round(block.height)
    place = _find_calmest(image, _list_places(area, text_size, unit))
    dark = mix_colors(palette.near, MIDNIGHT, 0.35)
    color = _choose_color(image.crop(place), (LIGHT, dark))
    return Lettering(
        lines=block.lines,
        font=caption.font,
        size=block.size,
        area=place,
        color=color or LIGHT,
        panel_opacity=0 if color else CAPTION_OPACITY,
        pad=round(unit * 0.035),
    )


def _list_places(area: Area, text_size: tuple[int, int], unit: int) -> list[Area]:
    """At the upper edge (left, right, middle), then at the lower edge."""
    left, top, right, bottom = area
    width, height = text_size
    side, margin = round((right - left) * 0.07), round(unit * 0.075)
    xs = (left + side, right - side - width, (left + right - width) // 2)
    ys = (top + margin, bottom - margin - height)
    return [(x, y, x + width, y + height) for y in ys for x in xs]


def _find_calmest(image: Image.Image, places: list[Area]) -> Area:
    """The place where greys lie closest together; the first of those that are nearly alike."""

    def unrest(place: Area) -> int:
        dark, light = grey_range(image.crop(place))
        return (light - dark) // 20

    return min(places, key=unrest)


def _choose_color(ground: Image.Image, colors: tuple[Color, ...]) -> Color | None:
    """The first color that can be read on *ground*; None if none can."""
    dark, light = grey_range(ground)
    if light - dark > MAX_SPREAD:
        return None
    greys: tuple[Color, ...] = ((dark, dark, dark), (light, light, light))
    return next((color for color in colors if all(contrast(color, grey) >= READABLE for grey in greys)), None)


def grey_range(image: Image.Image) -> tuple[int, int]:
    """The darkest and the lightest grey, without the outer two in a hundred pixels on both ends."""
    counts = image.convert("L").histogram()
    total, pixels, levels = sum(counts), 0, []
    for level, count in enumerate(counts):
        pixels += count
        if count and total * 0.02 <= pixels <= total * 0.98 + count:
            levels.append(level)
    return (levels[0], levels[-1]) if levels else (0, 255)


def _lay_out_label(area: Area, caption_area: Area | None) -> Lettering | None:
    """In the upper right corner of *area*, or in the lower one if the caption is above; None where it does not fit."""
    left, top, right, bottom = area
    unit = min(right - left, bottom - top)
    size = max(9.0, unit * 0.021)
    width, height = round(load_font(None, size).getlength(LABEL)), round(size * LINE_HEIGHT)
    pad, gap = round(size * 0.55), max(4, round(unit * 0.022))
    x = right - gap - pad - width
    if x - pad < left or height + pad + 2 * gap > bottom - top:
        return None
    is_below = caption_area is not None and caption_area[1] + caption_area[3] < top + bottom
    y = bottom - gap - pad // 2 - height if is_below else top + gap + pad // 2
    return Lettering(
        lines=(LABEL,),
        font=None,
        size=size,
        area=(x, y, x + width, y + height),
        panel_opacity=LABEL_OPACITY,
        pad=pad,
    )


class TextBlock(NamedTuple):
    """Lines of one font size, in pixels."""

    lines: tuple[str, ...]
    size: float

    @property
    def height(self) -> float:
        return self.size * LINE_HEIGHT * len(self.lines)


def fit_text(
    text: str, measure: MeasureWidth, *, width: float, height: float, largest: float, smallest: float
) -> TextBlock:
    """*text* as large as *width* and *height* allow, between the two font sizes; what is too long ends in "…"."""
    widest_unit = max((measure(unit) for unit in split_units(text)), default=0.0)
    size = largest
    while size > smallest:
        lines = break_lines(text, measure, width / size)
        if len(lines) * size * LINE_HEIGHT <= height and widest_unit <= width / size:
            return TextBlock(_balance_lines(text, measure, width / size, lines), size)
        size *= 0.94
    lines = break_lines(text, measure, width / smallest)
    most = max(1, int(height / (smallest * LINE_HEIGHT)))
    if len(lines) > most:
        lines = (*lines[: most - 1], _add_ellipsis(lines[most - 1], measure, width / smallest))
    return TextBlock(lines, smallest)


def split_units(text: str) -> list[str]:
    """What stays together on a line, and the spaces between."""
    return _UNIT.findall(text)


def break_lines(text: str, measure: MeasureWidth, limit: float) -> tuple[str, ...]:
    """Lines no wider than *limit* font sizes; a word that is wider is broken anywhere."""
    lines: list[str] = []
    line, line_width = "", 0.0
    for unit in split_units(text):
        for piece in (unit,) if measure(unit) <= limit else unit:
            width = measure(piece)
            if line_width + width > limit and line.strip() and not piece.isspace():
                lines.append(line.strip())
                line, line_width = "", 0.0
            if line or not piece.isspace():
                line, line_width = line + piece, line_width + width
    return (*lines, line.strip()) if line.strip() else tuple(lines)


def _balance_lines(text: str, measure: MeasureWidth, limit: float, lines: tuple[str, ...]) -> tuple[str, ...]:
    """As many lines of nearly the same width: the narrowest limit that needs no more of them."""
    low, high = limit / 2, limit
    widest_unit = max(measure(unit) for unit in split_units(text))
    for _ in range(10 if len(lines) > 1 else 0):
        middle = max(widest_unit, (low + high) / 2)
        narrower = break_lines(text, measure, middle)
        if len(narrower) > len(lines):
            low = middle
        else:
            high, lines = middle, narrower
    return lines


def _add_ellipsis(line: str, measure: MeasureWidth, limit: float) -> str:
    while line and measure(line + "…") > limit:
        line = line[:-1]
    return line.rstrip(" ,.;:") + "…"
