"""How many tokens a request is billed for: the least and the most, by rules of thumb with their sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from imagecli.catalog.model import MARGIN, edge_ratio, estimate_tokens, listed_tokens
from imagecli.domain import Size

Tokens: TypeAlias = tuple[float, float]
"""The least and the most number of tokens."""

INPUT_IMAGE: Final[Tokens] = (194, 7_000)
"""One input image. gpt-image-1 was billed 194 for one tile, and up to 6,144 more at high fidelity (reports of 2025);
nothing is published for its successors, so the most is generous."""
PARTIAL: Final = 100
"""Output tokens of one partial image (third-party documentation, read 2026-11-22)."""
OVERHEAD: Final = 50
"""Text tokens that were billed beyond the prompt: 32 with one image (reports of 2025)."""
_WIDE: Final = "\u2e80"
"""From this character on scripts take a token or more a character."""


def text_tokens(text: str) -> Tokens:
    """A token for about four characters, one or more for each of Chinese, Japanese and Korean."""
    wide = 0 if text.isascii() else sum(map(_WIDE.__le__, text))
    narrow = len(text) - wide
    return narrow / 4 + wide / 2, narrow / 2 + wide * 2 + OVERHEAD


def image_output_tokens(table: Mapping[Size, int], size: Size, frames: int, max_pixels: int | None) -> Tokens:
    """Output tokens of one image of *size*. *table* is the quality's, not empty.

    A listed size costs what the table says, any other about as much as the most similar one. The frames of a GIF are on
    one sheet of at most *max_pixels*, whose ratio is unknown: a square costs most.
    """
    table_tokens = listed_tokens(table, size)
    estimate = table_tokens or estimate_tokens(table, size.pixels, edge_ratio(size))
    margin = 1.0 if table_tokens else MARGIN
    least, most = estimate / margin, estimate * margin
    if frames > 1:
        sheet_pixels = min(size.pixels * frames, max(max_pixels or 0, size.pixels))
        most = max(most, estimate_tokens(table, sheet_pixels, 1.0) * MARGIN)
    return least, most
