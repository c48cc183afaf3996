"""An entry outside the state folder is used only if a record in a private folder of the user vouches for it."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from imagecli.client.spool import SpoolEntry, list_spooled_calls, open_spool_entry
from imagecli.client.spool_trust import SpoolPlaces
from imagecli.errors import OutputError

NOWHERE = Path("/dev/null/spool")
"""No folder can be created there."""


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return tmp_path / "state" / "spooled-elsewhere"


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    return tmp_path / "clone" / ".imagecli-spool"


def open_beside(beside: Path, *record_folders: Path) -> SpoolEntry:
    return open_spool_entry("id", '{"a": 1}', [NOWHERE, beside], record_folders=record_folders)


def leave_beside(beside: Path, *record_folders: Path) -> None:
    """An entry that a killed process left behind."""
    entry = open_beside(beside, *record_folders)
    entry.write(b"body")
    entry.keep()
    entry.close()


def ids(records: Path) -> list[str]:
    return [left.id for left in list_spooled_calls(SpoolPlaces(own=NOWHERE, records=(records,)))]


def test_the_record_is_private_and_removed_with_the_entry(beside: Path, records: Path) -> None:
    with open_beside(beside, records) as entry:
        record = records / "id.json"
        assert entry.record == record
        assert json.loads(record.read_text())["folder"] == str(beside)
        assert [stat.S_IMODE(path.stat().st_mode) for path in (records, record)] == [0o700, 0o600]
        assert ids(records) == ["id"]
    assert not record.exists()
    assert not beside.exists()


def test_a_record_stays_as_long_as_the_description(
    beside: Path, records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This machine still knows an entry that can't be removed completely."""
    unlink = Path.unlink

    def keep_descriptions(path: Path) -> None:
        if path.parent == beside and path.suffix == ".json":
            raise PermissionError
        unlink(path)

    with open_beside(beside, records), monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", keep_descriptions)
        leave = open_spool_entry("other", "{}", [NOWHERE, beside], record_folders=[records])
        leave.close()
        assert (records / "other.json").exists()
    assert not (records / "id.json").exists()


def test_the_state_folders_own_entries_need_no_record(tmp_path: Path, records: Path) -> None:
    with open_spool_entry("id", "{}", [tmp_path / "spool"], record_folders=[records]) as entry:
        assert entry.record is None
        assert not records.exists()


def test_an_entry_that_no_folder_can_record_is_kept_and_not_used(beside: Path, records: Path) -> None:
    leave_beside(beside, NOWHERE)
    assert (beside / "id.body").read_bytes() == b"body"
    assert ids(NOWHERE) == ids(records) == []


@pytest.mark.parametrize("kind", ["file", "link", "open", "foreign"])
def test_a_record_folder_that_is_not_private_is_skipped(beside: Path, records: Path, tmp_path: Path, kind: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    records.parent.mkdir()
    if kind == "file":
        records.write_text("")
    elif kind == "link":
        records.symlink_to(elsewhere)
    elif kind == "open":
        records.mkdir()
        records.chmod(0o755)
    else:
        if os.geteuid():
            pytest.skip("only root can give a folder away")
        records.mkdir(mode=0o700)
        os.chown(records, 12345, 12345)
    with open_beside(beside, records, tmp_path / "second") as entry:
        assert entry.record == tmp_path / "second" / "id.json"
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("kind", ["file", "link", "open", "foreign"])
def test_records_in_a_folder_that_is_not_private_are_not_trusted(
    beside: Path, records: Path, tmp_path: Path, kind: str
) -> None:
    leave_beside(beside, records)
    assert ids(records) == ["id"]
    if kind == "file":
        records = records / "id.json"
    elif kind == "link":
        records = Path(records.rename(tmp_path / "real"))
        (tmp_path / "link").symlink_to(records)
        records = tmp_path / "link"
    elif kind == "open":
        records.chmod(0o770)
    elif os.geteuid():
        pytest.skip("only root can give a folder away")
    else:
        os.chown(records, 12345, 12345)
    assert ids(records) == []


def change_description(beside: Path) -> None:
    (beside / "id.json").write_text('{"a": 2}')


def rename_entry(beside: Path) -> None:
    for path in list(beside.iterdir()):
        path.rename(beside / f"other{path.suffix}")


def move_folder(beside: Path) -> None:
    beside.rename(beside.parent / "moved")


def link_folder(beside: Path) -> None:
    beside.rename(beside.parent / "real")
    beside.symlink_to("real")


def link_parent(beside: Path) -> None:
    clone = beside.parent
    clone.rename(clone.parent / "real")
    clone.symlink_to("real")


def circle(beside: Path) -> None:
    move_folder(beside)
    beside.symlink_to(beside.name)


def link_description(beside: Path) -> None:
    (beside / "id.json").rename(beside / "real")
    (beside / "id.json").symlink_to("real")


def link_body(beside: Path) -> None:
    (beside / "id.body").rename(beside / "real")
    (beside / "id.body").symlink_to("real")


def pipe_for_description(beside: Path) -> None:
    (beside / "id.json").unlink()
    os.mkfifo(beside / "id.json")


def pipe_for_body(beside: Path) -> None:
    (beside / "id.body").unlink()
    os.mkfifo(beside / "id.body")


@pytest.mark.parametrize(
    "change",
    [
        change_description,
        rename_entry,
        move_folder,
        link_folder,
        link_parent,
        circle,
        link_description,
        link_body,
        pipe_for_description,
        pipe_for_body,
    ],
)
def test_an_entry_that_is_not_as_recorded_is_not_used(
    beside: Path, records: Path, change: Callable[[Path], None]
) -> None:
    leave_beside(beside, records)
    assert ids(records) == ["id"]
    change(beside)
    assert ids(records) == []


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"id": "id"}', '{"id": "x", "folder": "/", "sha256": ""}', "[" * 100_000, "\x00"],
)
def test_a_damaged_record_vouches_for_nothing(beside: Path, records: Path, text: str) -> None:
    leave_beside(beside, records)
    (records / "id.json").write_text(text)
    assert ids(records) == []


@pytest.mark.parametrize("target", ["folder", "dangling", "circle"])
def test_nothing_is_written_through_a_link(beside: Path, records: Path, tmp_path: Path, target: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    beside.parent.mkdir()
    if target == "folder":
        elsewhere.mkdir()
    beside.symlink_to(beside.name if target == "circle" else elsewhere)
    with pytest.raises(OutputError, match="symbolic link"):
        open_beside(beside, records)
    assert not elsewhere.exists() or not list(elsewhere.iterdir())
    assert not list(records.iterdir())


def test_nothing_is_removed_through_a_link(beside: Path, records: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    with open_beside(beside, records):
        beside.rename(victim)
        beside.symlink_to(victim)
    assert sorted(path.name for path in victim.iterdir()) == ["id.body", "id.json"]


@pytest.mark.parametrize("kind", ["link", "open"])
def test_a_spool_in_the_state_folder_that_is_not_private_is_not_used(tmp_path: Path, kind: str) -> None:
    spool = tmp_path / "spool"
    leave = open_spool_entry("id", "{}", [spool])
    leave.keep()
    leave.close()
    assert [left.id for left in list_spooled_calls(SpoolPlaces(own=spool))] == ["id"]
    if kind == "open":
        spool.chmod(0o777)
    else:
        spool.rename(tmp_path / "real")
        spool.symlink_to(tmp_path / "real")
    assert list_spooled_calls(SpoolPlaces(own=spool)) == []
    with pytest.raises(OutputError, match="access" if kind == "open" else "link"):
        open_spool_entry("other", "{}", [spool])


def test_an_entry_that_moves_because_its_disk_is_full_is_recorded(tmp_path: Path, beside: Path, records: Path) -> None:
    with open_spool_entry("id", "{}", [tmp_path / "spool", beside], record_folders=[records]) as entry:
        full = os.open("/dev/full", os.O_RDWR)
        os.dup2(full, entry.file.fileno())
        os.close(full)
        entry.write(b"all of it")
        assert (entry.body.parent, entry.record) == (beside, records / "id.json")
        assert ids(records) == ["id"]
    assert not list(records.iterdir())
