"""A compressed body is what it says, however it is labelled and cut; and what is damaged is read up to the damage."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecli.errors import UnsavedError
from imagecli.providers.decompress import Decompressor, detect_compression
from tests.client.raw import pictures, png

BODY = pictures(png(40, 40))
PACKED = {
    "gzip": gzip.compress(BODY),
    "zlib": zlib.compress(BODY),
    "bare deflate": zlib.compress(BODY)[2:-4],
    "two layers": gzip.compress(gzip.compress(BODY)),
    "two members": gzip.compress(BODY[:9]) + gzip.compress(BODY[9:]),
    "an empty member first": gzip.compress(b"") + gzip.compress(BODY),
    "zeros behind it": gzip.compress(BODY) + bytes(40),
}
PLAIN = [
    BODY,
    png(),
    png(format="JPEG"),
    png(format="WEBP"),
    png(format="GIF"),
    b"data: {}\n\n",
    b": ping\n\nevent: x\ndata: {}\n\n",
    b"<html>",
    b"Bad gateway",
    b"x^ is how zlib begins, and text too",
    b"\x1f\x8b\x08 is how gzip begins, and nothing like it follows here, however far one reads on",
    b"\x1f\x8b",
    b"x",
    b"",
]


def unpacked(body: bytes, size: int = 2**18, limit: int = 2**24) -> tuple[bytes, bool]:
    unpacker = Decompressor(limit)
    parts = [part for at in range(0, len(body), size) for part in unpacker.feed(body[at : at + size])]
    return b"".join([*parts, *unpacker.end()]), unpacker.is_damaged


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("name", PACKED)
def test_what_is_packed_is_unpacked(name: str, size: int) -> None:
    assert unpacked(PACKED[name], size) == (BODY, False)


@pytest.mark.parametrize("body", PLAIN)
@pytest.mark.parametrize("size", [1, 100_000])
def test_what_is_not_packed_passes_as_it_came(body: bytes, size: int) -> None:
    assert unpacked(body, size)[0] == body


@given(st.dictionaries(st.text(), st.text() | st.integers()), st.integers(1, 50), st.integers(0, 9))
def test_any_json_comes_back(document: dict[str, str | int], size: int, level: int) -> None:
    body = json.dumps(document).encode()
    assert unpacked(body, size) == (body, False)
    assert unpacked(gzip.compress(body, level), size) == (body, False)


@given(st.binary(max_size=300), st.integers(1, 400))
def test_nothing_is_too_odd_to_be_taken(body: bytes, size: int) -> None:
    made, _ = unpacked(body, size)
    if detect_compression(body) == "plain":
        assert made == body


@given(st.integers(0, len(PACKED["gzip"]) - 1))
def test_a_cut_loses_no_more_than_what_is_behind_it(at: int) -> None:
    made, damaged = unpacked(PACKED["gzip"][:at])
    assert BODY.startswith(made) or made == PACKED["gzip"][:at]
    assert damaged == (at >= 2)


def test_all_before_the_damage_is_read() -> None:
    body = bytearray(gzip.compress(BODY, 0))  # stored: a byte of it is a byte of the body
    body[-8] ^= 1  # of the checksum
    assert unpacked(bytes(body)) == (BODY, True)
    half = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = half.compress(BODY) + half.flush(zlib.Z_FULL_FLUSH)
    assert unpacked(packed + b"\xff" * 3000) == (BODY, True)


@pytest.mark.parametrize(("begin", "letter"), [(b"", b" "), (b'{"a": "', b"x")])
def test_what_unpacks_to_more_than_any_answer_is_not_read_on(begin: bytes, letter: bytes) -> None:
    with pytest.raises(UnsavedError) as caught:
        unpacked(gzip.compress(begin + letter * 2**25), limit=2**20)
    assert caught.value.code == "answer_too_large"
