"""A file under its final name is complete and replaced nothing without permission; paid bytes are kept somewhere."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagecli.errors import DiskError
from imagecli.storage.atomic_write import (
    _take_and_replace,
    discard_all_staged,
    find_rescued,
    open_staged,
    publish,
    rescue,
    save_file,
    translate_disk_errors,
    write_staged,
)


def contents(folder: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file()}


def test_a_saved_file_is_complete_and_leaves_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    assert save_file(b"picture", path) == path
    assert contents(tmp_path) == {"cat.png": b"picture"}


def test_pieces_are_joined(tmp_path: Path) -> None:
    save_file((bytes([number]) * 3 for number in range(3)), tmp_path / "cat.png")
    assert contents(tmp_path) == {"cat.png": bytes([0, 0, 0, 1, 1, 1, 2, 2, 2])}


def test_a_name_created_meanwhile_is_numbered_and_its_file_stays(tmp_path: Path) -> None:
    for name in ("cat.png", "cat_2.png"):
        (tmp_path / name).write_bytes(b"old")
    assert save_file(b"new", tmp_path / "cat.png") == tmp_path / "cat_3.png"
    assert contents(tmp_path) == {"cat.png": b"old", "cat_2.png": b"old", "cat_3.png": b"new"}


def test_overwrite_replaces_the_file(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(b"old")
    assert save_file(b"new", tmp_path / "cat.png", overwrite=True) == tmp_path / "cat.png"
    assert contents(tmp_path) == {"cat.png": b"new"}


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("target", ["precious.png", "nowhere.png"])
def test_a_link_is_never_written_through(tmp_path: Path, target: str, overwrite: bool) -> None:
    (tmp_path / "precious.png").write_bytes(b"precious")
    link = tmp_path / "link.png"
    link.symlink_to(target)
    used = save_file(b"new", link, overwrite=overwrite)
    assert used.name == ("link.png" if overwrite else "link_2.png")
    assert used.read_bytes() == b"new"
    assert not used.is_symlink()
    assert link.is_symlink() is not overwrite
    assert (tmp_path / "precious.png").read_bytes() == b"precious"
    assert not (tmp_path / "nowhere.png").exists()


def test_a_folder_and_a_pipe_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "cat.png").mkdir()
    os.mkfifo(tmp_path / "dog.png")
    assert save_file(b"new", tmp_path / "cat.png", overwrite=True).name == "cat_2.png"
    assert save_file(b"new", tmp_path / "dog.png", overwrite=True).name == "dog_2.png"
    assert stat.S_ISFIFO((tmp_path / "dog.png").stat().st_mode)


def test_a_link_to_a_folder_is_overwritten_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    link = tmp_path / "cat.png"
    link.symlink_to("folder")
    assert save_file(b"new", link, overwrite=True) == link
    assert (link.is_symlink(), contents(tmp_path), contents(tmp_path / "folder")) == (False, {"cat.png": b"new"}, {})


def test_threads_that_save_one_name_all_keep_their_image(tmp_path: Path) -> None:
    begin = threading.Barrier(8)
    used: list[Path] = []

    def work(number: int) -> None:
        begin.wait()
        used.extend(save_file(b"%d-%d" % (number, turn), tmp_path / "cat.png") for turn in range(5))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(used)) == 40
    assert sorted(contents(tmp_path).values()) == sorted(b"%d-%d" % (n, t) for n in range(8) for t in range(5))


def test_the_longest_name_can_be_saved_and_numbered(tmp_path: Path) -> None:
    path = tmp_path / ("猫" * 83 + "ab.png")
    assert len(os.fsencode(path.name)) == 255
    assert save_file(b"1", path) == path
    assert save_file(b"2", path).name == "猫" * 83 + "_2.png"


@pytest.mark.parametrize("name", ["tab\tnew\nline.png", "🐱.png", os.fsdecode(b"\xff\xfe.png"), "-rf.png"])
def test_odd_names_work(tmp_path: Path, name: str) -> None:
    assert save_file(b"1", tmp_path / name).read_bytes() == b"1"


UMASK = """
    import os, sys
    from pathlib import Path
    from imagecli.storage.atomic_write import save_file
    os.umask(int(sys.argv[1]))
    save_file(b"x", Path(sys.argv[2]))
"""


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_umask_decides_the_mode(tmp_path: Path, umask: int, mode: int) -> None:
    command = [sys.executable, "-c", textwrap.dedent(UMASK), str(umask), str(tmp_path / "cat.png")]
    subprocess.run(command, check=True)
    assert stat.S_IMODE((tmp_path / "cat.png").stat().st_mode) == mode


@pytest.mark.parametrize("problem", [RuntimeError("judged"), KeyboardInterrupt()])
def test_a_failing_source_leaves_nothing_behind(tmp_path: Path, problem: BaseException) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise problem

    with pytest.raises(type(problem)):
        save_file(pieces(), tmp_path / "cat.png")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_removed_while_waiting_is_a_disk_error(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match=r"can't write .*cat\.png: no such file or directory") as caught:
        save_file(b"x", tmp_path / "gone" / "cat.png")
    assert caught.value.exit_code == 8
    assert "writable" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("folder", "words"),
    [("/proc", "no such file"), ("file.txt", "not a directory"), ("x" * 300, "too long"), ("a\0b", "null")],
)
def test_a_folder_that_can_not_be_written_is_a_disk_error(tmp_path: Path, folder: str, words: str) -> None:
    (tmp_path / "file.txt").write_bytes(b"")
    with pytest.raises(DiskError, match=words):
        save_file(b"x", tmp_path / folder / "cat.png")


def test_a_failed_rename_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="file name too long"):
        save_file(b"x", tmp_path / ("x" * 300))
    assert list(tmp_path.iterdir()) == []


FULL = """
    import resource, sys
    from pathlib import Path
    from imagecli.errors import DiskError
    from imagecli.storage.atomic_write import save_file
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        save_file(b"x" * 5000, Path(sys.argv[1]))
    except DiskError as error:
        print(error, "|", error.hint)
"""


def test_a_full_disk_leaves_no_partial_file(tmp_path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(FULL), str(tmp_path / "cat.png")]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "file too large" in output
    assert "ulimit" in output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "free some space there"),
        (errno.EDQUOT, "free some space there"),
        (errno.EFBIG, "ulimit"),
        (errno.EACCES, "writable"),
    ],
)
def test_the_hint_matches_the_error(tmp_path: Path, number: int, words: str) -> None:
    with pytest.raises(DiskError) as caught, translate_disk_errors(tmp_path):
        raise OSError(number, os.strerror(number))
    assert words in (caught.value.hint or "")


def test_a_failed_publish_keeps_the_staged_file(tmp_path: Path) -> None:
    staged = write_staged([b"bought"], tmp_path)
    with pytest.raises(OSError, match="No such file"):
        publish(staged, tmp_path / "gone" / "cat.png")
    assert staged.read_bytes() == b"bought"
    assert publish(staged, tmp_path / "cat.png").read_bytes() == b"bought"
    assert contents(tmp_path) == {"cat.png": b"bought"}


def test_without_hard_links_the_name_is_reserved_first(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    _take_and_replace(write_staged(b"1", tmp_path), path)
    staged = write_staged(b"2", tmp_path)
    with pytest.raises(FileExistsError):
        _take_and_replace(staged, path)
    staged.unlink()
    with pytest.raises(FileNotFoundError):
        _take_and_replace(staged, tmp_path / "dog.png")
    assert contents(tmp_path) == {"cat.png": b"1"}


@pytest.mark.parametrize("number", [errno.EPERM, errno.EACCES, errno.EIO, errno.EINVAL, errno.ELOOP])
def test_a_disk_without_hard_links_saves_and_replaces_nothing(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(link: Path, target: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    assert save_file(b"1", tmp_path / "cat.png") == tmp_path / "cat.png"
    assert save_file(b"2", tmp_path / "cat.png") == tmp_path / "cat_2.png"
    assert contents(tmp_path) == {"cat.png": b"1", "cat_2.png": b"2"}


LABEL = "run-0"


def test_damaged_bytes_are_saved_beside_their_name(tmp_path: Path) -> None:
    state = tmp_path / "state"
    path = tmp_path / "cat.png"
    assert (
        rescue(write_staged(b"1", tmp_path), path, state, label=LABEL, damaged=True) == tmp_path / "cat.damaged.png.bin"
    )
    assert (
        rescue(write_staged(b"2", tmp_path), path, state, label=LABEL, damaged=True)
        == tmp_path / "cat.damaged.png_2.bin"
    )
    assert contents(tmp_path) == {"cat.damaged.png.bin": b"1", "cat.damaged.png_2.bin": b"2"}
    assert not state.exists()


@pytest.mark.parametrize(("damaged", "name"), [(True, "cat.damaged.png.run-0.bin"), (False, "cat.run-0.png")])
def test_bytes_of_a_failed_disk_are_saved_in_the_private_state_folder(tmp_path: Path, damaged: bool, name: str) -> None:
    state = tmp_path / "deep" / "state"
    rescued = rescue(write_staged(b"x", tmp_path), tmp_path / "gone" / "cat.png", state, label=LABEL, damaged=damaged)
    assert rescued == state / name
    again = rescue(write_staged(b"y", tmp_path), tmp_path / "gone" / "cat.png", state, label=LABEL, damaged=damaged)
    assert contents(tmp_path) == {}
    assert find_rescued(state, LABEL) == ([] if damaged else [rescued])
    assert (rescued.read_bytes(), again.read_bytes()) == (b"x", b"y")
    assert stat.S_IMODE(rescued.stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_a_rescue_without_a_usable_folder_is_a_disk_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DiskError, match="can't write"):
        rescue(
            write_staged(b"x", tmp_path),
            tmp_path / "gone" / "cat.png",
            tmp_path / "file" / "state",
            label=LABEL,
            damaged=True,
        )


def test_a_staged_file_can_be_read_while_written_and_is_removed_on_failure(tmp_path: Path) -> None:
    with open_staged(tmp_path) as file:
        file.write(b"picture")
        file.seek(0)
        assert file.read() == b"picture"
    assert Path(file.name).read_bytes() == b"picture"
    with pytest.raises(ZeroDivisionError), open_staged(tmp_path):
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == [Path(file.name).name]


def test_staged_files_of_a_dead_process_are_found_by_their_label_alone(tmp_path: Path) -> None:
    for label in ("run-1", "run-1", "run-10", "run-[1]", ""):
        write_staged(b"x", tmp_path, label=label)
    discard_all_staged(tmp_path, "run-1")
    assert len(contents(tmp_path)) == 3
    discard_all_staged(tmp_path, "run-[1]")
    assert len(contents(tmp_path)) == 2


def test_numbering_continues_from_the_requested_number(tmp_path: Path) -> None:
    assert publish(write_staged(b"3", tmp_path), tmp_path / "cat.png", number=3) == tmp_path / "cat_3.png"
    assert publish(write_staged(b"4", tmp_path), tmp_path / "cat.png", number=3) == tmp_path / "cat_4.png"
