"""Injected failures: `--fail`, and the prompt that is always blocked."""

from __future__ import annotations

import pytest
import requests

from imagecli.sandbox.fault_injection import Failure
from imagecli.sandbox.sandbox import Options, Sandbox
from tests.conftest import Run
from tests.sandbox.requests_and_images import CLASSIC, post

CAT = {**CLASSIC, "prompt": "a cat", "size": "256x256"}


def failing(*texts: str) -> Options:
    return Options(failures=tuple(Failure.parse(text) for text in texts))


@pytest.mark.parametrize(
    ("texts", "statuses"),
    [
        (("429:2",), [429, 429, 200, 200, 200, 200]),
        (("500%3",), [200, 200, 500, 200, 200, 500]),
        (("503",), [503] * 6),
        (("429:1", "500%2"), [429, 500, 200, 500, 200, 500]),
        (("insufficient_quota:1",), [429, 200, 200, 200, 200, 200]),
    ],
)
def test_requests_fail_as_specified(texts: tuple[str, ...], statuses: list[int]) -> None:
    with Sandbox(failing(*texts)) as server:
        assert [post(server, "generations", CAT).status_code for _ in range(6)] == statuses


def test_only_requests_for_images_fail() -> None:
    with Sandbox(failing("500:1")) as server:
        assert requests.get(f"{server.base_url}/models", timeout=9).status_code == 200
        assert post(server, "generations", CAT).status_code == 500


def test_failed_request_uses_no_image() -> None:
    with Sandbox(failing("500:1")) as server, Sandbox() as other:
        post(server, "generations", CAT)
        assert post(server, "generations", CAT).json()["data"] == post(other, "generations", CAT).json()["data"]


@pytest.mark.parametrize(
    ("what", "status", "type", "code", "headers"),
    [
        ("429", 429, "requests", "rate_limit_exceeded", {"retry-after": "1", "retry-after-ms": "200"}),
        ("insufficient_quota", 429, "insufficient_quota", "credit_balance_exhausted", {}),
        ("moderation_blocked", 400, "image_generation_user_error", "moderation_blocked", {}),
        ("401", 401, "invalid_request_error", "invalid_api_key", {}),
        ("404", 404, "invalid_request_error", "model_not_found", {}),
        ("418", 418, "invalid_request_error", None, {}),
        ("500", 500, "server_error", None, {}),
        ("503", 503, "service_unavailable_error", "server_is_overloaded", {"retry-after": "1"}),
        ("529", 529, "server_error", None, {}),
    ],
)
def test_failure_has_the_apis_own_body(
    what: str, status: int, type: str, code: str | None, headers: dict[str, str]
) -> None:
    with Sandbox(failing(what)) as server:
        response = post(server, "generations", CAT)
    error = response.json()["error"]
    assert (response.status_code, error["type"], error["code"]) == (status, type, code)
    assert headers.items() <= response.headers.items()
    assert response.headers["x-request-id"].startswith("req_")


def test_gateway_responds_with_a_page() -> None:
    with Sandbox(failing("502")) as server:
        response = post(server, "generations", CAT)
    assert (response.status_code, response.headers["content-type"]) == (502, "text/html")


@pytest.mark.parametrize(
    "text", ["", "200", "600", "429:", "429:0", "429%0", "500:x", "429:3%2", "teapot", "5000", "429 "]
)
def test_invalid_failure_is_refused(imagecli: Run, text: str) -> None:
    done = imagecli("sandbox", "--port", "0", "--fail", text)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "429:3" in done.stderr


def test_prompt_with_the_magic_word_is_blocked(sandbox: Sandbox) -> None:
    response = post(sandbox, "generations", {**CAT, "prompt": "a cat, moderation_blocked"})
    error = response.json()["error"]
    message = error.pop("message")
    assert response.status_code == 400
    assert f"request ID {response.headers['x-request-id']}" in message
    assert "safety_violations=[" in message
    assert error == {
        "type": "image_generation_user_error",
        "param": None,
        "code": "moderation_blocked",
        "moderation_details": {"moderation_stage": "input", "categories": ["sandbox"]},
    }
