"""Scenes without a horizon: cut paper, tiles, arches and drifting discs. They stand still at moment 0."""

from __future__ import annotations

import math
from random import Random

from imagecli.sandbox.painter.palettes import Palette, mix
from imagecli.sandbox.painter.surface import Surface


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
        _sheet(canvas, hole, mix(palette.far, palette.near, 0.1 + 0.8 * share**1.1), canvas.unit * 0.012)


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
    ground = mix(palette.low, (255, 255, 255), 0.25)
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
    canvas.gradient(mix(palette.low, palette.high, 0.3), palette.low)
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
            mix(palette.far, palette.near, 0.5),
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
    canvas.gradient(palette.low, mix(palette.low, palette.high, 0.8))
    colours = palette.colours()[:5]
    for number in range(9):
        at = _drifted(canvas, (rng.uniform(0, canvas.width), rng.uniform(0, canvas.height)), number)
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
        at = _drifted(canvas, (rng.uniform(0, canvas.width), rng.uniform(0, canvas.height)), number)
        canvas.disc(at, canvas.unit * rng.uniform(0.008, 0.03), rng.choice((palette.near, palette.accent)))


def _drifted(canvas: Surface, at: tuple[float, float], number: int) -> tuple[float, float]:
    """Where disc *number* is at this moment: each goes another way."""
    way, away = number * 2.4, canvas.swing(canvas.unit * 0.06)
    return at[0] + math.cos(way) * away, at[1] + math.sin(way) * away
