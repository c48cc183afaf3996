"""`--speed`: rules use the sandbox's seconds, clients see their own."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from imagecli.sandbox.clock import SandboxClock
from imagecli.sandbox.sandbox import Options, Sandbox
from tests.conftest import Run
from tests.sandbox.requests_and_images import post

FIELDS = {"prompt": "a cat", "size": "256x256"}


def test_clock_runs_by_the_factor() -> None:
    clock = SandboxClock(1000)
    before = clock.now()
    time.sleep(0.05)
    assert 50 <= clock.now() - before < 1000
    assert clock.real_seconds(60) == 0.06


def test_dates_are_those_of_the_client() -> None:
    clock = SandboxClock(1000)
    assert clock.unix_seconds(clock.now()) == pytest.approx(time.time(), abs=0.5)
    assert clock.unix_seconds(clock.now() + 3_600_000) == pytest.approx(time.time() + 3600, abs=0.5)


def test_limit_and_its_headers_are_in_seconds_of_the_client() -> None:
    with Sandbox(Options(rate_limit=3, speed=20)) as server:
        full = post(server, "generations", {**FIELDS, "n": 3}).headers
        refused = post(server, "generations", FIELDS)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        wait = int(refused.headers["retry-after-ms"])
        assert 0 < wait <= 1000
        assert f"Please try again in {wait}ms." in refused.json()["error"]["message"] or wait == 1000
        time.sleep(wait / 1000)
        assert post(server, "generations", FIELDS).status_code == 200
    assert (full["x-ratelimit-limit-images"], full["x-ratelimit-reset-images"]) == ("3", "3")
    assert full["x-ratelimit-reset-requests"] == "1s"


def test_url_expires_on_the_fast_clock_with_a_date_of_the_slow_one() -> None:
    with Sandbox(Options(url_ttl=3600, speed=7200)) as server:
        url = post(server, "generations", FIELDS).json()["data"][0]["url"]
        assert requests.get(url, timeout=9).status_code == 200
        time.sleep(0.6)
        assert requests.get(url, timeout=9).status_code == 403
    expiry = datetime.fromisoformat(parse_qs(urlsplit(url).query)["se"][0])
    assert -3 < (expiry - datetime.now(UTC)).total_seconds() <= 1


@pytest.mark.parametrize("value", ["nan", "0", "-1", "inf", "fast", "0.0001", "1e9"])
def test_invalid_speed_is_refused(imagecli: Run, value: str) -> None:
    done = imagecli("sandbox", "--port", "0", "--speed", value)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--speed" in done.stderr
