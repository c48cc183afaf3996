"""The pixels that a shape covers, as spans of rows: pure arithmetic.

A pixel is covered if its center is inside the shape, so a polygon with the corners of a rectangle covers the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import ceil, sqrt

from imagecli.domain import Length, MaskShape, Size

Span = tuple[int, int, int]
"""row, left, right: the pixels from left to right, without right itself."""
Point = tuple[float, float]


def shape_spans(shape: MaskShape, size: Size) -> Iterator[Span]:
    """The spans of *shape* inside an image of *size*, row by row."""
    top, bottom = _vertical_extent(shape, size)
    for row in range(max(0, _first_pixel(top)), min(size.height, _first_pixel(bottom))):
        for left, right in _crossings(shape, size, row + 0.5):
            first, end = max(0, _first_pixel(left)), min(size.width, _first_pixel(right))
            if first < end:
                yield row, first, end


def extends_outside(shape: MaskShape, size: Size) -> bool:
    """Whether a part of *shape* is outside an image of *size*."""
    points = _corners(shape, size)
    return any(not (0 <= x <= size.width and 0 <= y <= size.height) for x, y in points)


def pixel_at(point: tuple[Length, Length], size: Size) -> tuple[int, int] | None:
    """The pixel at *point*; None if it is outside an image of *size*. 100% is the last one."""
    x, y = point[0].to_pixels(size.width), point[1].to_pixels(size.height)
    if point[0].is_percent and x == size.width:
        x -= 1
    if point[1].is_percent and y == size.height:
        y -= 1
    return (int(x), int(y)) if 0 <= x < size.width and 0 <= y < size.height else None


def disc_boxes(radius: int) -> list[tuple[int, int]]:
    """The disc of *radius* around a pixel as a union of boxes: how far each extends to the sides, and up and down."""
    # A box that is as wide as another and less high adds nothing.
    return list({int(sqrt(radius * radius - up * up)): up for up in range(radius + 1)}.items())


def _first_pixel(edge: float) -> int:
    """The first pixel whose center is not before *edge*."""
    return ceil(edge - 0.5)


def _corners(shape: MaskShape, size: Size) -> list[Point]:
    """Of a polygon, a rectangle, or the box around an ellipse."""
    values = [length.to_pixels(size[index % 2]) for index, length in enumerate(shape.lengths)]
    if shape.kind == "polygon":
        return list(zip(values[::2], values[1::2], strict=True))
    x, y, width, height = values
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


def _vertical_extent(shape: MaskShape, size: Size) -> tuple[float, float]:
    heights = [y for _, y in _corners(shape, size)]
    return min(heights), max(heights)


def _crossings(shape: MaskShape, size: Size, y: float) -> list[tuple[float, float]]:
    """Where the line at height *y* enters and leaves *shape*."""
    corners = _corners(shape, size)
    if shape.kind == "ellipse":
        (left, top), _, (right, bottom), _ = corners
        part = (2 * y - top - bottom) / (bottom - top)
        half = sqrt(max(0.0, 1 - part * part)) * (right - left) / 2
        return [((left + right) / 2 - half, (left + right) / 2 + half)]
    edges = sorted(_edge_crossings(corners, y))
    return list(zip(edges[::2], edges[1::2], strict=True))


def _edge_crossings(corners: Sequence[Point], y: float) -> Iterator[float]:
    for (x1, y1), (x2, y2) in pairwise([*corners, corners[0]]):
        if (y1 <= y) != (y2 <= y):
            yield x1 + (y - y1) * (x2 - x1) / (y2 - y1)
