"""A sandbox under --base-url identifies itself, and costs nothing: in the summary, --json, journal and cost limit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imagecli.client.exchange import HttpResponse
from imagecli.sandbox.sandbox import Options, Sandbox
from tests.client.raw import http, images_body, png, raw_server
from tests.conftest import Run

HEADER = "x-imagecli-sandbox: 1"
USAGE: dict[str, Any] = {
    "input_tokens": 10,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 0},
    "output_tokens": 196,
}
LOW = ("-s", "1024x1024", "--quality", "low")
LOW_USD = 196 * 30e-6 + 10 * 5e-6


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Options(speed=20_000)) as server:
        yield server


@pytest.mark.parametrize(
    ("peer", "believed"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("10.0.0.7", False),
        ("169.254.1.1", False),
        ("192.0.2.1", False),
        ("2001:db8::1", False),
        (None, False),
    ],
)
def test_only_a_server_on_this_machine_can_identify_as_the_sandbox(peer: str | None, believed: bool) -> None:
    assert HttpResponse(status=200, headers={"x-imagecli-sandbox": "1"}).is_from_sandbox(peer) is believed
    assert not HttpResponse(status=200, headers={}).is_from_sandbox(peer)


@pytest.mark.parametrize("flags", [(), ("--stream",)])
def test_a_sandbox_under_a_base_url_costs_nothing(imagecli: Run, sandbox: Sandbox, flags: tuple[str, ...]) -> None:
    command = ["generate", "a cat", *LOW, *flags, "--base-url", sandbox.base_url, "--if-exists", "number"]
    plain = imagecli(*command)
    result = imagecli(*command, "--json").json
    assert plain.exit_code == 0
    assert plain.stderr.splitlines()[-1] == "imagecli: cost: free (sandbox)"
    assert result["cost"]["actual_usd"] == 0.0
    assert result["requests"][0]["usage"]["output_tokens"] == 196


@pytest.mark.parametrize("flags", [(), ("--batch-api", "--wait")])
def test_a_batch_at_a_sandbox_under_a_base_url_costs_nothing(
    imagecli: Run, sandbox: Sandbox, folder: Path, flags: tuple[str, ...]
) -> None:
    rows = [{"prompt": f"a {x}", "output": f"{x}.png", "size": "1024x1024", "quality": "low"} for x in ("cat", "dog")]
    (folder / "pets.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    result = imagecli("batch", "pets.jsonl", *flags, "--base-url", sandbox.base_url, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout.splitlines()[-1])["cost"]["actual_usd"] == 0.0
    (folder / "pets.jsonl").write_text(json.dumps({**rows[0], "output": "other.png", "prompt": "a cow"}) + "\n")
    plain = imagecli("batch", "pets.jsonl", *flags, "--base-url", sandbox.base_url)
    assert plain.stderr.splitlines()[-1] == "imagecli: 1 created; cost: free (sandbox)"
    entries = [json.loads(line) for line in (folder / "pets.journal.jsonl").read_text().splitlines()]
    assert [entry["cost_usd"] for entry in entries if entry.get("state") == "saved"] == [0.0] * 3


def test_sandbox_images_do_not_count_against_the_limit(imagecli: Run) -> None:
    # Each response reports 3 USD of tokens, so that two of them pass the limit of 5 USD.
    body = images_body(png(64, 64), usage={**USAGE, "output_tokens": 100_000})
    words = [word for x in "abcdefgh" for word in ("--var", f"x={x}")]
    for header, exit_code in ((HEADER, 0), ("x-other: 1", 9)):
        with raw_server(http("200 OK", body, header)) as server:
            result = imagecli("generate", "a {x}", *words, *LOW, "--base-url", server.base_url, "-o", f"{exit_code}/")
        assert result.exit_code == exit_code, result.stderr


def test_behind_a_proxy_no_response_can_identify_as_the_sandbox(imagecli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    body = images_body(png(64, 64), usage=USAGE)
    with raw_server(http("200 OK", body, HEADER)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        result = imagecli(
            *("generate", "a cat", *LOW, "--base-url", "http://images.example/v1", "--insecure-http", "--json"),
            env={"OPENAI_API_KEY": "sk-0123456789abcdef"},
        )
    assert result.exit_code == 0, result.stderr
    assert result.json["cost"]["actual_usd"] == pytest.approx(LOW_USD)
