"""The database: many processes, older and newer versions, damage, other file systems, the limit of images."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from imagecli.history import database
from imagecli.history.database import FILE_NAME, HistoryError, open_history, write_transaction
from imagecli.history.query import list_images
from imagecli.history.record import MAX_IMAGES
from imagecli.history.schema import VERSION
from imagecli.safe_open import mounted_file_systems
from tests.conftest import Run
from tests.faults.running import can_mount, powerless

SANDBOX = ("--provider", "sandbox")

WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from imagecli.domain import Generate, ImageOptions, SavedImage
from imagecli.history.database import open_history
from imagecli.history.record import record_calls, record_ended_call
from imagecli.results import CallResult
state, name = Path(sys.argv[1]), sys.argv[2]
for number in range(25):
    image = SavedImage(
        path=Path(f"{name}-{number}.png"), bytes=1, format="png", size=None, sha256="0", revised_prompt=None,
        request=0, index=0,
    )
    result = CallResult(request=0, requested=1, provider="p", model="m", saved=(image,))
    request = Generate(prompt="a cat", options=ImageOptions(model="m"))
    one = record_ended_call(request, result, "generate", "")
    with open_history(state, create=True) as (connection, warning):
        assert warning is None, warning
        record_calls(connection, [one], datetime.now(UTC))
"""
"""Records 25 images as 25 commands would, each with a connection of its own."""


@pytest.mark.slow
def test_eight_processes_that_write_at_the_same_time_lose_nothing(state: Path) -> None:
    processes = [subprocess.Popen([sys.executable, "-c", WRITER, state, str(number)]) for number in range(8)]
    assert [process.wait() for process in processes] == [0] * 8
    with open_history(state) as (connection, _):
        images = list_images(connection)
    assert len(images) == len({image.path for image in images}) == len({image.id for image in images}) == 200


def test_a_missing_history_is_empty_and_is_not_created(state: Path) -> None:
    with open_history(state) as (connection, _):
        assert list_images(connection) == []
    assert not state.exists()


@pytest.mark.parametrize(
    "content", [b"not a database " * 400, b"SQLite format 3\0" + b"\xff" * 5000], ids=["text", "header"]
)
def test_a_damaged_history_is_set_aside_with_a_warning(content: bytes, imagecli: Run, state: Path) -> None:
    state.mkdir()
    (state / FILE_NAME).write_bytes(content)
    done = imagecli("generate", "a cat", *SANDBOX, "-o", "cat.png")
    assert done.exit_code == 0
    damaged = state / "history-damaged-1.db"
    assert f"warning: the history was damaged; it is now {damaged}, and a new one was started" in done.stderr
    assert damaged.read_bytes() == content
    with open_history(state) as (connection, warning):
        assert len(list_images(connection)) == 1
        assert warning is None


def test_damage_that_is_detected_while_writing_is_reported(imagecli: Run, state: Path) -> None:
    """The next command sets the database aside."""
    imagecli("generate", "a cat", *SANDBOX)
    path = state / FILE_NAME
    with sqlite3.connect(path) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'images_by_sha256'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    done = imagecli("generate", "a cat", *SANDBOX)
    assert done.exit_code == 0
    assert "Traceback" not in done.stderr
    assert "the history" in done.stderr
    with open_history(state) as (connection, _):
        pass
    imagecli("generate", "a cat", *SANDBOX)
    with open_history(state) as (connection, _):
        assert list_images(connection)


def test_a_newer_version_s_history_is_not_written(imagecli: Run, state: Path) -> None:
    imagecli("generate", "a cat", *SANDBOX)
    with sqlite3.connect(state / FILE_NAME) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    done = imagecli("generate", "a cat", *SANDBOX)
    assert done.exit_code == 0
    assert "written by a newer imagecli" in done.stderr
    assert not list(state.glob("history-damaged*"))


def test_the_oldest_images_are_removed_above_the_limit(imagecli: Run, state: Path) -> None:
    imagecli("generate", "the first", *SANDBOX)
    with sqlite3.connect(state / FILE_NAME) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("UPDATE images SET number = number + ?", (MAX_IMAGES - 2,))
    connection.close()
    for prompt in ("the second", "the third"):
        imagecli("generate", prompt, *SANDBOX)
    with open_history(state) as (connection, _):
        assert [image.prompt for image in list_images(connection)] == ["the third", "the second", "the first"]
        connection.execute("UPDATE images SET number = 1 WHERE id = ?", (list_images(connection)[-1].id,))
    imagecli("generate", "the fourth", *SANDBOX)
    with open_history(state) as (connection, _):
        assert [image.prompt for image in list_images(connection)] == ["the fourth", "the third", "the second"]
        assert connection.execute("SELECT count(*) FROM requests").fetchone() == (3,)
    assert Path("the-first.png").exists()


def test_a_lock_is_waited_for_but_not_forever(state: Path) -> None:
    with open_history(state, create=True), open_history(state) as (second, _):
        holder = sqlite3.connect(state / FILE_NAME, isolation_level=None, check_same_thread=False)
        holder.execute("BEGIN IMMEDIATE")
        threading.Timer(0.4, holder.execute, ("COMMIT",)).start()
        with write_transaction(second):
            pass
        holder.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        with (
            pytest.raises(HistoryError, match="locked"),
            open_history(state) as (third, _),
            write_transaction(third, 0.3),
        ):
            pass
        assert time.monotonic() - started < 2
        holder.close()


def test_a_network_disk_gets_no_write_ahead_log(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This test's disk counts as one."""
    types = mounted_file_systems(state.parent.stat())
    assert types
    monkeypatch.setattr(database, "NETWORK_FILE_SYSTEMS", types)
    with open_history(state, create=True) as (connection, _):
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert list_images(connection) == []


FULL = 'mount -t tmpfs -o size=160k,mode=700 t "$1" && cp "$2" "$1" && ! dd if=/dev/zero of="$1/fill" 2> "$1/errors"'
READ_ONLY = 'mount -t tmpfs -o mode=700 t "$1" && cp "$2" "$1" && mount -o remount,ro "$1"'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mount", "problem", "hint"),
    [(FULL, "the disk is full", "free some space in "), (READ_ONLY, "it can't be written", "make it and ")],
    ids=["full", "read-only"],
)
def test_a_history_on_a_full_or_read_only_disk_can_be_read(
    mount: str, problem: str, hint: str, imagecli: Run, state: Path, tmp_path: Path
) -> None:
    if not can_mount():
        pytest.skip("needs unprivileged mounts")
    imagecli("generate", "a cat", *SANDBOX)
    disk = tmp_path / "disk"
    disk.mkdir()
    shell = ["unshare", "-rm", "sh", "-c", f'{mount} && shift 2 && exec "$@"', "sh", str(disk), str(state / FILE_NAME)]
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "IMAGECLI_STATE_DIR": str(disk)}
    command = [*shell, sys.executable, "-m", "imagecli", "history"]
    done = subprocess.run([*command, "list"], env=environ, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\ta cat\n")
    done = subprocess.run([*command, "clear", "--yes"], env=environ, capture_output=True, text=True)
    assert done.returncode == 8
    assert f"error: can't use {disk / FILE_NAME}: {problem}\nhint: {hint}" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("mode", [0o400, 0o600])
def test_a_history_in_a_read_only_folder_can_be_read(
    mode: int, imagecli: Run, folder: Path, state: Path, tmp_path: Path
) -> None:
    imagecli("generate", "a cat", *SANDBOX)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "IMAGECLI_STATE_DIR": str(state)}
    (state / FILE_NAME).chmod(mode)
    state.chmod(0o500)
    try:
        command = [*powerless(), sys.executable, "-m", "imagecli", "history", "list"]
        done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith("\ta cat\n")
        command = [*command[:-2], "generate", "an owl", *SANDBOX, "-o", "owl.png"]
        done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)
        assert done.returncode == 0
        assert "warning: the history entry was lost" in done.stderr
        assert (folder / "owl.png").exists()
    finally:
        state.chmod(0o700)
