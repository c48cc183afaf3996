"""Histories that earlier versions wrote still open."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from imagecli.history.database import FILE_NAME, open_history
from imagecli.history.query import list_images
from imagecli.history.schema import VERSION
from tests.conftest import Run

OLD = sorted((Path(__file__).parent.parent / "data" / "golden" / "histories").glob("history-*.sql"))


@pytest.mark.parametrize("dump", OLD, ids=[path.stem for path in OLD])
def test_a_history_of_an_earlier_version_is_read_and_continued(dump: Path, imagecli: Run, state: Path) -> None:
    state.mkdir()
    connection = sqlite3.connect(state / FILE_NAME)
    connection.executescript(dump.read_text("utf-8"))
    connection.close()
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


def test_there_is_one_of_each_earlier_version() -> None:
    assert [path.stem for path in OLD] == [f"history-{version}" for version in range(1, VERSION)]
