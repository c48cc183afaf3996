"""Files in a working tree are opened only if they are regular files of the user, and never through a link."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from imagecli.safe_open import UnsafeFileError, check_folder_is_ours, open_regular, read_regular, trusted_owners

APPEND = os.O_RDWR | os.O_APPEND | os.O_CREAT


def test_a_new_file_is_created_with_the_mode(tmp_path: Path) -> None:
    os.close(open_regular(tmp_path / "new", APPEND, 0o600))
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600


@pytest.mark.parametrize("target", ["file", "folder", "missing"])
@pytest.mark.parametrize("flags", [os.O_RDONLY, APPEND, os.O_WRONLY | os.O_CREAT | os.O_TRUNC])
def test_a_link_is_refused_and_its_target_stays(tmp_path: Path, target: str, flags: int) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(UnsafeFileError, match="symbolic link"):
        open_regular(tmp_path / "link", flags)
    assert (tmp_path / "file").read_bytes() == b"content"
    assert not (tmp_path / "missing").exists()


def test_pipes_sockets_devices_and_folders_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        for name in ("pipe", "folder", "socket", "/dev/zero"):
            with pytest.raises(UnsafeFileError, match=r"it is a .*, not a file"):
                read_regular(tmp_path / name, 100)


def test_a_second_hard_link_is_refused_if_only_one_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "other").hardlink_to(tmp_path / "file")
    with pytest.raises(UnsafeFileError, match="2 hard links"):
        open_regular(tmp_path / "file", os.O_RDWR | os.O_TRUNC)
    assert (tmp_path / "file").read_bytes() == b"content"
    os.close(open_regular(tmp_path / "file", os.O_RDWR, max_links=2))


def test_truncation_takes_effect_after_the_checks(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    os.close(open_regular(tmp_path / "file", os.O_RDWR | os.O_TRUNC))
    assert (tmp_path / "file").read_bytes() == b""


def test_reading_stops_at_the_limit(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert read_regular(tmp_path / "file", 5) == b"12345"
    with pytest.raises(UnsafeFileError, match="larger than 4 bytes"):
        read_regular(tmp_path / "file", 4)


def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    with pytest.raises(UnsafeFileError, match=r"another user \(uid"):
        read_regular(tmp_path / "file", 5, owners={os.geteuid() + 1})


def test_the_owner_of_the_folder_is_trusted(tmp_path: Path) -> None:
    owners = trusted_owners(tmp_path)
    assert owners is None if os.geteuid() == 0 else owners == {os.geteuid()}


def test_a_folder_is_trusted_unless_it_is_a_link_or_writable_by_others(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("ours")
    (tmp_path / "file").touch()
    check_folder_is_ours(tmp_path / "ours", private=True)
    (tmp_path / "ours").chmod(0o750)
    check_folder_is_ours(tmp_path / "ours")
    for folder, problem in (("ours", "mode 0750"), ("link", "symbolic link"), ("file", "not a folder")):
        with pytest.raises(UnsafeFileError, match=problem):
            check_folder_is_ours(tmp_path / folder, private=True)
    with pytest.raises(FileNotFoundError):
        check_folder_is_ours(tmp_path / "missing")
