"""A folder that can't be saved to is detected before a paid request."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from imagecli.errors import OutputError
from imagecli.naming import PathKind
from imagecli.storage.atomic_write import write_staged
from imagecli.storage.preflight import check_folder, stat_path


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "to-file").symlink_to("file")
    (tmp_path / "to-folder").symlink_to("folder")
    (tmp_path / "to-nowhere").symlink_to("nowhere")
    (tmp_path / "round").symlink_to("round")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("file", "file"),
        ("folder", "folder"),
        ("to-file", "file"),
        ("to-folder", "folder"),
        ("to-nowhere", "file"),
        ("round", "file"),
        ("pipe", "other"),
        ("/dev/full", "other"),
        ("none", "missing"),
        ("file/x", "missing"),
        ("x" * 300, "missing"),
    ],
)
def test_a_path_is_classified(disk: Path, name: str, place: PathKind) -> None:
    assert stat_path(disk / name) == place


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_a_name_the_system_can_not_hold_is_an_output_error(disk: Path, name: str) -> None:
    with pytest.raises(OutputError):
        stat_path(disk / name)
    with pytest.raises(OutputError):
        check_folder(disk / name)


@pytest.mark.parametrize("name", ["folder", "to-folder", "new", "a/b/c", "folder/../other"])
def test_a_missing_folder_is_created_and_left_empty(disk: Path, name: str) -> None:
    check_folder(disk / name)
    assert (disk / name).is_dir()
    assert list((disk / name).iterdir()) == []


@pytest.mark.parametrize("make", [True, False])
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("file", "file is a file, not a folder"),
        ("file/x/y", "file is a file, not a folder"),
        ("to-file", "to-file is a file, not a folder"),
        ("to-nowhere", "to-nowhere is a broken link"),
        ("to-nowhere/x", "to-nowhere is a broken link"),
        ("round/x", "round"),
        ("x" * 300, "file name too long"),
    ],
)
def test_a_path_that_can_not_be_a_folder_is_an_error_with_the_reason(
    disk: Path, name: str, reason: str, make: bool
) -> None:
    with pytest.raises(OutputError, match=reason) as caught:
        check_folder(disk / name, make=make)
    assert caught.value.exit_code == 2
    assert caught.value.hint


def test_a_folder_that_can_not_be_written_is_refused() -> None:
    with pytest.raises(OutputError, match="can't save to /proc: "):
        check_folder(Path("/proc"))


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
@pytest.mark.parametrize("folder", ["/proc", "/proc/x", "/proc/x/y"])
def test_a_dry_run_reports_system_folders_like_a_real_run(folder: str) -> None:
    with pytest.raises(OutputError, match=f"can't save to {folder}: "):
        check_folder(Path(folder), make=False)


def test_a_dry_run_does_not_change_the_folder(disk: Path) -> None:
    before = (disk / "folder").stat().st_mtime_ns
    check_folder(disk / "folder", make=False)
    assert ((disk / "folder").stat().st_mtime_ns, list((disk / "folder").iterdir())) == (before, [])


def test_a_dry_run_creates_nothing(disk: Path) -> None:
    check_folder(disk / "new" / "folder", make=False)
    assert not (disk / "new").exists()


def test_the_test_file_of_a_killed_check_is_removed_by_the_next(disk: Path) -> None:
    write_staged(b"imagecli", disk / "folder", label="check")
    write_staged(b"a picture", disk / "folder", label="run-0000")
    check_folder(disk / "folder")
    assert [path.read_bytes() for path in (disk / "folder").iterdir()] == [b"a picture"]


RESPONSES = """
import resource, sys
from imagecli.errors import DiskError
from imagecli.storage.preflight import check_response_size
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]) * 2**20, resource.RLIM_INFINITY))
try:
    check_response_size(int(sys.argv[2]))
except DiskError as error:
    print(error.exit_code, error.message)
"""


@pytest.mark.parametrize(("megabytes", "images", "fits"), [(17, 1, False), (40, 1, True), (40, 2, False)])
def test_a_file_size_limit_below_a_response_is_detected_before_paying(megabytes: int, images: int, fits: bool) -> None:
    command = [sys.executable, "-c", RESPONSES, str(megabytes), str(images)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert bool(output) is not fits
    assert fits or output.startswith(f"8 the file size limit is {megabytes}.0 MB (ulimit -f), but a response with")


LIMITED = """
import resource, sys
from pathlib import Path
from imagecli.errors import DiskError
from imagecli.storage.preflight import check_folder
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    check_folder(Path(sys.argv[1]), make=False, another="choose another folder with --gallery")
except DiskError as error:
    print(error.exit_code, error.message)
    print(error.hint)
"""


@pytest.mark.parametrize(
    ("limit", "message"),
    [(5_242_880, "8 can't save to {}: the file size limit is 5.0 MB (ulimit -f);"), (2**30, "")],
)
def test_a_file_size_limit_below_an_image_is_detected_before_paying(disk: Path, limit: int, message: str) -> None:
    command = [sys.executable, "-c", LIMITED, str(disk), str(limit)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert output.startswith(message.format(disk))
    hint = "raise the file size limit (ulimit -f), or choose another folder with --gallery\n"
    assert output.endswith(hint if message else "")
    assert bool(output) is bool(message)
