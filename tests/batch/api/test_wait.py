"""The output while a batch is waited for: a table on a terminal, a heartbeat elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imagecli.env import Env
from imagecli.events import BatchApiProgress, BatchProgress, Event, Heartbeat
from imagecli.output.batch_live import BatchLiveProgress
from imagecli.output.plain_progress import BatchPlainProgress
from imagecli.output.terminal import DisplayOptions
from tests.batch.api.conftest import Batch, manifest
from tests.batch.front import Front
from tests.conftest import NOW, Stream

PROGRESS = BatchProgress(done=3, failed=0, total=20, billed_usd=0.0, unknown=False)


def env_of(output: Stream) -> Env:
    return Env(stdin=Stream(), stdout=Stream(), stderr=output, environ={}, now=lambda: NOW)


def visible_text(text: str) -> str:
    """*text* without colors and cursor movements."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


@pytest.mark.parametrize(
    ("events", "line"),
    [
        ([PROGRESS], "3 of 20 saved after 30 s"),
        (
            [PROGRESS, BatchApiProgress(batches=2, answered=1200, total=1700)],
            "3 of 20 saved, 1,200 of 1,700 completed by the Batch API after 30 s",
        ),
        (
            [
                PROGRESS,
                BatchApiProgress(batches=1, answered=1, total=2),
                BatchApiProgress(batches=0, answered=0, total=0),
            ],
            "3 of 20 saved",
        ),
        ([PROGRESS, BatchApiProgress(batches=1, answered=0, total=0)], "3 of 20 saved after 30 s"),
    ],
)
def test_a_heartbeat_reports_the_progress_of_the_batch_api(events: list[Event], line: str) -> None:
    output = Stream()
    with BatchPlainProgress(env_of(output), DisplayOptions()) as listener:
        for event in [*events, Heartbeat(elapsed=30.0)]:
            listener(event)
    assert output.raw_bytes.getvalue().decode().startswith(f"imagecli: {line}")


def test_the_table_shows_pending_requests_until_they_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    output = Stream(tty=True)
    with BatchLiveProgress(env_of(output), DisplayOptions()) as table:
        for event in (PROGRESS, BatchApiProgress(batches=2, answered=12, total=17)):
            table(event)
    text_ = visible_text(output.raw_bytes.getvalue().decode())
    assert re.search(r"done +failed +completed +elapsed\n3/20 +0 +12/17 +0 s", text_)
    output = Stream(tty=True)
    with BatchLiveProgress(env_of(output), DisplayOptions()) as table:
        for event in (
            PROGRESS,
            BatchApiProgress(batches=1, answered=1, total=2),
            BatchApiProgress(batches=0, answered=0, total=0),
        ):
            table(event)
    last = visible_text(output.raw_bytes.getvalue().decode()).strip().splitlines()[-2:]
    assert "answered" not in last[0]
    assert last[1].startswith("3/20")


def test_a_waiting_run_shows_it_on_a_terminal(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder)
    result = batch("--wait", tty=("stderr",))
    assert result.exit_code == 0
    assert re.search(r"done +failed +completed +elapsed", visible_text(result.stderr))
    assert "preparing" in visible_text(result.stderr)
