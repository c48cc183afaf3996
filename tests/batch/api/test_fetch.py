"""Downloading a batch through the real `main`, also if its rows, its end, its lines or the disk are not as expected."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.batch.api.conftest import Batch, edit, images_in, journal, manifest, row, server, states
from tests.batch.front import Act, Front, change_body, cut, pass_through, respond_with, silent
from tests.children import Children, wait_until
from tests.conftest import Run, read_image

FILES = ["cat.png", "fox.png", "owl.png"]
EIGHT = tuple(row(f"a {name}") for name in ("cat", "owl", "fox", "hen", "elk", "ant", "bee", "cow"))
CONTENT = "GET /v1/files/.*/content"


def without_last_line(body: bytes) -> bytes:
    return b"".join(body.splitlines(keepends=True)[1:])


# --- rows that change while pending ----------------------------------------------------------------------------------


def test_results_of_a_row_edited_meanwhile_are_kept_and_the_row_is_submitted_again(
    batch: Batch, front: Front, folder: Path
) -> None:
    path = manifest(folder)
    batch()
    edit(path, "a cat", "a big cat")
    result = batch()
    assert (result.exit_code, sorted(result.stdout.split())) == (10, ["fox.png", "owl.png"])
    assert "cat.png has changed since it was submitted" in result.stderr
    assert "cat.png was created for the row as submitted, which has since changed or been removed" in result.stderr
    earlier = (folder / "cat.png").read_bytes()
    assert read_image(folder / "cat.png").size == (1024, 1024)
    assert (batch().exit_code, images_in(folder)) == (0, FILES)
    assert (folder / "cat.png").read_bytes() != earlier
    assert [batch_["request_counts"]["total"] for batch_ in front.batches] == [1, 3]
    assert batch().stderr == "imagecli: 3 up to date\n"


def test_an_edited_saved_row_ends_with_one_file_whatever_arrives_in_between(batch: Batch, folder: Path) -> None:
    path = manifest(folder, row("a cat"))
    batch("--wait")
    edit(path, "a cat", "a big cat")
    batch()
    edit(path, "a big cat", "a huge cat")
    assert batch().exit_code == 10
    assert images_in(folder) == ["cat.png"]
    assert batch("--wait").exit_code == 0
    assert images_in(folder) == ["cat.png"]
    assert batch().stderr == "imagecli: 1 up to date\n"


def test_wait_ends_when_the_row_as_edited_is_saved(batch: Batch, front: Front, folder: Path) -> None:
    path = manifest(folder)
    batch()
    edit(path, "a cat", "a big cat")
    assert batch("--wait").exit_code == 0
    assert [entry["state"] for entry in journal(folder) if entry["id"] == "cat.png"].count("saved") == 2
    assert batch("--check").exit_code == 0


def test_results_of_a_removed_row_are_kept_and_reported(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder)
    batch()
    manifest(folder, row("an owl"), row("a fox"))
    result = batch()
    assert (result.exit_code, images_in(folder)) == (0, FILES)
    assert "cat.png was created for the row as submitted" in result.stderr
    count = len(front.requests)
    assert batch().stderr == "imagecli: 2 up to date\n"
    assert len(front.requests) == count
    assert batch("--prune").stdout == "cat.png\n"


# --- unexpected ends -------------------------------------------------------------------------------------------------


def test_results_of_a_removed_row_do_not_follow_a_link_out(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder, {**row("a cat"), "output": "out/deep/cat.png"}, row("an owl"))
    batch()
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    if (folder / "out").exists():
        shutil.rmtree(folder / "out")
    (folder / "out").symlink_to(elsewhere)
    manifest(folder, row("an owl"))
    result = batch()
    assert "now points outside the manifest's folder" in result.stderr
    assert list(elsewhere.iterdir()) == []


def test_results_of_an_expired_batch_are_saved_and_only_the_rest_is_submitted_again(batch: Batch, folder: Path) -> None:
    manifest(folder, *EIGHT)
    with server("batch_expired:1") as front:
        assert batch(at=front).exit_code == 10
        result = batch(at=front)
        assert (result.exit_code, len(images_in(folder))) == (9, 4)
        errors = [entry.get("error") for entry in journal(folder) if entry["state"] in ("saved", "failed")]
        assert sorted(map(str, errors)) == ["None"] * 4 + ["batch_expired"] * 4
        failed = [entry["id"] for entry in journal(folder) if entry["state"] == "failed"]
        assert sorted(failed + images_in(folder)) == sorted(batch_["output"] for batch_ in EIGHT)
        assert result.stderr.count("hint:") == 1
        assert batch(at=front).exit_code == 10
        assert (batch(at=front).exit_code, len(images_in(folder))) == (0, 8)
        assert [batch_["request_counts"]["total"] for batch_ in front.batches] == [4, 8]


@pytest.mark.slow
def test_a_row_of_several_requests_keeps_the_completed_ones(batch: Batch, folder: Path) -> None:
    manifest(folder, row("a leaf", n=12))
    with server("batch_expired:1") as front:
        batch(at=front)
        result = batch(at=front)
        assert (result.exit_code, len(images_in(folder))) == (9, 10)
        assert batch(at=front).exit_code == 10
        assert (batch(at=front).exit_code, len(images_in(folder))) == (0, 12)
        assert batch(at=front).stderr == "imagecli: 1 up to date\n"
        ends = [entry for entry in journal(folder) if entry["state"] == "saved"]
        assert [len(entry["files"]) for entry in ends] == [10, 2]


@pytest.mark.slow
def test_cancel_cancels_pending_rows_and_saves_finished_ones(batch: Batch, folder: Path) -> None:
    manifest(folder, *EIGHT)
    with server(speed=60) as front:
        assert batch(at=front, settled=False).exit_code == 10
        wait_until(lambda: front.batches[0]["request_counts"]["completed"] >= 1)
        called = batch("--cancel", at=front, settled=False)
        assert called.exit_code == 10
        assert "cancelling" in called.stderr
        result = batch("--cancel", "--wait", at=front, settled=False)
        assert result.exit_code == 9
        assert 0 < len(images_in(folder)) < 8
        errors = {entry.get("error") for entry in journal(folder) if entry["state"] == "failed"}
        assert errors == {"batch_cancelled"}
        assert len(front.batches) == 1
        # Nothing is pending any more: a cancel submits nothing, and reports missing images.
        assert batch("--cancel", at=front, settled=False).exit_code == 10
        assert len(front.batches) == 1
        assert batch(at=front, settled=False).exit_code == 10
        assert front.batches[0]["request_counts"]["total"] == 8 - len(images_in(folder)) or len(front.batches) == 2


def test_a_batch_that_fails_validation_bills_nothing_and_names_its_line(batch: Batch, folder: Path) -> None:
    manifest(folder)
    with server("batch_failed:1") as front:
        batch(at=front)
        result = batch(at=front)
        assert (result.exit_code, images_in(folder)) == (4, [])
        assert "was rejected (line 1): The sandbox is set to fail this batch." in result.stderr
        ends = [entry for entry in journal(folder) if entry["state"] == "failed"]
        assert [(entry["error"], entry["cost_usd"], entry.get("may_be_billed")) for entry in ends] == [
            ("batch_failed", 0.0, None)
        ] * 3
        assert batch("--wait", at=front).exit_code == 0


def test_a_full_queue_is_a_limit_error(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder)
    batch()
    errors = [{"code": "token_limit_exceeded", "line": None, "message": "Enqueued token limit reached", "param": None}]

    def full(body: bytes) -> bytes:
        more = {"status": "failed", "output_file_id": None, "errors": {"object": "list", "data": errors}}
        return json.dumps(json.loads(body) | more).encode()

    front.once("GET /v1/batches/.*", change_body(full))
    result = batch()
    assert (result.exit_code, images_in(folder)) == (5, [])
    assert "wait until the pending batches end" in result.stderr


# --- lines -----------------------------------------------------------------------------------------------------------


def test_a_broken_download_is_restarted_and_every_image_saved_once(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder)
    batch()
    front.once(CONTENT, cut(0.6))
    result = batch()
    assert (result.exit_code, images_in(folder), len(result.stdout.split())) == (0, FILES, 3)
    assert "downloading again" in result.stderr
    assert len(front.requests_like(CONTENT)) == 2
    assert [entry["state"] for entry in journal(folder)].count("saved") == 3


def test_a_download_that_always_breaks_leaves_the_rest_with_the_provider(
    batch: Batch, front: Front, folder: Path, state: Path
) -> None:
    manifest(folder)
    batch()
    for _ in range(3):
        front.once(CONTENT, cut(0.6))
    result = batch()
    there = len(images_in(folder))
    assert 0 < there < 3
    assert result.exit_code == 9
    assert f"{there} created, {3 - there} pending in the Batch API" in result.stderr
    assert not [path for path in (state / "spool").rglob("*") if path.is_file()]
    again = batch()
    assert (again.exit_code, images_in(folder), len(again.stdout.split())) == (0, FILES, 3 - there)


def test_a_kill_between_the_images_of_a_row_saves_none_of_them_twice(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder, row("a leaf", n=12))
    batch()
    # The first of its two requests is saved when the run is killed: the journal records no part of a row.
    for _ in range(3):
        front.once(CONTENT, cut(0.97))
    assert batch().exit_code == 7
    there = images_in(folder)
    assert there
    assert (batch().exit_code, len(images_in(folder))) == (0, 12)
    assert set(there) <= set(images_in(folder))


def test_invalid_lines_are_ignored(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder)
    batch()

    def spoiled(body: bytes) -> bytes:
        first, *lines = body.splitlines()
        stranger = json.dumps(json.loads(first) | {"custom_id": "request-1"}).encode()
        of_none = json.dumps(json.loads(first) | {"custom_id": f"{'0' * 16}-{'0' * 24}-0-1"}).encode()
        much = json.dumps(json.loads(first) | {"custom_id": json.loads(first)["custom_id"][:-1] + "7"}).encode()
        return b"\r\n".join([b"{garbage", stranger, of_none, much, first, first, b"", *lines, b"[1]", b"\xff\xfe"])

    front.once(CONTENT, change_body(spoiled))
    result = batch()
    assert (result.exit_code, images_in(folder), len(result.stdout.split())) == (0, FILES, 3)
    # They share one warning.
    assert result.stderr.count("skipped an unreadable line of the batch results") == 1
    assert [entry["state"] for entry in journal(folder)].count("saved") == 3


def test_a_repeated_line_changes_no_saved_file(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder, row("a leaf", n=12))
    batch()

    def repeated(body: bytes) -> bytes:
        first, second = body.splitlines(keepends=True)
        again = json.loads(first)
        for batch_ in again["response"]["body"]["data"]:
            batch_["b64_json"] = "aGVsbG8="
        return first + json.dumps(again).encode() + b"\n" + second

    front.once(CONTENT, change_body(repeated))
    result = batch()
    assert (result.exit_code, len(images_in(folder))) == (0, 12), result.stderr


def test_a_row_without_a_line_is_reported(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder)
    batch()
    for _ in range(4):
        front.once(CONTENT, change_body(without_last_line))
    short = batch()
    assert (short.exit_code, len(images_in(folder))) == (9, 2)
    result = batch()
    assert (result.exit_code, len(images_in(folder))) == (9, 2)
    assert "two runs found no result for this row" in result.stderr
    assert [entry["error"] for entry in journal(folder) if entry["state"] == "failed"] == ["no_line"]


SHORT = {
    "one line less": change_body(without_last_line),
    "torn": change_body(lambda body: body[:-40]),
    "torn in its first line": change_body(lambda body: body[:500]),
    "empty": change_body(lambda body: b""),
    "404": respond_with("404 Not Found", {"error": {"message": "no such file"}}),
    "410": respond_with("410 Gone", {"error": {"message": "no such file"}}),
    "a page": change_body(lambda body: b"<html>\n<body>Please log in.</body>\n</html>\n"),
    "a line twice": change_body(lambda body: without_last_line(body) + without_last_line(body)),
}


@pytest.mark.parametrize("act", SHORT.values(), ids=SHORT)
def test_a_short_download_is_repeated_immediately(batch: Batch, front: Front, folder: Path, act: Act) -> None:
    manifest(folder)
    batch()
    front.once(CONTENT, act)
    result = batch()
    assert (result.exit_code, images_in(folder), len(result.stdout.split())) == (0, FILES, 3), result.stderr
    assert "downloading again" in result.stderr
    assert states(folder) == ["sent"] * 3 + ["submitted"] * 3 + ["saved"] * 3
    assert len(front.batches) == 1


@pytest.mark.parametrize("act", SHORT.values(), ids=SHORT)
def test_rows_missing_in_two_downloads_stay_pending_and_the_next_run_downloads_them(
    batch: Batch, front: Front, folder: Path, act: Act
) -> None:
    manifest(folder)
    batch()
    for _ in range(2):
        front.once(CONTENT, act)
    there = batch()
    missing_images = 3 - len(images_in(folder))
    assert (there.exit_code, missing_images > 0) == (9 if missing_images < 3 else 7, True)
    assert "two downloads contained no results for" in there.stderr
    assert f"{missing_images} pending in the Batch API" in there.stderr
    result = batch()
    assert (result.exit_code, images_in(folder), len(result.stdout.split())) == (0, FILES, missing_images), (
        result.stderr
    )
    assert len(front.batches) == 1


@pytest.mark.parametrize("act", [SHORT["one line less"], SHORT["404"]], ids=["one line less", "404"])
def test_wait_downloads_a_short_file_again_and_saves_every_row_once(
    batch: Batch, front: Front, folder: Path, act: Act
) -> None:
    manifest(folder, row("a leaf", n=12), row("a cat"))
    batch()
    for _ in range(2):
        front.once(CONTENT, act)
    result = batch("--wait")
    assert (result.exit_code, len(images_in(folder)), len(front.batches)) == (0, 13, 1), result.stderr


def test_unfinished_rows_of_an_expired_batch_are_not_downloaded_again(batch: Batch, folder: Path) -> None:
    manifest(folder, *EIGHT)
    with server("batch_expired:1") as front:
        batch(at=front)
        assert batch(at=front).exit_code == 9
        assert len(front.requests_like(CONTENT)) == 2


def test_results_missing_of_an_expired_batch_are_downloaded_again(batch: Batch, folder: Path) -> None:
    manifest(folder, *EIGHT)
    with server("batch_expired:1") as front:
        batch(at=front)
        front.once(CONTENT, change_body(without_last_line))
        assert (batch(at=front).exit_code, len(images_in(folder))) == (9, 4)


def test_a_damaged_image_fails_its_row_alone(batch: Batch, front: Front, folder: Path, state: Path) -> None:
    manifest(folder)
    batch()

    def damaged(body: bytes) -> bytes:
        first, *lines = body.splitlines(keepends=True)
        document = json.loads(first)
        document["response"]["body"]["data"][0]["b64_json"] = "aGVsbG8="
        return b"".join([json.dumps(document).encode() + b"\n", *lines])

    front.once(CONTENT, change_body(damaged))
    result = batch()
    assert (result.exit_code, len([name for name in images_in(folder) if "rescue" not in name])) == (9, 2)
    assert "is damaged" in result.stderr


# --- the disk --------------------------------------------------------------------------------------------------------


def test_rows_without_a_usable_output_stay_with_the_batch_api(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder, row("an owl"), {"prompt": "a cat", "output": "out/cat.png"})
    batch()
    (folder / "out").rmdir()
    (folder / "out").write_bytes(b"in the way")
    stuck = batch()
    assert (stuck.exit_code, images_in(folder)) == (9, ["owl.png"])
    assert "1 created, 1 failed" in stuck.stderr
    assert [entry["state"] for entry in journal(folder) if entry["id"] == "out/cat.png"] == ["sent", "submitted"]
    (folder / "out").unlink()
    again = batch()
    assert (again.exit_code, again.stdout) == (0, "out/cat.png\n")
    assert len(front.batches) == 1


def test_another_machine_without_the_folder_downloads_too(batch: Batch, folder: Path) -> None:
    manifest(folder, {"prompt": "a cat", "output": "far/out/cat.png"})
    batch()
    (folder / "far" / "out").rmdir()
    (folder / "far").rmdir()
    assert (batch().exit_code, (folder / "far" / "out" / "cat.png").is_file()) == (0, True)


def test_wait_ends_if_no_output_is_usable(batch: Batch, front: Front, folder: Path) -> None:
    manifest(folder, {"prompt": "a cat", "output": "out/cat.png"})
    batch()
    manifest(folder, {"prompt": "a dog", "output": "out/cat.png"})
    (folder / "out").rmdir()
    (folder / "out").write_bytes(b"in the way")
    began = time.monotonic()
    batch("--wait")
    assert time.monotonic() - began < 20
    assert states(folder) == ["sent", "submitted"]


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of a file's size")
def test_a_full_disk_leaves_the_rows_with_the_batch_api(
    batch: Batch, front: Front, folder: Path, environ: dict[str, str], children: Children
) -> None:
    manifest(folder)
    batch()
    typed = shlex.join([*command(front)])
    process = children.start(["sh", "-c", f"ulimit -f 40; exec {typed}"], cwd=folder, env=environ)
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, images_in(folder)) == (8, []), stderr
    assert states(folder)[3:] == ["submitted"] * 3
    assert not list(folder.glob(".imagecli*"))
    assert (batch().exit_code, images_in(folder)) == (0, FILES)


@pytest.mark.parametrize("name", ["cat.png", "out/cat.png"])
def test_a_kill_while_an_image_is_saved_leaves_no_staged_file(
    batch: Batch, front: Front, folder: Path, environ: dict[str, str], children: Children, name: str
) -> None:
    manifest(folder, {"prompt": "a cat", "output": name}, row("an owl"))
    batch()
    script = (
        "import os, runpy, signal; from imagecli.storage import atomic_write\n"
        "atomic_write._move_without_clobbering = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "runpy.run_module('imagecli', run_name='__main__')"
    )
    argv = [sys.executable, "-c", script, *command(front)[3:]]
    process = children.start(argv, cwd=folder, env=environ)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert len(list(folder.rglob(".imagecli-*.part"))) == 1
    ours = folder / ".imagecli-another-0123456789abcdef.part"
    ours.touch()
    assert batch().exit_code == 0
    assert list(folder.rglob(".imagecli-*")) == [ours]


# --- Ctrl-C ----------------------------------------------------------------------------------------------------------


def command(front: Front, *more: str) -> list[str]:
    typed = ["batch", "assets.jsonl", "--batch-api", "--base-url", front.base_url]
    return [sys.executable, "-m", "imagecli", *typed, *more]


@pytest.mark.parametrize(("signal_", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_waiting_and_pending_rows_stay_pending(
    batch: Batch,
    front: Front,
    folder: Path,
    environ: dict[str, str],
    children: Children,
    signal_: signal.Signals,
    code: int,
) -> None:
    manifest(folder)
    front.asleep = True
    process = children.start(command(front, "--wait"), cwd=folder, env=environ)
    wait_until(lambda: states(folder).count("submitted") == 3)
    time.sleep(0.3)
    began = time.monotonic()
    process.send_signal(signal_)
    _, stderr = process.communicate(timeout=10)
    assert (process.returncode, time.monotonic() - began < 1.5) == (code, True), stderr
    assert b"interrupted: 3 rows are still pending in the Batch API" in stderr
    assert b"3 pending in the Batch API" in stderr
    front.asleep = False
    assert (batch().exit_code, images_in(folder), len(front.batches)) == (0, FILES, 1)


def test_rows_of_an_interrupted_submission_count_as_pending(
    batch: Batch, front: Front, folder: Path, environ: dict[str, str], children: Children
) -> None:
    manifest(folder, row("a cat"), row("an owl", model="gpt-image-2"))
    front.once("POST /v1/batches", pass_through)
    front.once("POST /v1/batches", silent)
    process = children.start(command(front), cwd=folder, env=environ)
    wait_until(lambda: len(front.batches) == 2)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=10)
    assert process.returncode == 130
    assert states(folder) == ["sent", "submitted", "sent"]
    assert b"interrupted: 2 rows are still pending in the Batch API" in stderr
    assert b"2 pending in the Batch API" in stderr
    assert b"not sent" not in stderr
    front.settle()
    assert (batch().exit_code, images_in(folder), len(front.batches)) == (0, ["cat.png", "owl.png"], 2)


@pytest.mark.slow
def test_an_embedded_sandbox_is_not_reported_as_continuing(
    imagecli: Run, folder: Path, environ: dict[str, str], children: Children
) -> None:
    manifest(folder, *EIGHT)
    typed = [
        sys.executable,
        "-m",
        "imagecli",
        "batch",
        "assets.jsonl",
        "--provider",
        "sandbox",
        "--batch-api",
        "--wait",
    ]
    process = children.start(typed, cwd=folder, env=environ)
    wait_until(lambda: "submitted" in states(folder))
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=10)
    assert process.returncode == 130
    assert b"interrupted: the sandbox's batches are lost" in stderr
    assert b"8 unfinished" in stderr and b"pending" not in stderr
    assert imagecli("batch", "assets.jsonl", "--provider", "sandbox").exit_code == 0
    assert len(images_in(folder)) == 8
