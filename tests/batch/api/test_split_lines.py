"""Lines out of pieces: the same lines, however the bytes are cut."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecli.batch.api.collect import IN_MEMORY, LineSplitter
from imagecli.errors import DiskError


def lines_of(pieces: list[bytes]) -> list[bytes]:
    found: list[bytes] = []
    with LineSplitter(lambda file: found.append(file.read())) as lines:
        for piece in pieces:
            lines.feed(piece)
    return found


@given(st.lists(st.text("ab\r\n", max_size=30), max_size=10))
def test_any_cut_of_any_bytes_gives_the_same_lines(texts: list[str]) -> None:
    pieces = [text.encode() for text in texts]
    expected = [line for line in b"".join(pieces).split(b"\n") if line not in (b"", b"\r")]
    assert lines_of(pieces) == expected
    assert lines_of([b"".join(pieces)]) == expected


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([], []),
        ([b""], []),
        ([b"\n\n\r\n"], []),
        ([b"one"], [b"one"]),
        ([b"one\n"], [b"one"]),
        ([b"one\r\ntwo"], [b"one\r", b"two"]),
        ([b"on", b"e\ntw", b"o\n", b"\n"], [b"one", b"two"]),
        ([b"\xff\xfe\n\0\n"], [b"\xff\xfe", b"\0"]),
    ],
)
def test_a_last_line_needs_no_end_and_a_blank_one_is_none(pieces: list[bytes], expected: list[bytes]) -> None:
    assert lines_of(pieces) == expected


def test_a_line_that_was_broken_off_is_none() -> None:
    found: list[bytes] = []
    with pytest.raises(RuntimeError), LineSplitter(lambda file: found.append(file.read())) as lines:
        lines.feed(b"whole\nhal")
        raise RuntimeError
    assert found == [b"whole"]


def test_a_line_is_read_from_its_beginning_however_long_it_is(tmp_path: Path) -> None:
    long = b"x" * (2 * IN_MEMORY + 1)
    found: list[tuple[int, bytes, bytes]] = []

    def line(file: IO[bytes]) -> None:
        found.append((file.tell(), file.read(), file.read()))

    with LineSplitter(line, tmp_path) as lines:
        for begin in range(0, len(long), 65_536):
            lines.feed(long[begin : begin + 65_536])
        lines.feed(b"\nshort\n")
    assert found == [(0, long, b""), (0, b"short", b"")]
    assert not list(tmp_path.iterdir())


def test_what_the_taker_of_lines_meets_goes_through_and_ends_it() -> None:
    def line(file: IO[bytes]) -> None:
        raise KeyError("bug")

    with pytest.raises(KeyError), LineSplitter(line) as lines:
        lines.feed(b"one\n")


def test_a_folder_that_takes_no_long_line_is_said(tmp_path: Path) -> None:
    with (
        pytest.raises(DiskError, match="can't keep a line of a batch"),
        LineSplitter(print, tmp_path / "none") as lines,
    ):
        lines.feed(b"x" * (IN_MEMORY + 1))
