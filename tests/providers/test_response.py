"""Every shape in which servers return images, and the handling of invalid ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagecli.errors import ImagecliError, NetworkError, RefusedError, UnsavedError
from imagecli.providers.response import ReturnedImage, parse_response

BASE = "https://api.example:8443/v1?x=1"
NOTHING = ReturnedImage()


@pytest.mark.parametrize(
    ("item", "image"),
    [
        ({"b64_json": "QQ=="}, ReturnedImage(b64_json="QQ==")),
        ({"url": "https://cdn.example/a.png?sig=1"}, ReturnedImage(url="https://cdn.example/a.png?sig=1")),
        (
            {"b64_json": "QQ==", "url": "https://cdn.example/a.png"},
            ReturnedImage(b64_json="QQ==", url="https://cdn.example/a.png"),
        ),
        ({"b64_json": "QQ==", "url": "data:image/png;base64,Qg=="}, ReturnedImage(b64_json="QQ==")),
        ({"url": None, "b64_json": "QQ==", "revised_prompt": None}, ReturnedImage(b64_json="QQ==")),
        ({"url": "https://cdn.example/a.jpg", "size": "2048x2048"}, ReturnedImage(url="https://cdn.example/a.jpg")),
        ({"index": 0, "type": "b64_json", "b64_json": "QQ=="}, ReturnedImage(b64_json="QQ==")),
        ({"b64_json": "QQ==", "error": {"message": "late"}}, ReturnedImage(b64_json="QQ==")),
        ({"b64_json": None, "url": "https://cdn.example/a"}, ReturnedImage(url="https://cdn.example/a")),
        ({"b64_json": "", "url": "https://cdn.example/a"}, ReturnedImage(url="https://cdn.example/a")),
        ({"b64_json": 5, "url": ["x"]}, NOTHING),
        ({"url": "data:image/png;base64,QQ=="}, ReturnedImage(b64_json="QQ==")),
        ({"b64_json": "data:image/png;base64,QQ=="}, ReturnedImage(b64_json="QQ==")),
        ({"url": "/files/a.png"}, ReturnedImage(url="https://api.example:8443/files/a.png")),
        ({"url": "files/a.png"}, ReturnedImage(url="https://api.example:8443/files/a.png")),
        ({"url": "//cdn.example/a.png"}, ReturnedImage(url="https://cdn.example/a.png")),
        ({"url": "file:///etc/passwd"}, ReturnedImage(url="file:///etc/passwd")),
        ({"url": "http://[bad/a.png"}, ReturnedImage(url="http://[bad/a.png")),
        ({"b64_json": "QQ==", "revised_prompt": "a cat"}, ReturnedImage(b64_json="QQ==", revised_prompt="a cat")),
        ({"b64_json": "QQ==", "revised_prompt": "a \ud800"}, ReturnedImage(b64_json="QQ==", revised_prompt="a ?")),
        ({"b64_json": "QQ==", "revised_prompt": {}}, ReturnedImage(b64_json="QQ==")),
        ("https://cdn.example/a.png", ReturnedImage(url="https://cdn.example/a.png")),
        ("/files/a.png", ReturnedImage(url="https://api.example:8443/files/a.png")),
        ("/9j/4AAQ", ReturnedImage(b64_json="/9j/4AAQ")),
        ("iVBORw0K", ReturnedImage(b64_json="iVBORw0K")),
        ("data:image/png;base64,QQ==", ReturnedImage(b64_json="QQ==")),
        ("", NOTHING),
        (None, NOTHING),
        ({}, NOTHING),
        (7, NOTHING),
        ([], NOTHING),
    ],
)
def test_an_item_of_any_shape_is_read(item: Any, image: ReturnedImage) -> None:
    for response in (
        {"data": [item]},
        {"images": [item]},
        {"data": [], "images": [item]},
        {"data": None, "images": [item]},
    ):
        (read,) = parse_response(json.dumps(response).encode(), BASE).images
        assert read._replace(hint=None) == image


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("/home/me/.xinference/image/a.jpg", True),
        ("C:\\images\\a.jpg", True),
        ("/v1/images/7/content", True),
        ("a.png", True),
        ("https://cdn.example/a.png", False),
        ("//cdn.example/a.png", False),
    ],
)
def test_a_path_on_the_servers_disk_is_named(url: str, named: bool) -> None:
    (image,) = parse_response(json.dumps({"data": [{"url": url}]}).encode(), BASE).images
    assert (url in (image.hint or "")) is named


@pytest.mark.parametrize(
    ("error", "message", "code", "kind"),
    [
        (
            {"code": "OutputBlocked", "message": "not this one"},
            "not this one (OutputBlocked)",
            "OutputBlocked",
            RefusedError,
        ),
        ("not this one", "not this one", "refused", RefusedError),
        ({"code": "server_error", "message": "try again"}, "try again (server_error)", "server_error", NetworkError),
    ],
)
def test_an_item_tells_why_it_has_no_image(error: Any, message: str, code: str, kind: type[ImagecliError]) -> None:
    body = json.dumps({"data": [{"b64_json": "QQ=="}, {"error": error}]}).encode()
    good, bad = parse_response(body, BASE).images
    assert (good.b64_json, good.error, bad.b64_json, bad.url) == ("QQ==", None, None, None)
    assert type(bad.error) is kind
    assert (bad.error.message, bad.error.code, bad.error.status) == (message, code, 200)


def test_the_metadata_of_a_response_is_kept() -> None:
    body = {"data": [{"b64_json": "QQ=="}], "usage": {"total_tokens": 5}, "output_format": "webp", "error": None}
    assert parse_response(b"\xef\xbb\xbf" + json.dumps(body).encode(), BASE).usage == {"total_tokens": 5}


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (b'{"cost": NaN, "more": [-Infinity, 1e999, 1.5]}', {"cost": None, "more": [None, None, 1.5]}),
        (b'{"\\ud800": {"a": "x\\udfff"}}', {"?": {"a": "x?"}}),
        (b'{"total_tokens": 5, "free": true, "none": null}', {"total_tokens": 5, "free": True, "none": None}),
        (b'{"a":' + b"[" * 8 + b"1" + b"]" * 8 + b"}", {"a": [[[[[[[None]]]]]]]}),
        (b'{"a":' * 9 + b"1" + b"}" * 9, {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": None}}}}}}}}),
        (b"5", None),
    ],
)
def test_usage_is_valid_json(usage: bytes, expected: Any) -> None:
    assert parse_response(b'{"data": ["QQ=="], "usage": ' + usage + b"}", BASE).usage == expected


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        (b"<!doctype html><title>Log in</title>", NetworkError, "web page"),
        (b"  \n<html>", NetworkError, "web page"),
        (b'{"error": {"message": "no such cat", "code": "x1"}}', RefusedError, "no such cat"),
        (b'{"error": "no such cat", "data": []}', RefusedError, "no such cat"),
        (b'{"error": {}, "data": []}', UnsavedError, "no images"),
        (b'{"code": 20012, "message": "no such cat", "data": null}', RefusedError, "no such cat (20012)"),
        (b'{"message": "queued"}', UnsavedError, "no images"),
        (b'{"error": {"code": 1}}', RefusedError, "HTTP 200"),
        (b"", UnsavedError, "not valid JSON"),
        (b'{"data": [{"b64_json": "iVBORw0KGg', UnsavedError, "not valid JSON"),
        (b'{"data": "\xff\xfe"}', UnsavedError, "not valid JSON"),
        (b'{"id": "job-7"}', UnsavedError, "no images"),
        (b'{"data": []}', UnsavedError, "no images"),
        (b'{"data": null}', UnsavedError, "no images"),
        (b'{"data": "x"}', UnsavedError, "no images"),
        (b"[]", UnsavedError, "JSON, but has no images"),
        (b"null", UnsavedError, "JSON, but has no images"),
        (b'"picture"', UnsavedError, "JSON, but has no images"),
        (b"[" * 100_000, UnsavedError, "not valid JSON"),
        (b'{"data":' * 100_000, UnsavedError, "not valid JSON"),
        (b'{"n": ' + b"9" * 5000 + b"}", UnsavedError, ""),
    ],
)
def test_a_response_without_images_is_described(body: bytes, error: type[ImagecliError], words: str) -> None:
    with pytest.raises(error) as caught:
        parse_response(body, BASE)
    assert type(caught.value) is error
    assert words in caught.value.message
    assert len(caught.value.message) < 400


def test_an_error_in_a_200_keeps_its_code() -> None:
    with pytest.raises(RefusedError) as caught:
        parse_response(b'{"error": {"message": "no", "code": "moderation_blocked"}}', BASE)
    assert (caught.value.code, caught.value.status) == ("moderation_blocked", 200)


@settings(max_examples=100)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["data", "images", "error", "message", "url", "b64_json"]), inner)
        ),
        max_leaves=8,
    )
)
def test_no_json_raises_a_foreign_exception(document: Any) -> None:
    try:
        assert parse_response(json.dumps(document).encode(), BASE).images
    except ImagecliError as error:
        assert error.message


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"base_resp": {"status_code": 1026, "status_msg": "input sensitive"}, "data": []}, "input sensitive"),
        ({"data": [], "errors": [{"message": "one"}, {"message": "two"}]}, "one; two"),
        ({"data": None, "message": "the queue is full"}, "the queue is full"),
        ({"choices": [{"index": 0, "finish_reason": "content_filter"}]}, "content_filter"),
        ({"candidates": [{"finishReason": "IMAGE_SAFETY", "finishMessage": "not this one"}]}, "IMAGE_SAFETY; not this"),
        ({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}, "PROHIBITED_CONTENT"),
        ({"output": {"task_status": "FAILED", "message": "no more free calls"}}, "no more free calls"),
        ({"data": [], "status": "failed", "failure_reason": "nsfw"}, "nsfw"),
        ({"data": [{"content_filter_results": {"sexual": {"filtered": True, "severity": "high"}}}]}, "sexual"),
        ({"artifacts": [{"finishReason": "CONTENT_FILTERED"}]}, "CONTENT_FILTERED"),
        ({"predictions": [{"raiFilteredReason": "blocked by safety"}]}, "blocked by safety"),
        ({"choices": [{"message": {"refusal": "no way", "content": None}}]}, "no way"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}, "output": []}, "content_filter"),
    ],
)
def test_a_reason_elsewhere_in_a_response_without_images_is_shown(document: Any, reason: str) -> None:
    with pytest.raises(UnsavedError) as caught:
        parse_response(json.dumps(document).encode(), BASE)
    assert f"has no images: {reason}" in caught.value.message


def test_a_list_of_errors_is_shown() -> None:
    with pytest.raises(UnsavedError, match="has no images: blocked"):
        parse_response(json.dumps([{"error": {"message": "blocked"}}]).encode(), BASE)


@pytest.mark.parametrize("document", [{}, {"data": []}, {"data": [], "created": 1, "model": "m"}, {"base_resp": 5}])
def test_a_response_that_gives_no_reason_gets_none(document: Any) -> None:
    with pytest.raises(UnsavedError) as caught:
        parse_response(json.dumps(document).encode(), BASE)
    assert caught.value.message == "the response has no images"


BLOCKED = json.dumps({"data": [{"b64_json": "QQ==", "ok": True}, {"b64_json": "Qg==", "ok": False}], "usage": {"c": 1}})


def test_an_item_marked_by_moderation_is_a_refusal_without_an_image() -> None:
    first, second = parse_response(BLOCKED.encode(), BASE, {"ok": False}).images
    assert (first.b64_json, first.error) == ("QQ==", None)
    assert (second.b64_json, second.has_source) == (None, False)
    assert isinstance(second.error, RefusedError)
    assert second.error.code == "moderation_blocked"


def test_without_a_mark_in_the_row_nothing_is_blocked() -> None:
    assert [image.b64_json for image in parse_response(BLOCKED.encode(), BASE).images] == ["QQ==", "Qg=="]


def test_an_image_of_a_stream_is_blocked_in_the_same_way() -> None:
    events = "".join(
        f"event: image_generation.completed\ndata: {json.dumps({'b64_json': 'QQ==', 'ok': ok})}\n\n"
        for ok in (True, False)
    )
    first, second = parse_response(events.encode(), BASE, {"ok": False}).images
    assert (first.b64_json, second.b64_json) == ("QQ==", None)


def test_a_response_whose_images_are_all_blocked_may_be_billed() -> None:
    body = json.dumps({"data": [{"b64_json": "Qg==", "ok": False}]}).encode()
    assert parse_response(body, BASE, {"ok": False}).may_be_billed
