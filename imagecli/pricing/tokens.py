"""How many tokens a request is billed for: the least and the most, by rules of thumb with their sources.

The provider prints a table of a few sizes and no formula (pricing pages and community calculators, read 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from imagecli.domain import Size

Tokens: TypeAlias = tuple[float, float]
"""The least and the most number of tokens."""

PICTURE_IN: Final[Tokens] = (194, 7_000)
"""One input image. gpt-image-1 was billed 194 for one tile, and up to 6,144 more at high fidelity (reports of 2025);
nothing is published for its successors, so the most is generous."""
PARTIAL: Final = 100
"""Output tokens of one partial image (third-party documentation, read 2026-11-22)."""
OVERHEAD: Final = 50
"""Text tokens that were billed beyond the prompt: 32 with one image (reports of 2025)."""
_WIDE: Final = 0x2E80
"""From this code point on scripts take a token or more a character."""


def text_tokens(text: str) -> Tokens:
    """A token for about four characters, one or more for each of Chinese, Japanese and Korean."""
    wide = sum(character >= chr(_WIDE) for character in text)
    narrow = len(text) - wide
    return narrow / 4 + wide / 2, narrow / 2 + wide * 2 + OVERHEAD


def image_output_tokens(table: Mapping[Size, int], size: Size, frames: int, max_pixels: int | None) -> Tokens:
    """Output tokens of one image of *size*. *table* is the quality's, not empty.

    A size in the table costs what the table says. Others are compared with the next smaller and the next larger one:
    tokens grow with the pixels, at most in proportion. The frames of a GIF are on one sheet of at most *max_pixels*.
    """
    least, most = _tokens_of_size(table, size)
    if frames == 1:
        return least, most
    return least, _tokens_of_area(table, min(size.pixels * frames, max(max_pixels or 0, size.pixels)))[1]


def _tokens_of_size(table: Mapping[Size, int], size: Size) -> Tokens:
    return (table[size], table[size]) if size in table else _tokens_of_area(table, size.pixels)


def _tokens_of_area(table: Mapping[Size, int], pixels: int) -> Tokens:
    near = _nearest_areas((size.pixels for size in table), pixels)
    ratios = [(tokens, pixels / size.pixels) for size, tokens in table.items() if size.pixels in near]
    return min(tokens * min(1, ratio) for tokens, ratio in ratios), max(
        tokens * max(1, ratio) for tokens, ratio in ratios
    )


def _nearest_areas(areas: Iterable[int], pixels: int) -> set[int]:
    """The largest area up to *pixels*, and the smallest from there on."""
    areas = list(areas)
    below = [area for area in areas if area <= pixels]
    above = [area for area in areas if area >= pixels]
    return {*([max(below)] if below else []), *([min(above)] if above else [])}
