"""Two machines that submit the same rows at the same moment: the younger batch is cancelled, both ids are printed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.batch.api.conftest import Batch, images_in, journal, manifest, row, server, states
from tests.batch.front import Act, Forward, Front, pass_through, respond_with, silent

FILES = ["cat.png", "fox.png", "owl.png"]
CREATE = "POST /v1/batches"
CANCEL = "POST /v1/batches/.*/cancel"
SLOW = 30
"""A batch takes twenty seconds, unless time is skipped: it can be cancelled, also on a busy machine."""

Machine = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def slow() -> Iterator[Front]:
    with server(speed=SLOW) as running:
        yield running


@pytest.fixture
def machine(tmp_path: Path, slow: Front) -> Iterator[Machine]:
    """Starts a run on a separate machine: its own folder, settings and state. The prompts of *rows* are its
    manifest."""

    def start(name: str, *rows: dict[str, Any], more: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        manifest(folder, *rows)
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("OPENAI", "IMAGECLI"))}
        env = {"IMAGECLI_CONFIG_DIR": str(folder / "config"), "IMAGECLI_STATE_DIR": str(folder / "state")}
        typed = ["batch", "assets.jsonl", "--batch-api", "--base-url", slow.base_url, *more]
        argv = [sys.executable, "-m", "imagecli", *typed]
        started.append(
            subprocess.Popen(argv, cwd=folder, env=clean | env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        )
        return started[-1]

    # Not by `Children`: threads of the proxy start some of them.
    started: list[subprocess.Popen[bytes]] = []
    yield start
    for process in started:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    _, stderr = process.communicate(timeout=60)
    return process.returncode, stderr.decode()


def together(count: int) -> Act:
    """Requests that are forwarded when so many of them have arrived."""
    barrier = threading.Barrier(count, timeout=60)

    def act(connection: socket.socket, forward: Forward) -> None:
        barrier.wait()
        pass_through(connection, forward)

    return act


def after(other: Callable[[], Any]) -> Act:
    """A request that is forwarded after *other*."""

    def act(connection: socket.socket, forward: Forward) -> None:
        other()
        pass_through(connection, forward)

    return act


def then_skip_time(front: Front, act: Act) -> Act:
    """*act*, and then all batches end."""

    def act_and_skip(connection: socket.socket, forward: Forward) -> None:
        act(connection, forward)
        front.skip_time()

    return act_and_skip


def alive(front: Front) -> list[str]:
    return [batch_["id"] for batch_ in front.batches if batch_["status"] not in ("cancelling", "cancelled")]


@pytest.mark.parametrize("machines", [2, 3])
def test_machines_that_submit_at_the_same_moment_keep_one_batch_and_all_download_it(
    machine: Machine, slow: Front, tmp_path: Path, machines: int
) -> None:
    act = together(machines)
    for _ in range(machines):
        slow.once(CREATE, act)
    names = [f"machine-{number}" for number in range(machines)]
    runs = {name: machine(name) for name in names}
    texts = {name: ended(process) for name, process in runs.items()}
    assert {code for code, _ in texts.values()} == {10}, texts
    assert len(slow.batches) == machines
    (oldest,) = alive(slow)
    younger = {batch_["id"] for batch_ in slow.batches} - {oldest}
    warned = [text for _, text in texts.values() if "another run already submitted 3 rows of batch_" in text]
    assert len(warned) == machines - 1
    assert all(oldest in text and any(f"cancelled {batch_}" in text for batch_ in younger) for text in warned)
    slow.settle()
    for name in names:
        code, text = ended(machine(name))
        assert code == 0, text
        assert images_in(tmp_path / name) == FILES
    assert len(slow.batches) == machines


def test_wait_on_both_machines_saves_the_rows_of_the_batch_that_stays(
    machine: Machine, slow: Front, tmp_path: Path
) -> None:
    act = together(2)
    for _ in range(2):
        slow.once(CREATE, act)
    slow.once(CANCEL, then_skip_time(slow, pass_through))
    runs = [machine(name, more=("--wait",)) for name in ("here", "there")]
    assert [ended(process)[0] for process in runs] == [0, 0]
    assert images_in(tmp_path / "here") == images_in(tmp_path / "there") == FILES
    assert len(alive(slow)) == 1


def test_rows_without_a_duplicate_are_submitted_again(
    machine: Machine, batch: Batch, slow: Front, folder: Path
) -> None:
    manifest(folder)
    slow.once(CREATE, after(lambda: ended(machine("there", row("a cat"), row("a hen")))))
    result = batch(at=slow)
    assert result.exit_code == 10
    assert "another run already submitted 1 row of batch_" in result.stderr
    # The row that the other machine submitted first is withdrawn here, and pending there.
    assert states(folder) == ["sent"] * 3 + ["failed", "submitted", "failed", "failed"]
    assert [entry.get("error") for entry in journal(folder)[3:]] == ["not_handed_in", None, *["not_handed_in"] * 2]
    slow.once(CREATE, then_skip_time(slow, pass_through))
    assert batch("--wait", at=slow).exit_code == 0
    assert images_in(folder) == FILES
    assert [batch_["request_counts"]["total"] for batch_ in slow.batches] == [2, 3, 2]


@pytest.mark.parametrize(
    ("rows", "more"),
    [((row("a hen"),), ()), ((row("a big cat"), row("an owl", size="auto")), ())],
    ids=["other rows", "edited rows"],
)
def test_a_batch_of_the_same_manifest_with_other_rows_is_no_duplicate(
    machine: Machine, batch: Batch, slow: Front, folder: Path, rows: tuple[dict[str, Any], ...], more: tuple[str, ...]
) -> None:
    manifest(folder)
    slow.once(CREATE, after(lambda: ended(machine("there", *rows, more=more))))
    result = batch(at=slow)
    assert (result.exit_code, len(alive(slow))) == (10, 2)
    assert "another run" not in result.stderr


def test_shards_that_submit_at_the_same_moment_keep_both_batches(machine: Machine, slow: Front, tmp_path: Path) -> None:
    rows = [row(f"a {name}") for name in ("cat", "owl", "fox", "hen", "elk", "ant")]
    act = together(2)
    for _ in range(2):
        slow.once(CREATE, act)
    runs = [machine(f"machine-{number}", *rows, more=("--shard", f"{number}/2")) for number in (1, 2)]
    assert [ended(process)[0] for process in runs] == [10, 10]
    assert len(alive(slow)) == 2


def test_rows_that_were_submitted_before_by_this_journal_are_no_duplicates(
    batch: Batch, front: Front, folder: Path
) -> None:
    manifest(folder)
    assert batch("--wait").exit_code == 0
    (folder / "cat.png").unlink()
    result = batch("--wait")
    assert (result.exit_code, images_in(folder), len(front.batches)) == (0, FILES, 2)
    assert "another run" not in result.stderr


@pytest.mark.parametrize(
    "act",
    [
        respond_with("500 Internal Server Error", {"error": {"message": "no"}}),
        respond_with("400 Bad Request", {"error": {"message": "no"}}),
        respond_with("404 Not Found", {"error": {"message": "no"}}),
    ],
    ids=["500", "400", "404"],
)
@pytest.mark.parametrize("wait", [(), ("--wait",)], ids=["look", "wait"])
def test_if_cancelling_fails_both_ids_are_printed_and_the_run_exits_with_10(
    machine: Machine, batch: Batch, slow: Front, folder: Path, act: Act, wait: tuple[str, ...]
) -> None:
    manifest(folder)
    slow.once(CREATE, after(lambda: ended(machine("there"))))
    slow.once(CANCEL, then_skip_time(slow, act))
    result = batch("--max-retries", "0", *wait, at=slow, settled=False)
    assert result.exit_code == 10, result.stderr
    ids = [batch_["id"] for batch_ in slow.batches]
    assert len(alive(slow)) == 2
    assert all(batch_ in result.stderr for batch_ in ids)
    assert "can't cancel" in result.stderr
    assert "both may be billed" in result.stderr
    slow.settle()
    assert (batch(at=slow).exit_code, images_in(folder)) == (0, FILES)


def test_a_batch_that_is_completed_before_it_is_cancelled_is_printed(
    machine: Machine, batch: Batch, slow: Front, folder: Path
) -> None:
    manifest(folder)
    slow.once(CREATE, after(lambda: ended(machine("there"))))

    def too_late(connection: socket.socket, forward: Forward) -> None:
        slow.settle()
        pass_through(connection, forward)

    slow.once(CANCEL, too_late)
    result = batch(at=slow)
    assert (result.exit_code, "it is already completed" in result.stderr) == (10, True), result.stderr
    assert (batch(at=slow).exit_code, images_in(folder)) == (0, FILES)


def test_a_failed_search_is_a_warning_and_the_rows_stay_with_their_batch(
    batch: Batch, front: Front, folder: Path
) -> None:
    manifest(folder)
    front.once(
        CREATE,
        after(
            lambda: front.once("GET /v1/batches.*", respond_with("400 Bad Request", {"error": {"message": "no list"}}))
        ),
    )
    result = batch()
    assert (result.exit_code, states(folder)) == (10, ["sent"] * 3 + ["submitted"] * 3)
    assert "can't check whether another run submitted the same rows" in result.stderr
    assert (batch().exit_code, images_in(folder)) == (0, FILES)


def test_a_run_that_is_killed_before_the_search_leaves_it_to_the_next(
    machine: Machine, slow: Front, tmp_path: Path
) -> None:
    slow.once(CREATE, after(lambda: ended(machine("there"))))
    for act in (pass_through, pass_through, pass_through, silent):
        slow.once("GET /v1/batches.*", act)
    process = machine("here")
    while len([batch_ for batch_ in slow.requests if str(batch_).startswith("GET /v1/batches")]) < 4:
        assert process.poll() is None
    process.kill()
    process.wait(timeout=10)
    assert states(tmp_path / "here") == ["sent"] * 3
    code, text = ended(machine("here"))
    assert code == 10, text
    assert len(alive(slow)) == 1
    assert "another run already submitted 3 rows of batch_" in text
    slow.settle()
    assert ended(machine("here"))[0] == 0
    assert images_in(tmp_path / "here") == FILES
