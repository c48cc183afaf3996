"""Which part of an image is sent if the result is pasted into it, and at what size: pure arithmetic.

Boxes are in pixels of the upright image, from its top left corner. They extend beyond it if the image is extended, or
if the model makes no size with the aspect ratio of what must be sent.
"""

from __future__ import annotations

from math import ceil

from imagecli.domain import Box, Extension, Length, Size, Transform
from imagecli.errors import InputImageError

MAX_CANVAS_PIXELS = 100_000_000
"""Of an extended image: ten times the largest image of any model."""
FEATHER_SHARE = 128
"""The soft edge is this part of the image's shorter edge."""
MIN_FEATHER = 4


def image_box(upright: Size) -> Box:
    """The complete image."""
    return 0, 0, upright.width, upright.height


def box_size(box: Box) -> Size:
    return Size(box[2] - box[0], box[3] - box[1])


def feather_width(upright: Size) -> int:
    """The width of the soft edge inside a mask, in pixels, which grows with the image."""
    shorter = min(upright.width, upright.height)
    return min(max(MIN_FEATHER, shorter // FEATHER_SHARE), max(1, shorter // 4))


def extended_box(upright: Size, extension: Extension | None, name: str) -> Box:
    """What the result shows: the image, and what it is extended by.

    Raises InputImageError, which calls the image *name*, if nothing is added, or too much.
    """
    if extension is None:
        return image_box(upright)
    box = _box_of_shape(upright, extension) if extension.shape else _box_of_sides(upright, extension)
    size = box_size(box)
    if size == upright:
        reason = f"already {extension.shape}" if extension.shape else "too small for that percentage"
        raise InputImageError(
            f"--extend {extension} adds nothing: {name} is {reason} ({upright})", hint="use --extend left=256,right=10%"
        )
    if size.pixels > MAX_CANVAS_PIXELS:
        raise InputImageError(
            f"--extend {extension} makes {name} {size}, {size.pixels:,} pixels; the limit is {MAX_CANVAS_PIXELS:,}",
            hint="extend it by less, or use a smaller copy",
        )
    return box


def _box_of_sides(upright: Size, extension: Extension) -> Box:
    left, right = (_to_pixels(side, upright.width) for side in (extension.left, extension.right))
    top, bottom = (_to_pixels(side, upright.height) for side in (extension.top, extension.bottom))
    return -left, -top, upright.width + right, upright.height + bottom


def _to_pixels(length: Length | None, edge: int) -> int:
    return 0 if length is None else round(length.to_pixels(edge))


def _box_of_shape(upright: Size, extension: Extension) -> Box:
    """The smallest box of the extension's aspect ratio around the image, which lies in it as the anchor says."""
    shape = extension.shape
    assert shape is not None
    across = max(0, ceil(upright.height * shape.width / shape.height) - upright.width)
    down = max(0, ceil(upright.width * shape.height / shape.width) - upright.height)
    left = _share_before(across, extension.anchor, "left", "right")
    top = _share_before(down, extension.anchor, "top", "bottom")
    return -left, -top, upright.width + across - left, upright.height + down - top


def _share_before(added_pixels: int, anchor: str, first: str, last: str) -> int:
    """How many of *added_pixels* lie before the image: none if it is anchored *first*, all if *last*."""
    words = anchor.split("-")
    return 0 if first in words else added_pixels if last in words else added_pixels // 2


def padded_box(box: Box, padding: Length, inside: Box) -> Box:
    """*box* with *padding* around it, as far as that is *inside*."""
    size = box_size(box)
    across, down = _to_pixels(padding, size.width), _to_pixels(padding, size.height)
    return intersection(grow_box(box, across, down), inside)


def grow_box(box: Box, across: int, down: int) -> Box:
    """*box*, larger by as many pixels at each side."""
    return box[0] - across, box[1] - down, box[2] + across, box[3] + down


def relative_box(box: Box, origin: Box) -> Box:
    """*box* in pixels from the top left corner of *origin*."""
    left, top = origin[:2]
    return box[0] - left, box[1] - top, box[2] - left, box[3] - top


def intersection(first: Box, second: Box) -> Box:
    """What both boxes have in common; empty (its right edge is its left) if that is nothing."""
    left, top = max(first[0], second[0]), max(first[1], second[1])
    return left, top, max(left, min(first[2], second[2])), max(top, min(first[3], second[3]))


def place_region(target: Box, mask_box: Box, canvas: Box, size: Size, crop: str) -> Box:
    """The part of *canvas* to send: of the aspect ratio of *size*, and with all of *mask_box*.

    It is *target* grown to that ratio; if the canvas is too small for that, the largest part of the canvas, at the side
    that *crop* names; and if the mask does not fit into that, or *crop* is none, it extends beyond the canvas.
    """
    room = box_size(canvas)
    grown = _cover(box_size(target), size)
    if grown.width <= room.width and grown.height <= room.height:
        return _move_inside(_centered(grown, target), canvas)
    largest = _fit_inside(room, size)
    required = box_size(mask_box)
    if crop != "none" and required.width <= largest.width and required.height <= largest.height:
        return _move_around(_at_side(largest, target, canvas, crop), mask_box, canvas)
    return _move_inside(_centered(grown, target), canvas)


def _cover(size: Size, shape: Size) -> Size:
    """The smallest size around *size* with the ratio of *shape*."""
    if size.width * shape.height < size.height * shape.width:
        return Size(max(size.width, round(size.height * shape.width / shape.height)), size.height)
    return Size(size.width, max(size.height, round(size.width * shape.height / shape.width)))


def _fit_inside(size: Size, shape: Size) -> Size:
    """The largest size inside *size* with the ratio of *shape*."""
    if size.width * shape.height > size.height * shape.width:
        return Size(max(1, round(size.height * shape.width / shape.height)), size.height)
    return Size(size.width, max(1, round(size.width * shape.height / shape.width)))


def _centered(size: Size, around: Box) -> Box:
    left = (around[0] + around[2] - size.width) // 2
    top = (around[1] + around[3] - size.height) // 2
    return left, top, left + size.width, top + size.height


def _at_side(size: Size, target: Box, canvas: Box, crop: str) -> Box:
    left, top, _, _ = _centered(size, target)
    left = {"left": canvas[0], "right": canvas[2] - size.width}.get(crop, left)
    top = {"top": canvas[1], "bottom": canvas[3] - size.height}.get(crop, top)
    return left, top, left + size.width, top + size.height


def _move_inside(box: Box, canvas: Box) -> Box:
    """*box* moved into *canvas* along each direction in which that has room; else centered on it."""
    left, right = _move_range(box[0], box[2], canvas[0], canvas[2])
    top, bottom = _move_range(box[1], box[3], canvas[1], canvas[3])
    return left, top, right, bottom


def _move_around(box: Box, inner: Box, canvas: Box) -> Box:
    """*box* moved so that it contains *inner*, and inside *canvas*."""
    left = min(max(box[0], inner[2] - (box[2] - box[0])), inner[0])
    top = min(max(box[1], inner[3] - (box[3] - box[1])), inner[1])
    size = box_size(box)
    return _move_inside((left, top, left + size.width, top + size.height), canvas)


def _move_range(first: int, last: int, low: int, high: int) -> tuple[int, int]:
    length = last - first
    first = (low + high - length) // 2 if length > high - low else min(max(first, low), high - length)
    return first, first + length


def region_transform(region: Box, upright: Size, size: Size) -> Transform:
    """The changes to the upright image that make *region* of it, at *size*."""
    inner = intersection(region, image_box(upright))
    pad = (inner[0] - region[0], inner[1] - region[1], region[2] - inner[2], region[3] - inner[3])
    return Transform(
        upright=upright,
        crop=inner if inner != image_box(upright) else None,
        pad=pad if any(pad) else None,
        size=size if size != box_size(region) else None,
    )
