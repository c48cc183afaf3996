"""Scenes with a horizon: hills, sea, dunes, and a night with a forest. What moves in them stands still at moment 0."""

from __future__ import annotations

import math
from random import Random

from imagecli.sandbox.painter.palettes import Palette, mix
from imagecli.sandbox.painter.surface import Point, Surface


def hills(canvas: Surface, palette: Palette, rng: Random) -> None:
    """Ridges that grow darker as they come nearer, under a sun, with a few firs in front."""
    canvas.gradient(palette.high, palette.low)
    sun = (canvas.width * rng.uniform(0.2, 0.8), canvas.height * rng.uniform(0.36, 0.46))
    _sun(canvas, palette, _risen(canvas, sun), canvas.unit * rng.uniform(0.09, 0.14))
    count = rng.randint(5, 6)
    for index in range(count):
        depth = index / (count - 1)
        level = canvas.height * (0.5 + 0.4 * depth**1.15)
        past = canvas.swing(canvas.unit * 0.07 * (1 - depth))
        ridge = _ridge(canvas, rng, level, canvas.unit * (0.075 - 0.03 * depth), 1.6 + 1.2 * (1 - depth), past=past)
        mist = mix(palette.layer(depth), palette.low, 0.45 * (1 - depth))
        canvas.polygon(_ground(canvas, ridge), palette.layer(depth), foot=mist if depth < 1 else None)
        if depth == 1:
            _firs(canvas, palette, rng, ridge)


def sea(canvas: Surface, palette: Palette, rng: Random) -> None:
    """Paper waves, a low sun and one boat."""
    canvas.gradient(palette.high, palette.low)
    horizon = canvas.height * rng.uniform(0.5, 0.56)
    sun = (canvas.width * rng.uniform(0.25, 0.75), horizon - canvas.unit * 0.06)
    _sun(canvas, palette, _risen(canvas, sun), canvas.unit * rng.uniform(0.12, 0.17))
    count = 6
    boat = (rng.uniform(0.2, 0.8) * canvas.width, rng.randint(1, 2))
    for index in range(count):
        depth = index / (count - 1)
        level = horizon + (canvas.height - horizon) * 0.86 * depth**1.2
        if index == boat[1]:
            bob = canvas.unit * 0.004 + canvas.swing(canvas.unit * 0.004)
            _boat(canvas, palette, (boat[0] + canvas.swing(canvas.unit * 0.03), level + bob), canvas.unit * 0.075)
        height, length = canvas.unit * (0.006 + 0.02 * depth), canvas.unit * (0.16 + 0.3 * depth)
        wave = _waves(canvas, rng, level, height, length, (-1) ** index)
        canvas.polygon(_ground(canvas, wave), palette.layer(depth), shadow=canvas.unit * 0.008 * (0.5 + depth))


def dunes(canvas: Surface, palette: Palette, rng: Random) -> None:
    """Long slopes with a lit and a shaded side."""
    canvas.gradient(palette.high, palette.low)
    sun = (canvas.width * rng.uniform(0.15, 0.85), canvas.height * rng.uniform(0.25, 0.36))
    _sun(canvas, palette, _risen(canvas, sun), canvas.unit * rng.uniform(0.07, 0.1))
    count = 5
    for index in range(count):
        depth = index / (count - 1)
        level = canvas.height * (0.56 + 0.36 * depth)
        crest = _ridge(canvas, rng, level + canvas.swing(canvas.unit * 0.018 * (1 - depth)), canvas.unit * 0.09, 0.9, 1)
        colour = palette.layer(depth * 0.85)
        canvas.polygon(_ground(canvas, crest), colour, foot=mix(colour, palette.low, 0.25 * (1 - depth)))
        for slope in _lee_sides(crest, canvas.unit * 0.06):
            canvas.polygon(slope, mix(colour, palette.near, 0.35), foot=mix(colour, palette.near, 0.12))


def night(canvas: Surface, palette: Palette, rng: Random) -> None:
    """Stars, a moon, bands of light and a forest's edge."""
    deep = mix(palette.near, (4, 8, 24), 0.35)
    canvas.gradient(deep, mix(palette.near, palette.far, 0.75))
    for _ in range(160):
        at = (rng.uniform(0, canvas.width), rng.uniform(0, canvas.height * 0.75))
        size, bright = canvas.unit * rng.choice((0.0011, 0.0016, 0.0024)), rng.uniform(0.4, 1)
        twinkle = canvas.swing(0.45) * (-1) ** int(at[0])
        canvas.disc(at, size, (255, 250, 235), min(1.0, max(0.1, bright + twinkle)))
    for band in range(3):
        _light(canvas, palette, rng, canvas.swing(canvas.unit * 0.12) * (-1) ** band)
    moon = (canvas.width * rng.uniform(0.18, 0.82), canvas.height * rng.uniform(0.2, 0.3))
    canvas.glow(moon, canvas.unit * 0.26, palette.sun, 0.5)
    canvas.polygon(_crescent(moon, canvas.unit * 0.062), mix(palette.sun, (255, 255, 255), 0.35))
    for depth in (0.45, 0.75, 1.0):
        ridge = _ridge(canvas, rng, canvas.height * (0.66 + 0.2 * depth), canvas.unit * 0.045, 1.8)
        colour = mix(palette.layer(depth), deep, 0.5)
        canvas.polygon(_ground(canvas, ridge), colour)
        _forest(canvas, colour, rng, ridge, canvas.unit * 0.075 * depth)


def _risen(canvas: Surface, at: Point) -> Point:
    """Where something high up is at this moment, that has its place at *at*."""
    return at[0] + canvas.swing(canvas.unit * 0.02), at[1] - canvas.swing(canvas.unit * 0.035)


def _sun(canvas: Surface, palette: Palette, at: Point, radius: float) -> None:
    canvas.glow(at, radius * 4.5, palette.sun, 0.55)
    canvas.disc(at, radius, palette.sun)


def _crescent(at: Point, radius: float) -> list[Point]:
    """A waxing moon, tilted."""
    angles = [math.radians(55 + k * 5) for k in range(53)]
    outer = [(at[0] + math.cos(a) * radius, at[1] + math.sin(a) * radius) for a in angles]
    (x0, y0), (x1, y1) = outer[-1], outer[0]
    inner = []
    for k in range(41):
        t = k / 40
        bulge = math.sin(t * math.pi) * radius * 0.72
        away = math.atan2(y1 - y0, x1 - x0) + math.pi / 2
        inner.append((x0 + (x1 - x0) * t + math.cos(away) * bulge, y0 + (y1 - y0) * t + math.sin(away) * bulge))
    return [*outer, *inner]


def _ridge(
    canvas: Surface, rng: Random, level: float, height: float, waves: float, octaves: int = 4, past: float = 0.0
) -> list[Point]:
    """A line from left to right round *level*; *waves* big swells across a square picture, *past* pixels moved on."""
    parts = [
        (height / 2.1**k, waves * 2.05**k * rng.uniform(0.85, 1.15), rng.uniform(0, math.tau)) for k in range(octaves)
    ]
    step = max(2.0, canvas.unit / 220)
    xs = [x * step for x in range(int(canvas.width / step) + 3)]
    return [
        (x, level + sum(a * math.sin(f * math.tau * (x + past) / canvas.unit / 1.4 + p) for a, f, p in parts))
        for x in xs
    ]


def _waves(canvas: Surface, rng: Random, level: float, height: float, length: float, way: int) -> list[Point]:
    """Crests like scales, a row of hollows between points; one *length* in a loop, *way* 1 or -1."""
    shift = rng.uniform(0, length) + way * length * canvas.moment
    step = max(1.5, canvas.unit / 260)
    xs = [x * step for x in range(int(canvas.width / step) + 3)]
    return [(x, level - height * (1 - abs(math.sin(math.pi * (x + shift) / length)) ** 0.9) * 2) for x in xs]


def _ground(canvas: Surface, line: list[Point]) -> list[Point]:
    """Everything under the line."""
    return [*line, (line[-1][0], canvas.height + 2), (line[0][0], canvas.height + 2)]


def _lee_sides(crest: list[Point], depth: float) -> list[list[Point]]:
    """The slopes away from the light: from each top along the crest to its valley, and back in a curve below."""
    slopes = []
    ys = [y for _, y in crest]
    tops = [k for k in range(1, len(ys) - 1) if ys[k - 1] >= ys[k] < ys[k + 1]]
    for top in tops:
        valley = next((k for k in range(top + 1, len(ys) - 1) if ys[k] >= ys[k + 1]), len(ys) - 1)
        (left, high), (right, low) = crest[top], crest[valley]
        back = [
            (right + (left - right) * t - math.sin(t * math.pi) * (right - left) * 0.16, low + (high - low) * t**1.5)
            for t in (k / 24 for k in range(25))
        ]
        sag = [(x, y + math.sin(k / 24 * math.pi) * depth) for k, (x, y) in enumerate(back)]
        slopes.append([*crest[top : valley + 1], *sag])
    return slopes


def _firs(canvas: Surface, palette: Palette, rng: Random, ridge: list[Point]) -> None:
    for _ in range(rng.randint(2, 3)):
        middle = rng.uniform(0.05, 0.95)
        for _ in range(rng.randint(2, 4)):
            place = min(0.995, max(0.0, middle + rng.uniform(-0.05, 0.05) * canvas.unit / canvas.width))
            foot = ridge[int(place * (len(ridge) - 1))]
            _fir(canvas, palette.near, foot, canvas.unit * rng.uniform(0.09, 0.15))


def _forest(canvas: Surface, colour: tuple[int, int, int], rng: Random, ridge: list[Point], height: float) -> None:
    every = max(1, round(height * 0.3 / max(1.0, ridge[1][0] - ridge[0][0])))
    for foot in ridge[::every]:
        _fir(canvas, colour, foot, height * rng.uniform(0.55, 1.2))


def _fir(canvas: Surface, colour: tuple[int, int, int], foot: Point, height: float) -> None:
    x, y = foot[0], foot[1] + height * 0.25
    half = height * 0.24
    left = [(x - half * width, y - height * share) for share, width in _TIERS]
    right = [(2 * x - px, py) for px, py in reversed(left)]
    canvas.polygon([*left, (x, y - height), *right], colour)


_TIERS = ((0.0, 0.16), (0.16, 0.16), (0.16, 1.0), (0.42, 0.5), (0.42, 0.78), (0.68, 0.3), (0.68, 0.5))
"""The left side of a fir from the foot up: height and half width, as shares."""


def _boat(canvas: Surface, palette: Palette, at: Point, height: float) -> None:
    x, y = at
    canvas.polygon(
        [(x, y - height * 1.5), (x + height * 0.62, y - height * 0.3), (x, y - height * 0.3)], palette.accent
    )
    sail = mix(palette.low, (255, 255, 255), 0.6)
    canvas.polygon(
        [
            (x - 0.06 * height, y - height * 1.3),
            (x - height * 0.5, y - height * 0.3),
            (x - 0.06 * height, y - height * 0.3),
        ],
        sail,
    )
    deck, keel = y - height * 0.2, y + height * 0.15
    hull = [(-0.7, deck), (0.8, deck), (0.5, keel), (-0.45, keel)]
    canvas.polygon([(x + height * along, level) for along, level in hull], palette.near)


def _light(canvas: Surface, palette: Palette, rng: Random, past: float) -> None:
    """One band of northern light: a wavering curtain that fades upwards."""
    level = canvas.height * rng.uniform(0.34, 0.58)
    line = _ridge(canvas, rng, level, canvas.unit * 0.07, 0.7, octaves=2, past=past)
    height = canvas.unit * rng.uniform(0.16, 0.3)
    colour = rng.choice((palette.accent, palette.sun, mix(palette.accent, palette.sun, 0.5)))
    for k in range(10):
        rise = height * (k + 1) / 10
        canvas.polygon([*line, *[(x, y - rise) for x, y in reversed(line)]], colour, 0.05)
