"""A drawing in SVG: the scenes' shapes as elements. Nothing in it runs, and nothing comes from elsewhere.

Source: W3C, Scalable Vector Graphics 1.1 and 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from imagecli.domain import Size
from imagecli.sandbox.painter.palettes import Colour
from imagecli.sandbox.painter.surface import Box, Point, Surface

SHADE: Final[Colour] = (12, 8, 24)
GLOW_STOPS: Final = 8


class Vector(Surface):
    """Elements in the order they are painted, and what they refer to."""

    def __init__(self, size: Size, colour: Colour) -> None:
        super().__init__(size, 0.0)
        self._defs: list[str] = []
        self._marks = [f'<rect width="{size.width}" height="{size.height}" fill="{paint(colour)}"/>']
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
            stops += f'<stop offset="{brief(away)}" stop-color="{paint(colour)}" stop-opacity="{opacity:.3f}"/>'
        self._defs.append(f'<radialGradient id="{name}">{stops}</radialGradient>')
        self.add(f'<circle cx="{brief(centre[0])}" cy="{brief(centre[1])}" r="{brief(radius)}" fill="url(#{name})"/>')

    def ellipse(self, box: Box, colour: Colour, opacity: float = 1.0, shadow: float = 0.0) -> None:
        middle = f'cx="{brief((box[0] + box[2]) / 2)}" cy="{brief((box[1] + box[3]) / 2)}"'
        shape = f'<ellipse {middle} rx="{brief((box[2] - box[0]) / 2)}" ry="{brief((box[3] - box[1]) / 2)}"'
        self._lay(shape, paint(colour), opacity, shadow)

    def pie(self, box: Box, start: float, end: float, colour: Colour) -> None:
        wide, high = (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
        (x0, y0), (x1, y1) = (
            (box[0] + wide * (1 + math.cos(angle)), box[1] + high * (1 + math.sin(angle)))
            for angle in (math.radians(start), math.radians(end))
        )
        arc = f"A{brief(wide)} {brief(high)} 0 {int(end - start > 180)} 1 {brief(x1)} {brief(y1)}"
        path = f"M{brief(box[0] + wide)} {brief(box[1] + high)}L{brief(x0)} {brief(y0)}{arc}Z"
        self._lay(f'<path d="{path}"', paint(colour), 1.0, 0.0)

    def polygon(
        self,
        points: Sequence[Point],
        colour: Colour,
        opacity: float = 1.0,
        shadow: float = 0.0,
        foot: Colour | None = None,
    ) -> None:
        fill = self._ramp(colour, foot) if foot else paint(colour)
        self._lay(f'<path d="{_course(points)}z"', fill, opacity, shadow)

    def line(self, points: Sequence[Point], width: float, colour: Colour, opacity: float = 1.0) -> None:
        look = f'fill="none" stroke="{paint(colour)}" stroke-width="{brief(width)}" stroke-linejoin="round"'
        self.add(f'<path d="{_course(points)}" {look} opacity="{brief(opacity)}"/>')

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
            up = f'transform="translate(0 {brief(-0.4 * shadow)})"'
            self.add(f'{shape} fill="{paint(SHADE)}" opacity="0.34" {up} filter="{self.blur(shadow)}"/>')
        seen = f' opacity="{brief(opacity)}"' if opacity < 1 else ""
        self.add(f'{shape} fill="{fill}"{seen}/>')

    def _ramp(self, top: Colour, bottom: Colour) -> str:
        name = f"g{len(self._defs)}"
        stops = f'<stop stop-color="{paint(top)}"/><stop offset="1" stop-color="{paint(bottom)}"/>'
        self._defs.append(f'<linearGradient id="{name}" x2="0" y2="1">{stops}</linearGradient>')
        return f"url(#{name})"


def paint(colour: Colour) -> str:
    """`#rrggbb`."""
    return f"#{bytes(colour).hex()}"


def brief(value: float) -> str:
    """With two digits after the point at most, and no -0."""
    return f"{round(value, 2) + 0:g}" if abs(value) < 10_000 else str(round(value))


def _course(points: Sequence[Point]) -> str:
    """From each point to the next, in tenths of a pixel; a point that lies where the last one does is left out."""
    tenths = [(round(x * 10), round(y * 10)) for x, y in points]
    steps = [(x - x0, y - y0) for (x0, y0), (x, y) in pairwise(tenths) if (x, y) != (x0, y0)]
    start, *way = (f"{x / 10:g} {y / 10:g}".replace(" -", "-") for x, y in (tenths[0], *steps))
    return f"M{start}l{' '.join(way)}".replace(" -", "-")
