"""What a request did cost: what the provider reports, or its usage by our prices.

Both are untrusted: impossible numbers have no price.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from imagecli.catalog.model import ModelRow, Prices
from imagecli.catalog.provider import ProviderRow
from imagecli.domain import ImageRequest

_MOST: Final = 10**9
"""More tokens than any response was ever billed for."""
_MOST_USD: Final = 10**6


def usage_cost(usage: Mapping[str, Any] | None, prices: Prices | None, *, has_image_input: bool) -> float | None:
    """USD for *usage*, None if that is unknown. *has_image_input*: images were sent, so not all input is text.

    Shape: OpenAI API reference, images, read 2026-11-22. Output without a kind is images; a response without
    any output has none.
    """
    if prices is None or usage is None:
        return None
    input_tokens = _input_tokens(usage, has_image_input)
    output_tokens = _token_count(usage, "output_tokens")
    if input_tokens is None or not output_tokens:
        return None
    text, image = input_tokens
    text_out = _token_count(_sub_mapping(usage, "output_tokens_details"), "text_tokens") or 0
    if text_out > output_tokens:
        return None
    total = (
        text * prices.text_in
        + image * prices.image_in
        + text_out * (prices.image_out if prices.text_out is None else prices.text_out)
        + (output_tokens - text_out) * prices.image_out
        - _cached_rebate(usage, text, image, prices)
    )
    return total / 1_000_000


def _input_tokens(usage: Mapping[str, Any], has_image_input: bool) -> tuple[int, int] | None:
    """Tokens of text and of images."""
    details = _sub_mapping(usage, "input_tokens_details")
    text, image = _token_count(details, "text_tokens"), _token_count(details, "image_tokens")
    if text is not None and (image is not None or not has_image_input):
        return text, image or 0
    total = _token_count(usage, "input_tokens")
    return None if details or has_image_input or total is None else (total, 0)


def _cached_rebate(usage: Mapping[str, Any], text: int, image: int, prices: Prices) -> float:
    """How much less cached input costs, in millionths of a USD; 0 if it is unknown which input was cached."""
    details = _sub_mapping(usage, "input_tokens_details")
    cached = _sub_mapping(details, "cached_tokens_details")
    if not cached and not image:
        cached = {"text_tokens": details.get("cached_tokens")}
    rebate = 0.0
    for key, total, price, reduced_price in (
        ("text_tokens", text, prices.text_in, prices.text_in_cached),
        ("image_tokens", image, prices.image_in, prices.image_in_cached),
    ):
        tokens = _token_count(cached, key) or 0
        if reduced_price is not None and tokens <= total:
            rebate += tokens * (price - reduced_price)
    return rebate


def _sub_mapping(mapping: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = mapping.get(key)
    return part if isinstance(part, dict) else {}


def _token_count(mapping: Mapping[str, Any], key: str) -> int | None:
    """The number of tokens, if it is a plausible one."""
    value = mapping.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _MOST:
        return None
    return int(value) if value == int(value) else None


def provider_cost(usage: Mapping[str, Any] | None, provider: ProviderRow) -> float | None:
    """USD that the provider itself reports in the response; None if it reports nothing, or nothing plausible."""
    if provider.billed is None:
        return None
    value: Any = {"usage": usage}
    for key in provider.billed.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value / provider.billed_per_usd if 0 <= value <= _MOST_USD * provider.billed_per_usd else None


def reported_usd(
    usage: Mapping[str, Any] | None, request: ImageRequest, row: ModelRow, provider: ProviderRow, share: float = 1.0
) -> float | None:
    """USD that *request* was billed by what its response reports, apart from `unpriced_note`; None if it is unknown.

    *share* is the part of the model's prices that is billed. What the provider reports is the complete cost.
    """
    return price_usage(usage, row, provider, has_image_input=bool(request.input_sources), share=share)


def price_usage(
    usage: Mapping[str, Any] | None,
    row: ModelRow,
    provider: ProviderRow,
    *,
    has_image_input: bool,
    share: float = 1.0,
) -> float | None:
    """As `reported_usd`, for a request that sent images if *has_image_input*."""
    if provider.free:
        return 0.0
    provider_usd = provider_cost(usage, provider)
    if provider_usd is not None or not provider.priced:
        return provider_usd
    usd = usage_cost(usage, row.prices, has_image_input=has_image_input)
    return None if usd is None else usd * share


def unpriced_note(
    request: ImageRequest, usage: Mapping[str, Any] | None = None, provider: ProviderRow | None = None
) -> str:
    """What is billed in addition to a response's *usage*, at a price that no row has; empty if nothing is."""
    if provider and (provider.free or provider_cost(usage, provider) is not None):
        return ""
    return "the model that writes the SVG" if request.options.output_format == "svg" else ""
