"""A gzip body is decompressed, however it is labelled and cut; a damaged one is read up to the damage."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecli.errors import UnsavedError
from imagecli.events import Event, WarningEvent
from imagecli.providers.decompress import DamagedGzipError, gunzip, open_decompressed, read_beginning
from tests.client.raw import images_body, png

BODY = images_body(png(40, 40))
PACKED = {
    "gzip": gzip.compress(BODY),
    "two members": gzip.compress(BODY[:9]) + gzip.compress(BODY[9:]),
    "an empty member first": gzip.compress(b"") + gzip.compress(BODY),
    "zeros behind it": gzip.compress(BODY) + bytes(40),
    "something else behind it": gzip.compress(BODY) + b"something else",
}
PLAIN = [BODY, png(), b"data: {}\n\n", b"<html>", b"x", b"\x1f", b""]


def unpacked(body: bytes, size: int = 2**18, limit: int = 2**24) -> tuple[bytes, bool]:
    content, is_damaged = b"", False
    try:
        for piece in gunzip((body[at : at + size] for at in range(0, len(body), size)), limit):
            content += piece
    except DamagedGzipError:
        is_damaged = True
    return content, is_damaged


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("name", PACKED)
def test_a_compressed_body_is_decompressed(name: str, size: int) -> None:
    assert unpacked(PACKED[name], size) == (BODY, False)


@pytest.mark.parametrize("body", PLAIN)
@pytest.mark.parametrize("size", [1, 100_000])
def test_an_uncompressed_body_is_unchanged(body: bytes, size: int) -> None:
    assert unpacked(body, size) == (body, False)


@given(st.dictionaries(st.text(), st.text() | st.integers()), st.integers(1, 50), st.integers(0, 9))
def test_any_json_survives_compression(document: dict[str, str | int], size: int, level: int) -> None:
    body = json.dumps(document).encode()
    assert unpacked(body, size) == (body, False)
    assert unpacked(gzip.compress(body, level), size) == (body, False)


@given(st.binary(max_size=300), st.integers(1, 400))
def test_any_bytes_are_read(body: bytes, size: int) -> None:
    content, _ = unpacked(body, size)
    assert content == body or body.startswith(b"\x1f\x8b")


@given(st.integers(0, len(PACKED["gzip"]) - 1))
def test_a_truncation_loses_only_the_missing_part(at: int) -> None:
    content, is_damaged = unpacked(PACKED["gzip"][:at], size=1)
    assert BODY.startswith(content) or at < 2
    assert is_damaged == (at >= 2)


def test_everything_before_a_wrong_checksum_is_read() -> None:
    body = bytearray(PACKED["gzip"])
    body[-8] ^= 1
    assert unpacked(bytes(body)) == (BODY, True)


def test_everything_before_the_damage_is_read() -> None:
    half = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = half.compress(BODY) + half.flush(zlib.Z_FULL_FLUSH)
    assert unpacked(packed + b"\xff" * 3000) == (BODY, True)


@pytest.mark.parametrize(("begin", "letter"), [(b"", b" "), (b'{"a": "', b"x")])
def test_decompression_stops_at_the_size_limit(begin: bytes, letter: bytes) -> None:
    with pytest.raises(UnsavedError) as caught:
        unpacked(gzip.compress(begin + letter * 2**25), limit=2**20)
    assert caught.value.code == "answer_too_large"


@pytest.mark.parametrize(
    ("body", "content", "codes"),
    [
        (BODY, BODY, []),
        (PACKED["gzip"], BODY, []),
        (PACKED["gzip"][:-8], BODY, ["damaged_compression"]),
        (b"\x1f\x8b\x08 is how gzip begins, and no more", b"\x1f\x8b\x08 is how gzip begins, and no more", []),
    ],
)
def test_a_file_is_read_whether_it_is_compressed_or_not(
    body: bytes, content: bytes, codes: list[str], tmp_path: Path
) -> None:
    events: list[Event] = []
    with open_decompressed(io.BytesIO(body), (tmp_path / "missing", tmp_path), events.append) as plain:
        plain.seek(0)
        assert plain.read() == content
    assert [event.code for event in events if isinstance(event, WarningEvent)] == codes
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("body", [BODY, PACKED["gzip"], PACKED["gzip"][:-20]])
def test_the_beginning_is_that_of_the_content(body: bytes) -> None:
    assert read_beginning(io.BytesIO(body), 20)[:20] == BODY[:20]
