"""Paid responses are written to the spool, for their owner alone, and stay exactly as long as something is unsaved."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from imagecli.client.spool import SpoolEntry, hold_spooled, list_spooled_calls, open_spool_entry
from imagecli.client.spool_trust import SpoolPlaces
from imagecli.errors import DiskError, ImagecliError, LimitError, NetworkError, OutputError, RefusedError, UnsavedError
from tests.children import Children


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "spool"
    with open_spool_entry("id", '{"a": 1}', [folder]) as entry:
        entry.write(b"body")
        entry.record_sent(None)
        assert entry.body.read_bytes() == b"body"
        assert mode(folder / "id.sent") == 0o600
        assert (mode(folder), mode(entry.body), mode(folder / "id.json")) == (0o700, 0o600, 0o600)
        assert (folder / "id.json").read_text() == '{"a": 1}'


def test_nothing_remains_when_everything_is_saved(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    with open_spool_entry("id", "{}", [folder]) as entry:
        entry.write(b"body")
    assert not folder.exists()


def test_an_unsaved_response_stays(tmp_path: Path) -> None:
    with open_spool_entry("id", "{}", [tmp_path]) as entry:
        entry.write(b"body")
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
def test_bytes_stay_unless_the_error_says_that_nothing_was_billed(
    tmp_path: Path, error: BaseException, stays: bool
) -> None:
    with pytest.raises(type(error)) as caught, open_spool_entry("id", "{}", [tmp_path / "spool"]) as entry:
        entry.write(b"body")
        raise error
    assert entry.body.exists() is stays
    if isinstance(caught.value, ImagecliError):
        assert caught.value.rescued_path == (str(entry.body) if stays else None)


def test_a_lost_response_without_any_bytes_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnsavedError) as caught, open_spool_entry("id", "{}", [tmp_path / "spool"]):
        raise UnsavedError("lost")
    assert caught.value.rescued_path is None
    assert not (tmp_path / "spool").exists()


def test_the_next_folder_is_used_if_the_first_is_unusable(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file, not a folder")
    folders = [tmp_path / "state" / "spool", tmp_path / "beside"]
    with open_spool_entry("id", "{}", folders) as entry:
        assert entry.body.parent == tmp_path / "beside"
    assert not (tmp_path / "beside").exists()


@pytest.mark.parametrize(("total", "free", "chosen"), [(2**40, 2**25 - 1, "b"), (2**40, 2**25, "a"), (0, 0, "a")])
def test_a_folder_with_little_space_is_skipped_and_one_of_unknown_space_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, total: int, free: int, chosen: str
) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir(mode=0o700)
    usage = shutil.disk_usage
    scarce = usage(tmp_path)._replace(total=total, free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: scarce if path == folders[0] else usage(path))
    with open_spool_entry("id", "{}", folders) as entry:
        assert entry.body.parent.name == chosen


def test_an_entrys_description_is_removed_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    removed: list[str] = []
    unlink = Path.unlink

    def on_event(path: Path) -> None:
        unlink(path)
        removed.append(path.suffix)

    monkeypatch.setattr(Path, "unlink", on_event)
    with open_spool_entry("id", "{}", [tmp_path / "spool"]) as entry:
        entry.record_sent(None)
    assert removed == [".body", ".sent", ".json"]


def test_a_description_that_can_t_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0o700)
    (tmp_path / "a" / "id.json").write_text("another's")
    with open_spool_entry("id", "{}", [tmp_path / "a", tmp_path / "b"]) as entry:
        assert entry.body.parent == tmp_path / "b"
        assert not (tmp_path / "a" / "id.body").exists()


def test_a_move_that_fails_leaves_no_half_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*descriptors: int) -> None:
        raise OSError(errno.EIO, "no")

    with open_spool_entry("id", "{}", [tmp_path / "a", tmp_path / "b"]) as entry:
        entry.file.write(b"body")
        with monkeypatch.context() as patch, pytest.raises(OSError, match="full"):
            patch.setattr(os, "dup2", fail)
            entry.move_to_next_folder(OSError(errno.ENOSPC, "full"))
        assert not (tmp_path / "b").exists()
        assert entry.body == tmp_path / "a" / "id.body"
        assert entry.body.read_bytes() == b"body"


def test_a_missing_spool_folder_is_an_error_before_sending(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError) as caught:
        open_spool_entry("id", "{}", [tmp_path / "file" / "a", tmp_path / "file" / "b"])
    assert str(tmp_path / "file" / "a") in caught.value.message
    assert "IMAGECLI_STATE_DIR" in (caught.value.hint or "")


def test_concurrent_entries_do_not_remove_the_folder(tmp_path: Path) -> None:
    problems: list[BaseException] = []

    def come_and_go(who: int) -> None:
        try:
            for k in range(60):
                with open_spool_entry(f"{who}-{k}", "{}", [tmp_path / "spool"]):
                    pass
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=come_and_go, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_the_request_is_marked_as_sent_until_the_server_reports_no_result(tmp_path: Path) -> None:
    with open_spool_entry("id", "{}", [tmp_path]) as entry:
        assert not (tmp_path / "id.sent").exists()
        for peer in ("127.0.0.1", "::1"):
            entry.record_sent(peer)
            assert (tmp_path / "id.sent").read_text() == peer
        for _ in range(2):
            entry.clear_sent()
            assert not (tmp_path / "id.sent").exists()
        entry.record_sent(None)
        assert (tmp_path / "id.sent").read_text() == ""
    assert not list(tmp_path.glob("id.*"))


def test_an_entry_is_alive_as_long_as_it_is_open(tmp_path: Path) -> None:
    with open_spool_entry("id", "{}", [tmp_path]) as entry:
        entry.write(b"body")
        (left,) = list_spooled_calls(SpoolPlaces(own=tmp_path))
        assert (left.id, left.alive, left.bytes, left.sent) == ("id", True, 4, False)
        with hold_spooled(left) as file:
            assert file is None
        entry.keep()
    (left,) = list_spooled_calls(SpoolPlaces(own=tmp_path))
    assert not left.alive
    with hold_spooled(left) as file, hold_spooled(left) as again:
        assert (file is not None, again) == (True, None)


HOLDER = """
import sys, time
from pathlib import Path
from imagecli.client.spool import open_spool_entry
entry = open_spool_entry("id", "{}", [Path(sys.argv[1])])
entry.record_sent(None)
entry.write(b"half")
print("ready", flush=True)
time.sleep(60)
"""


def test_a_killed_process_releases_its_entry(tmp_path: Path, children: Children) -> None:
    process = children.start([sys.executable, "-c", HOLDER, str(tmp_path)])
    assert process.stdout
    process.stdout.readline()
    assert [left.alive for left in list_spooled_calls(SpoolPlaces(own=tmp_path))] == [True]
    process.kill()
    process.wait(timeout=10)
    assert [(left.alive, left.bytes, left.sent) for left in list_spooled_calls(SpoolPlaces(own=tmp_path))] == [
        (False, 4, True)
    ]


def test_a_kept_entry_outlives_its_block(tmp_path: Path) -> None:
    with open_spool_entry("id", "{}", [tmp_path / "spool"]) as entry:
        entry.write(b"body")
        entry.open = True
    assert [left.alive for left in list_spooled_calls(SpoolPlaces(own=tmp_path / "spool"))] == [True]
    entry.close()
    assert not (tmp_path / "spool").exists()


class TestFull:
    """A disk that becomes full while a response arrives."""

    def fill(self, entry: SpoolEntry) -> None:
        """From now on its disk is full."""
        full = os.open("/dev/full", os.O_RDWR)
        os.dup2(full, entry.file.fileno())
        os.close(full)

    def test_a_response_continues_in_the_next_folder_with_space(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        folders = [tmp_path / "a", tmp_path / "file" / "b", tmp_path / "c"]
        with open_spool_entry("id", '{"a": 1}', folders) as entry:
            assert entry.body == tmp_path / "a" / "id.body"
            entry.record_sent(None)
            self.fill(entry)
            entry.write(b"all of it")
            assert entry.body == tmp_path / "c" / "id.body"
            assert not (tmp_path / "a").exists()
            entry.file.seek(0)
            assert entry.file.read() == entry.body.read_bytes() == b"all of it"
            assert (tmp_path / "c" / "id.json").read_text() == '{"a": 1}'
            assert (tmp_path / "c" / "id.sent").exists()
            assert mode(tmp_path / "c") == 0o700
            assert [left.alive for left in list_spooled_calls(SpoolPlaces(own=tmp_path / "c"))] == [True]
        assert not (tmp_path / "c").exists()

    def test_a_disk_error_is_raised_if_no_folder_has_space(self, tmp_path: Path) -> None:
        with pytest.raises(OSError, match="No space left"), open_spool_entry("id", "{}", [tmp_path]) as entry:
            entry.write(b"half")
            self.fill(entry)
            entry.write(b"rest")
        assert entry.body.read_bytes() == b"half"


MOUNT = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"', "sh"]
"""Runs a command with a small disk of its own at a folder: size, folder, command."""


def can_mount(folder: Path) -> bool:
    try:
        done = subprocess.run([*MOUNT, "1m", str(folder), "true"], capture_output=True, timeout=10)
    except OSError:
        return False
    return not done.returncode


SPOOLER = """
import sys
from pathlib import Path
from imagecli.client.spool import open_spool_entry
with open_spool_entry("id", "{}", [Path(name) for name in sys.argv[1:]]) as entry:
    for k in range(40):
        entry.write(bytes([k]) * 2**20)
    print(entry.body, entry.body.read_bytes() == b"".join(bytes([k]) * 2**20 for k in range(40)))
"""


def test_a_really_full_disk_loses_nothing(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if not can_mount(small):
        pytest.skip("no disk of one's own can be mounted here")
    code = [sys.executable, "-c", SPOOLER, str(small / "spool"), str(tmp_path / "beside")]
    done = subprocess.run([*MOUNT, "36m", str(small), *code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(tmp_path / "beside" / "id.body"), "True"]
