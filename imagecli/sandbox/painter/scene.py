"""Scenes with a horizon: hills, sea, dunes, and a night with a forest. What moves in them stands still at moment 0.

Scenes without a horizon: cut paper, tiles, arches and drifting discs. They stand still at moment 0.

Which scene and which colours a prompt gets: decided by its hash, so that neighbours in *n* always differ.
"""

from __future__ import annotations

import hashlib
import math
from random import Random
from typing import Final

from PIL import Image

from imagecli.domain import Size
from imagecli.sandbox.painter.palettes import PALETTES, Palette, mix_colors
from imagecli.sandbox.painter.surface import Canvas, Point, Surface


def paper(canvas: Surface, palette: Palette, rng: Random) -> None:
    """Sheets of paper with ever smaller openings; in the last of them a small land under a sun."""
    canvas.gradient(palette.high, palette.low)
    centre = (canvas.width * rng.uniform(0.44, 0.56), canvas.height * rng.uniform(0.46, 0.54))
    sun = (centre[0] + canvas.unit * rng.uniform(-0.1, 0.1), centre[1] - canvas.unit * 0.02)
    canvas.glow(sun, canvas.unit * 0.4, palette.sun, 0.6)
    canvas.disc(sun, canvas.unit * 0.085, palette.sun)
    for depth in (0.25, 0.55, 0.9):
        canvas.polygon(_hill(canvas, rng, centre[1] + canvas.unit * (0.02 + 0.12 * depth)), palette.layer(depth))
    parts = [(k, rng.uniform(0.5, 1.0) * 0.2 / k**0.8, rng.uniform(0, math.tau)) for k in (2, 3, 5, 7)]
    count, sway = 6, canvas.swing(0.45)
    for index in range(count):
        share = index / (count - 1)
        hole = []
        for step in range(241):
            angle = step * math.tau / 240
            swell = 1 + sum(a * math.sin(k * angle + p + index * 0.3 + sway) for k, a, p in parts)
            across, down = (math.cos(angle) * canvas.width, math.sin(angle) * canvas.height)
            reach = (0.27 + 0.33 * share) * swell
            hole.append((centre[0] + across * reach, centre[1] + down * reach))
        _sheet(canvas, hole, mix_colors(palette.far, palette.near, 0.1 + 0.8 * share**1.1), canvas.unit * 0.012)


def _hill(canvas: Surface, rng: Random, level: float) -> list[tuple[float, float]]:
    phase, length = rng.uniform(0, math.tau), canvas.unit * rng.uniform(0.35, 0.6)
    xs = [canvas.width * k / 160 for k in range(161)]
    line = [(x, level + canvas.unit * 0.035 * math.sin(phase + x * math.tau / length)) for x in xs]
    return [*line, (canvas.width, canvas.height), (0, canvas.height)]


def _sheet(canvas: Surface, hole: list[tuple[float, float]], colour: tuple[int, int, int], shadow: float) -> None:
    far = 0.2 * canvas.unit
    start = hole[0]
    edge = [
        (canvas.width + far, start[1]),
        (canvas.width + far, -far),
        (-far, -far),
        (-far, canvas.height + far),
        (canvas.width + far, canvas.height + far),
        (canvas.width + far, start[1]),
    ]
    canvas.polygon([*hole, *edge], colour, shadow=shadow)


def tiles(canvas: Surface, palette: Palette, rng: Random) -> None:
    """Quarter circles and discs on a grid."""
    ground = mix_colors(palette.low, (255, 255, 255), 0.25)
    canvas.gradient(ground, ground)
    across = max(3, round(canvas.width / canvas.unit * 4))
    down = max(3, round(canvas.height / canvas.unit * 4))
    wide, high = canvas.width / across, canvas.height / down
    colours = [colour for colour in palette.colours() if colour != palette.low]
    for row in range(down):
        for column in range(across):
            _tile(canvas, (column * wide, row * high, wide, high), rng, rng.sample([*colours, ground], 2))


def _tile(
    canvas: Surface, place: tuple[float, float, float, float], rng: Random, pair: list[tuple[int, int, int]]
) -> None:
    x, y, wide, high = place
    back, front = pair
    canvas.polygon([(x, y), (x + wide + 1, y), (x + wide + 1, y + high + 1), (x, y + high + 1)], back)
    kind, turn = rng.randrange(4), rng.randrange(4)
    if kind == 0:
        least, most = 0.14 + canvas.swing(0.05), 0.86 - canvas.swing(0.05)
        canvas.ellipse((x + wide * least, y + high * least, x + wide * most, y + high * most), front)
    elif kind == 1:
        cx, cy = x + (wide if turn in (1, 2) else 0), y + (high if turn in (2, 3) else 0)
        canvas.pie((cx - wide, cy - high, cx + wide, cy + high), turn * 90, turn * 90 + 90, front)
    elif kind == 2:
        start = turn * 90 + 360 * canvas.moment
        canvas.pie((x, y, x + wide, y + high), start, start + 180, front)
    else:
        corners = [(x, y), (x + wide, y), (x + wide, y + high), (x, y + high)]
        canvas.polygon([corners[turn], corners[(turn + 1) % 4], corners[(turn + 2) % 4]], front)


def arches(canvas: Surface, palette: Palette, rng: Random) -> None:
    """Rainbows of a printed poster, one before the other."""
    canvas.gradient(mix_colors(palette.low, palette.high, 0.3), palette.low)
    risen = canvas.height * 0.29 - canvas.swing(canvas.unit * 0.05)
    canvas.disc((canvas.width * rng.uniform(0.15, 0.85), risen), canvas.unit * 0.09, palette.sun)
    places = sorted(rng.uniform(0.05, 0.95) for _ in range(3))
    rng.shuffle(places)
    for index, place in enumerate(places):
        radius = canvas.unit * (0.5 - 0.09 * index)
        centre = (canvas.width * place, canvas.height * (0.86 + 0.07 * index))
        bands = [
            palette.near,
            palette.accent,
            palette.far,
            palette.sun,
            mix_colors(palette.far, palette.near, 0.5),
            palette.low,
        ]
        shift, grown = rng.randrange(len(bands)), canvas.swing(radius * 0.06) * (-1) ** index
        for band in range(5):
            colour = bands[(band + shift) % len(bands)]
            shadow = canvas.unit * 0.008 if not band else 0
            canvas.disc(centre, (radius + grown) * (1 - band * 0.19), colour, shadow=shadow)
    floor = canvas.height * 0.9
    canvas.polygon(
        [(-2, floor), (canvas.width + 2, floor), (canvas.width + 2, canvas.height + 2), (-2, canvas.height + 2)],
        palette.near,
    )


def drift(canvas: Surface, palette: Palette, rng: Random) -> None:
    """Sheer discs that lie over one another, and fine lines through them."""
    canvas.gradient(palette.low, mix_colors(palette.low, palette.high, 0.8))
    colours = palette.colours()[:5]
    for number in range(9):
        at = _drifted_point(canvas, (rng.uniform(0, canvas.width), rng.uniform(0, canvas.height)), number)
        canvas.disc(at, canvas.unit * rng.uniform(0.1, 0.36), rng.choice(colours), rng.uniform(0.45, 0.8))
    for _ in range(4):
        at = (rng.uniform(0, canvas.width), rng.uniform(0, canvas.height))
        radius = canvas.unit * rng.uniform(0.2, 0.5)
        ring = [
            (at[0] + math.cos(a * math.tau / 120) * radius, at[1] + math.sin(a * math.tau / 120) * radius)
            for a in range(121)
        ]
        canvas.line(ring, canvas.unit * 0.004, palette.near, 0.7)
    for number in range(5):
        at = _drifted_point(canvas, (rng.uniform(0, canvas.width), rng.uniform(0, canvas.height)), number)
        canvas.disc(at, canvas.unit * rng.uniform(0.008, 0.03), rng.choice((palette.near, palette.accent)))


def _drifted_point(canvas: Surface, at: tuple[float, float], number: int) -> tuple[float, float]:
    """Where disc *number* is at this moment: each goes another way."""
    way, away = number * 2.4, canvas.swing(canvas.unit * 0.06)
    return at[0] + math.cos(way) * away, at[1] + math.sin(way) * away


def hills(canvas: Surface, palette: Palette, rng: Random) -> None:
    """Ridges that grow darker as they come nearer, under a sun, with a few firs in front."""
    canvas.gradient(palette.high, palette.low)
    sun = (canvas.width * rng.uniform(0.2, 0.8), canvas.height * rng.uniform(0.36, 0.46))
    _sun(canvas, palette, _raised_point(canvas, sun), canvas.unit * rng.uniform(0.09, 0.14))
    count = rng.randint(5, 6)
    for index in range(count):
        depth = index / (count - 1)
        level = canvas.height * (0.5 + 0.4 * depth**1.15)
        past = canvas.swing(canvas.unit * 0.07 * (1 - depth))
        ridge = _ridge(canvas, rng, level, canvas.unit * (0.075 - 0.03 * depth), 1.6 + 1.2 * (1 - depth), past=past)
        mist = mix_colors(palette.layer(depth), palette.low, 0.45 * (1 - depth))
        canvas.polygon(_ground(canvas, ridge), palette.layer(depth), foot=mist if depth < 1 else None)
        if depth == 1:
            _firs(canvas, palette, rng, ridge)


def sea(canvas: Surface, palette: Palette, rng: Random) -> None:
    """Paper waves, a low sun and one boat."""
    canvas.gradient(palette.high, palette.low)
    horizon = canvas.height * rng.uniform(0.5, 0.56)
    sun = (canvas.width * rng.uniform(0.25, 0.75), horizon - canvas.unit * 0.06)
    _sun(canvas, palette, _raised_point(canvas, sun), canvas.unit * rng.uniform(0.12, 0.17))
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
    _sun(canvas, palette, _raised_point(canvas, sun), canvas.unit * rng.uniform(0.07, 0.1))
    count = 5
    for index in range(count):
        depth = index / (count - 1)
        level = canvas.height * (0.56 + 0.36 * depth)
        crest = _ridge(canvas, rng, level + canvas.swing(canvas.unit * 0.018 * (1 - depth)), canvas.unit * 0.09, 0.9, 1)
        colour = palette.layer(depth * 0.85)
        canvas.polygon(_ground(canvas, crest), colour, foot=mix_colors(colour, palette.low, 0.25 * (1 - depth)))
        for slope in _lee_sides(crest, canvas.unit * 0.06):
            canvas.polygon(slope, mix_colors(colour, palette.near, 0.35), foot=mix_colors(colour, palette.near, 0.12))


def night(canvas: Surface, palette: Palette, rng: Random) -> None:
    """Stars, a moon, bands of light and a forest's edge."""
    deep = mix_colors(palette.near, (4, 8, 24), 0.35)
    canvas.gradient(deep, mix_colors(palette.near, palette.far, 0.75))
    for _ in range(160):
        at = (rng.uniform(0, canvas.width), rng.uniform(0, canvas.height * 0.75))
        size, bright = canvas.unit * rng.choice((0.0011, 0.0016, 0.0024)), rng.uniform(0.4, 1)
        twinkle = canvas.swing(0.45) * (-1) ** int(at[0])
        canvas.disc(at, size, (255, 250, 235), min(1.0, max(0.1, bright + twinkle)))
    for band in range(3):
        _light(canvas, palette, rng, canvas.swing(canvas.unit * 0.12) * (-1) ** band)
    moon = (canvas.width * rng.uniform(0.18, 0.82), canvas.height * rng.uniform(0.2, 0.3))
    canvas.glow(moon, canvas.unit * 0.26, palette.sun, 0.5)
    canvas.polygon(_crescent(moon, canvas.unit * 0.062), mix_colors(palette.sun, (255, 255, 255), 0.35))
    for depth in (0.45, 0.75, 1.0):
        ridge = _ridge(canvas, rng, canvas.height * (0.66 + 0.2 * depth), canvas.unit * 0.045, 1.8)
        colour = mix_colors(palette.layer(depth), deep, 0.5)
        canvas.polygon(_ground(canvas, ridge), colour)
        _forest(canvas, colour, rng, ridge, canvas.unit * 0.075 * depth)


def _raised_point(canvas: Surface, at: Point) -> Point:
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
    sail = mix_colors(palette.low, (255, 255, 255), 0.6)
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
    colour = rng.choice((palette.accent, palette.sun, mix_colors(palette.accent, palette.sun, 0.5)))
    for k in range(10):
        rise = height * (k + 1) / 10
        canvas.polygon([*line, *[(x, y - rise) for x, y in reversed(line)]], colour, 0.05)


SCENES: Final = (hills, paper, sea, night, tiles, dunes, arches, drift)


def random_for(*words: object) -> Random:
    """A generator of its own for these words; the same for ever."""
    text = "\x00".join(str(word) for word in words)
    return Random(hashlib.sha256(text.encode("utf-8", "replace")).digest())


def choose_palette(prompt: str, index: int) -> Palette:
    """InputPicture *index*'s colours; twelve in a row are all different."""
    first = random_for("palette", prompt).randrange(len(PALETTES))
    return PALETTES[(first + index * 5) % len(PALETTES)].with_turned_hues(
        random_for("hue", prompt, index).uniform(-9, 9)
    )


def paint_scene(prompt: str, index: int, size: Size, moment: float = 0.0) -> Image.Image:
    """An RGB picture without words; *moment* 0 to 1 is where it is in its loop."""
    canvas = Canvas(size, choose_palette(prompt, index).low, moment)
    draw_scene(canvas, prompt, index)
    return canvas.image


def draw_scene(surface: Surface, prompt: str, index: int) -> None:
    """InputPicture *index*'s scene on whatever *surface* is."""
    first = random_for("scene", prompt).randrange(len(SCENES))
    SCENES[(first + index * 3) % len(SCENES)](surface, choose_palette(prompt, index), random_for("draw", prompt, index))
