"""The progress of a batch without a terminal: one line per row, and a heartbeat."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from imagecli.env import Env
from imagecli.events import BatchProgress, EventHandler
from imagecli.output.batch_live import fit_cells
from imagecli.output.plain_progress import BatchPlainProgress
from imagecli.output.terminal import DisplayOptions
from imagecli.worker_pool import HEARTBEAT_SECONDS, CallSlot, WorkerPool
from tests.batch.serving import COST, refusal, serving
from tests.batch.test_batch import manifest
from tests.conftest import NOW, Run, Stream


def test_a_finished_row_is_a_line_with_its_files_or_its_error(imagecli: Run, folder: Path) -> None:
    manifest(
        folder,
        {"prompt": "a cat", "output": "cat-{n}.png", "n": 3},
        {"prompt": "a fox", "output": "fox.png"},
        {"prompt": "an owl", "output": "owl.png"},
    )
    with serving(lambda fields: refusal("400 Bad Request", "x") if "fox" in fields["prompt"] else None) as server:
        result = imagecli("batch", "assets.jsonl", "--base-url", server.base_url, "-j", "1")
    lines = [line for line in result.stderr.splitlines() if re.match(r"imagecli: (\d|error)", line)]
    assert lines == [
        f"imagecli: 1 of 3: cat-1.png and 2 more, ${COST:.3f}",
        "imagecli: error: assets.jsonl:2: the API refused the request (HTTP 400): no (x)",
        f"imagecli: 3 of 3: owl.png, ${COST:.3f}",
        f"imagecli: 2 created, 1 failed; cost: ${2 * COST:.3f}; run the same command to retry the failed rows",
    ]


@pytest.mark.parametrize(
    ("arguments", "tty", "lines"),
    [
        ((), (), 3),
        (("--json",), (), 3),
        (("--json",), ("stdout",), 3),
        (("--quiet",), (), 0),
        ((), ("stdout",), 0),
        ((), ("stderr",), 0),
    ],
)
def test_rows_are_reported_once_on_every_screen(
    imagecli: Run, folder: Path, arguments: tuple[str, ...], tty: tuple[str, ...], lines: int
) -> None:
    manifest(folder)
    with serving() as server:
        result = imagecli("batch", "assets.jsonl", "--base-url", server.base_url, *arguments, tty=tty)
    assert result.exit_code == 0
    assert len(re.findall(r"imagecli: \d of 3: ", result.stderr)) == lines


@pytest.mark.slow
def test_waiting_for_a_key_is_reported(imagecli: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    command = [sys.executable, "-c", "import time; time.sleep(2.5); print('sk-x')"]
    (tmp_path / "config" / "config.toml").write_text(f"[providers.openai]\napi_key_command = {json.dumps(command)}")
    manifest(folder)
    result = imagecli("batch", "assets.jsonl", "--base-url", "http://127.0.0.1:1/v1", "--max-retries", 0)
    assert result.exit_code == 6
    assert result.stderr.startswith("imagecli: note: waiting for the API key; its command or the keyring may")


def test_a_long_run_prints_a_heartbeat_every_half_minute() -> None:
    output = Stream()
    env = Env(stdin=Stream(), stdout=Stream(), stderr=output, environ={}, now=lambda: NOW)
    listener = BatchPlainProgress(env, DisplayOptions())

    def work(failed: int, on_event: EventHandler, slot: CallSlot) -> int:
        on_event(BatchProgress(done=3, failed=failed, total=20, billed_usd=0.3, unknown=False))
        return failed

    with WorkerPool(jobs=1, on_event=listener, heartbeat=0.0) as pool:
        assert list(pool.run(work, [0, 1])) == [0, 1]
    lines = output.raw_bytes.getvalue().decode().splitlines()
    assert list(dict.fromkeys(lines)) == [
        "imagecli: still waiting after 0 s",
        "imagecli: 3 of 20 saved after 0 s",
        "imagecli: 3 of 20 saved, 1 failed after 0 s",
    ]
    assert HEARTBEAT_SECONDS == 30


CELLS = [
    ("done", "12/200"),
    ("failed", "0"),
    ("waiting", "0"),
    ("per minute", "24"),
    ("cost", "$0.28"),
    ("time left", "7 min"),
]
WAITS = [cell if cell[0] != "waiting" else (cell[0], "3, 12 s") for cell in CELLS]


@pytest.mark.parametrize(
    ("cells", "width", "visible"),
    [
        (CELLS, 96, ["done", "failed", "waiting", "per minute", "cost", "time left"]),
        (CELLS, 40, ["done", "per minute", "cost", "time left"]),
        (CELLS, 38, ["done", "cost", "time left"]),
        (CELLS, 24, ["done", "time left"]),
        (WAITS, 44, ["done", "waiting", "cost", "time left"]),
        (WAITS, 34, ["done", "waiting", "time left"]),
        (WAITS, 26, ["done", "waiting"]),
        (CELLS, 6, ["done"]),
        (CELLS, -3, ["done"]),
    ],
)
def test_a_narrow_terminal_shows_the_important_columns_uncut(
    cells: list[tuple[str, str]], width: int, visible: list[str]
) -> None:
    assert [heading for heading, _ in fit_cells(cells, width)] == visible
