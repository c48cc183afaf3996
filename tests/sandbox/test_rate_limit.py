"""The rate limit: images per minute, stated in the headers of every image response."""

from __future__ import annotations

import time

import pytest
import requests

from imagecli.sandbox.rate_limit import format_go_duration
from imagecli.sandbox.sandbox import Options, Sandbox
from tests.conftest import Run
from tests.sandbox.requests_and_images import post

FIELDS = {"prompt": "a cat", "size": "256x256"}


def rates(response: requests.Response) -> list[int]:
    return [int(response.headers[f"x-ratelimit-{name}-images"]) for name in ("limit", "remaining", "reset")]


def test_request_limits_are_stated_with_go_durations() -> None:
    with Sandbox(Options(rate_limit=3)) as server:
        headers = post(server, "generations", {**FIELDS, "n": 3}).headers
        assert [headers[f"x-ratelimit-{name}-requests"] for name in ("limit", "remaining", "reset")] == [
            "3",
            "2",
            "20s",
        ]
        refused = post(server, "generations", FIELDS).headers
    assert refused["x-ratelimit-remaining-requests"] == "2"
    assert refused["x-ratelimit-reset-requests"].startswith(("20s", "19."))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.0121, "13ms"), (0.999, "999ms"), (1, "1s"), (1.5, "1.5s"), (360, "6m0s"), (83.25, "1m23.25s")],
)  # fmt: skip
def test_duration_is_written_as_go_does(seconds: float, text: str) -> None:
    assert format_go_duration(seconds) == text


def test_fourth_of_three_images_is_refused_with_the_time_to_wait() -> None:
    with Sandbox(Options(rate_limit=3)) as server:
        assert rates(post(server, "generations", {**FIELDS, "n": 2})) == [3, 1, 40]
        assert post(server, "generations", {**FIELDS, "n": 2}).status_code == 429
        assert rates(post(server, "generations", FIELDS)) == [3, 0, 60]
        response = post(server, "generations", FIELDS)
    error = response.json()["error"]
    assert response.status_code == 429
    assert "Limit 3, Used 3, Requested 1. Please try again in 20s." in error.pop("message")
    assert error == {"type": "images", "param": None, "code": "rate_limit_exceeded"}
    assert response.headers["retry-after"] == "20"
    assert 19_000 < int(response.headers["retry-after-ms"]) <= 20_000
    assert rates(response)[:2] == [3, 0]


def test_request_larger_than_the_limit_is_refused_without_a_time_to_wait() -> None:
    with Sandbox(Options(rate_limit=5)) as server:
        response = post(server, "generations", {**FIELDS, "n": 6})
        assert rates(post(server, "generations", {**FIELDS, "n": 5}))[:2] == [5, 0]
    error = response.json()["error"]
    assert response.status_code == 429
    assert "Request too large" in error["message"]
    assert "Limit 5, Requested 6." in error.pop("message")
    assert error == {"type": "images", "param": None, "code": "rate_limit_exceeded"}
    assert response.headers["x-should-retry"] == "false"
    assert not {"retry-after", "retry-after-ms", "x-ratelimit-reset-images"} & {
        name.lower() for name in response.headers
    }


def test_client_does_not_wait_for_a_request_that_never_fits(imagecli: Run) -> None:
    lines: list[str] = []
    with Sandbox(Options(rate_limit=5), log=lines.append) as server:
        arguments = ("generate", "a cat", "-n", 6, "--model", "dall-e-2", "--base-url", server.base_url)
        done = imagecli(*arguments, env={"OPENAI_API_KEY": "sk-test"})
    assert done.exit_code == 5
    assert "Limit 5, Requested 6" in done.stderr
    assert lines == ["POST /v1/images/generations 429"]


def test_bucket_fills_again() -> None:
    with Sandbox(Options(rate_limit=600)) as server:
        assert rates(post(server, "generations", {**FIELDS, "n": 10}))[:2] == [600, 590]
        time.sleep(0.6)
        assert rates(post(server, "generations", FIELDS))[1] > 590


def test_refused_parameters_cost_no_rate() -> None:
    with Sandbox(Options(rate_limit=1)) as server:
        assert post(server, "generations", {"prompt": ""}).status_code == 400
        assert post(server, "generations", FIELDS).status_code == 200


def test_without_a_limit_there_are_no_rate_headers(sandbox: Sandbox) -> None:
    assert not [name for name in post(sandbox, "generations", FIELDS).headers if "ratelimit" in name.lower()]
