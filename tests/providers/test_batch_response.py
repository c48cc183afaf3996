"""Lines of a batch's output and error files: which row they belong to, and their content."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecli.errors import ImagecliError, LimitError, NetworkError, QuotaError, RefusedError, UnsavedError
from imagecli.providers.batch_response import BatchResponseLine, parse_line_images, parse_response_line
from imagecli.providers.large_json import condense_body

BASE = "https://api.example/v1"
USAGE = {"input_tokens": 5, "output_tokens": 7}


def line(response: Any = None, error: Any = None, custom_id: Any = "row-1", **more: Any) -> bytes:
    document = {"id": "batch_req_1", "custom_id": custom_id, "response": response, "error": error, **more}
    return json.dumps(document).encode() + b"\n"


def response(status: Any = 200, body: Any = None, request_id: Any = "req_1") -> dict[str, Any]:
    return {"status_code": status, "request_id": request_id, "body": body}


def refusal(**detail: Any) -> dict[str, Any]:
    return {"error": {"message": "no", "type": None, "param": None, "code": None, **detail}}


IMAGES = {"created": 1, "data": [{"b64_json": "QQ=="}, {"b64_json": "Qg=="}], "usage": USAGE}


@pytest.mark.parametrize(
    "data", [line(response(body=IMAGES)), line(response(None, IMAGES)), line(response(201, IMAGES))]
)
def test_a_line_has_the_images_and_the_usage_of_its_response(data: bytes) -> None:
    parsed = parse_line_images(data, BASE)
    assert [returned_image.b64_json for returned_image in parsed.images] == ["QQ==", "Qg=="]
    assert parsed.usage == USAGE


def test_an_image_of_a_line_is_found_in_the_file_after_it_was_condensed() -> None:
    image = "QUJD" * 100_000
    condensed = condense_body(io.BytesIO(line(response(body={"data": [{"b64_json": image}]}))))
    assert len(condensed.body) < 2000
    assert parse_response_line(condensed.body).custom_id == "row-1"
    (returned_image,) = parse_line_images(condensed.body, BASE).images
    assert condensed.full_text(returned_image.b64_json or "") == image


@pytest.mark.parametrize(
    ("data", "error", "code", "exit_code"),
    [
        (line(response(400, refusal(code="moderation_blocked"))), RefusedError, "moderation_blocked", 4),
        (line(response(400, refusal(code="unknown_parameter", param="style"))), RefusedError, "unknown_parameter", 4),
        (line(response(429, refusal(code="rate_limit_exceeded"))), LimitError, "rate_limit_exceeded", 5),
        (line(response(429, refusal(code="insufficient_quota"))), QuotaError, "insufficient_quota", 5),
        (line(response(500, refusal(type="server_error"))), NetworkError, "server_error", 6),
        (line(response(500, None)), NetworkError, "network", 6),
        (line(response(400, "<html>no</html>")), RefusedError, "refused", 4),
        (line(None, {"code": "batch_expired", "message": "late"}), NetworkError, "batch_expired", 6),
        (line(None, {"code": "batch_cancelled", "message": "stop"}), NetworkError, "batch_cancelled", 6),
        (line(None, {"code": "request_timeout"}), NetworkError, "request_timeout", 6),
        (line(None, {"code": "strange", "message": "a strange thing"}), NetworkError, "strange", 6),
        (line(None, "just words"), NetworkError, "batch_error", 6),
        (line(None, {"odd": 1}), NetworkError, "batch_error", 6),
        (line(), UnsavedError, "no_answer", 7),
        (line(response(200, None)), UnsavedError, "unsaved", 7),
        (line(response(200, {"data": []})), UnsavedError, "unsaved", 7),
        (line([]), UnsavedError, "no_answer", 7),
    ],
)
def test_a_line_without_images_raises_its_error(
    data: bytes, error: type[ImagecliError], code: str, exit_code: int
) -> None:
    with pytest.raises(error) as caught:
        parse_line_images(data, BASE)
    assert type(caught.value) is error
    assert (caught.value.code, caught.value.exit_code) == (code, exit_code)


@pytest.mark.parametrize("code", ["batch_expired", "batch_cancelled", "request_timeout", "strange"])
def test_an_unfinished_line_can_be_submitted_again(code: str) -> None:
    with pytest.raises(NetworkError) as caught:
        parse_line_images(line(None, {"code": code, "message": "a strange thing"}), BASE)
    assert caught.value.hint == "run the same command again to submit the rest"
    assert ("a strange thing" in caught.value.message) == (code == "strange")


def test_a_refusal_without_a_body_gives_no_reason() -> None:
    with pytest.raises(RefusedError, match="no reason given"):
        parse_line_images(line(response(400, None)), BASE)


def test_a_refusal_keeps_its_status_and_request_id() -> None:
    with pytest.raises(RefusedError) as caught:
        parse_line_images(line(response(403, refusal(message="no access"))), BASE)
    assert (caught.value.status, caught.value.request_id) == (403, "req_1")
    assert "no access" in caught.value.message


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (line(response(body=IMAGES)), BatchResponseLine(custom_id="row-1", status=200, request_id="req_1")),
        (line(response(400, {}, None)), BatchResponseLine(custom_id="row-1", status=400, request_id=None)),
        (line(None, {"code": "x"}), BatchResponseLine(custom_id="row-1", status=None, request_id=None)),
        (line(response("200")), BatchResponseLine(custom_id="row-1", status=None, request_id="req_1")),
        (line(response(True, None, 7)), BatchResponseLine(custom_id="row-1", status=None, request_id=None)),
        (line(custom_id="\ud800"), BatchResponseLine(custom_id="?", status=None, request_id=None)),
    ],
)
def test_a_line_names_its_row(data: bytes, expected: BatchResponseLine) -> None:
    assert parse_response_line(data) == expected


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\n",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b'{"custom_id": "a"}',
        b'{"response": {}}',
        line(custom_id=7),
        b"\xff",
        b"[" * 100_000,
        b'{"custom_id":' * 50_000,
    ],
)
def test_an_invalid_line_is_a_value_error(bad: bytes) -> None:
    with pytest.raises(ValueError):
        parse_response_line(bad)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)


@given(JSON, JSON, JSON)
def test_no_line_is_a_traceback(value: Any, error: Any, body: Any) -> None:
    for data in (line(value, error), line(response(value, body), error), line(error, value, custom_id=body)):
        with suppress(ImagecliError):
            parse_line_images(data, BASE)
        with suppress(ValueError):
            parse_response_line(data)
