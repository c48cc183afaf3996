"""A drawing in SVG: the scenes' shapes as elements. Nothing in it runs, and nothing comes from elsewhere.

Source: W3C, Scalable Vector Graphics 1.1 and 2.

SVGs: the scene as shapes, or an edited picture as tiles; the prompt as text, and the word "sandbox".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final
from xml.sax.saxutils import escape

from PIL import Image

from imagecli.domain import Size
from imagecli.sandbox.image_job import ImageJob
from imagecli.sandbox.painter.caption import (
    CLOTH,
    LIGHT,
    MAX_CHARACTERS,
    OPACITY,
    WORD,
    Caption,
    CaptionLayout,
    Label,
    card_pad,
    lay_out_caption,
    place_label,
    reads_leftwards,
    strip_invisible,
)
from imagecli.sandbox.painter.encode import flatten_on_white
from imagecli.sandbox.painter.palettes import Colour
from imagecli.sandbox.painter.render import paint_without_caption
from imagecli.sandbox.painter.scene import choose_palette, draw_scene, paint_scene
from imagecli.sandbox.painter.surface import Box, Point, Surface

SHADE: Final[Colour] = (12, 8, 24)
GLOW_STOPS: Final = 8


class SvgSurface(Surface):
    """Elements in the order they are painted, and what they refer to."""

    def __init__(self, size: Size, colour: Colour) -> None:
        super().__init__(size, 0.0)
        self._defs: list[str] = []
        self._marks = [f'<rect width="{size.width}" height="{size.height}" fill="{hex_color(colour)}"/>']
        self._blurs: dict[float, str] = {}

    def add(self, element: str) -> None:
        """One more element on top."""
        self._marks.append(element)

    def text(self, *head: str) -> str:
        """The whole document; *head* are elements before all others."""
        box = f'width="{self.width}" height="{self.height}" viewBox="0 0 {self.width} {self.height}"'
        defs = ["<defs>", *self._defs, "</defs>"] if self._defs else []
        lines = [f'<svg xmlns="http://www.w3.org/2000/svg" {box}>', *head, *defs, *self._marks, "</svg>"]
        return "\n".join(lines) + "\n"

    def gradient(self, top: Colour, bottom: Colour) -> None:
        fill = self._ramp(top, bottom)
        self.add(f'<rect width="{self.width}" height="{self.height}" fill="{fill}"/>')

    def glow(self, centre: Point, radius: float, colour: Colour, strength: float) -> None:
        name = f"g{len(self._defs)}"
        stops = ""
        for stop in range(GLOW_STOPS + 1):
            away = stop / GLOW_STOPS
            opacity = max(0.0, 1 - 1.42 * away) ** 2 * strength
            stops += f'<stop offset="{to_digits(away)}" stop-color="{hex_color(colour)}" stop-opacity="{opacity:.3f}"/>'
        self._defs.append(f'<radialGradient id="{name}">{stops}</radialGradient>')
        self.add(
            f'<circle cx="{to_digits(centre[0])}" cy="{to_digits(centre[1])}" r="{to_digits(radius)}"'
            f' fill="url(#{name})"/>'
        )

    def ellipse(self, box: Box, colour: Colour, opacity: float = 1.0, shadow: float = 0.0) -> None:
        middle = f'cx="{to_digits((box[0] + box[2]) / 2)}" cy="{to_digits((box[1] + box[3]) / 2)}"'
        shape = f'<ellipse {middle} rx="{to_digits((box[2] - box[0]) / 2)}" ry="{to_digits((box[3] - box[1]) / 2)}"'
        self._lay(shape, hex_color(colour), opacity, shadow)

    def pie(self, box: Box, start: float, end: float, colour: Colour) -> None:
        wide, high = (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
        (x0, y0), (x1, y1) = (
            (box[0] + wide * (1 + math.cos(angle)), box[1] + high * (1 + math.sin(angle)))
            for angle in (math.radians(start), math.radians(end))
        )
        arc = f"A{to_digits(wide)} {to_digits(high)} 0 {int(end - start > 180)} 1 {to_digits(x1)} {to_digits(y1)}"
        path = f"M{to_digits(box[0] + wide)} {to_digits(box[1] + high)}L{to_digits(x0)} {to_digits(y0)}{arc}Z"
        self._lay(f'<path d="{path}"', hex_color(colour), 1.0, 0.0)

    def polygon(
        self,
        points: Sequence[Point],
        colour: Colour,
        opacity: float = 1.0,
        shadow: float = 0.0,
        foot: Colour | None = None,
    ) -> None:
        fill = self._ramp(colour, foot) if foot else hex_color(colour)
        self._lay(f'<path d="{_path_data(points)}z"', fill, opacity, shadow)

    def line(self, points: Sequence[Point], width: float, colour: Colour, opacity: float = 1.0) -> None:
        look = f'fill="none" stroke="{hex_color(colour)}" stroke-width="{to_digits(width)}" stroke-linejoin="round"'
        self.add(f'<path d="{_path_data(points)}" {look} opacity="{to_digits(opacity)}"/>')

    def blur(self, deviation: float) -> str:
        """What an element's `filter` says to be blurred by so many pixels."""
        deviation = round(deviation, 1)
        if deviation not in self._blurs:
            name = self._blurs[deviation] = f"b{len(self._blurs)}"
            inner = f'<feGaussianBlur stdDeviation="{deviation}"/>'
            self._defs.append(f'<filter id="{name}" x="-30%" y="-30%" width="160%" height="160%">{inner}</filter>')
        return f"url(#{self._blurs[deviation]})"

    def _lay(self, shape: str, fill: str, opacity: float, shadow: float) -> None:
        if shadow:
            up = f'transform="translate(0 {to_digits(-0.4 * shadow)})"'
            self.add(f'{shape} fill="{hex_color(SHADE)}" opacity="0.34" {up} filter="{self.blur(shadow)}"/>')
        seen = f' opacity="{to_digits(opacity)}"' if opacity < 1 else ""
        self.add(f'{shape} fill="{fill}"{seen}/>')

    def _ramp(self, top: Colour, bottom: Colour) -> str:
        name = f"g{len(self._defs)}"
        stops = f'<stop stop-color="{hex_color(top)}"/><stop offset="1" stop-color="{hex_color(bottom)}"/>'
        self._defs.append(f'<linearGradient id="{name}" x2="0" y2="1">{stops}</linearGradient>')
        return f"url(#{name})"


def hex_color(colour: Colour) -> str:
    """`#rrggbb`."""
    return f"#{bytes(colour).hex()}"


def to_digits(value: float) -> str:
    """With two digits after the point at most, and no -0."""
    return f"{round(value, 2) + 0:g}" if abs(value) < 10_000 else str(round(value))


def _path_data(points: Sequence[Point]) -> str:
    """From each point to the next, in tenths of a pixel; a point that lies where the last one does is left out."""
    tenths = [(round(x * 10), round(y * 10)) for x, y in points]
    steps = [(x - x0, y - y0) for (x0, y0), (x, y) in pairwise(tenths) if (x, y) != (x0, y0)]
    start, *way = (f"{x / 10:g} {y / 10:g}".replace(" -", "-") for x, y in (tenths[0], *steps))
    return f"M{start}l{' '.join(way)}".replace(" -", "-")


TILES = 128
"""Along the longer edge of an edited picture."""
COLOURS = 40
FAMILY = "font-family=\"'Segoe UI','Helvetica Neue','DejaVu Sans','Noto Sans','Noto Sans CJK SC',sans-serif\""


def draw_svg(job: ImageJob, index: int, wording: Caption) -> bytes:
    """InputPicture *index* as a document that needs no other."""
    palette = choose_palette(job.prompt, index)
    vector = SvgSurface(job.size, palette.low)
    if job.operation == "generations":
        draw_scene(vector, job.prompt, index)
        ground = paint_scene(job.prompt, index, job.size)
    else:
        ground = flatten_on_white(paint_without_caption(job, index))
        _draw_tiles(vector, ground)
    area = (0, 0, *ground.size)
    words = lay_out_caption(ground, wording, palette, area) if job.operation != "variations" else None
    if words:
        _draw_caption(vector, words)
    if corner := place_label(area, words.place if words else None):
        _draw_label(vector, corner)
    title = f"<title>{_xml_text(strip_invisible(job.prompt[:MAX_CHARACTERS]))}</title>"
    return vector.text(title, f"<desc>{WORD}</desc>").encode("utf-8", "replace")


def _draw_tiles(vector: SvgSurface, image: Image.Image) -> None:
    """Equal tiles beside each other are one."""
    scale = max(image.size) / TILES
    grid = (max(1, round(image.width / scale)), max(1, round(image.height / scale)))
    small = image.resize(grid, Image.Resampling.BOX)
    cells = small.quantize(COLOURS, dither=Image.Dither.NONE).convert("RGB")
    across, down = image.width / small.width, image.height / small.height
    vector.add('<g shape-rendering="crispEdges">')
    for row in range(small.height):
        left = 0
        while left < small.width:
            colour, right = cells.getpixel((left, row)), left + 1
            while right < small.width and cells.getpixel((right, row)) == colour:
                right += 1
            width = to_digits((right - left) * across)
            box = f'x="{to_digits(left * across)}" y="{to_digits(row * down)}" width="{width}"'
            vector.add(f'<rect {box} height="{to_digits(down)}" fill="{hex_color(colour)}"/>')  # type: ignore[arg-type]
            left = right
    vector.add("</g>")


def _draw_caption(vector: SvgSurface, words: CaptionLayout) -> None:
    """Text stays text; its length is pinned, as every machine has other fonts."""
    ground, soft = words.ground, words.unit * 0.05
    if ground.card:
        pad = card_pad(words.unit)
        _draw_sheet(vector, words, pad + soft / 2, f'fill="{hex_color(SHADE)}" opacity="0.4"', blur=soft / 2)
        _draw_sheet(vector, words, pad, f'fill="{hex_color(ground.cloth)}"')
    elif ground.veil:
        _draw_sheet(vector, words, soft, f'fill="{hex_color(ground.cloth)}" opacity="{ground.veil}"', blur=soft)
    for line, x, y in words.lines():
        wide = words.face.at_size(100).getlength(line) / 100 * words.block.size
        way = ' direction="rtl"' if reads_leftwards(line) else ""
        size = f'font-size="{to_digits(words.block.size)}" fill="{hex_color(ground.ink)}"{way}'
        vector.add(_text_line(line, (x, y + words.block.size * 0.34), wide, size))


def _draw_sheet(vector: SvgSurface, words: CaptionLayout, reach: float, look: str, *, blur: float = 0.0) -> None:
    left, top, right, bottom = words.place
    box = f'x="{to_digits(left - reach)}" y="{to_digits(top - reach)}"'
    size = f'width="{to_digits(right - left + 2 * reach)}" height="{to_digits(bottom - top + 2 * reach)}"'
    soft = f' filter="{vector.blur(blur)}"' if blur else ""
    vector.add(f"<rect {box} {size} {look}{soft}/>")


def _draw_label(vector: SvgSurface, corner: Label) -> None:
    high, wide = corner.bottom - corner.top, corner.right - corner.left
    box = (
        f'x="{to_digits(corner.left)}" y="{to_digits(corner.top)}" width="{to_digits(wide)}" height="{to_digits(high)}"'
    )
    vector.add(f'<rect {box} rx="{to_digits(high / 2)}" fill="{hex_color(CLOTH)}" opacity="{OPACITY / 255:.2f}"/>')
    x, y = corner.text_at
    look = f'font-size="{to_digits(corner.size)}" fill="{hex_color(LIGHT)}"'
    vector.add(_text_line(WORD, (x, y + corner.size * 0.34), wide - 2 * (x - corner.left), look))


def _text_line(text: str, at: tuple[float, float], wide: float, look: str) -> str:
    place = (
        f'x="{to_digits(at[0])}" y="{to_digits(at[1])}" textLength="{to_digits(wide)}" lengthAdjust="spacingAndGlyphs"'
    )
    return f"<text {place} {FAMILY} {look}>{_xml_text(text)}</text>"


def _xml_text(text: str) -> str:
    """What XML can hold of it. Source: W3C, XML 1.0, section 2.2."""
    return escape("".join(char if char not in "\ufffe\uffff" else "?" for char in text))
