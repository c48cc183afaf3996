"""Batches that are made and that nobody was told of: found again, so that nothing is bought twice."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imagecli.batch.api import discover
from imagecli.sandbox.sandbox import Options, Sandbox
from tests.batch.api.conftest import SOON, Batch, edit, journal, made, manifest, row, states
from tests.batch.front import Act, Front, changed, fronting, lost, refused, saying, silent
from tests.children import Children
from tests.conftest import Run

FILES = ["cat.png", "fox.png", "owl.png"]
CREATE = "POST /v1/batches"


def until(there: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not there():
        assert time.monotonic() < end
        time.sleep(0.01)


def keep(folder: Path, *states: str) -> None:
    """Leaves of the journal the entries of *states*, as a run that was ended then does."""
    path = folder / "assets.journal.jsonl"
    lines = [line for line in path.read_text().splitlines() if json.loads(line)["state"] in states]
    path.write_text("".join(line + "\n" for line in lines))


def test_a_batch_whose_answer_is_lost_is_found_by_the_same_run(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder)
    front.once(CREATE, lost)
    result = batch()
    assert result.exit_code == 10
    assert "checking whether the batch was created" in result.stderr
    assert states(folder) == ["sent"] * 3 + ["submitted"] * 3
    assert (batch().exit_code, made(folder)) == (0, FILES)
    assert (len(front.batches), len(front.requests_like(CREATE))) == (1, 1)


def test_a_run_that_is_killed_before_it_hears_of_its_batch_is_gone_on_with(
    batch: Batch, front: Front, folder: Path, state: Path, tmp_path: Path, children: Children
) -> None:
    manifest(folder)
    front.once(CREATE, silent)
    ours = {"IMAGECLI_CONFIG_DIR": str(tmp_path / "config"), "IMAGECLI_STATE_DIR": str(state)}
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "IMAGECLI"))}
    typed = [sys.executable, "-m", "imagecli", "batch", "assets.jsonl", "--batch-api", "--base-url", front.base_url]
    process = children.start(typed, cwd=folder, env=clean | ours)
    until(lambda: bool(front.batches))
    process.kill()
    process.wait(timeout=10)
    front.settle()
    assert states(folder) == ["sent"] * 3
    left = [path for path in (state / "batches").rglob("*") if path.is_file()]
    assert left
    again = batch()
    assert (again.exit_code, made(folder)) == (0, FILES)
    assert f"{front.batches[0]['id']} was submitted by a run that ended before recording it" in again.stderr
    assert (len(front.batches), len(front.requests_like(CREATE))) == (1, 1)
    # What a killed run left behind goes with the next one that hands in.
    edit(folder / "assets.jsonl", "a fox", "a big fox")
    assert batch().exit_code == 10
    assert not [path for path in left if path.exists()]


def test_a_torn_journal_is_mended_before_it_is_told_what_was_found(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder)
    batch()
    keep(folder, "sent")
    with (folder / "assets.journal.jsonl").open("ab") as file:
        file.write(b'{"id":"cat.png","sta')
    assert (batch().exit_code, made(folder)) == (0, FILES)
    assert states(folder) == ["sent"] * 3 + ["submitted"] * 3 + ["saved"] * 3


def test_what_was_never_made_of_rows_that_were_sent_is_handed_in_anew(
    batch: Batch, front: Front, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discover, "PAUSES", (0.0, 0.1, 0.1))
    manifest(folder)
    front.once(CREATE, refused)
    for _ in range(3):
        front.once("GET /v1/batches.*", saying("200 OK", {"object": "list", "data": [], "has_more": False}))
    # The looks after the lost response find no batch, and the run can't know.
    unsure = batch()
    assert (unsure.exit_code, states(folder)) == (7, ["sent"] * 3)
    assert "it finds the batch, or submits the rows again" in unsure.stderr
    assert "3 not sent" not in unsure.stderr
    again = batch()
    assert again.exit_code == 10
    assert states(folder)[3:] == ["failed"] * 3 + ["sent"] * 3 + ["submitted"] * 3
    assert len(front.batches) == 1


def test_a_lost_journal_is_found_again_by_the_lines_of_its_batches(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder)
    front.asleep = True
    batch()
    (folder / "assets.journal.jsonl").unlink()
    again = batch()
    assert (again.exit_code, len(front.batches)) == (10, 1)
    assert f"{front.batches[0]['id']} was submitted earlier with 3 of these rows" in again.stderr
    front.asleep = False
    assert (batch().exit_code, made(folder)) == (0, FILES)


def test_of_a_lost_journal_only_the_rows_that_say_the_same_are_found(batch: Batch, front: Front, folder: Path) -> None:
    path = manifest(folder)
    front.asleep = True
    batch()
    (folder / "assets.journal.jsonl").unlink()
    edit(path, "a cat", "a big cat")
    again = batch()
    assert again.exit_code == 10
    assert "with 2 of these rows" in again.stderr
    assert [one["request_counts"]["total"] for one in front.batches] == [1, 3]
    front.asleep = False
    assert (batch().exit_code, made(folder)) == (0, FILES)


def test_batches_of_others_are_left_alone(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder)
    manifest(folder, row("a hen"), name="others.jsonl")
    front.asleep = True
    batch(of="others.jsonl")
    asked = len(front.requests)
    batch()
    assert "submitted earlier" not in batch().stderr
    assert len(front.batches) == 2
    assert not [one for one in front.requests[asked:] if "content" in one.path]


def test_rows_that_are_with_another_server_are_not_taken_for_lost(
    batch: Batch, front: Front, folder: Path, imagecli: Run
) -> None:
    manifest(folder)
    batch()
    keep(folder, "sent")
    told = journal(folder)
    with Sandbox(Options(speed=SOON)) as other, fronting(other.base_url) as elsewhere:
        result = batch(at=elsewhere)
        assert (result.exit_code, journal(folder), elsewhere.requests) == (10, told, [])
        assert "a run for that provider downloads it" in result.stderr
    drawn = imagecli("batch", "assets.jsonl", "--provider", "sandbox", "--batch-api", "--wait")
    assert (drawn.exit_code, journal(folder)) == (10, told)


def test_what_an_embedded_sandbox_had_is_gone_with_it(imagecli: Run, folder: Path) -> None:
    manifest(folder, row("a cat"))
    command = ("batch", "assets.jsonl", "--provider", "sandbox")
    imagecli(*command, "--batch-api", "--wait")
    # As a run that was killed while it waited leaves it.
    keep(folder, "sent", "submitted")
    assert states(folder) == ["sent", "submitted"]
    (folder / "cat.png").unlink()
    assert imagecli(*command, "--check").stdout == "missing  cat.png\n"
    again = imagecli(*command, "--batch-api", "--wait")
    assert (again.exit_code, again.stdout) == (0, "cat.png\n"), again.stderr
    (folder / "cat.png").unlink()
    keep(folder, "sent", "submitted")
    assert imagecli(*command).exit_code == 0


def test_a_batch_that_nobody_knows_any_more_is_told_of_and_its_rows_are_handed_in_anew(
    batch: Batch, front: Front, folder: Path
) -> None:
    manifest(folder)
    batch()
    front.once("GET /v1/batches/.*", saying("404 Not Found", {"error": {"message": "no such batch"}}))
    gone = batch()
    assert (gone.exit_code, gone.stdout) == (7, "")
    assert [entry["error"] for entry in journal(folder)[6:]] == ["batch_gone"] * 3
    assert all(entry["may_be_billed"] for entry in journal(folder)[6:])
    assert batch().exit_code == 10
    assert len(front.batches) == 2


def test_results_that_are_kept_no_more_are_told_of_and_do_not_hold_the_rows_for_ever(
    batch: Batch, front: Front, folder: Path
) -> None:
    manifest(folder)
    batch()
    for _ in range(4):
        front.once("GET /v1/files/.*/content", saying("404 Not Found", {"error": {"message": "expired"}}))
    for code in ("short_download", "no_line"):
        gone = batch()
        assert (gone.exit_code, made(folder)) == (7, [])
        assert "the provider has no batch or file file-" in gone.stderr
        assert [entry["error"] for entry in journal(folder)[-3:]] == [code] * 3
    assert len(front.batches) == 1
    assert batch().exit_code == 10
    assert len(front.batches) == 2


def _one_line_less(body: bytes) -> bytes:
    return b"".join(body.splitlines(keepends=True)[1:])


@pytest.mark.parametrize(
    "act",
    [
        saying("404 Not Found", {"error": {"message": "no such file"}}),
        changed(_one_line_less),
        changed(lambda body: body[:-40]),
        changed(lambda body: b""),
    ],
    ids=["404", "short", "torn", "empty"],
)
@pytest.mark.parametrize("times", [1, 2])
def test_of_a_lost_journal_no_row_is_submitted_twice_because_the_input_file_is_read_in_part(
    batch: Batch, front: Front, folder: Path, act: Act, times: int
) -> None:
    manifest(folder)
    batch()
    (folder / "assets.journal.jsonl").unlink()
    front.asleep = times == 2
    for _ in range(times):
        front.once("GET /v1/files/.*/content", act)
    again = batch()
    if times == 2:
        assert (again.exit_code, states(folder)) == (6, [])
        assert "nothing was submitted" in again.stderr
        front.asleep = False
        # Once the batch has ended, its results name its rows, too.
        for _ in range(2):
            front.once("GET /v1/files/.*/content", act)
        again = batch()
    assert (again.exit_code, made(folder), len(front.batches)) == (0, FILES, 1), again.stderr


def test_a_cancel_of_a_batch_that_is_gone_says_so_once(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder, row("a cat"))
    batch()
    for pattern in ("POST /v1/batches/.*/cancel", "GET /v1/batches/.*"):
        front.once(pattern, saying("404 Not Found", {"error": {"message": "no such batch"}}))
    result = batch("--cancel")
    assert (result.exit_code, result.stderr.count("error:")) == (7, 1)


@pytest.mark.parametrize("status", ["400 Bad Request", "503 Service Unavailable"])
def test_a_batch_that_is_refused_at_once_leaves_nothing_away(
    batch: Batch, front: Front, folder: Path, status: str
) -> None:
    manifest(folder)
    body: dict[str, Any] = {"error": {"message": "no, not so", "code": "nope"}}
    front.once(CREATE, saying(status, body))
    result = batch("--max-retries", "0")
    assert result.exit_code == (4 if status.startswith("400") else 6)
    assert "3 not sent" in result.stderr
    assert states(folder) == ["sent"] * 3 + ["failed"] * 3
    assert front.requests_like("DELETE /v1/files/.*")
    assert batch().exit_code == 10
    assert len(front.batches) == 1


def test_a_listing_that_is_long_is_read_to_its_end(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder)
    front.asleep = True
    batch()
    (folder / "assets.journal.jsonl").unlink()

    def first_page(body: bytes) -> bytes:
        document = json.loads(body)
        old = {**document["data"][0], "id": "batch_of_another", "metadata": None}
        return json.dumps(document | {"data": [old], "has_more": True, "last_id": "batch_of_another"}).encode()

    front.once(r"GET /v1/batches\?limit=100", changed(first_page))
    front.once(
        r"GET /v1/batches\?limit=100&after=batch_of_another", lambda connection, forward: _page(connection, front)
    )
    assert batch().exit_code == 10
    assert len(front.batches) == 1


def _page(connection: Any, front: Front) -> None:
    saying("200 OK", {"object": "list", "data": front.batches, "has_more": False})(connection, lambda: (0, b""))
