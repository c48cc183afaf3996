"""A limit of the provider's: a batch of four minutes under it, by a clock that runs faster."""

from __future__ import annotations

import json
from pathlib import Path

from imagecli.sandbox.server import Options, Sandbox
from tests.batch.test_batch import journal
from tests.conftest import Run

ROWS = 200


def test_two_hundred_rows_under_fifty_pictures_a_minute_lose_none_and_are_seldom_refused(
    imagecli: Run, folder: Path
) -> None:
    rows = [{"prompt": f"cat {number}", "output": f"{number}.png", "size": "256x256"} for number in range(ROWS)]
    (folder / "assets.jsonl").write_text("\n".join(map(json.dumps, rows)))
    log: list[str] = []
    # The limit is one of the provider's clock: 1500 a minute of ours.
    with Sandbox(Options(rate_limit=50, speed=30), log=log.append) as server:
        result = imagecli("batch", "assets.jsonl", "-m", "dall-e-2", "--base-url", server.base_url)
    assert result.exit_code == 0, result.stderr
    assert len(list(folder.glob("*.png"))) == ROWS
    assert [entry["state"] for entry in journal(folder)].count("saved") == ROWS
    assert sum(" 429" in line for line in log) <= ROWS * 0.03
