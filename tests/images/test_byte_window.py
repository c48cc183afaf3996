"""A file seen through a window is what its bytes are."""

from __future__ import annotations

import io
import re

from hypothesis import given
from hypothesis import strategies as st

from imagecli.images.byte_window import FileWindow, find_pair, iter_bytes

PAIR = re.compile(rb"\xff[^\0]")
DATA = st.lists(st.sampled_from([b"\xff", b"\xff\0", b"abc", b"\xff\xd9"]), max_size=30).map(b"".join)


@given(DATA, st.integers(2, 9), st.lists(st.tuples(st.integers(-40, 90), st.integers(-40, 90)), max_size=6))
def test_any_slice_and_any_byte(data: bytes, size: int, slices: list[tuple[int, int]]) -> None:
    view = FileWindow(io.BytesIO(data), size)
    assert len(view) == len(data)
    for start, stop in slices:
        assert view[start:stop] == data[start:stop]
        if 0 <= start < len(data):
            assert view[start] == data[start]
            near, begin = view.window(start)
            assert near[start - begin] == data[start]


@given(DATA, st.integers(2, 9), st.integers(0, 90))
def test_a_pair_is_found_where_it_is(data: bytes, size: int, start: int) -> None:
    expected = PAIR.search(data, start)
    found = find_pair(FileWindow(io.BytesIO(data), size), PAIR, start)
    assert found == find_pair(memoryview(data), PAIR, start) == (expected.start() if expected else None)


@given(st.binary(max_size=300), st.integers(0, 300))
def test_pieces_are_the_whole(data: bytes, start: int) -> None:
    assert b"".join(iter_bytes(FileWindow(io.BytesIO(data)), start, len(data))) == data[start:]
