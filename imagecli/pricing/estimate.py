"""What a request can cost, before it is sent.

An estimate is a range; cost limits use its upper end. Unknown prices are None, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from imagecli.catalog.model import ModelRow, Prices
from imagecli.catalog.provider import ProviderRow
from imagecli.domain import Edit, ImageOptions, ImageRequest, Size, Vary
from imagecli.pricing.tokens import INPUT_IMAGE, PARTIAL, Tokens, image_output_tokens, text_tokens
from imagecli.pricing.usage_cost import unpriced_note


class Estimate(NamedTuple):
    """What requests can cost, in USD."""

    low_usd: float
    high_usd: float | None
    """None if the price of a part is unknown."""
    about: str
    """What it is the price of, and the table that it comes from, in words."""

    @property
    def is_free(self) -> bool:
        return self.high_usd == 0


class PriceEstimator:
    """Estimates many requests to one provider, most of which have the same options and prompts of a similar length."""

    def __init__(self, provider: ProviderRow, share: float = 1.0) -> None:
        self._provider, self._share = provider, share
        self._known: dict[object, tuple[ImageOptions, ModelRow, Estimate | None]] = {}
        """Options and model are referenced, so that their `id`s in the key remain their own."""

    def estimate(self, request: ImageRequest, row: ModelRow) -> Estimate | None:
        """The share of the price of one request that is billed; None if it is unknown. Equal ones are one object."""
        key = id(request.options), id(row), _prompt_tokens(request), _input_image_tokens(request)
        known = self._known.get(key)
        if known is None:
            price = share_of_estimate(estimate_price(request, row, self._provider), self._share)
            known = request.options, row, price
            if len(self._known) < _DISTINCT_PRICES:
                self._known[key] = known
        return known[2]


_DISTINCT_PRICES = 4096
"""More are not remembered."""


def estimate_price(request: ImageRequest, row: ModelRow, provider: ProviderRow) -> Estimate | None:
    """The price of one request; None if it is unknown."""
    if provider.free:
        return Estimate(low_usd=0.0, high_usd=0.0, about=f"{provider.name} is free of charge")
    prices = row.prices
    if not provider.priced or prices is None:
        return None
    output = _output_tokens(request.options, row, prices)
    if output is None:
        return None
    text = _prompt_tokens(request)
    images = _input_image_tokens(request)
    low, high = (
        (text[end] * prices.text_in + images[end] * prices.image_in + output[end] * prices.image_out) / 1_000_000
        for end in (0, 1)
    )
    return Estimate(
        low_usd=low,
        high_usd=None if unpriced_note(request) else high,
        about=_describe_estimate(request.options, prices),
    )


def total_estimate(estimates: Sequence[Estimate | None]) -> Estimate | None:
    """The price of several requests together; None if one of them is unknown, or there is none."""
    known_prices = [price for price in estimates if price is not None]
    if not known_prices or len(known_prices) < len(estimates):
        return None
    upper_ends = [price.high_usd for price in known_prices if price.high_usd is not None]
    about = known_prices[0].about if len({price.about for price in known_prices}) == 1 else "different requests"
    return Estimate(
        low_usd=sum(price.low_usd for price in known_prices),
        high_usd=sum(upper_ends) if len(upper_ends) == len(known_prices) else None,
        about=about,
    )


def share_of_estimate(price: Estimate | None, share: float) -> Estimate | None:
    """The *share* of *price* that is billed."""
    if price is None or share == 1:
        return price
    high = None if price.high_usd is None else price.high_usd * share
    return price._replace(low_usd=price.low_usd * share, high_usd=high)


def with_quality(request: ImageRequest, quality: str) -> ImageRequest:
    """The same request at another *quality*."""
    return request._replace(options=request.options._replace(quality=quality))


def qualities_by_price(row: ModelRow) -> tuple[str, ...]:
    """The model's qualities, the cheapest first, without `auto`."""
    return tuple(word for word in row.allowed_values("quality") if word != "auto")


def _output_tokens(options: ImageOptions, row: ModelRow, prices: Prices) -> Tokens | None:
    """Of all images of the request; None if the table lacks a quality that may be used."""
    qualities = (options.quality,) if options.quality and options.quality != "auto" else qualities_by_price(row)
    tables = [prices.output_tokens.get(quality) for quality in qualities]
    if not tables or not all(tables):
        return None
    frames = (options.frame_count or _DEFAULT_FRAMES) if options.output_format == "gif" else 1
    ends = [
        image_output_tokens(table, size, frames, row.sizes.max_pixels)
        for table in tables
        if table
        for size in _possible_sizes(options, row, table)
    ]
    most = max(end[1] for end in ends) + PARTIAL * (options.partial_images or 0)
    return options.n * min(end[0] for end in ends), options.n * most


def _possible_sizes(options: ImageOptions, row: ModelRow, table: Mapping[Size, int]) -> Sequence[Size]:
    """The size that was requested; else those that the model usually chooses."""
    if isinstance(options.size, Size):
        return (options.size,)
    return row.sizes.set or row.sizes.usual or tuple(table)


_DEFAULT_FRAMES = 9
"""Of a GIF if nothing else is requested. OpenAI API reference, images, read 2026-11-22."""


def _prompt_tokens(request: ImageRequest) -> Tokens:
    return text_tokens("" if isinstance(request, Vary) else request.prompt)


def _input_image_tokens(request: ImageRequest) -> Tokens:
    """Input tokens of the images that are uploaded; a mask and a markup may be billed as one each."""
    count = len(request.input_sources)
    further = request.has_mask + (request.markup is not None) if isinstance(request, Edit) else 0
    return count * INPUT_IMAGE[0], (count + further) * INPUT_IMAGE[1]


def _describe_estimate(options: ImageOptions, prices: Prices) -> str:
    quality = options.quality if options.quality and options.quality != "auto" else "any quality"
    size = options.size if isinstance(options.size, Size) else "any usual size"
    svg = "; the model that writes the SVG is billed in addition" if options.output_format == "svg" else ""
    return f"{options.model}, {quality}, {size}; prices of {prices.month}{svg}"
