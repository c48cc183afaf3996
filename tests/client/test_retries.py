"""What is retried, after which wait, and what never is."""

from __future__ import annotations

import socket
import time
from datetime import datetime, timedelta, timezone

import pytest

from imagecli.client.exchange import Timeouts
from imagecli.client.retry import wait_too_long_error
from imagecli.errors import ImagecliError, LimitError, NetworkError, QuotaError
from imagecli.events import Event, RetryWait
from tests.client.clocks import ThreadsClock, run_threads
from tests.client.raw import http, raw_server
from tests.client.sending import OK, send, transport

OVERLOADED = b'{"error": {"message": "overloaded", "type": "server_error"}}'


@pytest.mark.parametrize("status", [429, 503, 529])
def test_a_response_that_reports_no_result_is_retried(status: int) -> None:
    events: list[Event] = []
    with raw_server(http(f"{status} No", b"not now", "Retry-After: 0"), OK) as server:
        response, body = send(server.base_url, events=events)
    assert (response.status, body) == (200, b'{"data": []}')
    assert len(server.requests) == 2
    assert server.requests[0] == server.requests[1]
    assert [event.seconds <= 0.03 for event in events if isinstance(event, RetryWait)] == [True]


@pytest.mark.parametrize(
    "status",
    [
        *(400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 418, 422, 425, 301, 307, 308),
        *(500, 501, 502, 503, 504, 505, 520, 521, 522, 523, 524, 525, 526, 529, 530, 598, 600),
    ],
)
def test_every_other_response_is_final(status: int) -> None:
    with raw_server(http(f"{status} No", b"no", "Location: http://127.0.0.1:1/")) as server:
        with pytest.raises(ImagecliError) as caught:
            send(server.base_url)
        assert len(server.requests) == 1
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (http("429 No", b'{"error": {"code": "insufficient_quota"}}', "Retry-After: 0"), QuotaError),
        (http("503 No", OVERLOADED, "x-should-retry: false"), NetworkError),
    ],
)
def test_errors_that_waiting_does_not_fix_are_not_retried(response: bytes, error: type[ImagecliError]) -> None:
    with raw_server(response) as server:
        with pytest.raises(error):
            send(server.base_url)
        assert len(server.requests) == 1


@pytest.mark.parametrize(("max_retries", "posts"), [(0, 1), (1, 2), (4, 5)])
def test_attempts_are_limited(max_retries: int, posts: int) -> None:
    with raw_server(http("503 No", OVERLOADED)) as server:
        with pytest.raises(NetworkError):
            send(server.base_url, transport(max_retries))
        assert len(server.requests) == posts


@pytest.mark.parametrize("statuses", [(429, 503), (503, 429), (429, 429, 503), (503, 503, 429), (429, 503, 529)])
@pytest.mark.parametrize("max_retries", [0, 1, 2, 3])
def test_all_kinds_of_errors_share_one_count(statuses: tuple[int, ...], max_retries: int) -> None:
    with raw_server(*[http(f"{status} No", OVERLOADED) for status in statuses * 4]) as server:
        with pytest.raises(ImagecliError):
            send(server.base_url, transport(max_retries))
        assert len(server.requests) == max_retries + 1


@pytest.mark.parametrize(
    ("header", "least"), [("Retry-After: 0.1", 0.1), ("retry-after-ms: 100", 0.1), ("Retry-After: 0", 0.0)]
)
@pytest.mark.parametrize("status", [429, 503])
def test_the_servers_wait_is_respected(status: int, header: str, least: float) -> None:
    started = time.monotonic()
    with raw_server(http(f"{status} No", b"", header), OK) as server:
        send(server.base_url, transport(max_wait=1))
    assert least <= time.monotonic() - started < least + 0.5


@pytest.mark.parametrize("header", ["Retry-After: 86400", "retry-after-ms: 86400000", "Retry-After: 1e300"])
@pytest.mark.parametrize("status", [429, 503])
def test_more_than_max_wait_is_an_error_with_the_time_to_retry(status: int, header: str) -> None:
    with raw_server(http(f"{status} No", b"", header)) as server:
        with pytest.raises(LimitError) as caught:
            send(server.base_url, transport(max_wait=120))
        assert len(server.requests) == 1
    seconds = "31622400" if "1e300" in header else "86400"
    assert (caught.value.exit_code, caught.value.status) == (5, status)
    assert f"wait of {seconds} s, more than --max-wait 120" in caught.value.message
    assert f"in {seconds} s" in (caught.value.hint or "")


def test_the_time_to_retry_is_the_current_time_and_the_wait() -> None:
    noon = datetime(2026, 11, 23, 12, 0, 0, tzinfo=timezone(timedelta(hours=2)))
    error = wait_too_long_error(LimitError("slow"), 90, 20, noon)
    hint = "run the same command again in 90 s, after 2026-11-23 12:01:30 UTC+02:00; nothing was generated"
    assert error.hint == hint


def test_a_wait_of_exactly_max_wait_is_waited() -> None:
    with raw_server(http("429 No", b"", "Retry-After: 0.05"), OK) as server:
        assert send(server.base_url, transport(max_wait=0.05))[0].status == 200


@pytest.mark.parametrize("status", [429, 503])
def test_one_429_pauses_every_thread(status: int) -> None:
    clock, times = ThreadsClock(2), list[float]()

    def refuse(connection: socket.socket) -> None:
        times.append(clock.now())
        connection.sendall(http(f"{status} No", b"", "Retry-After: 30"))

    def accept(connection: socket.socket) -> None:
        times.append(clock.now())
        connection.sendall(OK)

    def first() -> None:
        send(server.base_url, shared)

    def second() -> None:
        until = time.monotonic() + 10
        while not clock.waiting and time.monotonic() < until:
            time.sleep(0.001)
        send(server.base_url, shared)

    with raw_server(refuse, accept) as server:
        shared = transport(max_wait=60, timeouts=Timeouts(), clock=clock)
        run_threads(clock, first, second)
    assert len(times) == 3
    assert times[0] == 1000
    assert min(times[1:]) >= 1030


def test_a_failed_connection_is_retried_and_nothing_is_billed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    events: list[Event] = []
    with pytest.raises(NetworkError) as caught:
        send(f"http://127.0.0.1:{port}/v1", events=events)
    assert (caught.value.exit_code, caught.value.code) == (6, "no_connection")
    assert f"127.0.0.1:{port}" in caught.value.message
    assert "nothing was sent" in (caught.value.hint or "")
    assert len([event for event in events if isinstance(event, RetryWait)]) == 2


def test_a_host_without_an_address_is_named() -> None:
    with pytest.raises(NetworkError) as caught:
        send("http://no-such-host.invalid/v1", transport(0))
    assert "no-such-host.invalid" in caught.value.message
