"""A model's row: what it takes, how long it lives, what it costs.

What a model's row says of money. USD; tokens; "about" where the provider prints no table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from imagecli.catalog.size_rule import SizeRule
from imagecli.domain import InputRule, Operation, Size


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


OPTIONAL = (
    "quality",
    "background",
    "output_format",
    "output_compression",
    "moderation",
    "complexity",
    "frame_count",
    "frame_duration_ms",
    "svg",
    "input_fidelity",
    "safety_identifier",
    "stream",
    "partial_images",
    "style",
    "response_format",
    "user",
)
"""Parameters that only some models take, as fields of `ImageOptions`; prompt, model, n and size belong to every one,
and image, mask and markup to edits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """One model's limits. Lengths of prompts in characters, of files in bytes."""

    name: str
    released: date | None = None
    shutdown: date | None = None
    """The last day on which it may still answer where it is at home."""
    successor: str | None = None
    operations: tuple[Operation, ...]
    sizes: SizeRule
    max_prompt: int
    max_n: int
    max_n_of: Mapping[str, int] = field(default_factory=dict)
    """output_format → a smaller limit of its own."""
    max_images: int
    image: InputRule
    mask: InputRule
    parameters: tuple[str, ...]
    """Which of OPTIONAL it takes, and `markup`."""
    unstated: tuple[str, ...] = ()
    """Those of them that no document names for it: sent when asked, with a warning."""
    unstated_words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """parameter → those of its words that no document names for it: sent with a warning too."""
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """parameter → the words it takes; any where none stand here. Of `svg`: those of its reasoning effort."""
    ranges: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """parameter → the lowest and the highest number it takes."""
    edits_need_alpha: bool = False
    """An edit changes only what is transparent, in the mask or else in the picture itself."""
    prices: Prices | None = None
    source: str
    known: bool = True
    """False for a model that has no row of its own and passes through with a warning."""
    sent: bool = True
    """False where nobody named a model, and the server has one of its own."""
    images_by: str | None = None
    """Whose limit `max_images` is, where it is not the model's."""
    lends_fields: bool = False
    """--param may set fields that have a flag: no price hangs on what they say."""

    def allowed_values(self, parameter: str) -> tuple[str, ...]:
        """The legal words of a parameter; empty where any value goes."""
        return self.words.get(parameter, ())

    def output_tokens(self) -> dict[str, dict[Size, int]]:
        """Of its prices' table, whose model may be another, what it makes itself: quality → size → output tokens."""
        tables = self.prices.output_tokens if self.prices else {}
        made = {
            quality: {size: count for size, count in table.items() if not self.sizes.objection(size)}
            for quality, table in tables.items()
            if quality in (self.allowed_values("quality") or (quality,))
        }
        return {quality: table for quality, table in made.items() if table}

    def surely_takes(self, parameter: str, word: str | None = None) -> bool:
        """Whether a document says that it takes the parameter, and this *word* of it."""
        known = parameter in self.parameters and parameter not in self.unstated
        return known and word not in self.unstated_words.get(parameter, ())

    def most_images(self, output_format: str | None) -> int:
        """How many pictures of a format one request can ask for."""
        return self.max_n_of.get(output_format or "", self.max_n)
