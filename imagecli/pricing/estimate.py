"""What a request will cost, before it is sent, and what it did cost, by its usage. Pure.

An estimate is a range: its upper end is what caps are held against. What is not known is None, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from imagecli.catalog.model import ModelRow, Prices
from imagecli.catalog.provider import ProviderRow
from imagecli.checks.parameters import input_sources
from imagecli.domain import Edit, ImageOptions, ImageRequest, Size, Vary
from imagecli.pricing.tokens import PARTIAL, PICTURE_IN, Tokens, image_output_tokens, text_tokens
from imagecli.pricing.usage_cost import usage_cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What requests can cost, in USD."""

    low_usd: float
    high_usd: float | None
    """None where a part of it has no known price."""
    about: str
    """What it is the price of, and which table it comes from, in words."""

    @property
    def is_free(self) -> bool:
        return self.high_usd == 0


def estimate_price(ask: ImageRequest, row: ModelRow, provider: ProviderRow) -> Estimate | None:
    """The price of one request for *ask*; None where it is not known."""
    if provider.free:
        return Estimate(low_usd=0.0, high_usd=0.0, about=f"{provider.name} bills nothing")
    prices = row.prices
    if not provider.priced or prices is None:
        return None
    made = _output_tokens(ask.options, row, prices)
    if made is None:
        return None
    text = text_tokens("" if isinstance(ask, Vary) else ask.prompt)
    sent = _input_image_tokens(ask)
    low, high = (
        (text[end] * prices.text_in + sent[end] * prices.image_in + made[end] * prices.image_out) / 1_000_000
        for end in (0, 1)
    )
    return Estimate(
        low_usd=low, high_usd=None if _is_svg(ask.options) else high, about=_describe_estimate(ask.options, prices)
    )


def total_estimate(estimates: Sequence[Estimate | None]) -> Estimate | None:
    """The price of several requests together; None where one of them is not known, or there is none."""
    known = [one for one in estimates if one is not None]
    if not known or len(known) < len(estimates):
        return None
    ends = [one.high_usd for one in known if one.high_usd is not None]
    about = known[0].about if len({one.about for one in known}) == 1 else "of several kinds"
    return Estimate(
        low_usd=sum(one.low_usd for one in known), high_usd=sum(ends) if len(ends) == len(known) else None, about=about
    )


def share_of_estimate(price: Estimate | None, share: float) -> Estimate | None:
    """*price* where only that *share* of it is billed."""
    if price is None or share == 1:
        return price
    high = None if price.high_usd is None else price.high_usd * share
    return replace(price, low_usd=price.low_usd * share, high_usd=high)


def with_quality(ask: ImageRequest, quality: str) -> ImageRequest:
    """The same ask at another *quality*."""
    return replace(ask, options=replace(ask.options, quality=quality))


def qualities_by_price(row: ModelRow) -> tuple[str, ...]:
    """The model's qualities, the cheapest first, without the word that leaves it to the model."""
    return tuple(word for word in row.allowed_values("quality") if word != "auto")


def billed_usd(
    usage: Mapping[str, Any] | None, ask: ImageRequest, row: ModelRow, provider: ProviderRow
) -> float | None:
    """USD that the answer to *ask* was billed by its *usage*; None where usage or prices don't tell."""
    if unpriced_note(ask) and not provider.free:
        return None
    return reported_usd(usage, ask, row, provider)


def reported_usd(
    usage: Mapping[str, Any] | None, ask: ImageRequest, row: ModelRow, provider: ProviderRow
) -> float | None:
    """As `billed_usd`, of what is billed by *usage* alone."""
    if provider.free:
        return 0.0
    return usage_cost(usage, row.prices, pictures_in=bool(input_sources(ask))) if provider.priced else None


def unpriced_note(ask: ImageRequest) -> str:
    """What is billed besides an answer's usage, by the price of a model that no row has; empty where nothing is."""
    return "what the svg's author costs" if _is_svg(ask.options) else ""


def _output_tokens(look: ImageOptions, row: ModelRow, prices: Prices) -> Tokens | None:
    """Of all pictures of the request; None where the table lacks a quality that may be used."""
    chosen = (look.quality,) if look.quality and look.quality != "auto" else qualities_by_price(row)
    tables = [prices.output_tokens.get(quality) for quality in chosen]
    if not tables or not all(tables):
        return None
    frames = (look.frame_count or _DEFAULT_FRAMES) if look.output_format == "gif" else 1
    ends = [
        image_output_tokens(table, size, frames, row.sizes.max_pixels)
        for table in tables
        if table
        for size in _possible_sizes(look, row, table)
    ]
    most = max(end[1] for end in ends) + PARTIAL * (look.partial_images or 0)
    return look.n * min(end[0] for end in ends), look.n * most


def _possible_sizes(look: ImageOptions, row: ModelRow, table: Mapping[Size, int]) -> Sequence[Size]:
    """The size that was said; else those that the model may choose, as far as anybody knows."""
    if isinstance(look.size, Size):
        return (look.size,)
    made = [size for size in table if not row.sizes.objection(size)]
    return (*made, *row.sizes.set, *row.sizes.usual) or tuple(table)


_DEFAULT_FRAMES = 9
"""Of a gif, where nothing else is asked for. OpenAI API reference, images, read 2026-11-22."""


def _input_image_tokens(ask: ImageRequest) -> Tokens:
    """Input tokens of the pictures that go up; a mask and a markup may be billed as one each."""
    count = len(input_sources(ask))
    further = (ask.mask is not None) + (ask.markup is not None) if isinstance(ask, Edit) else 0
    return count * PICTURE_IN[0], (count + further) * PICTURE_IN[1]


def _is_svg(look: ImageOptions) -> bool:
    return look.output_format == "svg"


def _describe_estimate(look: ImageOptions, prices: Prices) -> str:
    quality = look.quality if look.quality and look.quality != "auto" else "any quality"
    size = look.size if isinstance(look.size, Size) else "any usual size"
    svg = "; the tokens of the svg's author come on top" if _is_svg(look) else ""
    return f"{look.model}, {quality}, {size}; table of {prices.month}{svg}"
