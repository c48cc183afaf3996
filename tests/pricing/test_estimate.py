"""Prices before and after, against figures from the providers' pages (read 2026-11-22)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecli.catalog import catalog
from imagecli.catalog.model import ModelRow, Prices
from imagecli.domain import Edit, Generate, ImageOptions, ImageRequest, InputSource, MaskSource, Size, SvgOptions, Vary
from imagecli.pricing import estimate, usage_cost
from imagecli.pricing.tokens import image_output_tokens, text_tokens

ROWS = catalog.load_shipped_catalog()
OPENAI, SANDBOX = ROWS.provider("openai"), ROWS.provider("sandbox")
SQUARE, WIDE, WIDER, LARGE = Size(1024, 1024), Size(1536, 1024), Size(1792, 1024), Size(3584, 2048)

GPT_2 = Prices(
    text_in=5,
    text_in_cached=1.25,
    image_in=8,
    image_in_cached=2,
    image_out=30,
    output_tokens={
        "low": {SQUARE: 196},
        "medium": {SQUARE: 1756},
        "high": {SQUARE: 7024, WIDE: 5488, WIDER: 5063, LARGE: 12329},
    },
    month="2026-11",
    source="community calculator",
)
GPT_25 = GPT_2._replace(
    output_tokens={
        word: {SQUARE: tokens}
        for word, tokens in {"low": 196, "medium": 439, "high": 1756, "xhigh": 3122, "max": 7024}.items()
    },
)
GPT_15 = GPT_2._replace(image_out=32, text_out=10, output_tokens={"high": {SQUARE: 4160, WIDE: 6208}})


def row(prices: Prices | None = GPT_2, *qualities: str) -> ModelRow:
    own = ROWS.model("gpt-image-2")
    return own._replace(
        prices=prices, words={**own.words, "quality": (*(qualities or ("low", "medium", "high")), "auto")}
    )


def generate(quality: str | None = "high", size: Size | None = SQUARE, **more: Any) -> Generate:
    return Generate(prompt="a cat", options=ImageOptions(model="gpt-image-2", quality=quality, size=size, **more))


def estimate_price(image_request: ImageRequest, model: ModelRow | None = None) -> estimate.Estimate:
    price = estimate.estimate_price(image_request, model or row(), OPENAI)
    assert price is not None
    return price


def ends(image_request: ImageRequest, model: ModelRow | None = None) -> tuple[float, float]:
    price = estimate_price(image_request, model)
    assert price.high_usd is not None
    return price.low_usd, price.high_usd


def test_an_estimator_tells_apart_whatever_has_another_price() -> None:
    low, high, model, other = generate("low"), generate("high"), row(), row(GPT_15)
    image, prompts = InputSource(name="a.png", path=Path("a.png")), ("a cat", "a larger cat", "猫猫猫猫猫")
    requests: list[ImageRequest] = [
        *(request._replace(prompt=prompt) for request in (low, high) for prompt in prompts),
        Edit(prompt="a cat", images=(image,), options=low.options),
        Edit(prompt="a cat", images=(image, image), options=low.options),
        Vary(image=image, options=low.options),
    ]
    for share in (1.0, 0.5):
        estimator = estimate.PriceEstimator(OPENAI, share)
        for request, priced in [(request, priced) for request in requests for priced in (model, other)] * 2:
            expected = estimate.share_of_estimate(estimate.estimate_price(request, priced, OPENAI), share)
            assert estimator.estimate(request, priced) == expected


# --- estimates -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prices", "quality", "size", "usd"),
    [
        (GPT_2, "low", SQUARE, 0.006),
        (GPT_2, "medium", SQUARE, 0.053),
        (GPT_2, "high", SQUARE, 0.211),
        (GPT_2, "high", WIDE, 0.165),
        (GPT_2, "high", WIDER, 0.152),
        (GPT_2, "high", LARGE, 0.370),
        (GPT_25, "low", SQUARE, 0.006),
        (GPT_25, "medium", SQUARE, 0.013),
        (GPT_25, "high", SQUARE, 0.053),
        (GPT_25, "xhigh", SQUARE, 0.094),
        (GPT_25, "max", SQUARE, 0.211),
        (GPT_15, "high", SQUARE, 0.133),
        (GPT_15, "high", WIDE, 0.200),
    ],
)
def test_an_image_costs_as_in_the_published_tables(prices: Prices, quality: str, size: Size, usd: float) -> None:
    low, high = ends(generate(quality, size), row(prices, *prices.output_tokens))
    assert low <= high
    assert low == pytest.approx(usd, abs=0.0015)
    assert high == pytest.approx(usd, abs=0.0015)


@pytest.mark.parametrize(
    ("model", "quality", "size", "usd"),
    [
        ("gpt-image-2", "high", "1024x1024", 0.211),
        ("gpt-image-2", "low", "976x704", 0.004),
        ("gpt-image-2-2026-04-21", "high", "3584x2048", 0.370),
        ("gpt-image-2.5-sunburst", "xhigh", "1024x1024", 0.094),
        ("gpt-image-2.6-flare", "low", "1536x1024", 0.020),
        ("gpt-image-2.6-sunburst", "high", "3840x2160", 0.100),
        ("gpt-image-1.5", "medium", "1024x1536", 0.050),
        ("gpt-image-1.5", "high", "1536x1024", 0.200),
    ],
)
def test_the_catalog_has_these_prices(model: str, quality: str, size: str, usd: float) -> None:
    low, high = ends(generate(quality, Size.parse(size)), ROWS.model(model))
    assert low == pytest.approx(usd, abs=0.002)
    assert high == pytest.approx(usd, abs=0.002)


def test_an_option_left_to_the_model_gives_a_range_over_its_usual_choices() -> None:
    low, high = ends(generate(None, None))
    # Least: low at 1536x1024, estimated from the square. Most: the square at high.
    assert low == pytest.approx(196 * 0.781 / 1.15 * 30e-6, abs=1e-4)
    assert high == pytest.approx(7024 * 30e-6, abs=1e-3)
    assert ends(generate("auto", None)) == (low, high)
    words = estimate_price(generate(None, None)).about
    assert words == "gpt-image-2, any quality, any usual size; prices of 2026-11"
    assert estimate_price(generate()).about == "gpt-image-2, high, 1024x1024; prices of 2026-11"


@pytest.mark.parametrize("size", [None, "auto"])
@pytest.mark.parametrize("model", ["gpt-image-2", "gpt-image-2.5-flare", "gpt-image-2.6-flare", "gpt-image-1.5"])
def test_a_size_left_to_the_model_makes_a_quality_at_most_half_as_expensive_again(model: str, size: Any) -> None:
    model_row = ROWS.model(model)
    for quality in estimate.qualities_by_price(model_row):
        image_request = generate(quality)
        low, high = ends(image_request._replace(options=image_request.options._replace(size=size)), model_row)
        text = (50 + 2) * 5e-6
        assert high - text <= 1.5 * low
        assert (
            low
            <= ends(generate(quality, SQUARE), model_row)[0]
            <= ends(generate(quality, SQUARE), model_row)[1]
            <= high
        )


def test_a_size_left_to_a_model_with_a_set_of_sizes_is_one_of_them() -> None:
    small = row()._replace(sizes=ROWS.model("dall-e-2").sizes._replace(set=(Size(512, 512),)))
    assert ends(generate("high", None), small) == ends(generate("high", Size(512, 512)), small)
    assert ends(generate("high", None), small)[1] < ends(generate("high", None))[1]


def test_frames_of_a_gif_cost_at_most_their_sheet() -> None:
    table = {SQUARE: 1000}
    four, sixteen = (image_output_tokens(table, SQUARE, frames, 8_294_400) for frames in (4, 16))
    # A sheet of four squares, and one of the largest size: 2 million and the pixels, in proportion.
    assert four[0] == sixteen[0] == 1000
    assert four[1] == pytest.approx(1150 * (2e6 + 4 * SQUARE.pixels) / (2e6 + SQUARE.pixels))
    assert sixteen[1] == pytest.approx(1150 * (2e6 + 8_294_400) / (2e6 + SQUARE.pixels))
    assert ends(generate(output_format="gif", frame_count=2))[1] < ends(generate(output_format="gif"))[1]


def test_partial_images_cost_up_to_a_hundred_tokens_each() -> None:
    plain, streamed = ends(generate(n=2)), ends(generate(n=2, stream=True, partial_images=3))
    assert streamed[0] == plain[0]
    assert streamed[1] - plain[1] == pytest.approx(2 * 3 * 100 * 30 / 1_000_000)


def test_input_images_and_masks_add_to_the_upper_end() -> None:
    source = InputSource(name="a.png")
    alone = ends(generate())
    edit = Edit(prompt="a cat", images=(source, source), options=generate().options)
    two, marked = ends(edit), ends(edit._replace(markup=source))
    masked = ends(edit._replace(mask=MaskSource(file=source)))
    assert two[1] - alone[1] == pytest.approx(2 * 7000 * 8 / 1_000_000)
    assert masked[1] - alone[1] == marked[1] - alone[1] == pytest.approx(3 * 7000 * 8 / 1_000_000)
    assert two[0] - alone[0] == pytest.approx(2 * 194 * 8 / 1_000_000)
    assert masked[0] == two[0]
    assert ends(Vary(image=source, options=generate().options))[1] > alone[1]


def test_an_svg_has_no_upper_end_and_a_reason() -> None:
    price = estimate_price(generate(output_format="svg", svg=SvgOptions(effort="low")))
    assert price.high_usd is None
    assert price.low_usd > 0
    assert "the model that writes the SVG" in price.about


@pytest.mark.parametrize(
    ("image_request", "model", "provider"),
    [
        (generate(), row(None), OPENAI),
        (generate(), ROWS.model("flux-2"), OPENAI),
        (generate("xhigh"), row(), OPENAI),
        (generate(None), row(GPT_2, "low", "medium", "high", "max"), OPENAI),
        (generate(), row(), OPENAI._replace(priced=False)),
    ],
    ids=["no prices", "unknown model", "no such quality", "a quality without a price", "other prices"],
)
def test_an_unknown_price_is_none(image_request: ImageRequest, model: ModelRow, provider: Any) -> None:
    assert estimate.estimate_price(image_request, model, provider) is None


def test_the_sandbox_costs_nothing_for_any_model() -> None:
    for model in (row(), ROWS.model("flux-2")):
        price = estimate.estimate_price(generate(), model, SANDBOX)
        assert price
        assert (price.low_usd, price.high_usd, price.is_free) == (0, 0, True)


def test_an_svg_of_a_provider_that_bills_nothing_cost_nothing() -> None:
    image_request = generate(output_format="svg", svg=SvgOptions(effort="low"))
    assert usage_cost.reported_usd(USAGE, image_request, row(), SANDBOX) == 0.0
    assert usage_cost.unpriced_note(image_request, USAGE, SANDBOX) == ""
    assert usage_cost.unpriced_note(image_request, USAGE, OPENAI) == "the model that writes the SVG"


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    one, svg = estimate_price(generate()), estimate_price(generate(output_format="svg"))
    both = estimate.total_estimate([one, one])
    assert both
    assert (both.low_usd, both.about) == (2 * one.low_usd, one.about)
    mixed = estimate.total_estimate([one, svg])
    assert mixed
    assert (mixed.high_usd, mixed.about) == (None, "different requests")
    assert estimate.total_estimate([one, None]) is None
    assert estimate.total_estimate([]) is None


def test_text_has_four_characters_per_token_and_fewer_in_cjk() -> None:
    assert text_tokens("abcd" * 10) == (10, 20 + 50)
    assert text_tokens("猫" * 40) == (20, 80 + 50)


SIZES = st.builds(Size, st.integers(16, 3840), st.integers(16, 3840))
ASKS = st.builds(
    generate,
    st.sampled_from([None, "auto", "low", "medium", "high"]),
    st.none() | SIZES,
    n=st.integers(1, 10),
    partial_images=st.none() | st.integers(0, 3),
    output_format=st.sampled_from([None, "png", "gif"]),
    frame_count=st.none() | st.integers(2, 16),
)


@given(ASKS)
def test_the_upper_end_is_never_below_the_lower_and_more_images_never_cost_less(image_request: Generate) -> None:
    low, high = ends(image_request)
    assert 0 < low <= high
    more = image_request._replace(options=image_request.options._replace(n=image_request.options.n + 1))
    assert ends(more) > (low, high)
    chosen = image_request._replace(options=image_request.options._replace(quality="medium"))
    free = image_request._replace(options=image_request.options._replace(quality=None))
    assert ends(free)[0] <= ends(chosen)[0] <= ends(chosen)[1] <= ends(free)[1]


# --- actual costs ----------------------------------------------------------------------------------------------------

USAGE: dict[str, Any] = {
    "input_tokens": 1_100,
    "input_tokens_details": {"text_tokens": 100, "image_tokens": 1_000},
    "output_tokens": 1_756,
    "total_tokens": 2_856,
}
FULL = (100 * 5 + 1_000 * 8 + 1_756 * 30) / 1_000_000


def billed(prices: Prices = GPT_2, image_request: ImageRequest | None = None, **change: Any) -> float | None:
    usage = {key: value for key, value in {**USAGE, **change}.items() if value is not ...}
    edit = Edit(prompt="a cat", images=(InputSource(name="a.png"),), options=generate().options)
    return usage_cost.reported_usd(usage, image_request or edit, row(prices), OPENAI)


@pytest.mark.parametrize(
    ("change", "usd"),
    [
        ({}, FULL),
        ({"input_tokens": "many", "total_tokens": None}, FULL),
        ({"output_tokens_details": {"image_tokens": 1_756, "text_tokens": 0}}, FULL),
        (
            {"input_tokens_details": {"text_tokens": 100, "image_tokens": 1_000, "cached_tokens": 50}},
            FULL,
        ),
        (
            {
                "input_tokens_details": {
                    "text_tokens": 100,
                    "image_tokens": 1_000,
                    "cached_tokens_details": {"text_tokens": 101, "image_tokens": 1_001},
                }
            },
            FULL,
        ),
        ({"output_tokens_details": {"image_tokens": 0, "text_tokens": 1_757}}, None),
        (
            {
                "input_tokens_details": {
                    "text_tokens": 100,
                    "image_tokens": 1_000,
                    "cached_tokens_details": {"text_tokens": 100, "image_tokens": 400},
                }
            },
            FULL - (100 * 3.75 + 400 * 6) / 1_000_000,
        ),
        ({"input_tokens_details": {"text_tokens": 100, "cached_tokens": 100}}, None),
    ],
)
def test_usage_times_the_prices_is_the_cost(change: dict[str, Any], usd: float | None) -> None:
    assert billed(**change) == (None if usd is None else pytest.approx(usd))


def test_output_text_has_its_own_price_if_there_is_one() -> None:
    words: dict[str, Any] = {"output_tokens_details": {"image_tokens": 1_656, "text_tokens": 100}}
    assert billed(GPT_15, **words) == pytest.approx((100 * 5 + 8_000 + 100 * 10 + 1_656 * 32) / 1_000_000)
    assert billed(GPT_2, **words) == pytest.approx(FULL)


def test_input_without_kinds_is_text_if_no_image_was_sent() -> None:
    assert billed(input_tokens_details=...) is None
    only_text = billed(image_request=generate(), input_tokens_details=..., input_tokens=100)
    assert only_text == pytest.approx((100 * 5 + 1_756 * 30) / 1_000_000)
    cached = billed(image_request=generate(), input_tokens_details={"text_tokens": 100, "cached_tokens": 100})
    assert cached == pytest.approx((100 * 1.25 + 1_756 * 30) / 1_000_000)


@pytest.mark.parametrize("value", [-1, 10**12, "1756", None, True, [], {}, 0, 1.5, float("nan"), float("inf")])
def test_an_invalid_number_of_output_tokens_has_no_price(value: Any) -> None:
    assert billed(output_tokens=value) is None


@pytest.mark.parametrize("value", [-1, 10**12, "100", None, True, [], 1.5, float("nan")])
def test_an_invalid_number_of_input_tokens_has_no_price(value: Any) -> None:
    assert billed(input_tokens_details={"text_tokens": value, "image_tokens": 1}) is None
    assert billed(input_tokens_details={"text_tokens": 1, "image_tokens": value}) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "7", "many"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*USAGE, "text_tokens", "image_tokens", "cached_tokens_details"]), inner)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*USAGE, "output_tokens_details"]), JSON))
def test_no_usage_gives_an_invalid_price(usage: dict[str, Any]) -> None:
    for image_request in (generate(), Vary(image=InputSource(name="a.png"), options=generate().options)):
        price = usage_cost.reported_usd(usage, image_request, row(GPT_15), OPENAI)
        assert price is None or 0 < price < 10**6


@pytest.mark.parametrize(
    ("image_request", "model", "provider", "usd"),
    [
        (generate(), row(None), OPENAI, None),
        (generate(), row(), OPENAI._replace(priced=False), None),
        (generate(), row(None), SANDBOX, 0.0),
    ],
)
def test_an_unknown_price_is_not_zero(image_request: ImageRequest, model: ModelRow, provider: Any, usd: Any) -> None:
    assert usage_cost.reported_usd(USAGE, image_request, model, provider) == usd
    assert usage_cost.reported_usd(None, generate(), row(), OPENAI) is None
