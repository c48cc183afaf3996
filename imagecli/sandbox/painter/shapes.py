"""The shapes that scenes are made of, and how they become pixels; `svg` writes the same shapes as vectors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from imagecli.domain import Size
from imagecli.sandbox.painter.colors import Color

Point: TypeAlias = tuple[float, float]
"""x and y in pixels, from the upper left corner."""

SHADOW_COLOR: Final[Color] = (12, 8, 24)
SHADOW_OPACITY: Final = 0.34


class Backdrop(NamedTuple):
    """A vertical gradient behind everything."""

    top: Color
    bottom: Color


class Polygon(NamedTuple):
    """A filled shape."""

    points: Sequence[Point]
    color: Color
    foot: Color | None = None
    """The color that the shape fades to at its lower edge; None for a flat fill."""
    opacity: float = 1.0
    shadow: float = 0.0
    """How far its shadow falls in pixels, as if it were cut from paper; 0 for none."""


class Disc(NamedTuple):
    """A filled circle."""

    center: Point
    radius: float
    color: Color
    opacity: float = 1.0


class Glow(NamedTuple):
    """A light that fades out towards its radius."""

    center: Point
    radius: float
    color: Color
    strength: float
    """0 to 1, at the center."""

    def opacity_at(self, distance: float) -> float:
        """*distance* from the center: 0 to 1 in the direction of an axis."""
        return max(0.0, 1 - 1.42 * distance) ** 2 * self.strength


Shape: TypeAlias = Backdrop | Polygon | Disc | Glow


def rasterize_shapes(shapes: Iterable[Shape], size: Size) -> Image.Image:
    """An RGB image of *shapes*, the first one farthest back."""
    image = Image.new("RGB", size)
    for shape in shapes:
        match shape:
            case Backdrop():
                image.paste(_vertical_gradient(image.size, shape.top, shape.bottom))
            case Glow():
                draw_glow(image, shape)
            case Polygon() | Disc():
                _draw_filled(image, shape)
    return image


def draw_glow(image: Image.Image, glow: Glow) -> None:
    """Lightens an RGB image."""
    side = max(1, round(glow.radius * 2))
    fading = [round(255 * glow.opacity_at(value / 255)) for value in range(256)]
    mask = Image.radial_gradient("L").point(fading).resize((side, side), Image.Resampling.BICUBIC)
    image.paste(glow.color, (round(glow.center[0] - glow.radius), round(glow.center[1] - glow.radius)), mask)


def _draw_filled(image: Image.Image, shape: Polygon | Disc) -> None:
    box = _bounding_box(shape)
    left, top = max(0, int(box[0]) - 1), max(0, int(box[1]) - 1)
    right, bottom = min(image.width, int(box[2]) + 2), min(image.height, int(box[3]) + 2)
    if right <= left or bottom <= top:
        return
    # Pillow draws without antialiasing: a mask of several times the size, reduced, has smooth edges.
    fine = 4 if image.width * image.height < 600_000 else 2
    mask = Image.new("L", ((right - left) * fine, (bottom - top) * fine))
    pen = ImageDraw.Draw(mask)
    if isinstance(shape, Disc):
        x, y = shape.center
        pen.circle(((x - left) * fine, (y - top) * fine), shape.radius * fine, fill=255)
    else:
        pen.polygon([((x - left) * fine, (y - top) * fine) for x, y in shape.points], fill=255)
    mask = mask.reduce(fine)
    if isinstance(shape, Polygon) and shape.shadow:
        _draw_shadow(image, mask, (left, top), shape.shadow)
    if shape.opacity < 1:
        mask = _fade(mask, shape.opacity)
    fill: Color | Image.Image = shape.color
    if isinstance(shape, Polygon) and shape.foot:
        fill = _vertical_gradient(mask.size, shape.color, shape.foot)
    image.paste(fill, (left, top, right, bottom), mask)


def _bounding_box(shape: Polygon | Disc) -> tuple[float, float, float, float]:
    """Left, top, right, bottom."""
    if isinstance(shape, Disc):
        (x, y), radius = shape.center, shape.radius
        return x - radius, y - radius, x + radius, y + radius
    xs, ys = [x for x, _ in shape.points], [y for _, y in shape.points]
    return min(xs), min(ys), max(xs), max(ys)


def _draw_shadow(image: Image.Image, mask: Image.Image, at: tuple[int, int], distance: float) -> None:
    """Darkens the surroundings of a shape; blurred at a smaller size, which is faster."""
    margin, scale = round(distance * 3), max(1, round(distance / 3))
    spread = Image.new("L", (mask.width + 2 * margin, mask.height + 2 * margin))
    spread.paste(mask, (margin, margin))
    soft = spread.reduce(scale).filter(ImageFilter.GaussianBlur(distance / scale)).resize(spread.size)
    image.paste(SHADOW_COLOR, (at[0] - margin, at[1] - margin - round(distance * 0.4)), _fade(soft, SHADOW_OPACITY))


def _vertical_gradient(size: tuple[int, int], top: Color, bottom: Color) -> Image.Image:
    return ImageOps.colorize(Image.linear_gradient("L"), top, bottom).resize(size)


def _fade(mask: Image.Image, opacity: float) -> Image.Image:
    return mask.point([round(value * opacity) for value in range(256)])
