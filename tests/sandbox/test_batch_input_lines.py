"""The lines of a batch get the responses of live requests."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import requests

from imagecli.sandbox.sandbox import Options, Sandbox
from tests.sandbox.batching import (
    EDITS,
    SMALL,
    begin,
    content,
    counts,
    ended,
    fast,
    line,
    run,
    upload,
)
from tests.sandbox.requests_and_images import GPT, decoded, encoded, events, hole, photo, post


def test_lines_get_the_images_of_live_requests() -> None:
    with fast() as server, Sandbox() as live:
        lines = [line("a"), line("b", prompt="two owls", n=2), line("again", prompt="two owls")]
        batch, responses, _ = run(server, lines)
        for one in lines:
            expected = post(live, "generations", one["body"]).json()["data"]
            response = responses[one["custom_id"]]["response"]
            assert (response["status_code"], response["body"]["data"]) == (200, expected)
        assert batch["usage"]["total_tokens"] == batch["usage"]["input_tokens"] + batch["usage"]["output_tokens"] > 0


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"size": "10x10"}, 400, "invalid_value", "size"),
        ({"n": 11}, 400, "integer_above_max_value", "n"),
        ({"prompt": ""}, 400, "empty_string", "prompt"),
        ({"strange": 1}, 400, "unknown_parameter", "strange"),
        ({"prompt": "moderation_blocked"}, 400, "moderation_blocked", None),
    ],
    ids=str,
)
def test_invalid_line_is_in_the_error_file(body: dict[str, Any], status: int, code: str, param: str | None) -> None:
    with fast() as server:
        batch, responses, errors = run(server, [line("good"), line("bad", **body)])
    assert (batch["status"], counts(batch), list(responses)) == ("completed", [2, 1, 1], ["good"])
    error = errors["bad"]["response"]["body"]["error"]
    assert (errors["bad"]["response"]["status_code"], error["code"], error["param"]) == (status, code, param)
    assert errors["bad"]["error"] is None


def test_stream_in_a_batch_is_refused_line_by_line() -> None:
    with fast() as server:
        lines = [{**line(str(on)), "body": {**GPT, "prompt": "x", "stream": on}} for on in (True, False)]
        batch, responses, errors = run(server, lines)
    assert (list(responses), list(errors), batch["status"]) == (["False"], ["True"], "completed")
    assert errors["True"]["response"]["body"]["error"]["param"] == "stream"


def test_lines_do_not_count_for_the_live_limit() -> None:
    with fast(rate_limit=1) as server:
        _, responses, _ = run(server, [line("a", n=4), line("b")])
    assert len(responses) == 2
    with Sandbox(Options(rate_limit=1)) as server:
        begin(server, [line("a", n=4)])
        assert post(server, "generations", {**SMALL, "prompt": "x"}).status_code == 200


@pytest.mark.parametrize(
    ("what", "status", "code"),
    [
        ("429:1", 429, "rate_limit_exceeded"),
        ("502:1", 502, None),
        ("insufficient_quota:1", 429, "credit_balance_exhausted"),
    ],
)
def test_injected_failure_affects_a_line(what: str, status: int, code: str | None) -> None:
    with fast(what) as server:
        _, responses, errors = run(server, [line("a"), line("b")])
        assert post(server, "generations", {**SMALL, "prompt": "x"}).status_code == 200
    assert (list(responses), list(errors)) == (["b"], ["a"])
    assert errors["a"]["response"]["status_code"] == status
    assert errors["a"]["response"]["body"]["error"]["code"] == code


def test_images_are_read_as_of_the_start_of_the_batch() -> None:
    with Sandbox(Options(speed=2000)) as server, Sandbox() as live:
        image, mask = encoded(photo(1024, 1024)), encoded(hole(1024, 1024))
        ids = [upload(server, one, name="a.png", purpose="vision")["id"] for one in (image, mask)]
        refer: dict[str, Any] = {"images": [{"file_id": ids[0]}], "mask": {"file_id": ids[1]}}
        bodies: dict[str, dict[str, Any]] = {"good": refer, "gone": {"images": [{"file_id": "file-none"}]}}
        lines = [
            {"custom_id": name, "method": "POST", "url": EDITS, "body": {**GPT, "prompt": "a pool", **body}}
            for name, body in bodies.items()
        ]
        batch = begin(server, lines, endpoint=EDITS)
        for name in (*ids, batch["input_file_id"]):
            requests.delete(f"{server.base_url}/files/{name}", timeout=9)
        batch = ended(server, batch)
        (completed,) = content(server, batch["output_file_id"])
        (failed,) = content(server, batch["error_file_id"])
        expected = post(live, "edits", {**GPT, "prompt": "a pool"}, image=image, mask=mask).json()
    assert completed["response"]["body"]["data"] == expected["data"]
    assert failed["response"]["body"]["error"]["param"] == "images[0].file_id"


def test_edits_in_a_batch_may_have_no_files_but_data_urls() -> None:
    with Sandbox(Options(speed=2000)) as server:
        url = f"data:image/png;base64,{base64.b64encode(encoded(photo())).decode()}"
        body = {**GPT, "prompt": "a pool", "images": [{"image_url": url}]}
        lines = [{"custom_id": "a", "method": "POST", "url": EDITS, "body": body}]
        batch = ended(server, begin(server, lines, endpoint=EDITS))
        (completed,) = content(server, batch["output_file_id"])
    assert completed["response"]["status_code"] == 200


def test_live_edit_accepts_images_by_id(sandbox: Sandbox) -> None:
    file_id = upload(sandbox, encoded(photo()), name="a.png", purpose="vision")["id"]
    body = {**GPT, "prompt": "x", "images": [{"file_id": file_id}]}
    response = requests.post(f"{sandbox.base_url}/images/edits", json=body, timeout=60)
    assert decoded(base64.b64decode(response.json()["data"][0]["b64_json"])).size == (256, 256)
    live = requests.post(f"{sandbox.base_url}/images/edits", json={**body, "stream": True}, timeout=60)
    assert [name for name, _ in events(live)] == ["image_edit.completed"]


@pytest.mark.parametrize(
    ("reference", "param"),
    [
        ({"file_id": "file-none"}, "images[0].file_id"),
        ({"file_id": "BATCH"}, "images[0].file_id"),
        ({"file_id": 7}, "images[0]"),
        ({"file_id": "PICTURE", "image_url": "data:image/png;base64,"}, "images[0]"),
        ({"image_url": "https://example.com/a.png"}, "images[0]"),
        ({}, "images[0]"),
        ("file-none", "images[0]"),
    ],
    ids=str,
)
def test_invalid_image_reference_is_refused(sandbox: Sandbox, reference: Any, param: str) -> None:
    uploaded = {
        "BATCH": upload(sandbox, b"x")["id"],
        "PICTURE": upload(sandbox, encoded(photo()), name="a.png", purpose="vision")["id"],
    }
    if isinstance(reference, dict):
        reference = {name: uploaded.get(value, value) for name, value in reference.items()}
    body = {**GPT, "prompt": "x", "images": [reference]}
    response = requests.post(f"{sandbox.base_url}/images/edits", json=body, timeout=9)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


def test_classic_line_gets_a_url_that_can_be_downloaded() -> None:
    with Sandbox(Options(speed=1000)) as server:
        _, responses, _ = run(server, [line("a", response_format="url")])
        url = responses["a"]["response"]["body"]["data"][0]["url"]
        assert decoded(requests.get(url, timeout=9).content).size == (256, 256)
