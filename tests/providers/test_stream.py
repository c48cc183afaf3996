"""The content of a stream: the complete images, and nothing that only looks like one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagecli.errors import (
    AuthenticationError,
    ImagecliError,
    LimitError,
    NetworkError,
    QuotaError,
    RefusedError,
    UnsavedError,
)
from imagecli.providers.response import ReturnedImage, parse_response

BASE = "https://api.example/v1"
USAGE = {"total_tokens": 7, "input_tokens_details": {"text_tokens": 2}}


def event(kind: str | None, *, name: str | None = None, **fields: Any) -> str:
    """One event as the API writes it; *name* stands for the type where they differ."""
    payload = {"type": kind, **fields} if kind else fields
    name = name if name is not None else kind
    return (f"event: {name}\n" if name else "") + f"data: {json.dumps(payload)}\n\n"


def partial(index: int = 0, b64_json: str = "cGFydA==") -> str:
    return event("image_generation.partial_image", b64_json=b64_json, partial_image_index=index)


def completed(b64_json: str = "QQ==", **fields: Any) -> str:
    return event("image_generation.completed", b64_json=b64_json, **fields)


DONE = "data: [DONE]\n\n"
A, B = ReturnedImage(b64_json="QQ=="), ReturnedImage(b64_json="Qg==")


@pytest.mark.parametrize(
    ("body", "images"),
    [
        (partial() + partial(1) + completed() + DONE, (A,)),
        (completed(), (A,)),
        (completed() + completed("Qg==") + DONE, (A, B)),
        (event("image_edit.partial_image", b64_json="x") + event("image_edit.completed", b64_json="QQ=="), (A,)),
        (event("image_generation.completed", name="", b64_json="QQ=="), (A,)),
        (event("image_generation.completed", name="message", b64_json="QQ=="), (A,)),
        (event("image_generation.completed", name="chunk", b64_json="QQ=="), (A,)),
        (event(None, name="image_generation.completed", b64_json="QQ=="), (A,)),
        (
            event("image_generation.completed", url="https://cdn.example/a.png"),
            (ReturnedImage(url="https://cdn.example/a.png"),),
        ),
        (completed(revised_prompt="a cat"), (ReturnedImage(b64_json="QQ==", revised_prompt="a cat"),)),
        (completed("data:image/png;base64,QQ=="), (A,)),
        (event(None, b64_json="QQ=="), (A,)),
        (event(None, data=[{"b64_json": "QQ=="}, {"b64_json": "Qg=="}]), (A, B)),
        (completed("") + completed(), (A,)),
        (DONE + completed(), (A,)),
        # broken off in the last blank line, in the line's end, before [DONE]: the JSON is whole
        (completed().rstrip("\n"), (A,)),
        (completed() + partial()[:-30], (A,)),
        (completed() + completed("Qg==")[:-9], (A,)),
        # one that can't be read keeps its place
        ("event: image_generation.completed\ndata: {bad\n\n" + completed(), (ReturnedImage(), A)),
        ('data: {"type": "image_generation.completed", bad\n\n' + completed(), (ReturnedImage(), A)),
        # a string broken over lines, bytes that are no UTF-8
        ('event: a.completed\ndata: {"b64_json": "QQ\ndata: =="}\n\n', (ReturnedImage(b64_json="QQ\n=="),)),
        # Ark and MiniMax: an image each, then usage alone
        (
            event("image_generation.partial_succeeded", url="https://cdn.example/1", image_index=0)
            + event("image_generation.partial_failed", image_index=1, error={"code": "x", "message": "no"})
            + event("image_generation.completed", usage=USAGE),
            (ReturnedImage(url="https://cdn.example/1"),),
        ),
    ],
)
def test_completed_events_give_the_images_in_order_of_arrival(body: str, images: tuple[ReturnedImage, ...]) -> None:
    assert parse_response(body.encode(), BASE).images == images
    assert parse_response(body.replace("\n", "\r\n").encode(), BASE).images == images


@pytest.mark.parametrize(
    "noise",
    [
        "event: image_generation.in_progress\ndata: 5% done\n\n",
        event("image_generation.queued", b64_json="bm8="),
        event("ping", preview={"b64_json": "bm8="}),
        event("job.preview", image="data:image/png;base64,bm8="),
        event(None, name="thumbnail", b64_json="bm8="),
        event(None, b64_json="bm8=", partial_image_index=0),
        ": keep-alive\n\nid: 7\nretry: 100\n\n",
        "data: null\n\ndata: 5\n\ndata: []\n\ndata:\n\n",
        "data: \xff\n\n",
        partial(2),
    ],
)
def test_other_events_with_images_are_ignored(noise: str) -> None:
    body = noise + completed() + noise + completed("Qg==") + noise
    assert parse_response(body.encode("latin-1"), BASE).images == (A, B)
    with pytest.raises(UnsavedError):
        parse_response(noise.encode("latin-1"), BASE)


IMAGE_DATA = "iVBORw0KGgo" + "A" * 40
C = ReturnedImage(b64_json=IMAGE_DATA)
RESULT = {"type": "image_generation_call", "id": "ig_1", "result": IMAGE_DATA}
DELTA = {"delta": {"images": [{"image_url": {"url": "data:image/png;base64," + IMAGE_DATA}}]}}


@pytest.mark.parametrize(
    ("body", "images"),
    [
        (event("result", created=1, data=[{"b64_json": "QQ=="}, {"b64_json": "Qg=="}]), (A, B)),
        (event(None, name="image.done", data=[{"b64_json": "QQ=="}]), (A,)),
        (event("response.output_item.done", item=RESULT), (C,)),
        (
            event("response.output_item.done", item=RESULT)
            + event("response.completed", response={"output": [RESULT]}),
            (C,),
        ),
        (event(None, choices=[DELTA]) + event(None, choices=[{"delta": {}}]) + DONE, (C,)),
        (
            event("image.progress", b64_json="bm8=") + event("image.result", image=IMAGE_DATA),
            (C,),
        ),
    ],
)
def test_images_in_other_events_are_found_once(body: str, images: tuple[ReturnedImage, ...]) -> None:
    assert parse_response(body.encode(), BASE).images == images
    assert parse_response((completed() + body).encode(), BASE).images[0] == A


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (partial() + partial(1), "ended after 2 partial images"),
        (partial() + completed()[:-12], "broke off in the middle"),
        (partial() + "event: image_generation.completed\ndata: {bad\n\n", "not valid JSON"),
        (DONE, "no image"),
        (": ping\n\n", "no image"),
        (completed(""), "no image"),
        (event("image_generation.completed", usage=USAGE), "no image"),
    ],
)
def test_a_stream_without_an_image_may_have_been_billed(body: str, words: str) -> None:
    with pytest.raises(UnsavedError) as caught:
        parse_response(body.encode(), BASE)
    assert words in caught.value.message


@pytest.mark.parametrize("code", ["moderation_blocked", "server_error", "rate_limit_exceeded"])
def test_any_error_after_partial_images_may_have_been_billed(code: str) -> None:
    events = event("error", error={"message": "x", "code": code})
    with pytest.raises(UnsavedError) as caught:
        parse_response((partial() + partial(1) + events).encode(), BASE)
    assert (caught.value.code, caught.value.status) == (code, 200)
    assert caught.value.message == f"x ({code}); 2 partial images arrived before the error"
    assert "may have been billed" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("body", "error", "code", "words"),
    [
        (
            event("error", error={"message": "boom", "type": "server_error", "code": None}),
            NetworkError,
            "server_error",
            "boom",
        ),
        (event("error", message="boom", code="server_error"), NetworkError, "server_error", "boom"),
        (event(None, error={"message": "no", "code": "moderation_blocked"}), RefusedError, "moderation_blocked", "no"),
        (event(None, error="no cats"), RefusedError, "refused", "no cats"),
        ("event: error\ndata: no cats today\n\n", RefusedError, "refused", "no cats today"),
        (
            event("error", error={"message": "slow", "code": "rate_limit_exceeded"}),
            LimitError,
            "rate_limit_exceeded",
            "slow",
        ),
        (event("error", error={"message": "slow", "code": 429}), LimitError, "429", "slow"),
        (event("error", error={"message": "x", "http_code": "503"}), NetworkError, "network", "x"),
        (event("error", error={"message": "x", "code": "insufficient_quota"}), QuotaError, "insufficient_quota", "x"),
        (
            event("error", error={"message": "x", "code": "invalid_api_key"}),
            AuthenticationError,
            "invalid_api_key",
            "x",
        ),
        (event("image_generation.partial_failed", error={"message": "x", "code": "y"}), RefusedError, "y", "x"),
        (event("image_generation.completed", error={"message": "x"}), RefusedError, "refused", "x"),
        (event("error"), RefusedError, "refused", "HTTP 200"),
    ],
)
def test_an_error_has_its_message_and_class(body: str, error: type[ImagecliError], code: str, words: str) -> None:
    with pytest.raises(error) as caught:
        parse_response(body.encode(), BASE)
    assert (type(caught.value), caught.value.code, caught.value.status) == (error, code, 200)
    assert words in caught.value.message
    response = parse_response((completed() + body).encode(), BASE)
    assert (response.images, [one.message for one in response.errors]) == ((A,), [caught.value.message])


def test_usage_of_each_image_is_added() -> None:
    body = completed(usage=USAGE) + completed() + completed(usage={**USAGE, "cost": 1e308, "seen": True})
    assert parse_response(body.encode(), BASE).usage == {
        "total_tokens": 14,
        "input_tokens_details": {"text_tokens": 4},
        "cost": 1e308,
        "seen": True,
    }


@pytest.mark.parametrize("events", [1, 2, 10])
def test_equal_usage_in_every_event_is_that_of_the_request(events: int) -> None:
    assert parse_response((completed(usage=USAGE) * events + DONE).encode(), BASE).usage == USAGE


def test_different_usage_in_events_is_that_of_each_image() -> None:
    first = {**USAGE, "input_tokens_details": {"text_tokens": 9}}
    body = completed(usage=first) + completed(usage=USAGE) * 2
    assert parse_response(body.encode(), BASE).usage == {
        "total_tokens": 21,
        "input_tokens_details": {"text_tokens": 13},
    }


def test_usage_that_can_not_be_added_loses_no_image() -> None:
    huge = f'data: {{"b64_json": "QQ==", "usage": {{"a": {"9" * 400}}}}}\n\n'
    body = huge + completed(usage={"a": 0.5}) + completed(usage={"a": "x"}) + completed(usage=7)
    assert len(parse_response(body.encode(), BASE).images) == 4


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"\r\n\n", b": hi\n"])
def test_plain_json_and_streams_are_distinguished_by_their_bytes(start: bytes) -> None:
    assert parse_response(start + completed().encode(), BASE).images == (A,)
    if not start.startswith(b":"):
        assert parse_response(start + b'{"data": [{"b64_json": "QQ=="}]}', BASE).images == (A,)


PAYLOADS = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "data", "error", "code", "usage", "url", "b64_json"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(["", "error", "a.completed", "a.partial_image", "x"]), PAYLOADS)))
def test_no_stream_raises_a_foreign_exception(events: list[tuple[str, Any]]) -> None:
    body = "".join(f"event: {name}\ndata: {json.dumps(payload)}\n\n" for name, payload in events)
    try:
        assert parse_response(b": \n" + body.encode(), BASE).images
    except ImagecliError as error:
        assert error.message
