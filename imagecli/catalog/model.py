"""A model's row in the catalog: its sizes, parameters and limits, its dates, its prices."""

from collections.abc import Mapping
from datetime import date
from math import log
from types import MappingProxyType
from typing import Annotated, Any, Final, NamedTuple

from imagecli.catalog.size_rule import SizeRule
from imagecli.domain import InputRule, Operation, Size
from imagecli.serialization import Amount, Count, OneOf, Text


class Prices(NamedTuple):
    """One model's prices in USD per million tokens, and the number of output tokens of one image."""

    text_in: Amount
    image_in: Amount
    image_out: Amount
    month: Text
    """Of the prices, as `2026-11`."""
    source: Text
    text_in_cached: Amount | None = None
    image_in_cached: Amount | None = None
    text_out: Amount | None = None
    output_tokens: Mapping[Text, Mapping[Size, Count]] = MappingProxyType({})
    """quality → size → tokens of one image, as far as they are known."""


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
"""Parameters that only some models accept, as fields of `ImageOptions`; every model accepts prompt, model, n and size,
and edits accept image, mask and markup."""

ParameterName = Annotated[str, OneOf((*OPTIONAL, "markup"))]


def _parse_range(value: Any) -> tuple[int, int]:
    """Lowest and highest number. Raises ValueError with what is expected."""
    if isinstance(value, list) and [type(bound) for bound in value] == [int, int] and value[0] <= value[1]:
        return value[0], value[1]
    raise ValueError("expected a list of the lowest and the highest number")


class ModelRow(NamedTuple):
    """One model's limits. Lengths of prompts in characters, of files in bytes."""

    name: str
    operations: tuple[Operation, ...]
    sizes: SizeRule
    max_prompt: Count
    max_n: Count
    max_images: Count
    image: InputRule
    mask: InputRule
    parameters: tuple[ParameterName, ...]
    """The parameters of OPTIONAL that it accepts, and `markup`."""
    source: Text
    released: date | None = None
    shutdown: date | None = None
    """The last day on which the provider that made it still serves it."""
    successor: Text | None = None
    max_n_of: Mapping[Text, Count] = MappingProxyType({})
    """output_format → a limit of its own, smaller than `max_n`."""
    unstated: tuple[ParameterName, ...] = ()
    """Those of them that no document lists for it: sent if requested, with a warning."""
    unstated_words: Mapping[ParameterName, tuple[Text, ...]] = MappingProxyType({})
    """parameter → those of its values that no document lists for the model: sent with a warning, too."""
    words: Mapping[ParameterName, tuple[Text, ...]] = MappingProxyType({})
    """parameter → the values it accepts; any value if there are none here. For `svg`: those of its reasoning effort."""
    ranges: Mapping[ParameterName, Annotated[tuple[int, int], _parse_range]] = MappingProxyType({})
    """parameter → the lowest and the highest number it accepts."""
    unstated_ranges: Mapping[ParameterName, Annotated[tuple[int, int], _parse_range]] = MappingProxyType({})
    """parameter → a wider range of which the model's own documents say nothing: sent with a warning."""
    edits_need_alpha: bool = False
    """An edit changes only transparent areas, of the mask or else of the image itself."""
    prices: Prices | None = None
    known: bool = True
    """False for a model that has no row of its own and is passed on with a warning."""
    sent: bool = True
    """False if no model was chosen and the server uses its own."""
    images_by: str | None = None
    """Whose limit `max_images` is, if it is not the model's."""
    lends_fields: bool = False
    """--param may set fields that have a flag, because no price depends on their values."""

    def allowed_values(self, parameter: str) -> tuple[str, ...]:
        """The values that a parameter accepts; empty if it accepts any."""
        return self.words.get(parameter, ())

    def output_tokens(self) -> dict[str, dict[Size, int]]:
        """quality → size → output tokens, without what the model can't make: its prices may be another model's."""
        tables = self.prices.output_tokens if self.prices else {}
        supported = {
            quality: {size: count for size, count in table.items() if not self.sizes.objection(size)}
            for quality, table in tables.items()
            if quality in (self.allowed_values("quality") or (quality,))
        }
        return {quality: table for quality, table in supported.items() if table}

    def surely_takes(self, parameter: str, word: str | None = None) -> bool:
        """Whether a document says that the model accepts the parameter, and *word* as its value."""
        is_documented = parameter in self.parameters and parameter not in self.unstated
        return is_documented and word not in self.unstated_words.get(parameter, ())

    def most_images(self, output_format: str | None) -> int:
        """How many images of a format one request can ask for."""
        return self.max_n_of.get(output_format or "", self.max_n)


# --- output tokens of one image, by a price table of a few sizes ------------------------------------------------------

MARGIN: Final = 1.15
"""An estimate is off by at most this factor.

No formula is published. But all 30 figures of gpt-image-2.5's table, and those of gpt-image-2 from 1024x1024 up, are
`q * round(q * short / long) * (2,000,000 + pixels) / 4,000,000`, rounded up, with q = 16, 24, 48, 64 or 96 for the
quality (found by arithmetic, 2026-11-30). An estimate needs no q, as it scales a listed size. What it lacks is the
inner rounding: at most 12 % for any size that the models accept. Measured tokens of 2.6 differ from it by up to 10 %.
"""


def listed_tokens(table: Mapping[Size, int], size: Size) -> int | None:
    """Those that *table* has for *size*, or for the same size on its side; None if it has neither."""
    return table.get(size) or table.get(Size(size.height, size.width))


def estimate_tokens(table: Mapping[Size, int], pixels: int, ratio: float) -> float:
    """Those of the listed size that is most similar in pixels and *ratio* (short edge by long edge), scaled."""
    differences = {size: abs(log(pixels / size.pixels)) + abs(log(ratio / edge_ratio(size))) for size in table}
    nearest = min(differences, key=differences.__getitem__)
    return table[nearest] * _weight(pixels, ratio) / _weight(nearest.pixels, edge_ratio(nearest))


def edge_ratio(size: Size) -> float:
    """The short edge by the long edge: 1 for a square."""
    return min(size.width, size.height) / max(size.width, size.height)


def _weight(pixels: int, ratio: float) -> float:
    """What the tokens of a quality are proportional to: wide images cost less, and pixels count only in part."""
    return ratio * (2_000_000 + pixels)
