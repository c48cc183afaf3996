"""An input picture as a screen print in a palette's colours, with the further inputs pinned on it."""

from __future__ import annotations

from PIL import Image, ImageFilter, ImageOps

from imagecli.sandbox.painter.palettes import Palette, mix


def printed(image: Image.Image, palette: Palette) -> Image.Image:
    """Five inks from dark to light, as a screen print has them."""
    grey = ImageOps.autocontrast(image.convert("L"), cutoff=1)
    grey = grey.filter(ImageFilter.MedianFilter(5)).filter(ImageFilter.GaussianBlur(min(image.size) / 400))
    middle = mix(palette.far, palette.accent, 0.35)
    dark, light = mix(palette.near, (0, 0, 0), 0.2), mix(palette.low, (255, 255, 255), 0.4)
    inks = [dark, mix(palette.near, middle, 0.4), middle, mix(middle, light, 0.55), light]
    # Steps with a short slope between them keep the edges smooth.
    levels = [min(4.0, int(v / 51.2) + max(0.0, (v / 51.2 % 1 - 0.85) / 0.15)) for v in range(256)]
    table = [mix(inks[int(level)], inks[min(4, int(level) + 1)], level % 1) for level in levels]
    return grey.convert("RGB").point([colour[band] for band in range(3) for colour in table])


def pin(image: Image.Image, others: list[Image.Image]) -> None:
    """Small prints with a white edge in a row from the left."""
    if not others:
        return
    side = max(8, min(round(min(image.size) * 0.16), round(image.width * 0.9 / len(others))))
    edge = max(1, side // 18)
    for number, other in enumerate(others):
        small = ImageOps.expand(ImageOps.fit(other, (side - 3 * edge, side - 3 * edge)), edge, "white")
        image.paste(small, (round(image.width * 0.05) + number * side, (image.height - side) // 2))
