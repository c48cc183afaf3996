"""Where in a mask there is room for words: the largest upright rectangle that is wholly edited."""

from __future__ import annotations

from PIL import Image

from imagecli.sandbox.painter.grounds import Area

CELLS = 40
"""The mask is looked at on a grid of so many cells along its longer edge."""


def largest_opening(changed: Image.Image) -> Area:
    """In pixels of *changed* ("L", 255 where new); empty where no cell is free."""
    scale = max(1.0, max(changed.size) / CELLS)
    columns, rows = max(1, int(changed.width / scale)), max(1, int(changed.height / scale))
    cells = changed.resize((columns, rows), Image.Resampling.BOX).tobytes()
    heights = [0] * columns
    best = (0, (0, 0, 0, 0))
    for row in range(rows):
        for column in range(columns):
            heights[column] = heights[column] + 1 if cells[row * columns + column] >= 250 else 0
        best = max(best, *(_under(heights, column, row) for column in range(columns)))
    wide, high = changed.width / columns, changed.height / rows
    left, top, right, bottom = best[1]
    return round(left * wide), round(top * high), round(right * wide), round(bottom * high)


def _under(heights: list[int], column: int, row: int) -> tuple[int, Area]:
    """The largest rectangle that ends in *row* and is as high as *column*'s run: its cells and its place."""
    height = heights[column]
    left = right = column
    while left > 0 and heights[left - 1] >= height:
        left -= 1
    while right < len(heights) and heights[right] >= height:
        right += 1
    return height * (right - left), (left, row - height + 1, right, row + 1)
