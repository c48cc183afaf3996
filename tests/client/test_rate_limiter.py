"""Threads that share a rate limiter, with simulated clocks: no figure here depends on the machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from imagecli.client.exchange import Timeouts
from imagecli.client.rate_limiter import RateLimiter, RateLimitExhaustedError, Ticket, WaitTooLongError
from imagecli.client.retry import retry_delay
from imagecli.errors import LimitError
from tests.client.clocks import Clock, ThreadsClock, run_threads
from tests.client.sending import send, transport


def pacer(clock: Clock, max_rounds: int = 2, max_wait: float = 120, per_minute: float | None = None) -> RateLimiter:
    return RateLimiter(max_retries=max_rounds, max_wait=max_wait, per_minute=per_minute, clock=clock)


def turn_of(limiter: RateLimiter) -> Ticket:
    turn = limiter.wait_turn()
    assert isinstance(turn, Ticket)
    return turn


def test_the_stated_wait_of_a_429_is_waited_exactly() -> None:
    clock = Clock()
    limiter = pacer(clock)
    ticket = turn_of(limiter)
    assert clock.slept == []
    assert limiter.record_refusal(ticket, {}, 7.5, 7.5)
    limiter.wait_turn()
    assert sum(clock.slept) == pytest.approx(7.5)


def test_a_long_wait_is_returned_before_it_begins() -> None:
    clock = Clock()
    limiter = pacer(clock)
    limiter.record_refusal(turn_of(limiter), {}, 30, 30)
    assert limiter.wait_turn(longest=1) == 30
    assert clock.slept == []
    assert isinstance(limiter.wait_turn(longest=30.1), Ticket)
    assert sum(clock.slept) == pytest.approx(30)


def test_attempts_of_all_requests_together_are_limited() -> None:
    clock = Clock()
    limiter = pacer(clock, max_rounds=2)
    assert [limiter.record_refusal(turn_of(limiter), {}, 1, 1) for _ in range(3)] == [True, True, False]
    for _ in range(3):
        with pytest.raises(RateLimitExhaustedError):
            limiter.wait_turn()


@pytest.mark.parametrize(("max_wait", "least", "most"), [(120, 40, 90), (10, 7, 20), (0.02, 0.01, 0.05)])
def test_without_a_stated_wait_it_backs_off_for_up_to_a_minute_within_max_wait(
    max_wait: float, least: float, most: float
) -> None:
    clock = Clock()
    limiter = pacer(clock, max_rounds=2, max_wait=max_wait)
    tries = 1
    while limiter.record_refusal(turn_of(limiter), {}, retry_delay(limiter.refusals_in_a_row, None, max_wait), None):
        tries += 1
    assert tries >= 3
    assert least <= clock.time - 1000 <= most


def test_an_accepted_request_resets_the_count_and_the_slowdown() -> None:
    clock = Clock()
    limiter = pacer(clock, max_rounds=1)
    for _ in range(10):
        assert limiter.record_refusal(turn_of(limiter), {}, 1, None)
        limiter.record_answer(turn_of(limiter), {})
    assert clock.time - 1000 < 40


def test_a_wait_that_is_too_long_is_not_started() -> None:
    clock = Clock()
    limiter = pacer(clock, max_wait=120)
    limiter.record_refusal(turn_of(limiter), {}, 3600, 3600)
    with pytest.raises(WaitTooLongError) as caught:
        limiter.wait_turn()
    assert caught.value.seconds == 3600
    assert clock.slept == []


def test_headers_of_successful_responses_are_enough_to_slow_down() -> None:
    clock = Clock()
    limiter = pacer(clock)
    headers = {
        "x-ratelimit-limit-images": "5",
        "x-ratelimit-remaining-images": "0",
        "x-ratelimit-reset-images": "60",
    }
    limiter.record_answer(turn_of(limiter), headers)
    limiter.wait_turn()
    assert 11 < sum(clock.slept) < 16


def test_a_rate_set_by_the_user_spreads_requests() -> None:
    clock = Clock()
    limiter = pacer(clock, per_minute=60)
    for _ in range(10):
        limiter.record_answer(turn_of(limiter), {})
    assert clock.time - 1000 == pytest.approx(9, abs=0.1)


class Bucket:
    """600 requests a minute, ten at the same time."""

    def __init__(self, clock: ThreadsClock, *, whole_seconds: bool) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._level, self._at = 10.0, clock.now()
        self._whole_seconds = whole_seconds
        self.refused = 0

    def __call__(self, request: Request) -> Response:
        with self._lock:
            now = self._clock.now()
            self._level, self._at = min(10.0, self._level + (now - self._at) * 10), now
            if self._level >= 1:
                self._level -= 1
                return Response("{}", headers=None if self._whole_seconds else self._headers())
            self.refused += 1
            wait = (1 - self._level) / 10
            after = {"Retry-After": "1"} if self._whole_seconds else {"retry-after-ms": f"{1000 * wait:.0f}"}
            return Response("{}", 429, headers=after if self._whole_seconds else after | self._headers())

    def _headers(self) -> dict[str, str]:
        return {
            "x-ratelimit-limit-requests": "600",
            "x-ratelimit-remaining-requests": str(int(self._level)),
            "x-ratelimit-reset-requests": f"{100 * (10 - self._level):.0f}ms",
        }


@contextmanager
def limited(bucket: Bucket) -> Iterator[str]:
    with HTTPServer(threaded=True) as server:
        server.expect_request("/v1/images/generations").respond_with_handler(bucket)
        yield server.url_for("/v1")


@pytest.mark.parametrize(("whole_seconds", "share", "refusals"), [(False, 0.7, 20), (True, 0.4, 30)])
def test_real_threads_fill_a_limit(whole_seconds: bool, share: float, refusals: int) -> None:
    """Fifty prompts by sixteen threads, which overtake each other; test_rate_state has the exact figures."""
    clock = ThreadsClock(16)
    bucket = Bucket(clock, whole_seconds=whole_seconds)
    shared = transport(2, max_wait=120, timeouts=Timeouts(), clock=clock)
    left, answered = list(range(50)), list[int]()

    def work() -> None:
        while left:
            try:
                left.pop()
            except IndexError:
                return
            answered.append(send(base_url, shared)[0].status)

    with limited(bucket) as base_url:
        run_threads(clock, *[work] * 16)
    assert answered == [200] * 50
    assert bucket.refused <= refusals
    assert 4.0 / (clock.time - 1000) >= share


def test_threads_under_an_endless_limit_end_together(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/images/generations").respond_with_data("{}", 429, headers={"Retry-After": "0.01"})
    clock = ThreadsClock(16)
    shared = transport(2, max_wait=1, timeouts=Timeouts(), clock=clock)
    ends: list[int] = []

    def work() -> None:
        try:
            send(httpserver.url_for("/v1"), shared)
        except LimitError as error:
            ends.append(error.exit_code)

    run_threads(clock, *[work] * 16)
    assert ends == [5] * 16
    # All may be in flight before the first 429 arrives; then one request at a time is tried.
    assert len(httpserver.log) <= 16 + 2


@pytest.mark.parametrize(
    "stated",
    [
        {
            "x-ratelimit-limit-requests": "5",
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": "3600",
        },
        {"ratelimit-limit": "1", "ratelimit-remaining": "0", "ratelimit-reset": "86400"},
        {"x-ratelimit-limit-images": "9", "x-ratelimit-remaining-images": "0", "x-ratelimit-reset-images": "1h0m0s"},
    ],
)
def test_a_limit_that_accepted_requests_contradict_is_trusted_only_briefly(stated: dict[str, str]) -> None:
    clock = Clock()
    limiter = pacer(clock)
    for _ in range(60):
        limiter.record_answer(turn_of(limiter), stated)
    assert 1 < clock.time - 1000 < 15


def test_a_limit_of_an_hour_that_a_refusal_confirms_is_trusted() -> None:
    stated = {"ratelimit-limit": "1", "ratelimit-remaining": "0", "ratelimit-reset": "3600"}
    limiter = pacer(Clock())
    limiter.record_answer(turn_of(limiter), stated)
    limiter.record_refusal(turn_of(limiter), stated, 1, None)
    with pytest.raises(WaitTooLongError):
        limiter.wait_turn()


def test_a_limit_of_a_minute_is_trusted_without_a_refusal() -> None:
    stated = {"ratelimit-limit": "1", "ratelimit-remaining": "0", "ratelimit-reset": "60"}
    clock = Clock()
    limiter = pacer(clock)
    limiter.record_answer(turn_of(limiter), stated)
    turn_of(limiter)
    assert clock.time - 1000 == pytest.approx(60, abs=1)
