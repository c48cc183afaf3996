"""SVG images: the shapes of a scene, or an edited image as tiles, with the words as text.

Nothing in a document runs, and nothing in it is loaded from elsewhere. Source: W3C, Scalable Vector Graphics 1.1 and 2.
"""

from __future__ import annotations

from itertools import groupby
from typing import Final
from xml.sax.saxutils import escape

from PIL import Image

from imagecli.domain import Size
from imagecli.sandbox.image_job import ImageJob
from imagecli.sandbox.painter.caption import LABEL, MAX_CHARACTERS, PANEL_COLOR, Caption, Lettering
from imagecli.sandbox.painter.codec import flatten_on_white
from imagecli.sandbox.painter.colors import Color, hex_color
from imagecli.sandbox.painter.fonts import load_font, strip_invisible
from imagecli.sandbox.painter.render import JobPainter
from imagecli.sandbox.painter.scene import build_scene
from imagecli.sandbox.painter.shapes import SHADOW_COLOR, SHADOW_OPACITY, Backdrop, Disc, Glow, Point, Polygon, Shape

XMLNS: Final = "http://www.w3.org/2000/svg"
GLOW_STOPS: Final = 8
TILES: Final = 128
"""Along the longer edge of an edited image."""
TILE_COLORS: Final = 40
FONT_FAMILY: Final = "'Segoe UI','Helvetica Neue','DejaVu Sans','Noto Sans','Noto Sans CJK SC',sans-serif"


def draw_svg(job: ImageJob, index: int, caption: Caption) -> bytes:
    """Image *index* of the job as a document that needs no other."""
    painter = JobPainter(job, index)
    ground = painter.paint_ground()
    document = SvgDocument(job.size)
    if job.operation == "generations":
        for shape in build_scene(job.prompt, index, job.size):
            document.add_shape(shape)
        letterings = painter.lay_out(ground, caption)
    else:
        letterings = painter.lay_out(ground, caption)
        document.add_tiles(flatten_on_white(painter.finish(ground, [])))
    for lettering in letterings:
        document.add_lettering(lettering)
    return document.to_xml(title=strip_invisible(job.prompt[:MAX_CHARACTERS]), description=LABEL)


class SvgDocument:
    """Elements in the order in which they are painted, and the gradients and filters that they refer to."""

    def __init__(self, size: Size) -> None:
        self._size = size
        self._definitions: list[str] = []
        self._elements: list[str] = []

    def to_xml(self, *, title: str, description: str) -> bytes:
        width, height = self._size.width, self._size.height
        lines = [
            f'<svg xmlns="{XMLNS}" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
            f"<title>{_xml_text(title)}</title>",
            f"<desc>{_xml_text(description)}</desc>",
            *(["<defs>", *self._definitions, "</defs>"] if self._definitions else []),
            *self._elements,
            "</svg>\n",
        ]
        return "\n".join(lines).encode("utf-8", "replace")

    def add_shape(self, shape: Shape) -> None:
        match shape:
            case Backdrop():
                fill = self._define_gradient(shape.top, shape.bottom)
                self._elements.append(f'<rect width="{self._size.width}" height="{self._size.height}" fill="{fill}"/>')
            case Glow():
                self._add_circle(shape.center, shape.radius, self._define_glow(shape), 1.0)
            case Disc():
                self._add_circle(shape.center, shape.radius, hex_color(shape.color), shape.opacity)
            case Polygon():
                self._add_polygon(shape)

    def _add_circle(self, center: Point, radius: float, fill: str, opacity: float) -> None:
        place = f'cx="{_digits(center[0])}" cy="{_digits(center[1])}" r="{_digits(radius)}"'
        self._elements.append(f'<circle {place} fill="{fill}"{_opacity(opacity)}/>')

    def _add_polygon(self, shape: Polygon) -> None:
        polygon = f'<polygon points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)}"'
        if shape.shadow:
            blur, rise = self._define_blur(shape.shadow), _digits(-0.4 * shape.shadow)
            look = f'fill="{hex_color(SHADOW_COLOR)}" opacity="{SHADOW_OPACITY}" filter="{blur}"'
            self._elements.append(f'{polygon} {look} transform="translate(0 {rise})"/>')
        fill = self._define_gradient(shape.color, shape.foot) if shape.foot else hex_color(shape.color)
        self._elements.append(f'{polygon} fill="{fill}"{_opacity(shape.opacity)}/>')

    def add_tiles(self, image: Image.Image) -> None:
        """*image* as a mosaic; equal tiles beside each other become one."""
        scale = max(image.size) / TILES
        grid = (max(1, round(image.width / scale)), max(1, round(image.height / scale)))
        small = image.resize(grid, Image.Resampling.BOX).quantize(TILE_COLORS, dither=Image.Dither.NONE)
        pixels, palette = small.tobytes(), small.getpalette() or []
        across, down = image.width / small.width, image.height / small.height
        self._elements.append('<g shape-rendering="crispEdges">')
        for row in range(small.height):
            left = 0
            for color, tiles in groupby(pixels[row * small.width : (row + 1) * small.width]):
                right = left + len(list(tiles))
                place = f'x="{_digits(left * across)}" y="{_digits(row * down)}"'
                size = f'width="{_digits((right - left) * across)}" height="{_digits(down)}"'
                fill = bytes(palette[color * 3 : color * 3 + 3]).hex()
                self._elements.append(f'<rect {place} {size} fill="#{fill}"/>')
                left = right
        self._elements.append("</g>")

    def add_lettering(self, lettering: Lettering) -> None:
        """Text stays text; its length is fixed, because every machine has other fonts."""
        if lettering.panel_opacity:
            left, top, right, bottom = lettering.panel
            box = f'x="{left}" y="{top}" width="{right - left}" height="{bottom - top}"'
            look = f'rx="{_digits(lettering.corner_radius)}" fill="{hex_color(PANEL_COLOR)}"'
            self._elements.append(f"<rect {box} {look}{_opacity(lettering.panel_opacity / 255)}/>")
        font = load_font(lettering.font, 100)
        for line, x, y in lettering.positions():
            length = font.getlength(line) / 100 * lettering.size
            # 0.34 of the size below the middle is the baseline.
            place = f'x="{_digits(x)}" y="{_digits(y + lettering.size * 0.34)}" textLength="{_digits(length)}"'
            font_size, color = _digits(lettering.size), hex_color(lettering.color)
            look = f'font-family="{FONT_FAMILY}" font-size="{font_size}" fill="{color}"'
            self._elements.append(f'<text {place} lengthAdjust="spacingAndGlyphs" {look}>{_xml_text(line)}</text>')

    def _define_glow(self, glow: Glow) -> str:
        stops = ""
        for stop in range(GLOW_STOPS + 1):
            offset = stop / GLOW_STOPS
            opacity = glow.opacity_at(offset)
            look = f'stop-color="{hex_color(glow.color)}" stop-opacity="{opacity:.3f}"'
            stops += f'<stop offset="{_digits(offset)}" {look}/>'
        return self._define("radialGradient", "", stops)

    def _define_gradient(self, top: Color, bottom: Color) -> str:
        stops = f'<stop stop-color="{hex_color(top)}"/><stop offset="1" stop-color="{hex_color(bottom)}"/>'
        return self._define("linearGradient", 'x2="0" y2="1"', stops)

    def _define_blur(self, deviation: float) -> str:
        blur = f'<feGaussianBlur stdDeviation="{deviation:.1f}"/>'
        return self._define("filter", 'x="-30%" y="-30%" width="160%" height="160%"', blur)

    def _define(self, tag: str, attributes: str, content: str) -> str:
        """Adds a definition and returns the reference to it."""
        name = f"d{len(self._definitions)}"
        self._definitions.append(f'<{tag} id="{name}" {attributes}>{content}</{tag}>')
        return f"url(#{name})"


def _opacity(opacity: float) -> str:
    return f' opacity="{_digits(opacity)}"' if opacity < 1 else ""


def _digits(value: float) -> str:
    """At most two digits after the point, and no -0."""
    return f"{round(value, 2) + 0:g}" if abs(value) < 10_000 else str(round(value))


def _xml_text(text: str) -> str:
    """*text* without the two characters that XML can't hold. Source: W3C, XML 1.0, section 2.2."""
    return escape("".join(char if char not in "\ufffe\uffff" else "?" for char in text))
