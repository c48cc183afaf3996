"""Encodes an image as sixels: bands of six rows, in each a line for every color, with runs counted.

Source: DEC, VT330/VT340 Programmer Reference Manual, chapter 14.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from PIL import Image

_COLORS: Final = 256
_BAND: Final = 6
_EMPTY: Final = 63
"""The character `?` has none of a sixel's six pixels; each pixel adds its bit."""
_TRANSPARENT: Final = 255
"""The index that stands for transparent pixels; colors have those below."""
_RUN: Final = re.compile(rb"(.)\1{3,}", re.DOTALL)


def encode_sixel(image: Image.Image) -> str:
    """*image*, RGBA, in at most 255 colors; transparent pixels are left as they are."""
    indexed, palette = _quantize(image)
    colors = "".join(
        f"#{number};2;{round(red / 2.55)};{round(green / 2.55)};{round(blue / 2.55)}"
        for number, (red, green, blue) in enumerate(zip(*[iter(palette)] * 3, strict=True))
    )
    width, height = image.size
    bands = (_encode_band(indexed[top * width : (top + _BAND) * width], width) for top in range(0, height, _BAND))
    return f'\x1bP0;1;0q"1;1;{width};{height}{colors}' + "-".join(bands) + "\x1b\\\n"


def _quantize(image: Image.Image) -> tuple[bytes, list[int]]:
    """The number of each pixel's color, and red, green and blue of each color."""
    reduced = image.convert("RGB").quantize(_COLORS - 1, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    reduced.paste(_TRANSPARENT, mask=image.getchannel("A").point([255] * 128 + [0] * 128))
    return reduced.tobytes(), (reduced.getpalette() or [])[: 3 * _TRANSPARENT]


def _encode_band(pixels: bytes, width: int) -> str:
    """Up to six rows of *pixels*: a line for each color, back at the left edge for the next one."""
    lines = {color: bytearray([_EMPTY]) * width for color in set(pixels)}
    for row in range(len(pixels) // width):
        bit = 1 << row
        for left, color in enumerate(pixels[row * width : (row + 1) * width]):
            lines[color][left] += bit
    lines.pop(_TRANSPARENT, None)
    return "$".join(f"#{color}{_count_runs(bytes(line).rstrip(b'?'))}" for color, line in lines.items())


def _count_runs(line: bytes) -> str:
    """*line* with `!12x` for 12 times x."""
    return b"".join(_pieces(line)).decode("ascii")


def _pieces(line: bytes) -> Iterator[bytes]:
    end = 0
    for run in _RUN.finditer(line):
        yield line[end : run.start()]
        yield b"!%d%c" % (run.end() - run.start(), run[1][0])
        end = run.end()
    yield line[end:]
