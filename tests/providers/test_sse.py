"""Bytes of a stream become the same events however they are cut, by the standard and immediately."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imagecli.errors import UnsavedError
from imagecli.providers.sse import END_BYTES, HEAD_BYTES, SseEvent, SseReader, is_stream


def events(*pieces: bytes) -> list[SseEvent]:
    reader = SseReader()
    return [event for piece in pieces for event in reader.feed(piece)]


@pytest.mark.parametrize(
    ("body", "data"),
    [
        (b"data: a\n\n", [b"a"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a\n\n", [b" a"]),
        (b"data: a\r\n\r\n", [b"a"]),
        (b"data: a\r\r", [b"a"]),
        (b"data: a\n\rdata: b\r\n\n", [b"a", b"b"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data\n\n", [b""]),
        (b"data:\ndata:\n\n", [b"\n"]),
        (b": ping\n\n:\n\ndata: a\n\n", [b"a"]),
        (b"id: 1\nretry: 5\nid\nnonsense\ndata: a\nfurther: x\n\n", [b"a"]),
        (b"Data: a\n data: b\n\n", []),
        (b"\n\n\n", []),
        (b"data: a\n", []),
        (b"data: a\n\ndata: b", [b"a"]),
        (b"data: a:b: c\n\n", [b"a:b: c"]),
        (b"data: a\x0bb\x0cc\x1cd\xc2\x85e\xe2\x80\xa8f\n\n", [b"a\x0bb\x0cc\x1cd\xc2\x85e\xe2\x80\xa8f"]),
    ],
)
def test_lines_and_fields_are_read_by_the_rules(body: bytes, data: list[bytes]) -> None:
    assert [event.data for event in events(body)] == data


def test_an_event_name_applies_to_its_own_event_alone() -> None:
    assert events(b"event: x\n\ndata: a\n\nevent:y\ndata: b\nevent: z\n\ndata: c\n\n") == [
        SseEvent("message", b"a"),
        SseEvent("z", b"b"),
        SseEvent("message", b"c"),
    ]


@pytest.mark.parametrize(
    ("body", "last"),
    [
        (b"data: a\n\n", []),
        (b"data: a\n", [SseEvent("message", b"a")]),
        (b"event: x\ndata: a\ndata: b", [SseEvent("x", b"a\nb")]),
        (b"data: a\n\nevent: x\nda", []),
        (b"", []),
    ],
)
def test_an_incomplete_event_is_returned_only_at_the_end(body: bytes, last: list[SseEvent]) -> None:
    reader = SseReader()
    reader.feed(body)
    assert reader.end() == last


def reference(body: bytes) -> list[SseEvent]:
    """The same by the grammar of the standard, applied to the complete body."""
    events: list[SseEvent] = []
    name, data = "", list[bytes]()
    lines = re.split(rb"\r\n|\n|\r", body.removeprefix(b"\xef\xbb\xbf"))
    for line in lines[:-1]:
        match = re.fullmatch(rb"(?s)([^:]*)(?:: ?(.*))?", line)
        assert match
        if not line:
            events += [SseEvent(name or "message", b"\n".join(data))] if data else []
            name, data = "", []
        elif match[1] == b"data":
            data.append(match[2] or b"")
        elif match[1] == b"event":
            name = (match[2] or b"").decode("utf-8", "replace")
    return events


TOKENS = [b"\r", b"\n", b"\r\n", b"data", b"event", b":", b" ", b"x", b'{"a":1}', b"\xef\xbb\xbf", b"\xff", b"id: 1\n"]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(TOKENS), max_size=40).map(b"".join), st.lists(st.integers(0, 80), max_size=8))
@example(b"data: a\r\ndata: b\r\n\r\n", [])
def test_any_split_gives_the_same_events(body: bytes, cuts: list[int]) -> None:
    reader = SseReader()
    events = reader.feed(body)
    assert events == reference(body)
    last = reader.end()
    cuts = sorted(cuts)
    for places in ([*range(len(body))], cuts):
        split = SseReader()
        pieces = [body[start:stop] for start, stop in zip([0, *places], [*places, len(body)], strict=True)]
        assert [event for piece in pieces for event in split.feed(piece)] == events
        assert split.end() == last


def test_time_grows_with_the_bytes_and_not_with_the_pieces() -> None:
    """A reader that joins what it has at every piece takes minutes for this."""
    line = b"data: " + b"A" * 8_000_000 + b"\n\n"
    begin = time.process_time()
    (event,) = events(*(line[at : at + 128] for at in range(0, len(line), 128)))
    assert len(event.data) == 8_000_000
    assert time.process_time() - begin < 3


@pytest.mark.parametrize("body", [b"data: " + b"A" * 3000, b"data: A\n" * 600, b":" + b"A" * 3000])
def test_an_event_larger_than_the_limit_ends_it(body: bytes) -> None:
    reader = SseReader(limit=1000)
    with pytest.raises(UnsavedError) as caught:
        for at in range(0, len(body), 100):
            reader.feed(body[at : at + 100])
    assert caught.value.code == "answer_too_large"


def test_many_small_events_and_comments_do_not_reach_the_event_limit() -> None:
    reader = SseReader(limit=1000)
    assert len(reader.feed(b"data: A\n\n: ping\n\n: ping\n" * 500)) == 500


@pytest.mark.parametrize(
    ("body", "is_one"),
    [
        (b"data: x", True),
        (b"event: x\ndata: y\n\n", True),
        (b": ping\n\n", True),
        (b"\xef\xbb\xbf\r\n\nid: 1\n", True),
        (b"hello: x\ndata: {}\n\n", True),
        (b'{"data": []}', False),
        (b'\xef\xbb\xbf \n{\ndata:\n"x"}', False),
        (b"[1]", False),
        (b"<html>\ndata: x\n\n", False),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 99, False),
        (b"date: x\n", False),
        (b"", False),
    ],
)
def test_a_stream_is_recognized_by_its_beginning(body: bytes, is_one: bool) -> None:
    assert is_stream(body) is is_one


@settings(max_examples=60, deadline=None)
@given(st.integers(HEAD_BYTES - 9, HEAD_BYTES + 3 * END_BYTES), st.lists(st.integers(9, HEAD_BYTES), min_size=1))
def test_long_lines_are_skipped_if_possible(length: int, lengths: list[int]) -> None:
    line = b"data: <" + b"A" * (length - 8) + b">"
    body = b"event: x\n" + line + b"\n\nevent: y\n" + line + b"\n\n"
    reader = SseReader(skims=lambda name, head: name == "x" and head.startswith(b"data: <A"))
    events = []
    at = 0
    while at < len(body):
        events += reader.feed(body[at : at + lengths[at % len(lengths)]])
        at += lengths[at % len(lengths)]
    middle = line[END_BYTES:-END_BYTES]
    assert events == [
        SseEvent("x", (line if length <= HEAD_BYTES else line.replace(middle, b"", 1))[6:]),
        SseEvent("y", line[6:]),
    ]
