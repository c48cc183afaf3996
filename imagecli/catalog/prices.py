"""What a model's row says of money. USD; tokens; "about" where the provider prints no table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from imagecli.domain import Size


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """One model's prices: USD for a million tokens, and the output tokens of one picture."""

    text_in: float
    image_in: float
    image_out: float
    text_in_cached: float | None = None
    image_in_cached: float | None = None
    text_out: float | None = None
    output_tokens: Mapping[str, Mapping[Size, int]] = field(default_factory=dict)
    """quality → size → tokens of one picture, as far as they are known."""
    month: str
    """Of the table, as `2026-11`."""
    source: str
