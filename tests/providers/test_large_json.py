"""A condensed body means the same as the full one: compared with json.loads and b64decode on arbitrary JSON."""

from __future__ import annotations

import base64
import io
import itertools
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagecli.errors import UnsavedError
from imagecli.providers.large_json import (
    LONG_BYTES,
    MAX_REST_BYTES,
    PIECE_BYTES,
    CondensedBody,
    condense_body,
    decode_base64,
)

LONG = LONG_BYTES + 1
EDGES = [LONG_BYTES - 1, LONG_BYTES, LONG, LONG + 511, PIECE_BYTES - 3, PIECE_BYTES, PIECE_BYTES + 1]


def restored(value: Any, condensed: CondensedBody) -> Any:
    """A parsed document with every mark replaced by the string it represents, in keys too."""
    if isinstance(value, str):
        return condensed.full_text(value)
    if isinstance(value, list):
        return [restored(inner, condensed) for inner in value]
    if isinstance(value, dict):
        return {restored(key, condensed): restored(inner, condensed) for key, inner in value.items()}
    return value


def read(body: bytes) -> Any:
    condensed = condense_body(io.BytesIO(body))
    return restored(json.loads(condensed.body), condensed)


ALPHABETS = ("a", 'ab/\\"', "\n\r\t\0", "é", "猫", "😀", "\ud83d", "\ude00", "\\", '"', "~", "A\ud83dB")


@st.composite
def long_text(draw: st.DrawFn) -> str:
    """A text about as long as what is cut, or as a piece is, of letters that JSON may have to escape."""
    length = draw(st.sampled_from(EDGES)) + draw(st.integers(-14, 14))
    chosen = draw(st.lists(st.sampled_from(ALPHABETS), min_size=1, max_size=3))
    letters = random.Random(draw(st.integers(0, 9))).choices("".join(chosen), k=97)
    head = draw(st.text(max_size=12))
    return head + ("".join(letters) * (length // 97 + 1))[:length]


TEXTS = st.text(max_size=30) | long_text() | st.sampled_from(["~0.0~", "b64_json", '"', "\\"])
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(DOCUMENTS, st.booleans(), st.sampled_from([None, 1, "\t"]), st.sampled_from([b"", b"\xef\xbb\xbf", b" \r\n"]))
def test_a_condensed_response_means_the_same_as_the_full_one(
    document: Any, ascii: bool, indent: Any, start: bytes
) -> None:
    text = json.dumps(document, ensure_ascii=ascii, indent=indent)
    body = start + text.encode("utf-8", "surrogatepass")
    assert read(body) == json.loads(body)


SPELLINGS = {"/": ["/", "\\/"], "A": ["A", "\\u0041"], "+": ["+", "\\u002b", "\\u002B"], "=": ["=", "\\u003d"]}


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 99), st.sampled_from(EDGES), st.integers(-9, 9), st.sampled_from([0, 64, 76]), st.booleans())
def test_an_image_is_read_in_every_spelling_of_its_base64(
    seed: int, edge: int, more: int, width: int, urlsafe: bool
) -> None:
    dice = random.Random(seed)
    image = dice.randbytes(edge * 3 // 4 + more)
    encoded = (base64.urlsafe_b64encode if urlsafe else base64.b64encode)(image).decode()
    if dice.random() < 0.5:
        encoded = encoded.rstrip("=")
    if width:
        encoded = "\\r\\n".join(encoded[at : at + width] for at in range(0, len(encoded), width))
    spelled = "".join(dice.choice(SPELLINGS.get(sign, [sign])) for sign in encoded)
    condensed = condense_body(io.BytesIO(b'{"data":[{"b64_json":"%s"}]}' % spelled.encode()))
    text = json.loads(condensed.body)["data"][0]["b64_json"]
    assert len(condensed.body) < LONG_BYTES + 100
    assert b"".join(decode_base64(condensed.iter_text(text))) == image


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_body_cut_anywhere_is_refused_as_json_refuses_it(data: st.DataObject) -> None:
    document = data.draw(st.lists(TEXTS, min_size=1, max_size=3))
    body = json.dumps(document).encode()
    cut = body[: data.draw(st.integers(0, len(body) - 1))]
    with pytest.raises(ValueError):
        read(cut)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.binary(min_size=1, max_size=3))
def test_valid_json_is_never_read_differently(data: st.DataObject, junk: bytes) -> None:
    body = bytearray(json.dumps([data.draw(long_text()), data.draw(TEXTS)]).encode())
    at = data.draw(st.integers(0, len(body)))
    body[at:at] = junk
    try:
        full = json.loads(bytes(body))
    except (ValueError, RecursionError):
        return
    assert read(bytes(body)) == full


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_each_event_of_a_stream_is_condensed_despite_an_odd_quote_in_a_comment(line_end: bytes) -> None:
    images = [b"A" * LONG_BYTES * k for k in (1, 2, 3)]
    lines = [b': keep "alive', b"event: x", *(b'data: {"b64_json": "%s"}' % image for image in images), b""]
    condensed = condense_body(io.BytesIO(line_end.join(lines)))
    events = [json.loads(line[6:]) for line in condensed.body.splitlines() if line.startswith(b"data: ")]
    assert [condensed.full_text(event["b64_json"]).encode() for event in events] == images
    assert len(condensed.body) < 20_000


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\\\n"])
def test_a_raw_line_end_in_a_string_is_still_an_error(end: bytes) -> None:
    for body in (b'["%s%s%s"]' % (b"A" * LONG, end, b"B" * LONG), b'["%s%s", "b"]' % (b"A" * LONG, end)):
        with pytest.raises(ValueError):
            read(body)


@pytest.mark.parametrize("end", [b"\n", b"\r"])
def test_a_backslash_at_the_end_of_a_line_and_piece_affects_no_other_line(end: bytes) -> None:
    begin, image = b'data: {"b64_json": "', b"B" * LONG
    cut = begin + b"A" * (PIECE_BYTES - len(begin) - 1) + b"\\"
    condensed = condense_body(io.BytesIO(cut + end + begin + image + b'"}' + end))
    event = json.loads(condensed.body.splitlines()[-1].removeprefix(b"data: "))
    assert condensed.full_text(event["b64_json"]).encode() == image


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32-be"])
def test_wide_characters_are_unchanged(encoding: str) -> None:
    document = {"data": ["é" * LONG]}
    body = json.dumps(document, ensure_ascii=False).encode(encoding)
    assert read(body) == document


@pytest.mark.parametrize(
    ("begin", "letters", "times"),
    [
        (b"", b"\0", 9_000_000),
        (b"", b" ", 9_000_000),
        (b"", b'"",', 3_000_000),
        (b"", b"[", 9_000_000),
        (b'"', b'\\"', 9_000_000),
        (b"", b"\n", 9_000_000),
    ],
    ids=["nul", "blanks", "strings", "brackets", "quotes", "lines"],
)
def test_hostile_bodies_take_bounded_memory_and_time(begin: bytes, letters: bytes, times: int) -> None:
    file = io.BytesIO(begin + letters * times)
    started = time.process_time()
    assert len(condense_body(file).body) <= MAX_REST_BYTES + 2 * PIECE_BYTES
    assert time.process_time() - started < 15  # 3 s here; quadratic time would take minutes


def test_a_mark_is_not_guessed() -> None:
    one, other = (condense_body(io.BytesIO(b'["%s"]' % (b"A" * LONG))).body for _ in range(2))
    assert one != other


@settings(max_examples=300, deadline=None)
@given(st.text("AQg/+-_= \r\n!é=", max_size=40), st.lists(st.integers(0, 40), max_size=5))
def test_base64_in_pieces_is_decoded_like_the_full_text(text: str, places: list[int]) -> None:
    edges = [0, *sorted(places), len(text)]
    pieces = [text[a:b].encode() for a, b in itertools.pairwise(edges)]
    bare = "".join(text.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        full = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except ValueError:
        with pytest.raises(UnsavedError):
            list(decode_base64(pieces))
    else:
        assert b"".join(decode_base64(pieces)) == full


@pytest.mark.parametrize(
    "pieces", [["QQ==", "QQ=="], ["QQ=", "=", "A"], ["QQ==", " ", "QQ"], ["Q", "Q=", "=", "Q"], ["QQQQ=", "QQQQ"]]
)
def test_data_after_the_padding_is_refused(pieces: list[str]) -> None:
    with pytest.raises(UnsavedError):
        list(decode_base64([piece.encode() for piece in pieces]))


def test_padding_may_be_split_over_pieces() -> None:
    assert b"".join(decode_base64([b"QQ", b"=", b" \n", b"=", b""])) == b"A"


def test_an_escape_after_the_first_piece_of_a_long_string_is_decoded() -> None:
    assert read(b'["' + b"x" * 2 * PIECE_BYTES + b'\\/"]') == ["x" * 2 * PIECE_BYTES + "/"]


def test_a_quote_at_the_start_of_a_piece_ends_its_string() -> None:
    body = b'{"a": "' + b"x" * (PIECE_BYTES - 7) + b'", "b": 1}'
    assert body[PIECE_BYTES : PIECE_BYTES + 1] == b'"'
    assert read(body) == {"a": "x" * (PIECE_BYTES - 7), "b": 1}


class Hesitant(io.BytesIO):
    """A file whose reader is overtaken between finding its place and reading there."""

    def seek(self, *where: int) -> int:
        place = super().seek(*where)
        time.sleep(0.001)
        return place


def test_threads_read_their_own_strings_of_one_body() -> None:
    texts = [letter * 4 * PIECE_BYTES for letter in "ab"]
    condensed = condense_body(Hesitant(json.dumps(texts).encode()))
    marked = json.loads(condensed.body)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(condensed.full_text, marked * 4)) == texts * 4


def test_a_raw_control_character_of_a_long_string_is_kept() -> None:
    assert read(b'["' + b"x" * 2 * LONG + b'\t\\n"]') == ["x" * 2 * LONG + "\t\n"]


def test_a_truncated_file_is_not_read_as_text() -> None:
    file = io.BytesIO(b'["' + b"x" * 2 * LONG + b'"]')
    condensed = condense_body(file)
    file.truncate(LONG)
    with pytest.raises(ValueError, match="truncated"):
        condensed.full_text(json.loads(condensed.body)[0])
