"""`usage`: the figures of the price table, so that the cost computed from it is within the estimate."""

from __future__ import annotations

from typing import Any

import pytest

from imagecli.catalog import catalog
from imagecli.domain import Generate, ImageOptions, Size
from imagecli.pricing import estimate, usage_cost
from imagecli.sandbox.request_body import ParsedForm
from imagecli.sandbox.request_validation import build_image_job
from imagecli.sandbox.response_body import build_usage, tokens_per_image
from imagecli.sandbox.sandbox import Sandbox
from tests.sandbox.requests_and_images import encoded, hole, photo, post

ROWS = catalog.load_shipped_catalog()
PRICED = sorted(name for name, row in ROWS.models.items() if row.prices)


def of(model: str, **fields: Any) -> dict[str, Any]:
    job = build_image_job(ParsedForm(values={"model": model, "prompt": "a cat", **fields}), "generations", ROWS)
    return build_usage(job, job.n)


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({"model": "gpt-image-2", "quality": "low"}, 196),
        ({"model": "gpt-image-2", "quality": "high"}, 7024),
        ({"model": "gpt-image-2", "quality": "high", "size": "1536x1024"}, 5488),
        ({"model": "gpt-image-2", "quality": "medium", "n": 2}, 3512),
        ({"model": "gpt-image-2", "quality": "low", "stream": True, "partial_images": 3}, 496),
        ({"model": "gpt-image-2", "quality": "low", "stream": True, "partial_images": 3, "n": 2}, 992),
        ({"model": "gpt-image-2", "quality": "medium", "size": "2048x1024"}, 1180),
        ({"model": "gpt-image-2.5-flare", "quality": "max"}, 7024),
        ({"model": "gpt-image-1-mini", "quality": "low", "size": "1024x1536"}, 408),
        ({"model": "gpt-image-1-mini", "quality": "low", "size": "1536x1024"}, 400),
    ],
)
def test_output_tokens_are_those_of_the_table(fields: dict[str, Any], tokens: int) -> None:
    assert of(**fields)["output_tokens"] == tokens


def test_body_has_kinds_of_tokens(sandbox: Sandbox) -> None:
    fields = {"model": "gpt-image-2", "prompt": "a pool", "quality": "low"}
    usage = post(sandbox, "edits", fields, image=encoded(photo()), mask=encoded(hole())).json()["usage"]
    assert usage["input_tokens_details"]["image_tokens"] == 2100
    assert sum(usage["input_tokens_details"].values()) == usage["input_tokens"]
    assert sum(usage["output_tokens_details"].values()) == usage["output_tokens"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


@pytest.mark.parametrize("model", PRICED)
def test_cost_by_usage_is_inside_the_estimate(model: str) -> None:
    row, openai = ROWS.models[model], ROWS.provider("openai")
    for quality in estimate.qualities_by_price(row):
        for size in ("1024x1024", "1536x1024", *(["2048x2048", "1040x1040"] if not row.sizes.set else [])):
            usage = of(model, quality=quality, size=size)
            request_ = Generate(
                prompt="a cat", options=ImageOptions(model=model, quality=quality, size=Size.parse(size))
            )
            price, cost = (
                estimate.estimate_price(request_, row, openai),
                usage_cost.reported_usd(usage, request_, row, openai),
            )
            assert price is not None
            assert price.high_usd is not None
            assert cost is not None
            assert price.low_usd <= cost <= price.high_usd, (quality, size)


def test_gif_is_billed_by_the_sheet_of_its_frames() -> None:
    values = {"model": "gpt-image-2.6-flare", "prompt": "x", "quality": "medium", "output_format": "gif"}
    tokens = [
        tokens_per_image(build_image_job(ParsedForm(values={**values, "frame_count": count}), "generations", ROWS))
        for count in (2, 4, 16)
    ]
    pixels = (2 * 1024**2, 4 * 1024**2, 8_294_400)
    assert tokens == [round(1756 * (2e6 + count) / (2e6 + 1024**2)) for count in pixels]


def test_row_without_prices_has_usage_too() -> None:
    rows = catalog.with_user_models({"models": {"gpt-image-new": {"like": "gpt-image-2"}}}, "models.toml")
    unpriced = rows.models["gpt-image-new"]._replace(prices=None)
    form = ParsedForm(values={"model": "gpt-image-new", "prompt": "x"})
    job = build_image_job(form, "generations", rows._replace(models={**rows.models, "gpt-image-new": unpriced}))
    assert build_usage(job, job.n)["output_tokens"] == 1056
