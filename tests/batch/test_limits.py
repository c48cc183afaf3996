"""A batch of many rows under a provider's rate limit: all are created, with hardly any 429."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagecli.sandbox.sandbox import Options, Sandbox
from tests.batch.test_batch import journal
from tests.conftest import Run

ROWS = [{"prompt": f"cat {number}", "output": f"{number}.png", "size": "256x256"} for number in range(100)]


@pytest.mark.slow
def test_under_fifty_a_minute_a_hundred_rows_are_created_with_hardly_a_429(imagecli: Run, folder: Path) -> None:
    """A minute of the sandbox's is six seconds here; counts are what matters, as machines can be busy."""
    (folder / "assets.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    lines: list[str] = []
    with Sandbox(Options(rate_limit=50, speed=10), lines.append) as server:
        result = imagecli(*("batch", "assets.jsonl", "--base-url", server.base_url, "-m", "dall-e-2", "-j", "16"))
    assert result.exit_code == 0, result.stderr
    sent = [line for line in lines if "/images/generations" in line]
    refused = sum(" 429" in line for line in sent)
    assert sum(" 200" in line for line in sent) == len(ROWS)
    assert len(sent) == len(ROWS) + refused
    assert refused <= len(ROWS) * 0.03
    assert len(list(folder.glob("*.png"))) == len(ROWS)
    states = [entry["state"] for entry in journal(folder)]
    assert (states.count("sent"), states.count("saved")) == (len(ROWS), len(ROWS))
