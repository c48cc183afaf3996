"""Which font has a prompt's characters: Pillow's own for plain English, else one of the system's.

The search is bounded, and asks the glyphs themselves: a character that draws as the font's "missing" box is missing.

What lies under the letters: nothing where the picture is calm, else a veil or a card, so that they can be read.

The word "sandbox" on a small dark pill in a corner, so that no picture is taken for a real one.

Where lines break and how large they are: balanced, in Chinese as in English, and cut with an ellipsis.

The prompt set into a picture so that it can be read whatever lies under it.

Where in a mask there is room for words: the largest upright rectangle that is wholly edited.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, TypeAlias

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from imagecli.sandbox.painter.palettes import Colour, Palette, contrast, mix_colors

MAX_FILES = 3000
"""Font files looked at by name; a desktop has a few hundred."""
MAX_OPENED = 60
"""Font files opened for one prompt."""
PROBE_SIZE = 24
"""Pixels; glyphs are compared at this size."""

FOLDERS: Final = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/run/current-system/sw/share/X11/fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
    "C:/Windows/Fonts",
    "/system/fonts",
)
"""Where Linux, NixOS, macOS, Windows and Android keep fonts."""

FAVOURITES: Final = (
    "dejavusans.", "notosans-regular", "arial.", "segoeui.", "helveticaneue",
    "notosanscjk-regular", "notosanssc-regular", "sourcehansans", "wqy-microhei", "wqy-zenhei", "droidsansfallback",
    "pingfang", "hiragino sans gb", "stheiti light", "msyh", "simhei", "deng.", "hiraginosans", "ヒラギノ角ゴシック w4",
    "yugothm", "meiryo", "msgothic", "ipagp", "takaogothic", "vl-gothic",
    "applesdgothicneo", "malgun", "nanumgothic", "unbatang",
    "arial unicode", "unifont", "freesans", "notoemoji-regular", "seguiemj", "seguisym", "symbola",
)  # fmt: skip
"""Parts of file names, lower case: what is tried first, in this order, so that the choice is good and repeatable."""

AVOID: Final = ("bold", "italic", "oblique", "mono", "condensed", "black", "light", "thin", "color", "lastresort")
"""Cuts that are tried last."""

ENDINGS: Final = (".ttf", ".otf", ".ttc")

UNSEEN: Final = ("Cc", "Cf", "Cs")
"""Unicode categories without a picture: controls, formats, halves of surrogate pairs."""


@dataclass(frozen=True, slots=True)
class FontFace:
    """A font file (of a collection, its first face); *path* None is Pillow's own."""

    path: str | None = None

    def at_size(self, size: float) -> ImageFont.FreeTypeFont:
        """The font at *size* pixels. A new object each time: FreeType's are not to be shared by threads."""
        if self.path is not None:
            return ImageFont.truetype(self.path, size)
        font = ImageFont.load_default(size)
        assert isinstance(font, ImageFont.FreeTypeFont), "Pillow was built without FreeType"
        return font

    def missing_characters(self, characters: set[str]) -> set[str]:
        """Those that it can't draw. Raises OSError where the file is no font."""
        font = self.at_size(PROBE_SIZE)
        missing = _glyph_image(font, "\U0010fffe")
        return {char for char in characters if _glyph_image(font, char) == missing}


def _glyph_image(font: ImageFont.FreeTypeFont, char: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(char)
    return mask.size, bytes(mask)


@dataclass(frozen=True, slots=True)
class Caption:
    """What is written, and in which face."""

    text: str
    face: FontFace
    note: str | None = None
    """Said to the client when characters had to be written otherwise."""


@lru_cache(maxsize=64)
def build_caption(text: str, folders: tuple[str, ...] = FOLDERS) -> Caption:
    """*text* on one line in a face that has all of it; what no font of *folders* has is written as an escape."""
    line = strip_invisible(text)
    needed = set(line) - {" "}
    best, missing = FontFace(), FontFace().missing_characters(needed)
    for face in _candidates(folders):
        if not missing:
            break
        lacks = _missing_characters(face, needed)
        if len(lacks) < len(missing):
            best, missing = face, lacks
    if not missing:
        return Caption(line, best)
    shown = "".join(_escape(char) if char in missing else char for char in line)
    return Caption(shown, best, "no font has all characters of the prompt; shown escaped")


def strip_invisible(text: str) -> str:
    """On one line, without what has no picture of its own: controls, joiners, variation selectors."""
    spaced = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(
        char for char in spaced if unicodedata.category(char) not in UNSEEN and not _is_variation_selector(char)
    )


def _is_variation_selector(char: str) -> bool:
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def _missing_characters(face: FontFace, characters: set[str]) -> set[str]:
    try:
        return face.missing_characters(characters)
    except (OSError, ValueError):  # no font, or one of fixed sizes
        return characters


def _escape(char: str) -> str:
    return char.encode("ascii", "backslashreplace").decode("ascii")


def _candidates(folders: tuple[str, ...]) -> Iterator[FontFace]:
    return (FontFace(path) for path in _font_files(folders)[:MAX_OPENED])


@cache
def _font_files(folders: tuple[str, ...]) -> tuple[str, ...]:
    """Font files, the best first."""
    found: list[str] = []
    for folder in folders:
        for place, subfolders, names in os.walk(folder):
            subfolders.sort()
            found += [str(Path(place, name)) for name in sorted(names) if name.lower().endswith(ENDINGS)]
            if len(found) > MAX_FILES:
                break
    return tuple(sorted(found[:MAX_FILES], key=_rank))


def _rank(path: str) -> tuple[bool, int, str]:
    name = Path(path).name.lower()
    favourite = next((place for place, part in enumerate(FAVOURITES) if part in name), len(FAVOURITES))
    return favourite == len(FAVOURITES) and any(part in name for part in AVOID), favourite, name


LIGHT: Final[Colour] = (255, 251, 242)
READABLE = 4.6
"""The least contrast of the letters with nearly all that lies under them. Source: WCAG 2.2 asks for 4.5."""
MAX_SPREAD = 90
"""Greys under the letters, of 255: more looks restless even where it can be read."""

Area: TypeAlias = tuple[int, int, int, int]
"""left, top, right, bottom in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionBackground:
    """The ink, and the cloth under it: a soft veil of some strength, or a card."""

    ink: Colour
    cloth: Colour
    veil: float = 0.0
    """0 for none."""
    card: bool = False

    def draw(self, image: Image.Image, place: Area, unit: int) -> None:
        """Under *place* of an RGB picture."""
        if self.card:
            _draw_card(image, place, self.cloth, unit)
        elif self.veil:
            draw_veil(image, place, self.cloth, self.veil, unit)


def choose_background(image: Image.Image, place: Area, palette: Palette, unit: int) -> CaptionBackground:
    """The least that makes letters at *place* readable."""
    dark = mix_colors(palette.near, (8, 8, 16), 0.35)
    for veil in (0.0, 0.15, 0.3):
        for ink, cloth in ((LIGHT, dark), (dark, mix_colors(palette.low, LIGHT, 0.6))):
            ground = CaptionBackground(ink=ink, cloth=cloth, veil=veil)
            laid = image.copy() if veil else image
            ground.draw(laid, place, unit)
            dim, bright = _extremes(laid, place)
            if bright - dim <= MAX_SPREAD and all(contrast(ink, (v, v, v)) >= READABLE for v in (dim, bright)):
                return ground
    return CaptionBackground(ink=dark, cloth=mix_colors(palette.low, LIGHT, 0.5), card=True)


def _extremes(image: Image.Image, place: Area) -> tuple[int, int]:
    """The darkest and the lightest grey there, but for two in a hundred."""
    counts = image.crop(place).convert("L").histogram()
    total, seen, levels = sum(counts), 0, []
    for level, count in enumerate(counts):
        seen += count
        if count and total * 0.02 <= seen <= total * 0.98 + count:
            levels.append(level)
    return (levels[0], levels[-1]) if levels else (0, 255)


def draw_veil(image: Image.Image, place: Area, colour: Colour, strength: float, unit: int) -> None:
    """A soft cloud of *colour* behind the letters; blurred small, for speed."""
    less = max(1, unit // 64)
    margin = unit * 0.05
    mask = Image.new("L", (max(1, image.width // less), max(1, image.height // less)))
    box = (place[0] - margin, place[1] - margin, place[2] + margin, place[3] + margin)
    ImageDraw.Draw(mask).rectangle([value / less for value in box], fill=round(255 * strength))
    mask = mask.filter(ImageFilter.GaussianBlur(unit * 0.05 / less)).resize(image.size, Image.Resampling.BICUBIC)
    image.paste(colour, (0, 0), mask)


def _draw_card(image: Image.Image, place: Area, colour: Colour, unit: int) -> None:
    """A sheet of paper behind the letters."""
    pad = card_pad(unit)
    box = (place[0] - pad, place[1] - pad, place[2] + pad, place[3] + pad)
    draw_veil(image, (box[0], box[1] + pad // 2, box[2], box[3] + pad // 2), (10, 8, 20), 0.45, unit // 2)
    ImageDraw.Draw(image).rectangle(box, fill=colour)


def card_pad(unit: int) -> int:
    """How far the sheet reaches beyond the letters, in pixels."""
    return round(unit * 0.035)


WORD: Final = "sandbox"
CLOTH: Final[Colour] = (14, 14, 26)
OPACITY: Final = 150
"""Of the pill, of 255."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
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


def place_label(area: Area, avoid: Area | None = None) -> Label | None:
    """In the upper right corner of *area*, the lower if *avoid* is above; None where it does not fit."""
    unit = min(area[2] - area[0], area[3] - area[1])
    size = max(9.0, unit * 0.021)
    wide, pad, gap = FontFace().at_size(size).getlength(WORD), size * 0.55, max(4, round(unit * 0.022))
    left, right, high = area[2] - gap - wide - 2 * pad, area[2] - gap, size * 1.5
    if left < area[0] or high + 2 * gap > area[3] - area[1]:
        return None
    below = avoid is not None and avoid[1] + avoid[3] < area[1] + area[3]
    top = area[3] - gap - high if below else area[1] + gap
    return Label(left=left, top=top, right=right, bottom=top + high, size=size)


def draw_label(image: Image.Image, area: Area, avoid: Area | None = None) -> None:
    """Sets the pill into an RGB picture."""
    place = place_label(area, avoid)
    if place is None:
        return
    cloth = Image.new("L", (round(place.right - place.left) * 4, round(place.bottom - place.top) * 4))
    ImageDraw.Draw(cloth).rounded_rectangle((0, 0, cloth.width - 1, cloth.height - 1), cloth.height / 2, fill=OPACITY)
    image.paste(CLOTH, (round(place.left), round(place.top)), cloth.reduce(4))
    ImageDraw.Draw(image).text(place.text_at, WORD, font=FontFace().at_size(place.size), fill=LIGHT, anchor="lm")


LEADING = 1.24
"""Line height by font size."""

Width: TypeAlias = Callable[[str], float]
"""How wide a text is, in font sizes."""

_UNITS = re.compile(
    # a character of a script without spaces, with the punctuation that may not begin a line; or a run of others
    r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"
    r"[\u3001\u3002\uff0c\uff0e\uff01\uff1f\uff1a\uff1b\uff09\u300d\u300f\u3011\u2019\u201d]*"
    r"|[^\s\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]+|\s+"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextBlock:
    """Lines of one size, in pixels."""

    lines: tuple[str, ...]
    size: float
    cut: bool = False
    """Not all of the text is in the lines."""

    @property
    def height(self) -> float:
        return self.size * LEADING * len(self.lines)


def fit_text(text: str, width: Width, box: tuple[float, float], largest: float, smallest: float) -> TextBlock:
    """*text* as large as it goes into *box* (width, height in pixels), between the two sizes."""
    pieces = split_units(text)
    size = largest
    while size > smallest:
        lines = wrap_units(pieces, width, box[0] / size)
        if len(lines) * size * LEADING <= box[1] and not _breaks_words(pieces, lines):
            return TextBlock(lines=_balance_lines(pieces, width, box[0] / size, lines), size=size)
        size *= 0.94
    most = max(1, int(box[1] / (smallest * LEADING)))
    lines = wrap_units(pieces, width, box[0] / smallest)
    if len(lines) <= most:
        return TextBlock(lines=lines, size=smallest)
    shown = (*lines[: most - 1], _add_ellipsis(lines[most - 1], width, box[0] / smallest))
    return TextBlock(lines=shown, size=smallest, cut=True)


def split_units(text: str) -> list[str]:
    """What stays together on a line, and the blanks between."""
    return _UNITS.findall(text)


def wrap_units(pieces: list[str], width: Width, limit: float) -> tuple[str, ...]:
    """Greedy lines no wider than *limit* font sizes; a unit that is wider is broken anywhere."""
    lines: list[str] = []
    line, used = "", 0.0
    for unit in pieces:
        wide = width(unit)
        if used + (0 if unit.isspace() else wide) > limit and line.strip():
            lines.append(line.strip())
            line, used = "", 0.0
        if wide > limit:
            *full, unit = _break_unit(unit, width, limit)
            lines += full
            wide = width(unit)
        if line or not unit.isspace():
            line, used = line + unit, used + wide
    return tuple([*lines, line.strip()] if line.strip() else lines)


def _break_unit(unit: str, width: Width, limit: float) -> list[str]:
    pieces, piece, used = [], "", 0.0
    for char in unit:
        wide = width(char)
        if piece and used + wide > limit:
            pieces.append(piece)
            piece, used = "", 0.0
        piece, used = piece + char, used + wide
    return [*pieces, piece]


def _breaks_words(pieces: list[str], lines: tuple[str, ...]) -> bool:
    """Whether a word had to be cut: then a smaller size is better."""
    return any(not any(unit in line for line in lines) for unit in pieces if not unit.isspace())


def _balance_lines(pieces: list[str], width: Width, limit: float, lines: tuple[str, ...]) -> tuple[str, ...]:
    """As many lines, of nearly the same width: the narrowest limit that needs no more of them."""
    low, high = limit / 2, limit
    for _ in range(12 if len(lines) > 1 else 0):
        middle = (low + high) / 2
        narrower = wrap_units(pieces, width, middle)
        if len(narrower) > len(lines) or _breaks_words(pieces, narrower):
            low = middle
        else:
            high, lines = middle, narrower
    return lines


def _add_ellipsis(line: str, width: Width, limit: float) -> str:
    while line and width(line + "…") > limit:
        line = line[:-1]
    return line.rstrip(" ,.;:") + "…"


MAX_CHARACTERS = 700
"""More than any picture shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionLayout:
    """Lines, where they stand and on what: decided once, for all frames of a moving picture."""

    block: TextBlock
    face: FontFace
    place: Area
    ground: CaptionBackground
    unit: int
    """The shorter edge of the area they were set into."""

    def draw(self, image: Image.Image) -> None:
        """Into an RGB picture."""
        self.ground.draw(image, self.place, self.unit)
        font, pen = self.face.at_size(self.block.size), ImageDraw.Draw(image)
        for text, x, y in self.lines():
            anchor = "rm" if reads_leftwards(text) else "lm"
            pen.text((x, y), text, font=font, fill=self.ground.ink, anchor=anchor)

    def lines(self) -> Iterator[tuple[str, float, float]]:
        """Each line with the point at which it begins, at half its height."""
        for number, line in enumerate(self.block.lines):
            x = self.place[2] if reads_leftwards(line) else self.place[0]
            yield line, x, self.place[1] + self.block.size * LEADING * (number + 0.5)


def draw_caption(image: Image.Image, wording: Caption, palette: Palette, area: Area) -> Area | None:
    """Writes into *area* of an RGB picture and gives the place; None where *area* is too small for any letters."""
    words = lay_out_caption(image, wording, palette, area)
    if words is None:
        return None
    words.draw(image)
    return words.place


def lay_out_caption(image: Image.Image, wording: Caption, palette: Palette, area: Area) -> CaptionLayout | None:
    """The words at the calmest place of *area*, on a veil or a card where the ground is too busy; None without room."""
    wide, high = area[2] - area[0], area[3] - area[1]
    unit = min(wide, high)
    if unit < 24 or not wording.text:
        return None
    gauge = wording.face.at_size(100)
    block = _set_text(wording.text, lambda text: gauge.getlength(text) / 100, wide, high)
    across = max(gauge.getlength(line) / 100 * block.size for line in block.lines)
    place = _calmest_place(image, _possible_places(area, (round(across), round(block.height)), unit))
    return CaptionLayout(
        block=block, face=wording.face, place=place, ground=choose_background(image, place, palette, unit), unit=unit
    )


def _set_text(text: str, width: Width, wide: int, high: int) -> TextBlock:
    """A few large lines if they hold the text, else many small ones, else as many as go in."""
    unit = min(wide, high)
    largest = max(11.0, min((wide * high) ** 0.5 * 0.085, wide * 0.11, high * 0.2))
    usual = max(10.0, min(largest, unit * 0.056))
    block = fit_text(text, width, (wide * 0.86, max(high * 0.19, min(high * 0.5, wide * 0.1))), largest, usual)
    if not block.cut:
        return block
    return fit_text(text, width, (wide * 0.86, high * 0.38), usual, max(10.0, unit * 0.034))


def _possible_places(area: Area, size: tuple[int, int], unit: int) -> list[Area]:
    """The corners and the middles of the upper and lower edge, below first."""
    left, top, right, bottom = area
    side, down = round((right - left) * 0.07), round(unit * 0.075)
    xs = (left + side, right - side - size[0], (left + right - size[0]) // 2)
    ys = (bottom - down - size[1], top + down)
    return [(x, y, x + size[0], y + size[1]) for y in ys for x in xs]


def _calmest_place(image: Image.Image, places: list[Area]) -> Area:
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


CELLS = 40
"""The mask is looked at on a grid of so many cells along its longer edge."""


def largest_opening(changed: Image.Image) -> Area:
    """In pixels of *changed* ("L", 255 where new); empty where no cell is free."""
    scale = max(1.0, max(changed.size) / CELLS)
    columns, rows = max(1, int(changed.width / scale)), max(1, int(changed.height / scale))
    cells = changed.resize((columns, rows), Image.Resampling.BOX).tobytes()
    heights = [0] * columns
    best = (0, (0, 0, 0, 0))
    for row in range(rows):
        for column in range(columns):
            heights[column] = heights[column] + 1 if cells[row * columns + column] >= 250 else 0
        best = max(best, *(_rectangle_under(heights, column, row) for column in range(columns)))
    wide, high = changed.width / columns, changed.height / rows
    left, top, right, bottom = best[1]
    return round(left * wide), round(top * high), round(right * wide), round(bottom * high)


def _rectangle_under(heights: list[int], column: int, row: int) -> tuple[int, Area]:
    """The largest rectangle that ends in *row* and is as high as *column*'s run: its cells and its place."""
    height = heights[column]
    left = right = column
    while left > 0 and heights[left - 1] >= height:
        left -= 1
    while right < len(heights) and heights[right] >= height:
        right += 1
    return height * (right - left), (left, row - height + 1, right, row + 1)
