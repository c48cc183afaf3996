"""Draws edits and variations from their source image: kept areas, prints of the source, and variations of it."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from imagecli.domain import Size
from imagecli.sandbox.painter.caption import Area
from imagecli.sandbox.painter.palettes import WHITE, Palette, mix_colors
from imagecli.sandbox.painter.scene import random_for

MARKUP_CELLS = 96
"""A markup is read on a grid of this many cells along its longer edge."""
MARKUP_REACH = 5
"""Cells; a line of a markup changes what is within this width."""
OPENING_CELLS = 40
"""Openings are searched on a grid of this many cells along the longer edge."""
HUES = (0, 20, -24, 42, -46, 10, 62, -64, 31, -12)
"""Degrees by which ten variations in a row are turned; all different. The next ten are mirrored the other way."""


def fit_to_size(image: Image.Image, size: Size) -> Image.Image:
    """At *size*: untouched if it has it, else resized to fill it and cropped at the center."""
    target = (size.width, size.height)
    return image if image.size == target else ImageOps.fit(image, target, Image.Resampling.LANCZOS)


def outside_marks(alpha: Image.Image) -> Image.Image:
    """255 where a pixel stays, 0 where a markup (of this *alpha*) covers or encircles it."""
    scale = max(alpha.size) / MARKUP_CELLS
    grid = (max(1, round(alpha.width / scale)), max(1, round(alpha.height / scale)))
    cells = alpha.resize(grid, Image.Resampling.BOX).point(lambda value: 255 if value > 8 else 0)
    # A free edge all round, so that the outside is one piece that a single fill reaches.
    drawn = ImageOps.expand(cells.filter(ImageFilter.MaxFilter(MARKUP_REACH)), 1, 0)
    outside = drawn.point(lambda value: 128 if value else 0)
    ImageDraw.floodfill(outside, (0, 0), 255)
    free = ImageOps.crop(outside.point(lambda value: 255 if value == 255 else 0), 1)
    soft = free.filter(ImageFilter.GaussianBlur(1.5)).resize(alpha.size, Image.Resampling.BICUBIC)
    return soft.point(lambda value: min(255, max(0, (value - 96) * 4)))


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
    """Five inks from dark to light, as in a screen print."""
    grey = image.convert("L")
    grey = Image.blend(ImageOps.autocontrast(grey, cutoff=1), ImageOps.equalize(grey), 0.4)
    grey = grey.filter(ImageFilter.MedianFilter(5)).filter(ImageFilter.GaussianBlur(min(image.size) / 400))
    middle = mix_colors(palette.far, palette.accent, 0.35)
    dark, light = mix_colors(palette.near, (0, 0, 0), 0.2), mix_colors(palette.low, WHITE, 0.4)
    inks = (dark, mix_colors(palette.near, middle, 0.4), middle, mix_colors(middle, light, 0.55), light)
    table = []
    for value in range(256):
        ink, rest = divmod(value / 51.2, 1)
        # Flat for most of a step, then a short slope to the next ink, which keeps the edges smooth.
        table.append(mix_colors(inks[int(ink)], inks[min(4, int(ink) + 1)], max(0.0, (rest - 0.85) / 0.15)))
    return grey.convert("RGB").point([color[band] for band in range(3) for color in table])


def pin_images(image: Image.Image, others: list[Image.Image]) -> None:
    """Puts small prints with a white edge on *image*, in a row from the left."""
    if not others:
        return
    side = max(8, min(round(min(image.size) * 0.16), round(image.width * 0.9 / len(others))))
    edge = max(1, side // 18)
    for number, other in enumerate(others):
        small = ImageOps.expand(ImageOps.fit(other, (side - 3 * edge, side - 3 * edge)), edge, "white")
        image.paste(small, (round(image.width * 0.05) + number * side, (image.height - side) // 2))


def paint_variation(source: Image.Image, index: int, size: Size) -> Image.Image:
    """*source*, mirrored or not, a little closer and with its hues turned."""
    rng = random_for("variation", index, source.resize((8, 8)).tobytes().hex())
    share = rng.uniform(0.84, 0.94)
    width, height = source.width * share, source.height * share
    left, top = int((source.width - width) * rng.random()), int((source.height - height) * rng.random())
    part = source.crop((left, top, left + max(1, int(width)), top + max(1, int(height))))
    image = fit_to_size(part, size)
    if (index + index // len(HUES)) % 2 == 0:
        image = ImageOps.mirror(image)
    hue, saturation, value = image.convert("HSV").split()
    shift = round(HUES[index % len(HUES)] * 256 / 360)
    return Image.merge("HSV", (hue.point(lambda h: (h + shift) % 256), saturation, value)).convert("RGB")


def badge_mask(size: Size) -> Image.Image:
    """255 inside a rectangle with round corners, 0 around it."""
    margin = round(min(size.width, size.height) * 0.06) * 2
    mask = Image.new("L", (size.width * 2, size.height * 2))
    box = (margin, margin, mask.width - margin, mask.height - margin)
    ImageDraw.Draw(mask).rounded_rectangle(box, min(mask.size) * 0.26, fill=255)
    return mask.reduce(2)


def vignette_mask(size: Size) -> Image.Image:
    """255 inside an ellipse with a soft edge, 0 around it."""
    mask = Image.radial_gradient("L").point(lambda value: max(0, min(255, (236 - value) * 8)))
    return mask.resize((size.width, size.height))
