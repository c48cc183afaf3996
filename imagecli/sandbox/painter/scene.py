"""The sandbox's scenes: landscapes in layers of cut paper under a sun or a moon.

The prompt's hash decides on terrain, colors and composition, and images beside each other in *n* always differ.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from random import Random
from typing import Final, NamedTuple

from PIL import Image

from imagecli.domain import Size
from imagecli.sandbox.painter.colors import DAY_PALETTES, NIGHT_PALETTES, WHITE, Color, Palette, mix_colors
from imagecli.sandbox.painter.shapes import Backdrop, Disc, Glow, Point, Polygon, Shape, rasterize_shapes

SWING_START: Final = 1.464
"""Radians. A swing passes each place twice; from here, no two of 2 to 16 frames in a row show the same place."""

FIR_OUTLINE: Final = ((0.0, 0.16), (0.16, 0.16), (0.16, 1.0), (0.42, 0.5), (0.42, 0.78), (0.68, 0.3), (0.68, 0.5))
"""The left side of a fir from the ground up: height, and half of the width, as shares."""


class Terrain(NamedTuple):
    """What distinguishes one kind of landscape; pairs are for the farthest and for the nearest layer."""

    layers: int
    levels: tuple[float, float]
    """How far down the layers begin, as shares of the height."""
    sun_levels: tuple[float, float]
    """How far down the sun is: lowest and highest share of the height."""
    sun_radius: float
    """As the following lengths, a share of the shorter edge."""
    relief: tuple[float, float]
    """How high the hills or waves are."""
    swells: tuple[float, float]
    """How many hills or waves fit along the shorter edge."""
    octaves: int
    """How many sines form a ridge: 1 is smooth, more are rugged."""
    shadow: float = 0.0
    """How far a layer's shadow falls on the one behind."""
    is_sea: bool = False
    is_night: bool = False
    firs: str = "none"
    """none, few (on the nearest layer) or forest (on every layer)."""


TERRAINS: Final = (
    Terrain(6, (0.5, 0.9), (0.38, 0.46), 0.115, (0.075, 0.045), (2.0, 1.15), octaves=4, firs="few"),
    Terrain(6, (0.53, 0.92), (0.4, 0.48), 0.145, (0.012, 0.052), (6.2, 2.2), octaves=1, shadow=0.008, is_sea=True),
    Terrain(3, (0.72, 0.88), (0.2, 0.3), 0.062, (0.045, 0.045), (1.3, 1.3), octaves=4, is_night=True, firs="forest"),
    Terrain(5, (0.54, 0.92), (0.3, 0.4), 0.09, (0.085, 0.07), (0.95, 0.7), octaves=2, shadow=0.012),
)
"""Mountains, sea, a forest at night, dunes."""


def random_for(*words: object) -> Random:
    """A generator of its own for these words; the same on every machine."""
    text = "\x00".join(str(word) for word in words)
    return Random(hashlib.sha256(text.encode("utf-8", "replace")).digest())


def choose_terrain(prompt: str, index: int) -> Terrain:
    """The landscape of image *index*; neighbors differ."""
    first = random_for("land", prompt).randrange(len(TERRAINS))
    return TERRAINS[(first + index) % len(TERRAINS)]


def choose_palette(prompt: str, index: int) -> Palette:
    """The colors of image *index*; ten in a row are all different."""
    palettes = NIGHT_PALETTES if choose_terrain(prompt, index).is_night else DAY_PALETTES
    first = random_for("paint", prompt).randrange(len(palettes))
    return palettes[(first + index * 7) % len(palettes)]


def paint_scene(prompt: str, index: int, size: Size, moment: float = 0.0) -> Image.Image:
    """An RGB image without words; see `build_scene`."""
    return rasterize_shapes(build_scene(prompt, index, size, moment), size)


def build_scene(prompt: str, index: int, size: Size, moment: float = 0.0) -> list[Shape]:
    """The shapes of image *index*, the farthest first. *moment*, 0 to 1, is the position in an animation's loop."""
    landscape = _Landscape(
        terrain=choose_terrain(prompt, index),
        palette=choose_palette(prompt, index),
        random=random_for("scene", prompt, index),
        size=size,
        moment=moment,
    )
    return [*landscape.sky(), *landscape.land()]


class _Landscape:
    """One composition. Random numbers are drawn in the same order at every moment, so that only positions change."""

    def __init__(self, *, terrain: Terrain, palette: Palette, random: Random, size: Size, moment: float) -> None:
        self.terrain = terrain
        self.palette = palette
        self.random = random
        self.width, self.height = size.width, size.height
        self.unit = min(size.width, size.height)
        self.moment = moment

    def swing(self, distance: float) -> float:
        """How far something that moves to and fro is from its place, which it has at moment 0."""
        return distance * self.unit * (math.sin(math.tau * self.moment + SWING_START) - math.sin(SWING_START))

    def sky(self) -> Iterator[Shape]:
        yield Backdrop(self.palette.high, self.palette.low)
        if self.terrain.is_night:
            yield from self.stars()
            yield from self.northern_lights()
        x = self.width * self.random.uniform(0.2, 0.8) + self.swing(0.02)
        y = self.height * self.random.uniform(*self.terrain.sun_levels) - self.swing(0.035)
        radius = self.unit * self.terrain.sun_radius * self.random.uniform(0.85, 1.15)
        yield Glow((x, y), radius * 4.5, self.palette.sun, 0.5)
        yield Disc((x, y), radius, self.palette.sun)

    def stars(self) -> Iterator[Shape]:
        for number in range(140):
            at = (self.random.uniform(0, self.width), self.random.uniform(0, self.height * 0.75))
            radius = max(0.4, self.unit * self.random.choice((0.0011, 0.0016, 0.0024)))
            brightness = self.random.uniform(0.4, 1) + self.swing(0.4) / self.unit * (-1) ** number
            yield Disc(at, radius, (255, 250, 235), min(1.0, max(0.1, brightness)))

    def northern_lights(self) -> Iterator[Shape]:
        """Two curtains that fade upwards."""
        for direction in (-1, 1):
            level = self.height * self.random.uniform(0.36, 0.56)
            edge = self.ridge(level, 0.07, 0.5, octaves=2, shift=self.swing(0.12) * direction)
            color = mix_colors(self.palette.accent, self.palette.sun, self.random.uniform(0, 0.6))
            rise = self.unit * self.random.uniform(0.18, 0.3)
            for step in range(1, 9):
                top = [(x, y - rise * step / 8) for x, y in reversed(edge)]
                yield Polygon([*edge, *top], color, opacity=0.06)

    def land(self) -> Iterator[Shape]:
        terrain = self.terrain
        boat_layer, boat_x = self.random.randint(1, 2), self.random.uniform(0.2, 0.8)
        for layer in range(terrain.layers):
            depth = layer / (terrain.layers - 1)
            level = self.height * _between(terrain.levels, depth**1.15)
            if terrain.is_sea and layer == boat_layer:
                yield from self.boat(
                    (self.width * boat_x + self.swing(0.03), level - self.unit * 0.012 + self.swing(0.004))
                )
            line = self.layer_line(level, depth, layer)
            color = self.palette.layer(depth)
            foot = None if terrain.is_sea else mix_colors(color, self.palette.low, 0.4 * (1 - depth))
            ground = [*line, (line[-1][0], self.height + 2), (line[0][0], self.height + 2)]
            yield Polygon(ground, color, foot=foot, shadow=self.unit * terrain.shadow * (0.5 + depth))
            if terrain.firs == "forest":
                yield from self.forest(line, color, self.unit * _between((0.04, 0.075), depth))
            elif terrain.firs == "few" and depth == 1:
                yield from self.few_firs(line, color)

    def layer_line(self, level: float, depth: float, layer: int) -> list[Point]:
        """The upper edge of a layer, from left to right."""
        relief, swells = _between(self.terrain.relief, depth), _between(self.terrain.swells, depth)
        if self.terrain.is_sea:
            return self.wave(level, relief * self.unit, self.unit / swells, direction=(-1) ** layer)
        return self.ridge(level, relief, swells, octaves=self.terrain.octaves, shift=self.swing(0.07 * (1 - depth)))

    def ridge(self, level: float, relief: float, swells: float, *, octaves: int, shift: float) -> list[Point]:
        """Sines on top of each other, each about half as high and twice as dense as the one before."""
        parts = [
            (
                self.unit * relief / 2.1**octave,
                swells * 2.05**octave * self.random.uniform(0.85, 1.15) * math.tau / self.unit,
                self.random.uniform(0, math.tau),
            )
            for octave in range(octaves)
        ]
        return [
            (x, level + sum(height * math.sin(density * (x + shift) + phase) for height, density, phase in parts))
            for x in self.steps()
        ]

    def wave(self, level: float, height: float, length: float, *, direction: int) -> list[Point]:
        """Crests like scales, which move on by one *length* in a loop."""
        shift = self.random.uniform(0, length) + direction * length * self.moment
        return [(x, level - height * (1 - abs(math.sin(math.pi * (x + shift) / length)) ** 0.9)) for x in self.steps()]

    def steps(self) -> list[float]:
        """The x of a line's points."""
        step = max(1.5, self.unit / 240)
        return [number * step for number in range(int(self.width / step) + 3)]

    def few_firs(self, line: list[Point], color: Color) -> Iterator[Shape]:
        for _ in range(self.random.randint(2, 3)):
            middle = self.random.uniform(0.05, 0.95)
            for _ in range(self.random.randint(2, 4)):
                share = middle + self.random.uniform(-0.05, 0.05) * self.unit / self.width
                foot = line[int(min(0.995, max(0.0, share)) * (len(line) - 1))]
                yield _fir(foot, self.unit * self.random.uniform(0.09, 0.15), color)

    def forest(self, line: list[Point], color: Color, height: float) -> Iterator[Shape]:
        every = max(1, round(height * 0.3 / (line[1][0] - line[0][0])))
        for foot in line[::every]:
            yield _fir(foot, height * self.random.uniform(0.55, 1.2), color)

    def boat(self, at: Point) -> Iterator[Shape]:
        height = self.unit * 0.075
        sail = mix_colors(self.palette.low, WHITE, 0.6)
        parts = (
            ([(0, -1.5), (0.62, -0.3), (0, -0.3)], self.palette.accent),
            ([(-0.06, -1.3), (-0.5, -0.3), (-0.06, -0.3)], sail),
            ([(-0.7, -0.2), (0.8, -0.2), (0.5, 0.15), (-0.45, 0.15)], self.palette.near),
        )
        for corners, color in parts:
            yield Polygon([(at[0] + x * height, at[1] + y * height) for x, y in corners], color)


def _between(pair: tuple[float, float], share: float) -> float:
    return pair[0] + (pair[1] - pair[0]) * share


def _fir(foot: Point, height: float, color: Color) -> Polygon:
    x, y = foot[0], foot[1] + height * 0.25
    left = [(x - height * 0.24 * width, y - height * share) for share, width in FIR_OUTLINE]
    right = [(2 * x - px, py) for px, py in reversed(left)]
    return Polygon([*left, (x, y - height), *right], color)
