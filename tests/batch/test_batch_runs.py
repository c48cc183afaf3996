"""Runs of `imagecli batch` that are ended, that meet, and that share a manifest: by real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.batch.serving import image_of, serving
from tests.batch.test_batch import journal, manifest
from tests.children import Children, wait_until
from tests.commands.test_signals import SLOW_DISK
from tests.conftest import Run

COMMAND = [sys.executable, "-m", "imagecli", "batch", "assets.jsonl"]
ROWS = [{"prompt": f"cat {number}", "output": f"{number}.png"} for number in range(12)]


def test_a_killed_run_is_resumed_and_no_saved_image_is_requested_again(
    imagecli: Run, folder: Path, environ: dict[str, str], children: Children
) -> None:
    manifest(folder, *ROWS)
    with serving(latency=0.3) as server:
        process = children.start([*COMMAND, "--base-url", server.base_url, "-j", "2"], cwd=folder, env=environ)
        wait_until(lambda: len(list(folder.glob("*.png"))) >= 4)
        process.kill()
        process.wait(timeout=10)
        before, saved = len(server.prompts), len(list(folder.glob("*.png")))
        result = imagecli("batch", "assets.jsonl", "--base-url", server.base_url, "-j", "4")
        assert result.exit_code == 0, result.stderr
        # Only requests in flight at the kill may be sent again.
        assert len(server.prompts) - before in (len(ROWS) - saved, len(ROWS) - saved - 1, len(ROWS) - saved - 2)
        assert sorted(path.name for path in folder.glob("*.png")) == sorted(row["output"] for row in ROWS)
        assert imagecli("batch", "assets.jsonl", "--check", "--base-url", server.base_url).exit_code == 0


def test_a_complete_response_is_saved_by_the_next_run_and_not_requested_again(
    imagecli: Run, folder: Path, state: Path, environ: dict[str, str], children: Children
) -> None:
    manifest(folder, ROWS[0])
    with serving(latency=5) as server:
        process = children.start([*COMMAND, "--base-url", server.base_url], cwd=folder, env=environ)
        wait_until(lambda: (folder / "assets.journal.jsonl").exists() and bool(server.prompts))
        process.kill()
        process.wait(timeout=10)
        # As if the kill had come between the last byte of the response and the file.
        (body,) = (state / "spool").glob("*.body")
        body.write_bytes(image_of("cat 0").partition(b"\r\n\r\n")[2])
        result = imagecli("batch", "assets.jsonl", "--base-url", server.base_url)
        assert (result.exit_code, len(server.prompts)) == (0, 1)
    assert "saved 0.png, which an earlier run received" in result.stderr
    assert [entry["state"] for entry in journal(folder)] == ["sent", "saved"]
    assert not list((state / "spool").glob("*")) if (state / "spool").exists() else True


def test_possible_double_billing_is_reported_once_by_the_affected_command(
    imagecli: Run, folder: Path, environ: dict[str, str], children: Children
) -> None:
    manifest(folder, ROWS[0])
    slow = iter((5.0, 5.0))
    with serving(lambda fields: time.sleep(next(slow, 0.0))) as server:
        base_url = ("--base-url", server.base_url)
        typed = ([*COMMAND, *base_url], [*COMMAND[:3], "generate", "a dog", *base_url])
        processes = [children.start(command, cwd=folder, env=environ) for command in typed]
        wait_until(lambda: len(server.prompts) == 2)
        for process in processes:
            process.kill()
            process.wait(timeout=10)
        results = [imagecli("batch", "assets.jsonl", *base_url)]
        results += [imagecli("generate", "a cat", *base_url) for _ in range(2)]
    assert [result.exit_code for result in results] == [0, 0, 0]
    (of_batch,), (of_generate,), none = (
        [line for line in result.stderr.splitlines() if "billed" in line or "charged" in line] for result in results
    )
    assert "0.png was requested before but never saved" in of_batch
    assert of_generate.endswith("a dog")
    assert not none


def test_ctrl_c_reports_immediately_what_is_saved_and_what_may_be_billed(
    folder: Path, environ: dict[str, str], children: Children
) -> None:
    manifest(folder, *ROWS)
    with serving(latency=1.0) as server:
        process = children.start([*COMMAND, "--base-url", server.base_url, "-j", "2"], cwd=folder, env=environ)
        wait_until(lambda: len(list(folder.glob("*.png"))) >= 2 and len(server.prompts) >= 4)
        time.sleep(0.3)  # the next ones are sent while the journal records these
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
        took = time.monotonic() - began
    assert (process.returncode, took < 5) == (130, True)
    assert b"interrupted: saved 2 of 12; 2 requests in flight may be billed, up to $0.013" in errors
    assert b"run the same command to resume" in errors
    # Of the ten, two were sent.
    assert b"2 created, 10 unfinished; cost: $0.060, unknown for 2" in errors and b"not sent" not in errors
    assert not list(folder.glob("*.lock"))


def test_the_history_has_an_image_that_was_just_being_saved_at_ctrl_c(
    imagecli: Run, folder: Path, environ: dict[str, str], children: Children
) -> None:
    manifest(folder, *ROWS)
    with serving(latency=0.2) as server:
        command = [sys.executable, "-c", SLOW_DISK, *COMMAND[3:], "--base-url", server.base_url, "-j", "1", "--json"]
        process = children.start(command, cwd=folder, env=environ)
        wait_until(lambda: bool(list(folder.glob("*.png"))))
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=10)
    assert process.returncode == 130, errors
    assert json.loads(output.splitlines()[-1])["cost"]["actual_usd"] is None
    listed = imagecli("history", "list", "--json").json["images"]
    assert [Path(image["path"]).name for image in listed] == [path.name for path in folder.glob("*.png")]


def test_a_second_run_is_an_error_that_names_the_first(
    imagecli: Run, folder: Path, environ: dict[str, str], children: Children
) -> None:
    manifest(folder, *ROWS)
    with serving(latency=1.0) as server:
        process = children.start([*COMMAND, "--base-url", server.base_url, "-j", "1"], cwd=folder, env=environ)
        wait_until(lambda: bool(server.prompts))
        result = imagecli("batch", "assets.jsonl", "--base-url", server.base_url)
        assert result.exit_code == 2
        assert f"another run of assets.jsonl is active (process {process.pid} on" in result.stderr
        assert imagecli("batch", "assets.jsonl", "--check", "--base-url", server.base_url).exit_code == 10


def test_shards_request_every_row_once_and_their_journals_are_read_together(imagecli: Run, folder: Path) -> None:
    manifest(folder, *ROWS)
    with serving() as server:
        command = ("batch", "assets.jsonl", "--base-url", server.base_url)
        parts = [imagecli(*command, "--shard", f"{index}/3") for index in (1, 2, 3)]
        assert [part.exit_code for part in parts] == [0, 0, 0]
        assert sorted(server.prompts) == sorted(row["prompt"] for row in ROWS)
        assert all(part.stdout for part in parts)
        assert imagecli(*command).stderr == "imagecli: 12 up to date\n"
    names = {path.name for path in folder.glob("*.journal*")}
    assert names == {f"assets.journal.{index}-3.jsonl" for index in (1, 2, 3)} | ({"assets.journal.jsonl"} & names)


def test_a_shard_has_its_share_of_the_cost_limit(imagecli: Run, folder: Path) -> None:
    manifest(folder, *ROWS)
    with serving() as server:
        command = ("batch", "assets.jsonl", "--base-url", server.base_url, "--dry-run", "--json")
        estimate = json.loads(imagecli(*command).stdout.splitlines()[-1])["cost"]["estimated_max_usd"]
        enough = [
            imagecli(*command, "--max-cost", f"{estimate + 1e-6}", "--shard", f"{k}/3").exit_code for k in (1, 2, 3)
        ]
        assert enough == [0, 0, 0]
        short = imagecli(*command, "--max-cost", f"{estimate * 0.9}", "--shard", "1/3")
        assert (short.exit_code, server.prompts) == (5, [])
        assert "(shard 1/3's share of --max-cost" in short.stderr


def test_every_step_is_on_disk_before_the_next(imagecli: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync = os.fsync

    def record_sync(descriptor: int) -> None:
        fsync(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path == folder:
            steps.append("folder with cat.png" if (folder / "cat.png").exists() else "folder")
        elif path.suffix == ".jsonl":
            steps.append(f"journal: {journal(folder)[-1]['state']}")
        elif "-check-" not in path.name:
            steps.append("cat.png under another name" if not (folder / "cat.png").exists() else path.name)

    monkeypatch.setattr(os, "fsync", record_sync)
    manifest(folder, {"prompt": "a cat", "output": "cat.png"})
    with serving(lambda fields: steps.append("POST")) as server:
        assert imagecli("batch", "assets.jsonl", "--base-url", server.base_url).exit_code == 0
    assert steps == [
        "folder",
        "journal: sent",
        "POST",
        "cat.png under another name",
        "folder with cat.png",
        "journal: saved",
    ]


def test_a_current_folder_that_vanishes_abandons_no_request(
    folder: Path, state: Path, environ: dict[str, str], children: Children
) -> None:
    manifest(folder, *ROWS[:4])
    with serving(latency=1.5) as server:
        command = [*COMMAND, "--base-url", server.base_url, "-j", "4"]
        process = children.start(command, cwd=folder, env=environ, stderr=subprocess.PIPE)
        wait_until(lambda: len(server.prompts) == 4)
        folder.rename(folder.with_name("moved"))
        for path in folder.with_name("moved").iterdir():
            path.unlink()
        folder.with_name("moved").rmdir()
        stderr = process.communicate(timeout=60)[1]
    assert b"can't write to stdout" not in stderr
    spooled_or_rescued = [*(state / "spool").glob("*.body"), *(state / "rescued").glob("*.png")]
    assert process.returncode in (7, 8), stderr
    assert len({path.name for path in spooled_or_rescued}) >= 4, stderr


@pytest.mark.parametrize("deleted", ["0.png", "1.png"])
def test_an_image_that_is_deleted_during_the_run_is_noticed(deleted: str, imagecli: Run, folder: Path) -> None:
    """0.png is up to date, 1.png is saved by this run."""
    with serving() as first:
        manifest(folder, ROWS[0])
        imagecli("batch", "assets.jsonl", "--base-url", first.base_url)
    manifest(folder, *ROWS[:3])

    def reply(fields: dict[str, object]) -> None:
        if fields["prompt"] == "cat 2":
            wait_until((folder / deleted).exists)
            (folder / deleted).unlink()

    with serving(reply) as server:
        result = imagecli("batch", "assets.jsonl", "--base-url", server.base_url, "-j", "1")
    assert (result.exit_code, f"{deleted} was deleted during the run" in result.stderr) == (10, True)


def test_a_run_with_nothing_to_create_removes_the_test_file_of_a_killed_one(imagecli: Run, folder: Path) -> None:
    manifest(folder, ROWS[0])
    command = ("batch", "assets.jsonl", "--provider", "sandbox")
    assert imagecli(*command).exit_code == 0
    leftover = folder / ".imagecli-check-0123456789abcdef.part"
    leftover.write_bytes(b"imagecli")
    assert imagecli(*command, "--check").exit_code == 0
    assert leftover.exists()
    assert imagecli(*command).exit_code == 0
    assert not leftover.exists()
