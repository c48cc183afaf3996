"""Rows that two clones submitted, whose journals were merged: both batches are announced, and both are fetched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.batch.api.conftest import PROMPTS, Batch, images_in, journal, manifest
from tests.batch.front import Front, respond_with
from tests.batch.serving import serving
from tests.conftest import Run

JOURNAL = "assets.journal.jsonl"
NOTHING = {"object": "list", "data": [], "has_more": False}
FILES = ["cat.png", "fox.png", "owl.png"]


def hide_batches(front: Front) -> None:
    """The two lists that a run reads before and after it submits are empty."""
    for _ in range(2):
        front.once(r"GET /v1/batches\?.*", respond_with("200 OK", NOTHING))


@pytest.fixture
def twice(folder: Path, batch: Batch, front: Front) -> tuple[str, str]:
    """The journals of two clones that have submitted the same rows; the folder has none of the images."""
    manifest(folder)
    texts = []
    for _ in range(2):
        hide_batches(front)
        assert batch().exit_code == 10
        texts.append((folder / JOURNAL).read_text())
        (folder / JOURNAL).unlink()
    assert len(front.batches) == 2
    return texts[0], texts[1]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_both_are_announced_and_the_second_is_an_extra(
    order: tuple[int, int], twice: tuple[str, str], folder: Path, state: Path, batch: Batch, front: Front, imagecli: Run
) -> None:
    (folder / JOURNAL).write_text("".join(twice[number] for number in order))
    ids = [job["id"] for job in front.batches]
    check = imagecli("batch", "assets.jsonl", "--check", "--base-url", front.base_url)
    assert check.exit_code == 10
    for text in (check.stderr, (fetched := batch()).stderr):
        for name in FILES:
            (line,) = [line for line in text.splitlines() if f"{name} was submitted twice (" in line]
            assert all(batch_id in line for batch_id in ids)
    assert fetched.exit_code == 0, fetched.stderr
    assert images_in(folder) == FILES
    extras = sorted(path.name.partition(".")[0] for path in (state / "rescued").iterdir())
    assert extras == ["cat", "fox", "owl"]
    for path in (state / "rescued").iterdir():
        assert str(path) in fetched.stderr
    assert len(front.requests_like("POST /v1/batches")) == 2
    lines, before = journal(folder), [(folder / name).read_bytes() for name in FILES]
    again = batch()
    assert (again.exit_code, "submitted" in again.stderr) == (0, False), again.stderr
    assert (journal(folder), [(folder / name).read_bytes() for name in FILES]) == (lines, before)


def test_a_batch_that_was_downloaded_does_not_hide_the_other(
    twice: tuple[str, str], folder: Path, state: Path, batch: Batch, front: Front
) -> None:
    (folder / JOURNAL).write_text(twice[0])
    assert batch().exit_code == 0
    before = [(folder / name).read_bytes() for name in FILES]
    (folder / JOURNAL).write_text((folder / JOURNAL).read_text() + twice[1])
    fetched = batch()
    assert fetched.exit_code == 0, fetched.stderr
    assert fetched.stderr.count("is up to date, but was also submitted to batch_") == len(PROMPTS)
    assert [(folder / name).read_bytes() for name in FILES] == before
    assert len([*(state / "rescued").iterdir()]) == len(PROMPTS)
    assert "was also submitted to" not in batch().stderr
    assert len(front.requests_like("POST /v1/batches")) == 2


def test_a_failed_batch_is_replaced_by_the_other(
    twice: tuple[str, str], folder: Path, batch: Batch, front: Front
) -> None:
    """The provider does not know one of them any more."""
    (folder / JOURNAL).write_text("".join(twice))
    youngest = front.batches[0]["id"]
    front.once(f"GET /v1/batches/{youngest}", respond_with("404 Not Found", {"error": {"message": "no", "code": "x"}}))
    batch()
    assert images_in(folder) == FILES
    assert batch().exit_code == 0
    assert len(front.requests_like("POST /v1/batches")) == 2


def test_a_live_image_of_another_clone_does_not_hide_a_batch(
    twice: tuple[str, str], folder: Path, state: Path, batch: Batch, front: Front, imagecli: Run
) -> None:
    with serving() as server:
        assert imagecli("batch", "assets.jsonl", "--base-url", server.base_url).exit_code == 0
    before = [(folder / name).read_bytes() for name in FILES]
    live = (folder / JOURNAL).read_text()
    (folder / JOURNAL).write_text(twice[0] + live)
    fetched = batch()
    assert fetched.exit_code == 0, fetched.stderr
    assert [(folder / name).read_bytes() for name in FILES] == before
    assert len([*(state / "rescued").iterdir()]) == len(PROMPTS)


def test_an_entry_of_an_earlier_version_ends_its_submission(twice: tuple[str, str], folder: Path, batch: Batch) -> None:
    """It did not name the submission."""
    (folder / JOURNAL).write_text(twice[0])
    assert batch().exit_code == 0
    entries = journal(folder)
    saved = [entry for entry in entries if entry["state"] == "saved"]
    assert [(entry.pop("submission"), entry.pop("batch")) for entry in saved] == [
        (entry["submission"], entry["batch"]) for entry in entries[3:6]
    ]
    (folder / JOURNAL).write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    again = batch()
    assert (again.exit_code, "too" in again.stderr) == (0, False), again.stderr
