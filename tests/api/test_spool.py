"""What is bought lands in the spool, for its owner alone, and stays exactly as long as something is unsaved."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from imagecli.api.spool import open_entry
from imagecli.errors import DiskError, ImagecliError, LimitError, NetworkError, OutputError, RefusedError, UnsavedError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "spool"
    with open_entry("id", '{"a": 1}', [folder]) as entry:
        entry.file.write(b"body")
        entry.mark(sent=True)
        assert entry.body.read_bytes() == b"body"
        assert mode(folder / "id.sent") == 0o600
        assert (mode(folder), mode(entry.body), mode(folder / "id.json")) == (0o700, 0o600, 0o600)
        assert (folder / "id.json").read_text() == '{"a": 1}'


def test_nothing_is_left_when_all_is_saved(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    with open_entry("id", "{}", [folder]) as entry:
        entry.file.write(b"body")
    assert not folder.exists()


def test_what_is_not_saved_stays(tmp_path: Path) -> None:
    with open_entry("id", "{}", [tmp_path]) as entry:
        entry.file.write(b"body")
        kept = entry.keep()
    assert kept.read_bytes() == b"body"
    assert (tmp_path / "id.json").exists()


@pytest.mark.parametrize(
    ("error", "stays"),
    [
        (UnsavedError("lost"), True),
        (DiskError("full"), True),
        (ImagecliError("a bug"), True),
        (ZeroDivisionError(), True),
        (KeyboardInterrupt(), True),
        (RefusedError("no"), False),
        (NetworkError("page"), False),
        (LimitError("later"), False),
    ],
)
def test_bytes_stay_unless_the_error_says_that_nothing_was_bought(
    tmp_path: Path, error: BaseException, stays: bool
) -> None:
    with pytest.raises(type(error)), open_entry("id", "{}", [tmp_path / "spool"]) as entry:
        entry.file.write(b"body")
        raise error
    assert entry.body.exists() is stays
    if isinstance(error, ImagecliError):
        assert error.rescued_path == (str(entry.body) if stays else None)


def test_a_lost_answer_of_which_nothing_came_leaves_nothing(tmp_path: Path) -> None:
    error = UnsavedError("lost")
    with pytest.raises(UnsavedError), open_entry("id", "{}", [tmp_path / "spool"]):
        raise error
    assert error.rescued_path is None
    assert not (tmp_path / "spool").exists()


def test_the_next_folder_is_taken_when_the_first_can_t_be(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file, not a folder")
    folders = [tmp_path / "state" / "spool", tmp_path / "beside"]
    with open_entry("id", "{}", folders) as entry:
        assert entry.body.parent == tmp_path / "beside"
    assert not (tmp_path / "beside").exists()


def test_no_folder_at_all_is_found_out_before_sending(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError) as caught:
        open_entry("id", "{}", [tmp_path / "file" / "a", tmp_path / "file" / "b"])
    assert str(tmp_path / "file" / "a") in caught.value.message
    assert "IMAGECLI_STATE_DIR" in (caught.value.hint or "")


def test_neighbours_that_come_and_go_take_no_folder_away(tmp_path: Path) -> None:
    problems: list[BaseException] = []

    def come_and_go(who: int) -> None:
        try:
            for k in range(60):
                with open_entry(f"{who}-{k}", "{}", [tmp_path / "spool"]):
                    pass
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=come_and_go, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
