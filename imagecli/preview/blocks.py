"""Encodes an image as half blocks: each cell shows two pixels, one above the other, by its two colors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from PIL import Image

from imagecli.preview.window import Cells

_UPPER, _LOWER = "▀", "▄"
_LEVELS: Final = (0, 95, 135, 175, 215, 255)
"""The levels of red, green and blue of the 256 colors from 16 on, which are followed by 24 grays."""
_FIRST: Final = 16
_OPAQUE: Final = 128

Color: TypeAlias = str | None
"""`2;R;G;B`, or `5;N` of the 256 colors; None where the image is transparent."""


def encode_blocks(image: Image.Image, *, true_color: bool) -> str:
    """Lines of text with colors. *image* is RGBA with an even height; where it is transparent, the cell stays empty."""
    colors = _true_colors(image) if true_color else _palette_colors(image)
    width = image.width
    lines = []
    for start in range(0, len(colors), 2 * width):
        upper, lower = colors[start : start + width], colors[start + width : start + 2 * width]
        lines.append("".join(_encode_line(upper, lower)) + "\x1b[0m\n")
    return "".join(lines)


def encode_centered(image: Image.Image, room: Cells, *, true_color: bool) -> str:
    """The same for an RGB *image* in the middle of *room*, the rest of which stays empty."""
    area = Image.new("RGBA", (room.columns, 2 * room.rows))
    area.paste(image, ((area.width - image.width) // 2, (area.height - image.height) // 2))
    return encode_blocks(area, true_color=true_color)


def _encode_line(upper: Sequence[Color], lower: Sequence[Color]) -> Iterator[str]:
    """A cell for each column. Colors are repeated only if they change."""
    before = ("39", "49")
    for top, bottom in zip(upper, lower, strict=True):
        # A character is drawn in the foreground color, so that an empty half needs no color of its own.
        character = _UPPER if top else _LOWER if bottom else " "
        foreground, background = (top, bottom) if top else (bottom, None)
        codes = (f"38;{foreground}" if foreground else before[0], f"48;{background}" if background else "49")
        if new_codes := [code for code, old in zip(codes, before, strict=True) if code != old]:
            yield f"\x1b[{';'.join(new_codes)}m"
        before = codes
        yield character


def _true_colors(image: Image.Image) -> list[Color]:
    pixels = iter(image.tobytes())
    return [
        f"2;{red};{green};{blue}" if alpha >= _OPAQUE else None
        for red, green, blue, alpha in zip(pixels, pixels, pixels, pixels, strict=True)
    ]


def _palette_colors(image: Image.Image) -> list[Color]:
    """The nearest colors of the 256. They are not dithered: at this size the dots would hide the image."""
    palette = Image.new("P", (1, 1))
    palette.putpalette(
        [level for red in _LEVELS for green in _LEVELS for blue in _LEVELS for level in (red, green, blue)]
        + [gray for gray in range(8, 239, 10) for _ in range(3)]
    )
    numbers = image.convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE).tobytes()
    alphas = image.getchannel("A").tobytes()
    return [f"5;{_FIRST + number}" if alpha >= _OPAQUE else None for number, alpha in zip(numbers, alphas, strict=True)]
