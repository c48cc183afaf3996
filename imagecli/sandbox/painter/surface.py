"""What a scene is drawn on, be it pixels or vectors: shapes, and the moment of a picture that moves."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeAlias

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
