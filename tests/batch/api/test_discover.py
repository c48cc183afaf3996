"""Batches that were created although the run did not learn of it: found again, so that nothing is paid for twice."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from imagecli.batch.api import discover
from imagecli.sandbox.sandbox import Options, Sandbox
from tests.batch.api.conftest import SOON, Batch, edit, images_in, journal, manifest, row, states
from tests.batch.front import Act, Front, change_body, fronting, lose_response, refuse, respond_with, silent
from tests.children import Children, wait_until
from tests.conftest import Run

FILES = ["cat.png", "fox.png", "owl.png"]
CREATE = "POST /v1/batches"


def keep(folder: Path, *states: str) -> None:
    """Keeps the entries of *states* in the journal, as an interrupted run leaves it."""
    path = folder / "assets.journal.jsonl"
    lines = [line for line in path.read_text().splitlines() if json.loads(line)["state"] in states]
    path.write_text("".join(line + "\n" for line in lines))


def test_a_batch_whose_response_is_lost_is_found_by_the_same_run(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder)
    front.once(CREATE, lose_response)
    result = batch()
    assert result.exit_code == 10
    assert "checking whether the batch was created" in result.stderr
    assert states(folder) == ["sent"] * 3 + ["submitted"] * 3
    assert (batch().exit_code, images_in(folder)) == (0, FILES)
    assert (len(front.batches), len(front.requests_like(CREATE))) == (1, 1)


def test_a_run_that_is_killed_before_the_response_of_its_batch_is_resumed(
    batch: Batch, front: Front, folder: Path, state: Path, tmp_path: Path, children: Children
) -> None:
    manifest(folder)
    front.once(CREATE, silent)
    ours = {"IMAGECLI_CONFIG_DIR": str(tmp_path / "config"), "IMAGECLI_STATE_DIR": str(state)}
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "IMAGECLI"))}
    typed = [sys.executable, "-m", "imagecli", "batch", "assets.jsonl", "--batch-api", "--base-url", front.base_url]
    process = children.start(typed, cwd=folder, env=clean | ours)
    wait_until(lambda: bool(front.batches))
    process.kill()
    process.wait(timeout=10)
    front.settle()
    assert states(folder) == ["sent"] * 3
    leftovers = [path for path in (state / "batches").rglob("*") if path.is_file()]
    assert leftovers
    again = batch()
    assert (again.exit_code, images_in(folder)) == (0, FILES)
    assert f"{front.batches[0]['id']} was submitted by a run that ended before recording it" in again.stderr
    assert (len(front.batches), len(front.requests_like(CREATE))) == (1, 1)
    # Leftovers of a killed run are removed by the next one that submits.
    edit(folder / "assets.jsonl", "a fox", "a big fox")
    assert batch().exit_code == 10
    assert not [path for path in leftovers if path.exists()]


def test_a_torn_journal_is_repaired_before_found_batches_are_recorded(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder)
    batch()
    keep(folder, "sent")
    with (folder / "assets.journal.jsonl").open("ab") as file:
        file.write(b'{"id":"cat.png","sta')
    assert (batch().exit_code, images_in(folder)) == (0, FILES)
    assert states(folder) == ["sent"] * 3 + ["submitted"] * 3 + ["saved"] * 3


def test_rows_of_batches_that_were_never_created_are_submitted_again(
    batch: Batch, front: Front, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discover, "PAUSES", (0.0, 0.1, 0.1))
    manifest(folder)
    front.once(CREATE, refuse)
    for _ in range(3):
        front.once("GET /v1/batches.*", respond_with("200 OK", {"object": "list", "data": [], "has_more": False}))
    # The lists after the lost response contain no batch, so the run can't know.
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
    assert (batch().exit_code, images_in(folder)) == (0, FILES)


def test_without_a_journal_only_unchanged_rows_are_found(batch: Batch, front: Front, folder: Path) -> None:
    path = manifest(folder)
    front.asleep = True
    batch()
    (folder / "assets.journal.jsonl").unlink()
    edit(path, "a cat", "a big cat")
    again = batch()
    assert again.exit_code == 10
    assert "with 2 of these rows" in again.stderr
    assert [batch_["request_counts"]["total"] for batch_ in front.batches] == [1, 3]
    front.asleep = False
    assert (batch().exit_code, images_in(folder)) == (0, FILES)


def test_other_batches_are_not_touched(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder)
    manifest(folder, row("a hen"), name="others.jsonl")
    front.asleep = True
    batch(of="others.jsonl")
    count = len(front.requests)
    batch()
    assert "submitted earlier" not in batch().stderr
    assert len(front.batches) == 2
    assert not [batch_ for batch_ in front.requests[count:] if "content" in batch_.path]


def test_rows_pending_at_another_server_do_not_count_as_lost(
    batch: Batch, front: Front, folder: Path, imagecli: Run
) -> None:
    manifest(folder)
    batch()
    keep(folder, "sent")
    entries = journal(folder)
    with Sandbox(Options(speed=SOON)) as other, fronting(other.base_url) as elsewhere:
        result = batch(at=elsewhere)
        assert (result.exit_code, journal(folder), elsewhere.requests) == (10, entries, [])
        assert "a run for that provider downloads it" in result.stderr
    sandbox_run = imagecli("batch", "assets.jsonl", "--provider", "sandbox", "--batch-api", "--wait")
    assert (sandbox_run.exit_code, journal(folder)) == (10, entries)


def test_batches_of_an_embedded_sandbox_end_with_it(imagecli: Run, folder: Path) -> None:
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


def test_an_unknown_batch_is_reported_and_its_rows_are_submitted_again(
    batch: Batch, front: Front, folder: Path
) -> None:
    manifest(folder)
    batch()
    front.once("GET /v1/batches/.*", respond_with("404 Not Found", {"error": {"message": "no such batch"}}))
    missing = batch()
    assert (missing.exit_code, missing.stdout) == (7, "")
    assert [entry["error"] for entry in journal(folder)[6:]] == ["batch_gone"] * 3
    assert all(entry["may_be_billed"] for entry in journal(folder)[6:])
    assert batch().exit_code == 10
    assert len(front.batches) == 2


def test_expired_results_are_reported_and_do_not_block_their_rows(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder)
    batch()
    for _ in range(4):
        front.once("GET /v1/files/.*/content", respond_with("404 Not Found", {"error": {"message": "expired"}}))
    for code in ("short_download", "no_line"):
        missing = batch()
        assert (missing.exit_code, images_in(folder)) == (7, [])
        assert "the provider has no batch or file file-" in missing.stderr
        assert [entry["error"] for entry in journal(folder)[-3:]] == [code] * 3
    assert len(front.batches) == 1
    assert batch().exit_code == 10
    assert len(front.batches) == 2


def _without_last_line(body: bytes) -> bytes:
    return b"".join(body.splitlines(keepends=True)[1:])


@pytest.mark.parametrize(
    "act",
    [
        respond_with("404 Not Found", {"error": {"message": "no such file"}}),
        change_body(_without_last_line),
        change_body(lambda body: body[:-40]),
        change_body(lambda body: b""),
    ],
    ids=["404", "short", "torn", "empty"],
)
@pytest.mark.parametrize("times", [1, 2])
def test_without_a_journal_no_row_is_submitted_twice_after_a_partial_download(
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
    assert (again.exit_code, images_in(folder), len(front.batches)) == (0, FILES, 1), again.stderr


def test_cancelling_an_unknown_batch_is_reported_once(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder, row("a cat"))
    batch()
    for pattern in ("POST /v1/batches/.*/cancel", "GET /v1/batches/.*"):
        front.once(pattern, respond_with("404 Not Found", {"error": {"message": "no such batch"}}))
    result = batch("--cancel")
    assert (result.exit_code, result.stderr.count("error:")) == (7, 1)


@pytest.mark.parametrize("status", ["400 Bad Request", "503 Service Unavailable"])
def test_a_batch_that_is_refused_immediately_leaves_nothing_pending(
    batch: Batch, front: Front, folder: Path, status: str
) -> None:
    manifest(folder)
    body: dict[str, Any] = {"error": {"message": "no, not so", "code": "nope"}}
    front.once(CREATE, respond_with(status, body))
    result = batch("--max-retries", "0")
    assert result.exit_code == (4 if status.startswith("400") else 6)
    assert "3 not sent" in result.stderr
    assert states(folder) == ["sent"] * 3 + ["failed"] * 3
    assert front.requests_like("DELETE /v1/files/.*")
    assert batch().exit_code == 10
    assert len(front.batches) == 1


def test_a_long_list_of_batches_is_read_to_its_end(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder)
    front.asleep = True
    batch()
    (folder / "assets.journal.jsonl").unlink()

    def first_page(body: bytes) -> bytes:
        document = json.loads(body)
        old = {**document["data"][0], "id": "batch_of_another", "metadata": None}
        return json.dumps(document | {"data": [old], "has_more": True, "last_id": "batch_of_another"}).encode()

    front.once(r"GET /v1/batches\?limit=100", change_body(first_page))
    front.once(
        r"GET /v1/batches\?limit=100&after=batch_of_another", lambda connection, forward: _page(connection, front)
    )
    assert batch().exit_code == 10
    assert len(front.batches) == 1


def _page(connection: Any, front: Front) -> None:
    respond_with("200 OK", {"object": "list", "data": front.batches, "has_more": False})(connection, lambda: (0, b""))
