"""A downloaded file is read line by line: the same lines for every size of the pieces."""

from __future__ import annotations

import io
import os
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecli.batch.api import download
from imagecli.batch.api.download import PIECE_BYTES, download_lines, split_lines
from imagecli.errors import DiskError
from tests.client.raw import http, raw_server
from tests.client.test_batch_api import client, deaf, ok


def lines_of(data: bytes, *, is_complete: bool = True) -> list[bytes]:
    return [line.read() for line in split_lines(io.BytesIO(data), is_complete=is_complete)]


@given(text=st.text("ab\r\n", max_size=60), piece=st.integers(1, 7))
def test_any_piece_size_gives_the_same_lines(text: str, piece: int) -> None:
    expected = [line for line in text.encode().split(b"\n") if line not in (b"", b"\r")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(download, "PIECE_BYTES", piece)
        assert lines_of(text.encode()) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\n\n\r\n", []),
        (b"one", [b"one"]),
        (b"one\n", [b"one"]),
        (b"one\r\ntwo", [b"one\r", b"two"]),
        (b"a\n\nb", [b"a", b"b"]),
        (b"\xff\xfe\n\0\n", [b"\xff\xfe", b"\0"]),
    ],
)
def test_a_last_line_needs_no_line_end_and_a_blank_one_is_ignored(data: bytes, expected: list[bytes]) -> None:
    assert lines_of(data) == expected


def test_the_last_line_of_a_truncated_file_is_ignored() -> None:
    assert lines_of(b"complete\nhal", is_complete=False) == [b"complete"]
    assert lines_of(b"complete\n", is_complete=False) == [b"complete"]


def test_a_line_is_a_file_of_its_own_however_long_it_is() -> None:
    long = os.urandom(50).hex().encode() * (PIECE_BYTES // 50) + b"end"
    with TemporaryFile() as file:
        file.write(b"first\n" + long + b"\nlast")
        first, second, third = (
            (line.tell(), line.read(), line.read(), line.seek(0, 2), line.seek(-3, 2), line.read(9), line.seek(1))
            for line in split_lines(file)
        )
    assert first == (0, b"first", b"", 5, 2, b"rst", 1)
    assert second == (0, long, b"", len(long), len(long) - 3, b"end", 1)
    assert third == (0, b"last", b"", 4, 1, b"ast", 1)


def test_a_line_can_be_read_into_a_buffer_from_anywhere() -> None:
    buffer = bytearray(4)
    for line in split_lines(io.BytesIO(b"\nabcdefgh\n")):
        line.seek(6)
        assert (line.readinto(buffer), bytes(buffer)) == (2, b"gh\0\0")  # type: ignore[attr-defined]


def test_a_download_has_no_name_that_a_kill_could_leave_behind(tmp_path: Path) -> None:
    with raw_server(ok({"bytes": 8}), http("200 OK", b"one\ntwo\n")) as server:
        lines = [
            (line.read(), [path for path in tmp_path.rglob("*") if path.is_file()])
            for line in download_lines(client(server.base_url), "file-1", tmp_path / "state", tmp_path, deaf)
        ]
    assert lines == [(b"one", []), (b"two", [])]


def test_a_full_disk_is_an_error_before_the_download(tmp_path: Path) -> None:
    with raw_server(ok({"bytes": 2**60})) as server:
        with pytest.raises(DiskError, match="MB free"):
            next(download_lines(client(server.base_url), "file-1", tmp_path / "state", tmp_path, deaf))
        assert len(server.requests) == 1


def test_a_folder_that_can_not_be_written_is_an_error(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.write_text("not a folder")
    with raw_server(ok({"bytes": 8})) as server, pytest.raises(DiskError, match="can't write the batch results to"):
        next(download_lines(client(server.base_url), "file-1", state, tmp_path / "none", deaf))
