"""What a command counts against its cost limit, and its actual cost, if a Batch API has a share of the price."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagecli.catalog import catalog
from imagecli.config.settings import Settings, load_settings
from imagecli.config.sources import SettingFlags
from imagecli.domain import Edit, Generate, ImageOptions, InputSource, Size, SvgOptions
from imagecli.env import Env
from imagecli.errors import NetworkError
from imagecli.pricing.command_cost import Budget
from imagecli.results import CallResult
from tests.conftest import NOW, Stream

ROWS = catalog.load_shipped_catalog()
HALF_PRICE = 0.5
MILLION = {"input_tokens": 0, "input_tokens_details": {"text_tokens": 0, "image_tokens": 0}, "output_tokens": 1_000_000}


def settings(cap: float, provider: str = "openai") -> Settings:
    nothing = Stream()
    env = Env(stdin=nothing, stdout=nothing, stderr=nothing, environ={}, now=lambda: NOW)
    loaded_settings = load_settings(SettingFlags(provider=provider), env, ROWS, Path("/"))
    return loaded_settings._replace(max_cost=cap, max_cost_origin="--max-cost")


def budget(share: float, *, cap: float = 5, count: int = 1, fixed: bool = True, provider: str = "openai") -> Budget:
    request = Generate(prompt="x", options=ImageOptions(model="gpt-image-2", quality="high", size=Size(1024, 1024)))
    calls = [(request, ROWS.model("gpt-image-2")) for index in range(count)]
    return Budget.build(calls, settings(cap, provider), fixed=fixed, share=share)


def outcome(usage: dict[str, object] | None = None) -> CallResult:
    return CallResult(request=0, requested=1, provider="openai", model="gpt-image-2", usage=usage)


def test_half_of_the_price_is_estimated_and_counted() -> None:
    live, half = budget(1.0), budget(HALF_PRICE)
    assert half.counted_usd(0) == pytest.approx(live.counted_usd(0) / 2)
    assert half.cost().low_usd == pytest.approx((live.cost().low_usd or 0) / 2)
    assert half.cost_of(0).high_usd == pytest.approx((live.cost_of(0).high_usd or 0) / 2)


def test_half_of_the_usage_is_billed() -> None:
    live, half = budget(1.0), budget(HALF_PRICE)
    assert live.billed_usd(outcome(MILLION)) == pytest.approx(30)
    assert half.billed_usd(outcome(MILLION)) == half.reported_usd(outcome(MILLION)) == pytest.approx(15)
    assert half.cost([outcome(MILLION)]).actual_usd == pytest.approx(15)


def test_each_request_is_billed_by_its_own_model_and_inputs() -> None:
    look = ImageOptions(model="gpt-image-1-mini", quality="high", size=Size(1024, 1024))
    edit = Edit(prompt="x", images=(InputSource(name="a.png"),), options=look._replace(model="gpt-image-2"))
    mixed = Budget.build(
        [
            (Generate(prompt="x", options=look), ROWS.model("gpt-image-1-mini")),
            (edit, ROWS.model("gpt-image-2")),
        ],
        settings(50),
    )
    ends = [outcome(MILLION)._replace(request=index) for index in (0, 1)]
    assert [mixed.reported_usd(end) for end in ends] == [pytest.approx(8), pytest.approx(30)]
    assert mixed.cost(ends).actual_usd == pytest.approx(38)
    # Without kinds, input is text where no image was sent, and unknown where one was.
    ends = [end._replace(usage={"input_tokens": 0, "output_tokens": 1_000_000}) for end in ends]
    assert [mixed.reported_usd(end) for end in ends] == [pytest.approx(8), None]


def test_with_an_svg_the_cost_is_known_in_part() -> None:
    look = ImageOptions(model="gpt-image-2", quality="high", size=Size(1024, 1024))
    svg = look._replace(output_format="svg", svg=SvgOptions(effort="low"))
    asks = [Generate(prompt="x", options=one) for one in (look, svg)]
    mixed = Budget.build(
        [(request, ROWS.model("gpt-image-2")) for k, request in enumerate(asks)],
        settings(5),
    )
    ends = [outcome(MILLION)._replace(request=index) for index in (0, 1)]
    warnings = [mixed.overrun_warning(some) for some in (ends[:1], ends[1:], ends)]
    assert [warning and "at least" in warning.message for warning in warnings] == [False, True, True]


def test_without_usage_the_cost_is_known_in_part() -> None:
    two = budget(1.0, count=2)
    unknown = outcome()._replace(request=1, errors=())
    warnings = [two.overrun_warning(some) for some in ([outcome(MILLION)], [outcome(MILLION), unknown])]
    assert [warning and "at least" in warning.message for warning in warnings] == [False, True]


def test_an_unknown_cost_is_unknown_at_any_share() -> None:
    half = budget(HALF_PRICE)
    assert half.billed_usd(outcome()._replace(errors=())) is None
    assert half.billed_usd(outcome()._replace(errors=(NetworkError("x"),))) == 0.0


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (1.0, "(gpt-image-2, high, 1024x1024; prices of 2026-11), more"),
        (HALF_PRICE, "(gpt-image-2, high, 1024x1024; prices of 2026-11; half price with the Batch API), more"),
        (0.75, "; 75% of the price with the Batch API), more"),
    ],
)
def test_the_error_states_which_price_it_counts(share: float, words: str) -> None:
    refusal = budget(share, cap=0.01).refusal()
    assert refusal is not None
    assert words in refusal.message


def test_a_batch_that_fits_at_half_the_price_is_accepted() -> None:
    assert budget(1.0, cap=0.2).refusal() is not None
    assert budget(HALF_PRICE, cap=0.2).refusal() is None


def test_the_suggested_quality_fits_at_the_same_share() -> None:
    refusal = budget(HALF_PRICE, cap=0.05, fixed=False).refusal()
    assert refusal is not None
    assert (refusal.hint or "").startswith("--quality medium costs about $0.027; or --max-cost")


def test_the_price_of_a_plan_is_labelled_as_the_batch_api_price() -> None:
    assert (
        budget(HALF_PRICE).cost().about
        == "gpt-image-2, high, 1024x1024; prices of 2026-11; half price with the Batch API"
    )
    assert "Batch API" not in budget(1.0).cost().about
    assert budget(HALF_PRICE, provider="sandbox").cost().about == "sandbox is free of charge"
