"""Encodes an image as half blocks: each cell shows two pixels, one above the other, by its two colors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from PIL import Image

_UPPER, _LOWER = "▀", "▄"
_CUBE: Final = (0, 95, 135, 175, 215, 255)
"""The levels of red, green and blue in the 6 × 6 × 6 cube of the 256 colors."""
_NEAREST_LEVEL: Final = [0] * 48 + [1] * 68 + [2] * 40 + [3] * 40 + [4] * 40 + [5] * 20
"""Value of a channel → the nearest of these levels."""
_OPAQUE: Final = 128

Pixel = tuple[int, int, int, int]


def encode_blocks(image: Image.Image, *, true_color: bool) -> str:
    """Lines of text with colors. *image* is RGBA with an even height; where it is transparent, the cell stays empty."""
    pixels = image.load()
    assert pixels is not None
    lines = []
    for top in range(0, image.height, 2):
        pairs = [(pixels[left, top], pixels[left, top + 1]) for left in range(image.width)]
        lines.append("".join(_encode_line(pairs, true_color)) + "\x1b[0m\n")  # type: ignore[arg-type]
    return "".join(lines)


def _encode_line(pairs: list[tuple[Pixel, Pixel]], true_color: bool) -> Iterator[str]:
    """A cell for each pair of pixels. Colors are repeated only if they change."""
    colors = ("39", "49")
    for upper, lower in pairs:
        top, bottom = _color(upper, true_color), _color(lower, true_color)
        # A character is drawn in the foreground color, so that an empty half needs no color of its own.
        character = _UPPER if top else _LOWER if bottom else " "
        foreground, background = (top, bottom) if top else (bottom, None)
        wanted = (f"38;{foreground}" if foreground else colors[0], f"48;{background}" if background else "49")
        if changed := [code for code, before in zip(wanted, colors, strict=True) if code != before]:
            yield f"\x1b[{';'.join(changed)}m"
        colors = wanted
        yield character


def _color(pixel: Pixel, true_color: bool) -> str | None:
    """`2;R;G;B`, or `5;N` of the 256 colors; None if *pixel* is transparent."""
    red, green, blue, alpha = pixel
    if alpha < _OPAQUE:
        return None
    return f"2;{red};{green};{blue}" if true_color else f"5;{_nearest_of_256(red, green, blue)}"


def _nearest_of_256(red: int, green: int, blue: int) -> int:
    """The closer of the nearest color of the cube and the nearest of the 24 grays between 8 and 238."""
    levels = (_NEAREST_LEVEL[red], _NEAREST_LEVEL[green], _NEAREST_LEVEL[blue])
    step = min(max(round(((red + green + blue) / 3 - 8) / 10), 0), 23)
    from_cube = sum((_CUBE[level] - value) ** 2 for level, value in zip(levels, (red, green, blue), strict=True))
    from_gray = sum((8 + 10 * step - value) ** 2 for value in (red, green, blue))
    return 232 + step if from_gray < from_cube else 16 + 36 * levels[0] + 6 * levels[1] + levels[2]
