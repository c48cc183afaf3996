"""Histories that earlier versions wrote still open."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from imagecli.history.database import FILE_NAME, open_history
from imagecli.history.query import list_images
from imagecli.history.schema import VERSION
from tests.conftest import Run
from tests.faults.running import powerless

OLD = sorted((Path(__file__).parent.parent / "data" / "golden" / "histories").glob("history-*.sql"))


def restore_history(dump: Path, state: Path) -> None:
    state.mkdir()
    connection = sqlite3.connect(state / FILE_NAME)
    connection.executescript(dump.read_text("utf-8"))
    connection.close()


@pytest.mark.parametrize("dump", OLD, ids=[path.stem for path in OLD])
def test_a_history_of_an_earlier_version_is_read_and_continued(dump: Path, imagecli: Run, state: Path) -> None:
    restore_history(dump, state)
    with open_history(state) as (connection, warning):
        other, night, cat = list_images(connection)
        assert warning is None
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    assert (cat.id, cat.operation, cat.prompt, cat.template) == (
        "z5h6tr",
        "generations",
        "a cat in a hat",
        "a {animal} in a hat",
    )
    assert (night.operation, night.options["mask_rect"], night.parents) == ("edits", ["0,0,50%,50%"], (cat.id,))
    assert (other.operation, other.model, other.parents) == ("variations", "dall-e-2", (night.id,))
    assert imagecli("generate", "an owl", "--provider", "sandbox").exit_code == 0
    with open_history(state) as (connection, _):
        assert [image.prompt for image in list_images(connection)][:2] == ["an owl", None]


@pytest.mark.slow
def test_a_history_of_an_earlier_version_is_read_where_it_cannot_be_written(state: Path, tmp_path: Path) -> None:
    restore_history(OLD[-1], state)
    (state / FILE_NAME).chmod(0o400)
    state.chmod(0o500)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "IMAGECLI_STATE_DIR": str(state)}
    command = [*powerless(), sys.executable, "-m", "imagecli", "history"]
    try:
        done = subprocess.run([*command, "list"], env=environ, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith("\ta cat in a hat\n")
        done = subprocess.run([*command, "clear", "--yes"], env=environ, capture_output=True, text=True)
        assert done.returncode == 8
        assert "it can't be written" in done.stderr
    finally:
        state.chmod(0o700)


def test_there_is_one_of_each_earlier_version() -> None:
    assert [path.stem for path in OLD] == [f"history-{version}" for version in range(1, VERSION)]
