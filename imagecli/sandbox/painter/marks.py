"""What a drawing over a picture means: what it covers and what it goes round is to be changed."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFilter, ImageOps

CELLS = 96
"""The drawing is looked at on a grid of so many cells along its longer edge."""
REACH = 5
"""Cells, across; a line reaches so far beyond itself."""


def outside_marks(alpha: Image.Image) -> Image.Image:
    """255 where a pixel stays, 0 round the marks; *alpha* is the drawing's, 0 where it shows through."""
    scale = max(alpha.size) / CELLS
    grid = (max(1, round(alpha.width / scale)), max(1, round(alpha.height / scale)))
    cells = alpha.resize(grid, Image.Resampling.BOX).point(lambda value: 255 * (value > 8))
    # A free edge all round, so that the outside is one piece.
    drawn = ImageOps.expand(cells.filter(ImageFilter.MaxFilter(REACH)), 1, 0)
    outside = drawn.point(lambda value: 128 * (value > 0))
    ImageDraw.floodfill(outside, (0, 0), 255)
    free = ImageOps.crop(outside.point(lambda value: 255 * (value == 255)), 1).filter(ImageFilter.GaussianBlur(1.5))
    return free.resize(alpha.size, Image.Resampling.BICUBIC).point(lambda value: min(255, max(0, (value - 96) * 4)))
