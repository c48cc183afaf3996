"""Tokens of images by size, against prices that others publish or measured (2026-11-29)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecli.catalog import catalog
from imagecli.domain import Size
from imagecli.pricing.tokens import image_output_tokens

ROWS = catalog.load_shipped_catalog()

FAL_SIZES = ("1024x768", "1024x1024", "1024x1536", "2560x1440", "3840x2160")
# litellm 1.110.2, fal_ai/{quality}/{size}/openai/gpt-image-2.5/flare: USD for one image.
FAL_25 = {
    "low": (0.00402, 0.00588, 0.00474, 0.00615, 0.01113),
    "medium": (0.00903, 0.01317, 0.01029, 0.01434, 0.02595),
    "high": (0.03612, 0.05268, 0.04116, 0.05529, 0.10008),
    "xhigh": (0.06420, 0.09366, 0.07377, 0.09828, 0.17790),
    "max": (0.14445, 0.21072, 0.16464, 0.22110, 0.40026),
}
# fal's USD for gpt-image-2, rounded up to a tenth of a cent.
FAL_2 = {
    "low": (0.005, 0.006, 0.005, 0.007, 0.012),
    "medium": (0.037, 0.053, 0.042, 0.056, 0.101),
    "high": (0.145, 0.211, 0.165, 0.222, 0.401),
}
# Measured tokens of single images.
MEASURED = (
    ("gpt-image-2", "low", "976x704", 133),
    ("gpt-image-2", "high", "1536x1024", 5488),
    ("gpt-image-2", "high", "1792x1024", 5063),
    ("gpt-image-2", "high", "3584x2048", 12_329),
    ("gpt-image-2.6-flare", "low", "1024x1024", 784),
    ("gpt-image-2.6-flare", "low", "1536x1024", 664),
    ("gpt-image-2.6-flare", "high", "1024x1024", 1756),
    ("gpt-image-2.6-flare", "high", "1536x1024", 1353),
    ("gpt-image-2.6-flare", "high", "3840x2160", 3337),
)
KNOWN = [
    *(
        ("gpt-image-2.5-flare", quality, size, usd, 0.0)
        for quality, row in FAL_25.items()
        for size, usd in zip(FAL_SIZES, row, strict=True)
    ),
    *(
        ("gpt-image-2", quality, size, usd, 0.001)
        for quality, row in FAL_2.items()
        for size, usd in zip(FAL_SIZES, row, strict=True)
    ),
    *((model, quality, size, tokens * 30e-6, 0.0) for model, quality, size, tokens in MEASURED),
]
FREE = [name for name, row in ROWS.models.items() if row.prices and not row.sizes.set]
SETS = [name for name, row in ROWS.models.items() if row.prices and row.sizes.set]


def table_of(model: str, quality: str) -> dict[Size, int]:
    prices = ROWS.model(model).prices
    assert prices
    return dict(prices.output_tokens[quality])


def usd_range(table: dict[Size, int], size: Size) -> tuple[float, float]:
    least, most = image_output_tokens(table, size, 1, None)
    return least * 30e-6, most * 30e-6


@pytest.mark.parametrize(("model", "quality", "size", "usd", "rounding"), KNOWN)
def test_a_known_price_is_the_one_of_its_listed_size(
    model: str, quality: str, size: str, usd: float, rounding: float
) -> None:
    low, high = usd_range(table_of(model, quality), Size.parse(size))
    assert low == high
    assert usd - rounding - 1e-9 <= low <= usd + 1e-9


@pytest.mark.parametrize(("model", "quality", "size", "usd", "rounding"), KNOWN)
def test_a_known_price_is_in_the_range_that_is_estimated_without_it(
    model: str, quality: str, size: str, usd: float, rounding: float
) -> None:
    requested, table = Size.parse(size), table_of(model, quality)
    others = {listed: n for listed, n in table.items() if {*map(int, size.split("x"))} != {listed.width, listed.height}}
    assert len(others) < len(table)
    low, high = usd_range(others, requested)
    assert low <= usd
    assert usd - rounding <= high
    assert high <= 1.5 * low


@pytest.mark.parametrize("model", FREE)
@given(width=st.integers(41, 240), height=st.integers(41, 240))
def test_no_range_of_a_quality_is_wider_than_a_factor_of_one_and_a_half(model: str, width: int, height: int) -> None:
    row, size = ROWS.model(model), Size(16 * width, 16 * height)
    if not row.sizes.objection(size):
        for quality in row.output_tokens():
            least, most = image_output_tokens(table_of(model, quality), size, 1, None)
            assert 0 < least <= most <= 1.5 * least


@pytest.mark.parametrize("model", FREE)
def test_tokens_do_not_grow_with_the_pixels(model: str) -> None:
    for quality in ROWS.model(model).output_tokens():
        table = table_of(model, quality)
        wide = image_output_tokens(table, Size(1536, 1024), 1, None)
        assert wide[1] < image_output_tokens(table, Size(1024, 1024), 1, None)[0]


@pytest.mark.parametrize("model", SETS)
def test_models_with_a_set_of_sizes_have_all_of_them_in_their_tables(model: str) -> None:
    row = ROWS.model(model)
    for quality, table in row.output_tokens().items():
        assert set(row.sizes.set) == set(table), quality


def test_a_rotated_size_costs_the_same() -> None:
    table = {Size(1024, 1536): 1372, Size(1024, 1024): 1756}
    assert image_output_tokens(table, Size(1536, 1024), 1, None) == (1372, 1372)


def test_an_unlisted_size_is_the_most_similar_one_scaled_with_a_margin_to_both_sides() -> None:
    # 2048x2048: 2 million and the pixels, 6,194,304 by 3,048,576 of the square.
    least, most = image_output_tokens({Size(1024, 1024): 1756, Size(1536, 512): 500}, Size(2048, 2048), 1, None)
    assert least * 1.15 == most / 1.15 == pytest.approx(1756 * 6_194_304 / 3_048_576)
