"""The total time limit holds wherever a server drips; what precedes and follows a response is bounded."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from imagecli.client.exchange import Timeouts
from imagecli.errors import ImagecliError, NetworkError, UnsavedError
from tests.client.raw import drip, http, raw_server, silence, then
from tests.client.sending import OK, send, transport

SHORT = Timeouts(connect=2, silence=2, total=1)
"""Every dripped byte restarts the timeout without data; only the total is limited."""

OPEN = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "response",
    [
        drip(b"HTTP/1.1 200 " + b"O" * 1000, 0.02),
        then(b"HTTP/1.1 200 OK\r\nX: ", drip(b"x" * 1000, 0.02)),
        drip(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 40, 0.02),
        then(OPEN, drip(b"2;" + b"e" * 1000, 0.02)),
        then(OPEN, drip(b"1\r\n{\r\n" * 1000, 0.02)),
    ],
    ids=["status line", "headers", "preludes", "chunk extension", "chunks"],
)
def test_no_drip_outlives_the_total_timeout(response: Callable[[socket.socket], None]) -> None:
    started = time.monotonic()
    with raw_server(response, OK) as server:
        with pytest.raises(UnsavedError) as caught:
            send(server.base_url, transport(timeouts=SHORT))
        assert len(server.requests) == 1
    assert (caught.value.exit_code, caught.value.code) == (7, "timeout")
    assert "took too long" in caught.value.message
    assert time.monotonic() - started < 8


@pytest.mark.parametrize(
    "behind",
    [b"0\r\n\r\n", b"0\r\nA: b\r\n\r\n", b"0\r\nA: " + b"b" * 100_000, b"0\r\n" + b"A: b\r\n" * 10_000, b"0\r\nA"],
    ids=["nothing", "one", "a long one", "many", "half of one"],
)
def test_trailers_are_not_waited_for(behind: bytes) -> None:
    response = then(OPEN + b"2\r\n{}\r\n" + behind, silence(20))
    started = time.monotonic()
    with raw_server(response) as server:
        assert send(server.base_url, transport(timeouts=Timeouts(connect=5, silence=20, total=20)))[1] == b"{}"
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("statuses", [(102,), (103,), (100, 102, 103, 103), (199,), (100,) * 45])
def test_informational_responses_are_skipped(statuses: tuple[int, ...]) -> None:
    preludes = b"".join(b"HTTP/1.1 %d Soon\r\nLink: </a>\r\nContent-Length: 5\r\n\r\n" % status for status in statuses)
    with raw_server(preludes + http("200 OK", b"{}")) as server:
        assert send(server.base_url)[1] == b"{}"


@pytest.mark.parametrize("prelude", [b"HTTP/1.1 103 Soon\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_endless_informational_responses_end_at_the_timeout(prelude: bytes) -> None:
    def endless(connection: socket.socket) -> None:
        for _ in itertools.repeat(None):
            connection.sendall(prelude * 1000)

    with raw_server(endless) as server, pytest.raises(UnsavedError) as caught:
        send(server.base_url, transport(timeouts=Timeouts(connect=2, silence=2, total=20)))
    assert caught.value.code == "answer_lost"


def test_an_informational_response_alone_is_not_a_response() -> None:
    for response in (b"HTTP/1.1 103 Soon\r\n\r\n", b"HTTP/1.1 101 Switching\r\n\r\n"):
        with raw_server(response, OK) as server:
            with pytest.raises(UnsavedError) as caught:
                send(server.base_url)
            assert len(server.requests) == 1
        assert caught.value.exit_code == 7


@pytest.mark.parametrize("timeouts", [SHORT, Timeouts(connect=2, silence=20, total=20, error=0.3)])
def test_an_error_with_a_dripping_body_is_its_status(timeouts: Timeouts) -> None:
    started = time.monotonic()
    with raw_server(then(http("400 No", length=500), drip(b"x" * 500, 0.02))) as server:
        with pytest.raises(ImagecliError) as caught:
            send(server.base_url, transport(timeouts=timeouts))
        assert (caught.value.exit_code, caught.value.status) == (4, 400)
    assert time.monotonic() - started < 5


Then = Callable[[socket.socket, threading.Event], None]


@contextmanager
def deaf_server(response: bytes, *, reads: int, then: Then) -> Iterator[str]:
    """Reads *reads* bytes of a request, responds, and does *then* with the connection."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(reads)
                    connection.sendall(response)
                    then(connection, over)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        finally:
            over.set()
    thread.join(timeout=10)


def waits(connection: socket.socket, over: threading.Event) -> None:
    """Reads nothing more until the test is over."""
    over.wait(10)


def hangs_up(connection: socket.socket, over: threading.Event) -> None:
    """Closing with unread data resets the connection."""


@pytest.mark.parametrize("then", [waits, hangs_up])
@pytest.mark.parametrize(("status", "exit_code"), [(400, 4), (401, 3), (413, 4), (429, 5), (503, 7)])
def test_a_response_before_the_upload_is_read_is_used(status: int, exit_code: int, then: Then) -> None:
    started = time.monotonic()
    response = http(f"{status} No", b'{"error": {"message": "not so"}}')
    with deaf_server(response, reads=1000, then=then) as base_url, pytest.raises(ImagecliError) as caught:
        send(
            base_url,
            transport(0, timeouts=Timeouts(connect=2, silence=20, total=20)),
            body="x" * 20_000_000,
        )
    assert (caught.value.exit_code, caught.value.status) == (exit_code, status)
    assert "not so" in caught.value.message
    assert time.monotonic() - started < 5


def test_a_response_while_the_upload_is_stuck_is_read() -> None:
    def later(connection: socket.socket, over: threading.Event) -> None:
        over.wait(1.0)
        connection.sendall(http("401 No", b"{}"))
        over.wait(10)

    started = time.monotonic()
    with deaf_server(b"", reads=1000, then=later) as base_url, pytest.raises(ImagecliError) as caught:
        send(base_url, transport(0, timeouts=Timeouts(connect=2, silence=20, total=20)), body="x" * 20_000_000)
    assert (caught.value.exit_code, caught.value.status) == (3, 401)
    assert time.monotonic() - started < 8


@pytest.mark.parametrize(
    ("early", "rest"),
    [(b"HTTP/1.1 100 Continue\r\n\r\n", http("200 OK", b"{}")), (http("200 OK", b"{", length=2), b"}")],
)
def test_an_informational_response_does_not_stop_an_upload(early: bytes, rest: bytes) -> None:
    def slow(connection: socket.socket, over: threading.Event) -> None:
        over.wait(1.2)
        accepted = 0
        while accepted < 7_990_000:
            accepted += len(connection.recv(1_000_000))
        connection.sendall(rest)

    with deaf_server(early, reads=1000, then=slow) as base_url:
        patient = transport(0, timeouts=Timeouts(connect=2, silence=5, total=20))
        assert send(base_url, patient, body="x" * 8_000_000)[1] == b"{}"


@pytest.mark.parametrize("timeouts", [Timeouts(connect=9, silence=0.3, total=9), Timeouts(silence=9, total=1)])
def test_an_upload_that_is_not_read_times_out(timeouts: Timeouts) -> None:
    started = time.monotonic()
    with deaf_server(b"", reads=1000, then=waits) as base_url, pytest.raises(UnsavedError) as caught:
        send(base_url, transport(timeouts=timeouts), body="x" * 20_000_000)
    assert (caught.value.exit_code, caught.value.code) == (7, "timeout")
    assert time.monotonic() - started < 5


def test_a_connection_timeout_means_nothing_was_sent() -> None:
    with socket.socket() as full:
        # A listener whose queue is full takes no further connection and refuses none.
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        queued = [socket.socket() for _ in range(3)]
        for one in queued:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        with pytest.raises(NetworkError) as caught:
            send(f"http://127.0.0.1:{full.getsockname()[1]}/v1", transport(0, timeouts=Timeouts(connect=9, total=0.3)))
        for one in queued:
            one.close()
    assert (caught.value.exit_code, caught.value.code) == (6, "no_connection")
