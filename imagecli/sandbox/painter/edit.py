"""Draws edits and variations from their source image: areas that stay, prints of the source, and variations of it."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from imagecli.domain import Size
from imagecli.sandbox.painter.caption import Area
from imagecli.sandbox.painter.colors import WHITE, Palette, mix_colors
from imagecli.sandbox.painter.scene import random_for

MARKUP_CELLS = 96
"""A markup is read on a grid of this many cells along its longer edge."""
MARKUP_REACH = 5
"""Cells; a line of a markup changes what is within this width."""
OPENING_CELLS = 40
"""Openings are searched on a grid of this many cells along the longer edge."""
HUES = (0, 20, -24, 42, -46, 10, 62, -64, 31, -12)
"""Degrees by which the hues of ten variations in a row are turned; all different."""


def fit_to_size(image: Image.Image, size: Size) -> Image.Image:
    """At *size*: untouched if it has it, else resized to fill it and cropped at the center."""
    return image if image.size == size else ImageOps.fit(image, size, Image.Resampling.LANCZOS)


def outside_marks(alpha: Image.Image) -> Image.Image:
    """255 where a pixel stays, 0 where a markup (of this *alpha*) covers or encircles it."""
    scale = max(alpha.size) / MARKUP_CELLS
    grid = (max(1, round(alpha.width / scale)), max(1, round(alpha.height / scale)))
    cells = alpha.resize(grid, Image.Resampling.BOX).point([128 * (value > 8) for value in range(256)])
    # A free edge all round, so that the outside is one piece that a single fill reaches.
    marked = ImageOps.expand(cells.filter(ImageFilter.MaxFilter(MARKUP_REACH)), 1, 0)
    ImageDraw.floodfill(marked, (0, 0), 255)
    outside = ImageOps.crop(marked.point([255 * (value == 255) for value in range(256)]), 1)
    soft = outside.filter(ImageFilter.GaussianBlur(1.5)).resize(alpha.size, Image.Resampling.BICUBIC)
    return soft.point([min(255, max(0, (value - 96) * 4)) for value in range(256)])


def largest_opening(new: Image.Image) -> Area:
    """The largest upright rectangle of *new* ("L") that is 255 everywhere, in pixels; empty if there is none."""
    scale = max(1.0, max(new.size) / OPENING_CELLS)
    columns, rows = max(1, int(new.width / scale)), max(1, int(new.height / scale))
    cells = new.resize((columns, rows), Image.Resampling.BOX).tobytes()
    heights = [0] * columns
    best_count, best = 0, (0, 0, 0, 0)
    for row in range(rows):
        for column in range(columns):
            heights[column] = heights[column] + 1 if cells[row * columns + column] >= 250 else 0
        for left in range(columns):
            height = heights[left]
            for right in range(left, columns):
                height = min(height, heights[right])
                if height * (right + 1 - left) > best_count:
                    best_count = height * (right + 1 - left)
                    best = (left, row + 1 - height, right + 1, row + 1)
    across, down = new.width / columns, new.height / rows
    return round(best[0] * across), round(best[1] * down), round(best[2] * across), round(best[3] * down)


def paint_print(image: Image.Image, palette: Palette) -> Image.Image:
    """*image* in the colors of the palette, from dark to light, as in a duotone print."""
    grey = ImageOps.autocontrast(image.convert("L"), cutoff=1)
    grey = Image.blend(grey, ImageOps.equalize(grey), 0.4)
    middle = mix_colors(palette.far, palette.accent, 0.35)
    return ImageOps.colorize(grey, palette.near, mix_colors(palette.low, WHITE, 0.4), middle)


def pin_images(image: Image.Image, further_images: list[Image.Image]) -> None:
    """Puts small prints with a white edge on *image*, in a row from the left."""
    if not further_images:
        return
    side = max(8, min(round(min(image.size) * 0.16), round(image.width * 0.9 / len(further_images))))
    edge = max(1, side // 18)
    for number, further_image in enumerate(further_images):
        small = ImageOps.expand(ImageOps.fit(further_image, (side - 3 * edge, side - 3 * edge)), edge, "white")
        image.paste(small, (round(image.width * 0.05) + number * side, (image.height - side) // 2))


def paint_variation(source: Image.Image, index: int, size: Size) -> Image.Image:
    """A part of *source*, a little closer, with its hues turned."""
    rng = random_for("variation", index, source.resize((8, 8)).tobytes().hex())
    share = rng.uniform(0.84, 0.94)
    width, height = source.width * share, source.height * share
    left, top = int((source.width - width) * rng.random()), int((source.height - height) * rng.random())
    part = source.crop((left, top, left + max(1, int(width)), top + max(1, int(height))))
    hue, saturation, brightness = fit_to_size(part, size).convert("HSV").split()
    shift = round(HUES[index % len(HUES)] * 256 / 360)
    turned = hue.point([(value + shift) % 256 for value in range(256)])
    return Image.merge("HSV", (turned, saturation, brightness)).convert("RGB")


def badge_mask(size: Size) -> Image.Image:
    """255 inside a rectangle with round corners, 0 around it."""
    margin = round(min(size.width, size.height) * 0.06) * 2
    mask = Image.new("L", (size.width * 2, size.height * 2))
    box = (margin, margin, mask.width - margin, mask.height - margin)
    ImageDraw.Draw(mask).rounded_rectangle(box, min(mask.size) * 0.26, fill=255)
    return mask.reduce(2)
