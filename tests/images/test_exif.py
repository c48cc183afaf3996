"""The orientation inside an EXIF block, read and overwritten without a library."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecli.images.orientation import read_orientation, set_upright


def block(order: str, value: int, kind: int = 3) -> bytes:
    """A directory of three entries, the orientation in the middle."""
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    first = struct.pack(order + "HHII", 0x0100, 4, 1, 640)
    turned = struct.pack(order + "HHIHH", 0x0112, kind, 1, value, 0)
    last = struct.pack(order + "HHII", 0x0128, 3, 1, 2)
    return start + struct.pack(order + "H", 3) + first + turned + last + bytes(4)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("value", range(1, 9))
def test_both_byte_orders_are_read(order: str, value: int) -> None:
    assert read_orientation(block(order, value)) == value


@pytest.mark.parametrize(
    "data", [b"", b"II*\0", block("<", 0), block(">", 9), block("<", 6, kind=4), block("<", 6)[:20]]
)
def test_an_invalid_block_means_upright(data: bytes) -> None:
    assert read_orientation(data) == 1


@pytest.mark.parametrize("order", "<>")
def test_only_the_orientation_is_overwritten(order: str) -> None:
    assert set_upright(block(order, 6)) == block(order, 1)


@given(st.sampled_from([b"", b"II*\0", b"MM\0*", b"II*\0\x08\0\0\0\xff\xff"]), st.binary(max_size=80))
def test_no_bytes_raise_an_exception(head: bytes, tail: bytes) -> None:
    assert 1 <= read_orientation(head + tail) <= 8
    assert len(set_upright(head + tail)) == len(head + tail)
