"""Costs that providers report themselves: they count against the limit, and are printed in summary, JSON and
journal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imagecli.catalog import catalog
from imagecli.domain import Generate, ImageOptions
from imagecli.pricing.usage_cost import provider_cost, reported_usd, unpriced_note
from tests.client.raw import http, images_body, png, raw_server
from tests.conftest import Run

ROWS = catalog.load_shipped_catalog()
OPENROUTER, XAI, OPENAI = (ROWS.provider(name) for name in ("openrouter", "xai", "openai"))

# @openrouter/sdk 1.3.19, and @ai-sdk/xai 5.0.12: 10,000,000,000 ticks to the dollar. Read 2026-11-29.
OPENROUTER_USAGE = {"prompt_tokens": 9, "completion_tokens": 1300, "total_tokens": 1309, "cost": 0.0432}
XAI_USAGE = {"cost_in_usd_ticks": 700_000_000}


def response(usage: dict[str, Any]) -> bytes:
    return http("200 OK", images_body(png(64, 64), usage=usage))


@pytest.mark.parametrize(
    ("provider", "usage", "usd"),
    [
        (OPENROUTER, OPENROUTER_USAGE, 0.0432),
        (OPENROUTER, {"cost": 0}, 0.0),
        (OPENROUTER, {"cost": 2}, 2.0),
        (XAI, XAI_USAGE, 0.07),
        (OPENAI, OPENROUTER_USAGE, None),
        *((OPENROUTER, usage, None) for usage in (None, {}, {"cost": None}, {"cost": "1"}, {"cost": True})),
        *((OPENROUTER, {"cost": cost}, None) for cost in (-0.01, 1e7, float("nan"), float("inf"), [1], 10**400)),
    ],
)
def test_the_reported_cost_is_in_the_field_of_the_provider_row(provider: Any, usage: Any, usd: float | None) -> None:
    assert provider_cost(usage, provider) == (None if usd is None else pytest.approx(usd))


def test_a_reported_cost_is_complete_and_not_reduced_by_a_share() -> None:
    svg = Generate(prompt="x", options=ImageOptions(model="a/b", output_format="svg"))
    assert reported_usd(OPENROUTER_USAGE, svg, ROWS.model("a/b"), OPENROUTER, 0.5) == 0.0432
    priced = OPENROUTER._replace(priced=True)
    tokens = {"input_tokens": 9, "output_tokens": 1300}
    assert reported_usd({**tokens, "cost": 0.0432}, svg, ROWS.model("gpt-image-2"), priced, 0.5) == 0.0432
    by_tokens = reported_usd(tokens, svg, ROWS.model("gpt-image-2"), priced, 0.5)
    assert by_tokens == pytest.approx((9 * 5 + 1300 * 30) / 2 / 1_000_000)
    assert unpriced_note(svg, OPENROUTER_USAGE, OPENROUTER) == ""
    assert unpriced_note(svg, {}, OPENROUTER) == "the model that writes the SVG"


@pytest.mark.parametrize(
    ("provider", "model", "key", "usage", "line", "usd"),
    [
        ("openrouter", "google/gemini-image", "OPENROUTER_API_KEY", OPENROUTER_USAGE, "cost: $0.043", 0.0432),
        ("xai", "grok-imagine-image", "XAI_API_KEY", XAI_USAGE, "cost: $0.070", 0.07),
    ],
)
def test_the_reported_cost_is_in_the_summary_and_in_json(
    imagecli: Run, provider: str, model: str, key: str, usage: dict[str, Any], line: str, usd: float
) -> None:
    with raw_server(response(usage)) as server:
        command = ["generate", "a cat", "--provider", provider, "-m", model, "--if-exists", "number"]
        command += ["--base-url", server.base_url]
        plain = imagecli(*command, env={key: "sk-or-v1-0123456789"})
        result = imagecli(*command, "--json", env={key: "sk-or-v1-0123456789"}).json
    assert plain.exit_code == 0, plain.stderr
    assert f"imagecli: {line}\n" in plain.stderr
    assert result["cost"] == {"estimated_usd": None, "estimated_max_usd": None, "actual_usd": usd}


def test_the_reported_cost_stops_a_command_at_its_limit(imagecli: Run) -> None:
    with raw_server(response({"cost": 3.0})) as server:
        result = imagecli(
            *("generate", "a {x}", *(word for x in "abcdefgh" for word in ("--var", f"x={x}"))),
            *("--provider", "openrouter", "-m", "a/b", "--base-url", server.base_url, "--json"),
            env={"OPENROUTER_API_KEY": "sk-or-v1-0123456789"},
        )
        count = len(server.requests)
    # Up to four are in flight at the same time; once two have cost more than the 5 USD, no further one is sent.
    assert 2 <= count < 8
    assert (result.exit_code, result.json["cost"]["actual_usd"]) == (9, 3.0 * count)
    assert [error["code"] for error in result.json["errors"]] == ["over_budget"]


def test_a_batch_journals_the_reported_cost_and_stops_at_its_limit(imagecli: Run, folder: Path) -> None:
    rows = [{"prompt": f"a {name}", "output": f"{name}.png"} for name in ("cat", "dog", "fox", "owl")]
    (folder / "pets.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    with raw_server(*[response({"cost": 3.0})] * 4) as server:
        result = imagecli(
            *("batch", "pets.jsonl", "--provider", "openrouter", "-m", "a/b", "--base-url", server.base_url),
            *("-j", "1", "--json"),
            env={"OPENROUTER_API_KEY": "sk-or-v1-0123456789"},
        )
    summary = json.loads(result.stdout.splitlines()[-1])
    assert (result.exit_code, summary["cost"]["actual_usd"]) == (9, 6.0)
    entries = [json.loads(line) for line in (folder / "pets.journal.jsonl").read_text().splitlines()]
    assert [entry["cost_usd"] for entry in entries if entry.get("state") == "saved"] == [3.0, 3.0]
