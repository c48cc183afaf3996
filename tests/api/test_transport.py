"""One purchase: what is sent again, what never is, and what a lost answer means."""

from __future__ import annotations

import gzip
import io
import resource
import socket
import threading
import time
from pathlib import Path

import pytest

from imagecli.api.spool import open_entry
from imagecli.api.transport import Transport
from imagecli.api.wire import HttpAnswer, Timeouts
from imagecli.domain import HttpRequest, Secret
from imagecli.errors import DiskError, ImagecliError, LimitError, NetworkError, QuotaError, UnsavedError, UsageError
from imagecli.events import Event, Received, Sent, Waiting
from tests.api.raw import Answer, drip, http, raw_server, reset, silence, then

KEY = "sk-test-0123456789"
OK = http("200 OK", b'{"data": []}')
QUICK = Timeouts(connect=2, silence=0.3, total=5)


def transport(
    max_retries: int = 2, max_wait: float = 0.02, timeouts: Timeouts = QUICK, headers: dict[str, str] | None = None
) -> Transport:
    return Transport(
        key=Secret(KEY),
        headers=headers or {},
        timeouts=timeouts,
        max_retries=max_retries,
        max_wait=max_wait,
        direct=True,
    )


def send(
    base_url: str, sender: Transport | None = None, heard: list[Event] | None = None, body: str = "a cat"
) -> tuple[HttpAnswer, bytes]:
    into = io.BytesIO()
    request = HttpRequest(method="POST", url=f"{base_url}/images/generations", json={"prompt": body})
    answer = (sender or transport()).send(request, into, 0, (heard if heard is not None else []).append)
    return answer, into.getvalue()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 520, 529])
def test_an_answer_that_says_nothing_was_made_is_tried_again(status: int) -> None:
    heard: list[Event] = []
    with raw_server(http(f"{status} No", b"not now"), OK) as server:
        answer, body = send(server.base_url, heard=heard)
    assert (answer.status, body) == (200, b'{"data": []}')
    assert len(server.requests) == 2
    assert server.requests[0] == server.requests[1]
    assert [event.seconds <= 0.02 for event in heard if isinstance(event, Waiting)] == [True]


@pytest.mark.parametrize(
    "status", [400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 418, 422, 425, 501, 504, 505, 524, 600, 301, 307, 308]
)
def test_every_other_answer_is_final(status: int) -> None:
    with raw_server(http(f"{status} No", b"no", "Location: http://127.0.0.1:1/")) as server:
        with pytest.raises(ImagecliError) as caught:
            send(server.base_url)
        assert len(server.requests) == 1
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (http("429 No", b'{"error": {"code": "insufficient_quota"}}', "Retry-After: 0"), QuotaError),
        (http("503 No", b"", "x-should-retry: false"), NetworkError),
    ],
)
def test_what_waiting_does_not_mend_is_not_tried_again(answer: bytes, error: type[ImagecliError]) -> None:
    with raw_server(answer) as server:
        with pytest.raises(error):
            send(server.base_url)
        assert len(server.requests) == 1


@pytest.mark.parametrize(("max_retries", "posts"), [(0, 1), (1, 2), (4, 5)])
def test_tries_are_counted(max_retries: int, posts: int) -> None:
    with raw_server(http("503 No")) as server:
        with pytest.raises(NetworkError):
            send(server.base_url, transport(max_retries))
        assert len(server.requests) == posts


@pytest.mark.parametrize(
    ("header", "least"), [("Retry-After: 0.1", 0.1), ("retry-after-ms: 100", 0.1), ("Retry-After: 0", 0.0)]
)
def test_the_servers_wait_is_kept(header: str, least: float) -> None:
    started = time.monotonic()
    with raw_server(http("429 No", b"", header), OK) as server:
        send(server.base_url, transport(max_wait=1))
    assert least <= time.monotonic() - started < least + 0.5


@pytest.mark.parametrize("header", ["Retry-After: 86400", "retry-after-ms: 86400000", "Retry-After: 1e300"])
@pytest.mark.parametrize("status", [429, 503])
def test_more_than_max_wait_ends_with_the_time_to_come_back(status: int, header: str) -> None:
    with raw_server(http(f"{status} No", b"", header)) as server:
        with pytest.raises(LimitError) as caught:
            send(server.base_url, transport(max_wait=120))
        assert len(server.requests) == 1
    seconds = "31622400" if "1e300" in header else "86400"
    assert (caught.value.exit_code, caught.value.status) == (5, status)
    assert f"wait {seconds} s, more than --max-wait 120" in caught.value.message
    assert f"in {seconds} s" in (caught.value.hint or "")


def test_a_wait_of_exactly_max_wait_is_waited() -> None:
    with raw_server(http("429 No", b"", "Retry-After: 0.05"), OK) as server:
        assert send(server.base_url, transport(max_wait=0.05))[0].status == 200


def test_one_refusal_pauses_every_thread() -> None:
    with raw_server(http("429 No", b"", "Retry-After: 0.2"), OK) as server:
        shared = transport(max_wait=1)
        first = threading.Thread(target=send, args=(server.base_url, shared))
        first.start()
        while not server.requests:
            time.sleep(0.01)
        time.sleep(0.05)
        started = time.monotonic()
        send(server.base_url, shared)
        assert time.monotonic() - started > 0.1
        first.join()


def test_no_connection_is_tried_again_and_nothing_was_bought() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    heard: list[Event] = []
    with pytest.raises(NetworkError) as caught:
        send(f"http://127.0.0.1:{port}/v1", heard=heard)
    assert (caught.value.exit_code, caught.value.code) == (6, "no_connection")
    assert f"127.0.0.1:{port}" in caught.value.message
    assert "nothing was sent" in (caught.value.hint or "")
    assert len([event for event in heard if isinstance(event, Waiting)]) == 2


def test_a_host_without_an_address_is_named() -> None:
    with pytest.raises(NetworkError) as caught:
        send("http://no-such-host.invalid/v1", transport(0))
    assert "no-such-host.invalid" in caught.value.message


def half(body: bytes = b'{"data": [', length: int = 500) -> bytes:
    return http("200 OK", body, length=length)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "code", "kept"),
    [
        (reset, "answer_lost", b""),
        (lambda connection: None, "answer_lost", b""),
        (silence(2), "timeout", b""),
        (b"not HTTP at all\r\n\r\n", "answer_lost", b""),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", "answer_lost", b""),
        (half(), "answer_lost", b'{"data": ['),
        (then(half(), silence(2)), "timeout", b'{"data": ['),
        (CHUNKED + b'5\r\n{"dat\r\n', "answer_lost", b'{"dat'),
        (CHUNKED + b"9\r\n{}", "answer_lost", b"{}"),
        (CHUNKED + b"ZZZZ\r\n{}\r\n", "answer_lost", b""),
        (http("200 OK", b"no gzip", "Content-Encoding: gzip"), "answer_lost", b""),
    ],
)
def test_a_lost_answer_is_perhaps_billed_and_never_asked_for_again(answer: Answer, code: str, kept: bytes) -> None:
    into = io.BytesIO()
    with raw_server(answer, OK) as server:
        request = HttpRequest(method="POST", url=f"{server.base_url}/images/generations", json={})
        with pytest.raises(UnsavedError) as caught:
            transport().send(request, into, 0, lambda event: None)
        assert len(server.requests) == 1
    assert (caught.value.exit_code, caught.value.code) == (7, code)
    assert "may have been billed" in (caught.value.hint or "")
    assert into.getvalue() == kept


def test_a_steady_drip_ends_at_the_total_time() -> None:
    started = time.monotonic()
    with raw_server(then(half(b""), drip(b" " * 200, 0.02))) as server, pytest.raises(UnsavedError) as caught:
        send(server.base_url, transport(timeouts=Timeouts(connect=2, silence=2, total=0.3)))
    assert caught.value.code == "timeout"
    assert time.monotonic() - started < 1.5


def test_a_slow_answer_within_the_limits_is_whole() -> None:
    with raw_server(then(http("200 OK", b"", length=10), drip(b"0123456789", 0.03))) as server:
        assert send(server.base_url)[1] == b"0123456789"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 200 OK\r\n\r\n{}",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        CHUNKED + b"1\r\n{\r\n1;ext=1\r\n}\r\n0\r\nTrailer: x\r\n\r\n",
        http("200 OK", gzip.compress(b"{}"), "Content-Encoding: gzip"),
        CHUNKED.replace(b"chunked", b"chunked\r\nContent-Encoding: gzip")
        + b"%x\r\n" % len(gzip.compress(b"{}"))
        + gzip.compress(b"{}")
        + b"\r\n0\r\n\r\n",
        http("201 Created", b"{}", "Content-Type: text/plain"),
    ],
)
def test_every_way_of_framing_an_answer_is_read(answer: bytes) -> None:
    with raw_server(answer) as server:
        assert send(server.base_url)[1] == b"{}"


def test_a_large_answer_is_passed_on_in_pieces_as_it_comes() -> None:
    heard: list[Event] = []
    with raw_server(http("200 OK", b"x" * 1_000_000)) as server:
        assert len(send(server.base_url, heard=heard)[1]) == 1_000_000
    received = [event for event in heard if isinstance(event, Received)]
    assert len(received) > 5
    assert (received[-1].received, received[-1].total) == (1_000_000, 1_000_000)


def test_what_has_come_is_on_the_disk_while_the_rest_is_awaited(tmp_path: Path) -> None:
    landed: list[bytes] = []

    def half_then_rest(connection: socket.socket) -> None:
        connection.sendall(http("200 OK", b"half", length=8))
        give_up = time.monotonic() + 2
        while not entry.body.read_bytes() and time.monotonic() < give_up:
            time.sleep(0.01)
        landed.append(entry.body.read_bytes())
        connection.sendall(b"rest")

    with open_entry("a", "{}", [tmp_path]) as entry, raw_server(half_then_rest) as server:
        request = HttpRequest(method="POST", url=server.base_url, json={})
        timeouts = Timeouts(connect=2, silence=3, total=5)
        transport(timeouts=timeouts).send(request, entry.file, 0, lambda event: None)
        assert (landed, entry.read()) == ([b"half"], b"halfrest")


def test_an_upload_is_counted_to_its_end_and_starts_anew_on_a_retry() -> None:
    heard: list[Event] = []
    with raw_server(http("500 No"), OK) as server:
        send(server.base_url, heard=heard, body="x" * 300_000)
        assert server.requests[0] == server.requests[1]
    sent = [event for event in heard if isinstance(event, Sent)]
    assert [event.sent for event in sent].count(sent[-1].total) == 2
    assert sent[-1].total > 300_000


def test_an_error_before_the_upload_was_read_is_the_servers_word() -> None:
    def refuse(connection: socket.socket) -> None:
        connection.sendall(http("413 Too Large", b"<html><title>Too Large</title>"))
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                refuse(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(ImagecliError) as caught:
            send(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", body="x" * 8_000_000)
        thread.join()
    assert (caught.value.exit_code, caught.value.status) == (4, 413)


@pytest.mark.parametrize(
    "answer",
    [
        http("500 No", b"x" * 3_000_000),
        http("500 No", b"partly", length=500),
        then(http("500 No", b"partly", length=500), silence(2)),
        then(http("500 No", b"partly", length=500), drip(b"." * 100, 0.02)),
        http("500 No", b"no gzip", "Content-Encoding: gzip"),
        http("500 No", b"\x1b[31m\xff\x00" * 1000),
    ],
)
def test_an_errors_body_can_be_broken_in_any_way(answer: Answer) -> None:
    with raw_server(answer) as server, pytest.raises(NetworkError) as caught:
        send(server.base_url, transport(0, timeouts=Timeouts(connect=2, silence=0.2, total=0.4)))
    assert caught.value.status == 500
    assert len(caught.value.message) < 400


def test_the_key_goes_as_bearer_beside_the_headers_of_the_provider() -> None:
    with raw_server(OK) as server:
        send(server.base_url, transport(headers={"OpenAI-Organization": "org-1"}))
        head = server.requests[0].partition(b"\r\n\r\n")[0].decode()
    assert f"Authorization: Bearer {KEY}" in head
    assert "OpenAI-Organization: org-1" in head
    assert "User-Agent: imagecli/" in head


def test_a_key_that_the_server_repeats_is_not_shown() -> None:
    refusal = http("401 No", f"Incorrect API key provided: {KEY}".encode())
    with raw_server(refusal) as server, pytest.raises(ImagecliError) as caught:
        send(server.base_url)
    assert "[key]" in caught.value.message
    assert KEY not in caught.value.message


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_takes_key_and_prompt_along(status: int) -> None:
    with raw_server(OK) as other, raw_server(http(f"{status} Go", b"", f"Location: {other.base_url}")) as server:
        with pytest.raises(NetworkError) as caught:
            send(server.base_url)
        assert (len(server.requests), other.requests) == (1, [])
    assert "the key is not sent there" in caught.value.message


def test_a_disk_that_takes_no_more_is_said_as_such(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with raw_server(http("200 OK", b"x" * 500_000)) as server, open_entry("a", "{}", [tmp_path]) as entry:
        request = HttpRequest(method="POST", url=server.base_url, json={})
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
        try:
            with pytest.raises(DiskError) as caught:
                transport().send(request, entry.file, 0, lambda event: None)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert len(server.requests) == 1
    assert "may have been billed" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "url",
    ["http://" + "a" * 80 + ".example/v1", "http://exa mple/v1", "http://[::1/v1", "http://x:99999/v1", "gopher://x"],
)
def test_an_address_that_can_t_be_asked_is_a_usage_error(url: str) -> None:
    with pytest.raises(ImagecliError) as caught:
        send(url, transport(0))
    assert caught.value.exit_code in (2, 6)


def test_what_can_t_be_written_is_a_usage_error() -> None:
    for request in (
        HttpRequest(method="POST", url="http://127.0.0.1:1/v1", json={"seed": float("nan")}),
        HttpRequest(method="POST", url="http://127.0.0.1:1/v1", form=(("user", "\udce9"),)),
    ):
        with pytest.raises(UsageError):
            transport(0).send(request, io.BytesIO(), 0, lambda event: None)
