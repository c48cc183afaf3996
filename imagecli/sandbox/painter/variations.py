"""Variations: the source, mirrored or not, a little closer, in other light; like it, and like no other of the *n*."""

from __future__ import annotations

from random import Random

from PIL import Image, ImageChops, ImageEnhance, ImageOps

from imagecli.domain import Size
from imagecli.sandbox.job import Job
from imagecli.sandbox.painter.palettes import PALETTES, Palette, mix
from imagecli.sandbox.painter.pictures import flatten
from imagecli.sandbox.painter.scenes import random_of
from imagecli.sandbox.painter.signing import sign

HUES = (0, 20, -24, 42, -46, 10, 62, -64, 31, -12)
"""Degrees by which ten pictures in a row are turned; all different. The next ten are mirrored the other way."""


def varied(job: Job, index: int, *, signed: bool = True) -> Image.Image:
    """Picture *index* of a variation."""
    source = flatten(job.images[0].image)
    rng = random_of("variation", index, source.resize((8, 8)).tobytes().hex())
    image = _framed(source, job.size, rng, mirrored=(index + index // len(HUES)) % 2 == 0)
    image = _turned(image, HUES[index % len(HUES)])
    image = _lit(image, PALETTES[rng.randrange(len(PALETTES))])
    image = ImageEnhance.Color(image).enhance(rng.uniform(1.02, 1.25))
    if signed:
        sign(image, (0, 0, *image.size))
    return image


def _framed(source: Image.Image, size: Size, rng: Random, *, mirrored: bool) -> Image.Image:
    """A crop of 84 to 94 per cent, somewhere near the middle."""
    share, (x, y) = rng.uniform(0.84, 0.94), (rng.random(), rng.random())
    wide, high = source.width * share, source.height * share
    left, top = (source.width - wide) * x, (source.height - high) * y
    part = source.crop((int(left), int(top), max(int(left) + 1, int(left + wide)), max(int(top) + 1, int(top + high))))
    image = ImageOps.fit(part, (size.width, size.height), Image.Resampling.LANCZOS)
    return ImageOps.mirror(image) if mirrored else image


def _turned(image: Image.Image, degrees: int) -> Image.Image:
    hue, saturation, value = image.convert("HSV").split()
    shift = round(degrees * 256 / 360)
    return Image.merge("HSV", (hue.point(lambda h: (h + shift) % 256), saturation, value)).convert("RGB")


def _lit(image: Image.Image, palette: Palette) -> Image.Image:
    """A soft light of the palette's colours from above."""
    sky = mix(palette.high, (255, 255, 255), 0.2)
    light = ImageOps.colorize(Image.linear_gradient("L"), sky, mix(palette.near, (128, 128, 128), 0.6))
    return Image.blend(image, ImageChops.soft_light(image, light.resize(image.size)), 0.85)
