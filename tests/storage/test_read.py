"""A file that the user named is read completely or refused, and never waited for endlessly."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from imagecli.errors import InputImageError, UsageError
from imagecli.storage import read
from imagecli.storage.read import read_bounded


@pytest.mark.parametrize("size", [0, 1, 1000, 3_000_000])
def test_a_file_is_read_completely(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "in").write_bytes(content)
    (tmp_path / "link").symlink_to("in")
    assert read_bounded(tmp_path / "in", 3_000_000) == content
    assert read_bounded(tmp_path / "link", 3_000_000) == content


@pytest.mark.parametrize(
    ("name", "reason", "hint"),
    [
        ("none.png", "none.png does not exist", "check the name"),
        ("phoot.jpg", "does not exist", "did you mean"),
        ("phi.jpg", "does not exist", "check the name and the folder"),
        ("nofolder/x.png", "does not exist", "folder"),
        ("folder", "is a folder", "file"),
        ("dangling", "is a link to nowhere, which does not exist", "check"),
        ("round", "a circular link", "check"),
        ("photo.jpg/x", "not a directory", "check"),
        ("x" * 300, "too long", "check"),
        ("a\0b", "invalid file name", "check"),
        ("\ud800", "invalid file name", "check"),
        ("socket", "socket or device", "check"),
        ("/dev/zero", "is a device", "file"),
        ("/dev/null", "is a device", "file"),
        ("photo.jpg", "too large: 0.0 MB; the limit is 1e-05 MB", "smaller"),
        ("/proc/self/maps", "too large: the limit", "smaller"),
    ],
)
def test_an_unreadable_file_is_an_error_with_the_reason(tmp_path: Path, name: str, reason: str, hint: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "photo.jpg").write_bytes(b"x" * 11)
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "round").symlink_to("round")
    with socket.socket(socket.AF_UNIX) as server:
        bind_here(server, tmp_path)
        with pytest.raises(InputImageError, match=reason) as caught:
            read_bounded(tmp_path / name, 10)
    assert hint in (caught.value.hint or "")


def bind_here(server: socket.socket, folder: Path) -> None:
    """A socket's path may have 108 bytes only, so it is named by the folder's descriptor."""
    descriptor = os.open(folder, os.O_RDONLY)
    server.bind(f"/proc/self/fd/{descriptor}/socket")
    os.close(descriptor)


def test_the_error_has_the_requested_class(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_bounded(tmp_path / "prompt.txt", 10, error=UsageError)
    assert type(caught.value) is UsageError


def write_later(path: Path, pieces: list[bytes], pause: float) -> threading.Thread:
    def work() -> None:
        time.sleep(pause)
        with path.open("wb", buffering=0) as pipe:
            for piece in pieces:
                pipe.write(piece)
                time.sleep(pause)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_a_pipe_is_read_to_its_end_though_its_writer_is_slow(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = write_later(tmp_path / "pipe", [b"one", b"two" * 1000], 0.6)
    assert read_bounded(tmp_path / "pipe", 10_000) == b"one" + b"two" * 1000
    writer.join()


def test_a_pipe_with_too_much_data_is_refused(tmp_path: Path) -> None:
    with subprocess.Popen(["yes"], stdout=subprocess.PIPE) as yes:
        assert yes.stdout
        with pytest.raises(InputImageError, match="too large: the limit"):
            read_bounded(Path(f"/dev/fd/{yes.stdout.fileno()}"), 100_000)
        yes.kill()


def test_an_empty_pipe_of_the_shell_is_read_immediately() -> None:
    reader, writer = os.pipe()
    os.close(writer)
    assert read_bounded(Path(f"/dev/fd/{reader}"), 10) == b""
    os.close(reader)


def test_a_pipe_without_a_writer_is_not_waited_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "NO_WRITER_SECONDS", 0.5)
    os.mkfifo(tmp_path / "pipe")
    begin = time.monotonic()
    with pytest.raises(InputImageError, match="nothing was written to it"):
        read_bounded(tmp_path / "pipe", 10)
    assert 0.5 <= time.monotonic() - begin < 5
