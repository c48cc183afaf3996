"""What a scene is drawn on, be it pixels or vectors: shapes, and the moment of a picture that moves.

A drawing surface in picture pixels: smooth edges by supersampled masks, gradients, glows and paper shadows.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFilter

from imagecli.domain import Size
from imagecli.sandbox.painter.palettes import Colour

Point: TypeAlias = tuple[float, float]
Box: TypeAlias = tuple[float, float, float, float]
"""left, top, right, bottom in pixels."""

_LEAD = 1.464
"""Radians. A swing passes each place twice; begun here no two frames in a row are at one, be there 2 of them or 16."""


class Surface(ABC):
    """*unit* is the shorter edge; *moment* goes from 0 to 1 through a loop, and is 0 where nothing moves."""

    def __init__(self, size: Size, moment: float) -> None:
        self.width, self.height = size.width, size.height
        self.unit = min(size.width, size.height)
        self.moment = moment

    def swing(self, reach: float) -> float:
        """How far something is from its place that goes to and fro; 0 at moment 0."""
        return reach * (math.sin(math.tau * self.moment + _LEAD) - math.sin(_LEAD))

    @abstractmethod
    def gradient(self, top: Colour, bottom: Colour) -> None:
        """Fills everything, from *top* to *bottom*."""

    @abstractmethod
    def glow(self, centre: Point, radius: float, colour: Colour, strength: float) -> None:
        """A soft light; *strength* 0 to 1 at its middle."""

    @abstractmethod
    def ellipse(self, box: Box, colour: Colour, opacity: float = 1.0, shadow: float = 0.0) -> None:
        """A filled ellipse inside *box*."""

    @abstractmethod
    def pie(self, box: Box, start: float, end: float, colour: Colour) -> None:
        """A slice of the ellipse inside *box*, angles in degrees from three o'clock."""

    @abstractmethod
    def polygon(
        self,
        points: Sequence[Point],
        colour: Colour,
        opacity: float = 1.0,
        shadow: float = 0.0,
        foot: Colour | None = None,
    ) -> None:
        """A filled shape; *shadow* is how far its paper shadow falls, *foot* the colour its lower edge fades to."""

    @abstractmethod
    def line(self, points: Sequence[Point], width: float, colour: Colour, opacity: float = 1.0) -> None:
        """A stroke with round joints."""

    def disc(self, centre: Point, radius: float, colour: Colour, opacity: float = 1.0, shadow: float = 0.0) -> None:
        """A filled circle."""
        x, y = centre
        self.ellipse((x - radius, y - radius, x + radius, y + radius), colour, opacity, shadow)


Draw: TypeAlias = Callable[[ImageDraw.ImageDraw, Callable[[Point], Point]], None]
"""Draws on a fine mask; its second argument turns picture pixels into those of the mask."""


class Canvas(Surface):
    """An RGB picture that shapes are laid on."""

    def __init__(self, size: Size, colour: Colour, moment: float = 0.0) -> None:
        super().__init__(size, moment)
        self.image = Image.new("RGB", (size.width, size.height), colour)
        self._fine = 4 if size.pixels < 600_000 else 2
        """How many mask pixels make one picture pixel along an edge."""

    def gradient(self, top: Colour, bottom: Colour) -> None:
        self.image.paste(_ramp((self.width, self.height), top, bottom))

    def glow(self, centre: Point, radius: float, colour: Colour, strength: float) -> None:
        side = max(1, round(radius * 2))
        mask = Image.radial_gradient("L").point(lambda value: max(0, 255 - value * 1.42) ** 2 / 255 * strength)
        mask = mask.resize((side, side), Image.Resampling.BICUBIC)
        self.image.paste(colour, (round(centre[0] - radius), round(centre[1] - radius)), mask)

    def ellipse(self, box: Box, colour: Colour, opacity: float = 1.0, shadow: float = 0.0) -> None:
        self._lay(box, lambda pen, to: pen.ellipse([*to(box[:2]), *to(box[2:])], fill=255), colour, opacity, shadow)

    def pie(self, box: Box, start: float, end: float, colour: Colour) -> None:
        self._lay(box, lambda pen, to: pen.pieslice([*to(box[:2]), *to(box[2:])], start, end, fill=255), colour, 1, 0)

    def polygon(
        self,
        points: Sequence[Point],
        colour: Colour,
        opacity: float = 1.0,
        shadow: float = 0.0,
        foot: Colour | None = None,
    ) -> None:
        xs, ys = [x for x, _ in points], [y for _, y in points]
        box = (min(xs), min(ys), max(xs), max(ys))
        self._lay(box, lambda pen, to: pen.polygon([to(p) for p in points], fill=255), colour, opacity, shadow, foot)

    def line(self, points: Sequence[Point], width: float, colour: Colour, opacity: float = 1.0) -> None:
        xs, ys = [x for x, _ in points], [y for _, y in points]
        box = (min(xs) - width, min(ys) - width, max(xs) + width, max(ys) + width)
        thick = max(1, round(width * self._fine))
        self._lay(
            box,
            lambda pen, to: pen.line([to(p) for p in points], fill=255, width=thick, joint="curve"),
            colour,
            opacity,
            0,
        )

    def _lay(
        self, box: Box, draw: Draw, colour: Colour, opacity: float, shadow: float, foot: Colour | None = None
    ) -> None:
        left, top = max(0, int(box[0]) - 1), max(0, int(box[1]) - 1)
        right, bottom = min(self.width, int(box[2]) + 2), min(self.height, int(box[3]) + 2)
        if right <= left or bottom <= top:
            return
        fine = self._fine
        mask = Image.new("L", ((right - left) * fine, (bottom - top) * fine))
        draw(ImageDraw.Draw(mask), lambda point: ((point[0] - left) * fine, (point[1] - top) * fine))
        mask = mask.reduce(fine)
        if shadow:
            self._shade(mask, (left, top), shadow)
        if opacity < 1:
            mask = mask.point(lambda value: value * opacity)
        fill = _ramp(mask.size, colour, foot) if foot else colour
        self.image.paste(fill, (left, top, right, bottom), mask)

    def _shade(self, mask: Image.Image, at: tuple[int, int], distance: float) -> None:
        """Darkens what lies round the shape, as the next sheet of paper does; blurred small, for speed."""
        margin, less = round(distance * 3), max(1, round(distance / 3))
        wide = Image.new("L", (mask.width + 2 * margin, mask.height + 2 * margin))
        wide.paste(mask, (margin, margin))
        soft = wide.reduce(less).filter(ImageFilter.GaussianBlur(distance / less)).resize(wide.size)
        soft = soft.point(lambda value: value * 0.34)
        self.image.paste((12, 8, 24), (at[0] - margin, at[1] - margin - round(distance * 0.4)), soft)


def _ramp(size: tuple[int, int], top: Colour, bottom: Colour) -> Image.Image:
    column = Image.new("RGB", (1, size[1]))
    last = max(1, size[1] - 1)
    for y in range(size[1]):
        share = y / last
        column.putpixel((0, y), tuple(round(a + (b - a) * share) for a, b in zip(top, bottom, strict=True)))
    return column.resize(size)
