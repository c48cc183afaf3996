"""Paid requests: lost responses, framing of bodies, and where the key is sent."""

from __future__ import annotations

import errno
import gzip
import io
import os
import resource
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from imagecli.client.exchange import Timeouts
from imagecli.client.spool import open_spool_entry
from imagecli.errors import DiskError, ImagecliError, NetworkError, RefusedError, UnsavedError, UsageError
from imagecli.events import DownloadProgress, Event, UploadProgress
from imagecli.http_request import HttpRequest
from tests.client.raw import RawResponse, drip, http, raw_server, reset, silence, then
from tests.client.sending import KEY, OK, send, transport

pytestmark = pytest.mark.usefixtures("quick_tls_probe")


def half(body: bytes = b'{"data": [', length: int = 500) -> bytes:
    return http("200 OK", body, length=length)


PACKED = gzip.compress(b"{}", mtime=0)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("response", "code", "kept"),
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
    ],
)
def test_a_lost_response_may_be_billed_and_is_never_requested_again(
    response: RawResponse, code: str, kept: bytes
) -> None:
    into = io.BytesIO()
    with raw_server(response, OK) as server:
        request = HttpRequest(method="POST", url=f"{server.base_url}/images/generations", json={})
        with pytest.raises(UnsavedError) as caught:
            transport().send(request, into, 0, lambda event: None)
        assert len(server.requests) == 1
    assert (caught.value.exit_code, caught.value.code) == (7, code)
    assert "may have been billed" in (caught.value.hint or "")
    assert into.getvalue() == kept


def test_a_steady_drip_ends_at_the_total_time() -> None:
    started = time.monotonic()
    with raw_server(then(half(b""), drip(b" " * 400, 0.02))) as server, pytest.raises(UnsavedError) as caught:
        send(server.base_url, transport(timeouts=Timeouts(connect=2, silence=5, total=1)))
    assert caught.value.code == "timeout"
    assert time.monotonic() - started < 6


def test_a_slow_response_within_the_limits_is_complete() -> None:
    with raw_server(then(http("200 OK", b"", length=10), drip(b"0123456789", 0.03))) as server:
        assert send(server.base_url)[1] == b"0123456789"


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.0 200 OK\r\n\r\n{}",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        CHUNKED + b"1\r\n{\r\n1;ext=1\r\n}\r\n0\r\nTrailer: x\r\n\r\n",
        http("200 OK", gzip.compress(b"{}", mtime=0), "Content-Encoding: gzip"),
        CHUNKED.replace(b"chunked", b"chunked\r\nContent-Encoding: gzip")
        + b"%x\r\n" % len(gzip.compress(b"{}", mtime=0))
        + gzip.compress(b"{}", mtime=0)
        + b"\r\n0\r\n\r\n",
        http("201 Created", b"{}", "Content-Type: text/plain"),
    ],
)
def test_every_way_of_framing_a_response_is_read(response: bytes) -> None:
    with raw_server(response) as server:
        assert send(server.base_url)[1] == b"{}"


def test_a_large_response_is_passed_on_in_pieces_as_it_arrives() -> None:
    events: list[Event] = []
    with raw_server(http("200 OK", b"x" * 1_000_000)) as server:
        assert len(send(server.base_url, events=events)[1]) == 1_000_000
    received = [event for event in events if isinstance(event, DownloadProgress)]
    assert len(received) > 5
    assert (received[-1].received, received[-1].total) == (1_000_000, 1_000_000)


def test_received_bytes_are_on_disk_before_the_rest_arrives(tmp_path: Path) -> None:
    landed: list[bytes] = []

    def half_then_rest(connection: socket.socket) -> None:
        connection.sendall(http("200 OK", b"half", length=8))
        give_up = time.monotonic() + 2
        while not entry.body.read_bytes() and time.monotonic() < give_up:
            time.sleep(0.01)
        landed.append(entry.body.read_bytes())
        connection.sendall(b"rest")

    with open_spool_entry("a", "{}", [tmp_path]) as entry, raw_server(half_then_rest) as server:
        request = HttpRequest(method="POST", url=server.base_url, json={})
        timeouts = Timeouts(connect=2, silence=3, total=5)
        transport(timeouts=timeouts).send(request, entry, 0, lambda event: None, packed=True)
        assert (landed, entry.body.read_bytes()) == ([b"half"], b"halfrest")


def test_upload_progress_reaches_the_end_and_restarts_on_a_retry() -> None:
    events: list[Event] = []
    with raw_server(http("503 No", b"", "Retry-After: 0"), OK) as server:
        send(server.base_url, events=events, body="x" * 300_000)
        assert server.requests[0] == server.requests[1]
    uploads = [event for event in events if isinstance(event, UploadProgress)]
    assert [event.sent for event in uploads].count(uploads[-1].total) == 2
    assert uploads[-1].total > 300_000


def test_an_error_before_the_upload_was_read_is_the_servers_error() -> None:
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
    ("body", "packed", "kept"),
    [(PACKED, True, PACKED), (PACKED, False, b"{}"), (b"no gzip", True, b"no gzip"), (b"no gzip", False, b"no gzip")],
)
def test_a_compressed_response_is_kept_and_decompressed_if_possible(body: bytes, packed: bool, kept: bytes) -> None:
    into = io.BytesIO()
    with raw_server(http("200 OK", body, "Content-Encoding: gzip")) as server:
        request = HttpRequest(method="POST", url=server.base_url, json={})
        transport().send(request, into, 0, lambda event: None, packed=packed)
    assert into.getvalue() == kept


@pytest.mark.parametrize("body", [b'{"error": "words"}', gzip.compress(b'{"error": "words"}', mtime=0)])
@pytest.mark.parametrize("headers", [[], ["Content-Encoding: gzip"]])
def test_an_error_is_read_whether_it_is_compressed_or_only_labelled_so(body: bytes, headers: list[str]) -> None:
    with raw_server(http("400 No", body, *headers)) as server, pytest.raises(RefusedError, match="words"):
        send(server.base_url)


@pytest.mark.parametrize(
    "response",
    [
        http("500 No", b"x" * 3_000_000),
        http("500 No", b"partly", length=500),
        then(http("500 No", b"partly", length=500), silence(2)),
        then(http("500 No", b"partly", length=500), drip(b"." * 100, 0.02)),
        http("500 No", b"no gzip", "Content-Encoding: gzip"),
        http("500 No", b"\x1b[31m\xff\x00" * 1000),
    ],
)
def test_the_body_of_an_error_may_be_damaged_in_any_way(response: RawResponse) -> None:
    with raw_server(response) as server, pytest.raises(UnsavedError) as caught:
        send(server.base_url, transport(0, timeouts=Timeouts(connect=2, silence=0.2, total=0.4)))
    assert caught.value.status == 500
    assert len(caught.value.message) < 400


def test_the_key_is_sent_as_bearer_with_the_headers_of_the_provider() -> None:
    with raw_server(OK) as server:
        send(server.base_url, transport(headers={"OpenAI-Organization": "org-1"}))
        head = server.requests[0].partition(b"\r\n\r\n")[0].decode()
    assert f"Authorization: Bearer {KEY}" in head
    assert "OpenAI-Organization: org-1" in head
    assert "User-Agent: imagecli/" in head


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_to_another_origin_gets_key_or_prompt(status: int) -> None:
    with raw_server(OK) as other, raw_server(http(f"{status} Go", b"", f"Location: {other.base_url}")) as server:
        with pytest.raises(NetworkError) as caught:
            send(server.base_url)
        assert (len(server.requests), other.requests) == (1, [])
    assert "does not send the key there" in caught.value.message


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("to", ["/v1/images/generations/", "http://127.0.0.1:{port}/v2/images?a=1", "generations/"])
def test_a_redirect_within_the_origin_is_followed_with_method_body_and_key(status: int, to: str) -> None:
    def move(connection: socket.socket) -> None:
        place = to.format(port=connection.getsockname()[1])
        connection.sendall(http(f"{status} Go", b"", f"Location: {place}"))

    with raw_server(move, OK) as server:
        assert send(server.base_url)[0].status == 200
        first, second = server.requests
    assert second.split()[1] != first.split()[1]
    assert second.startswith(b"POST ")
    assert KEY.encode() in second
    assert first.partition(b"\r\n\r\n")[2] == second.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_that_may_change_the_method_is_not_followed(status: int) -> None:
    with raw_server(http(f"{status} Go", b"", "Location: /v1/images/generations/"), OK) as server:
        with pytest.raises(NetworkError):
            send(server.base_url)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("location", "target", "hint"),
    [
        (
            "https://api.example.com/v1/images/generations",
            "to https://api.example.com/v1/images/generations",
            "--base-url https://api.example.com/v1",
        ),
        ("/images/generations?token=secret", "to http://{host}/images/generations", "--base-url http://{host}"),
        ("/v1/images/generations/", "to http://{host}/v1/images/generations/", 'generations = "/images/generations/"'),
        ("/login?next=secret", "to http://{host}/login", "check --base-url"),
        ("mailto:me@example.com", "to another address", "check --base-url"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303])
def test_the_error_for_a_redirect_names_its_target_and_the_setting(
    status: int, location: str, target: str, hint: str
) -> None:
    with raw_server(http(f"{status} Go", b"", f"Location: {location}")) as server:
        with pytest.raises(NetworkError) as caught:
            send(server.base_url)
        assert len(server.requests) == 1
    host = f"127.0.0.1:{server.port}"
    assert f"redirects {target}".format(host=host) in caught.value.message
    assert hint.format(host=host) in (caught.value.hint or "")
    assert "secret" not in f"{caught.value.message}{caught.value.hint}"


def test_a_second_redirect_is_not_followed() -> None:
    there, back = (http("307 Go", b"", f"Location: /v1/{name}") for name in ("a", "b"))
    with raw_server(there, back, OK) as server:
        with pytest.raises(NetworkError):
            send(server.base_url)
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    "to", ["//127.0.0.2:{port}/v1", "https://127.0.0.1:{port}/v1", "http://127.0.0.1:1/v1", "http://["]
)
def test_a_similar_origin_is_not_followed(to: str) -> None:
    def move(connection: socket.socket) -> None:
        connection.sendall(http("307 Go", b"", f"Location: {to.format(port=connection.getsockname()[1])}"))

    with raw_server(move, OK) as server:
        with pytest.raises(NetworkError):
            send(server.base_url)
        assert len(server.requests) == 1


def test_a_full_disk_is_reported_as_such(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with raw_server(http("200 OK", b"x" * 500_000)) as server, open_spool_entry("a", "{}", [tmp_path]) as entry:
        request = HttpRequest(method="POST", url=server.base_url, json={})
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
        try:
            with pytest.raises(DiskError) as caught:
                transport().send(request, entry, 0, lambda event: None)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert len(server.requests) == 1
    assert "may have been billed" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "url",
    ["http://" + "a" * 80 + ".example/v1", "http://exa mple/v1", "http://[::1/v1", "http://x:99999/v1", "gopher://x"],
)
def test_a_url_that_can_t_be_requested_is_a_usage_error(url: str) -> None:
    with pytest.raises(ImagecliError) as caught:
        send(url, transport(0))
    assert caught.value.exit_code in (2, 6)


def test_a_request_that_can_t_be_encoded_is_a_usage_error() -> None:
    for request in (
        HttpRequest(method="POST", url="http://127.0.0.1:1/v1", json={"seed": float("nan")}),
        HttpRequest(method="POST", url="http://127.0.0.1:1/v1", form=(("user", "\udce9"),)),
    ):
        with pytest.raises(UsageError):
            transport(0).send(request, io.BytesIO(), 0, lambda event: None)


class FailingFile(io.BytesIO):
    """A body that can't be written, for the reason *number*."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def write(self, data: Any, /) -> int:
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize(("number", "is_full"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EIO, False)])
def test_only_a_full_disk_has_the_hint_to_free_space(number: int, *, is_full: bool) -> None:
    with raw_server(OK) as server, pytest.raises(DiskError) as caught:
        request = HttpRequest(method="POST", url=f"{server.base_url}/images/generations", json={"prompt": "a cat"})
        transport().send(request, FailingFile(number), 0, lambda event: None)
    assert ("free some space" in (caught.value.hint or "")) is is_full
    assert "may have been billed" in (caught.value.hint or "")
