"""Which scene and which colours a prompt gets: decided by its hash, so that neighbours in *n* always differ."""

from __future__ import annotations

import hashlib
from random import Random
from typing import Final

from PIL import Image

from imagecli.domain import Size
from imagecli.sandbox.painter import land, shapes
from imagecli.sandbox.painter.canvas import Canvas
from imagecli.sandbox.painter.palettes import PALETTES, Palette
from imagecli.sandbox.painter.surface import Surface

SCENES: Final = (land.hills, shapes.paper, land.sea, land.night, shapes.tiles, land.dunes, shapes.arches, shapes.drift)


def random_of(*words: object) -> Random:
    """A generator of its own for these words; the same for ever."""
    text = "\x00".join(str(word) for word in words)
    return Random(hashlib.sha256(text.encode("utf-8", "replace")).digest())


def palette_of(prompt: str, index: int) -> Palette:
    """Picture *index*'s colours; twelve in a row are all different."""
    first = random_of("palette", prompt).randrange(len(PALETTES))
    return PALETTES[(first + index * 5) % len(PALETTES)].turned(random_of("hue", prompt, index).uniform(-9, 9))


def scene(prompt: str, index: int, size: Size, moment: float = 0.0) -> Image.Image:
    """An RGB picture without words; *moment* 0 to 1 is where it is in its loop."""
    canvas = Canvas(size, palette_of(prompt, index).low, moment)
    draw(canvas, prompt, index)
    return canvas.image


def draw(surface: Surface, prompt: str, index: int) -> None:
    """Picture *index*'s scene on whatever *surface* is."""
    first = random_of("scene", prompt).randrange(len(SCENES))
    SCENES[(first + index * 3) % len(SCENES)](surface, palette_of(prompt, index), random_of("draw", prompt, index))
