"""The HTTP server with raw bytes: framing, keep-alive, hostile input, and immediate shutdown."""

# ruff: noqa: E501  (a table reads better with a row a line)

from __future__ import annotations

import json
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest

from imagecli.errors import UsageError
from imagecli.sandbox.sandbox import Options, Sandbox
from tests.sandbox.requests_and_images import post

HOST = b"Host: h"
"""Stands for the server's own, which is not known before it runs."""
BODY = json.dumps({"prompt": "a cat", "size": "256x256"}).encode()


def send_bytes(sandbox: Sandbox, *parts: bytes) -> bytes:
    """Everything the server sends until it closes."""
    with connect(sandbox) as connection:
        for part in parts:
            connection.sendall(addressed(sandbox, part))
        return read_all(connection)


def addressed(sandbox: Sandbox, data: bytes) -> bytes:
    """*data* with the server's own host and port instead of HOST."""
    return data.replace(HOST, b"Host: 127.0.0.1:%d" % port_of(sandbox))


def port_of(sandbox: Sandbox) -> int:
    return urlsplit(sandbox.base_url).port or 0


def connect(sandbox: Sandbox) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port_of(sandbox)), timeout=20)


def read_all(connection: socket.socket) -> bytes:
    response = b""
    while more := connection.recv(65536):
        response += more
    return response


def head(path: bytes = b"/v1/images/generations", *lines: bytes, method: bytes = b"POST") -> bytes:
    return b"\r\n".join([method + b" " + path + b" HTTP/1.1", HOST, b"Connection: close", *lines, b"", b""])


def test_chunked_body_is_read(sandbox: Sandbox) -> None:
    chunks = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(part), part) for part in (BODY[:7], BODY[7:]))
    response = send_bytes(
        sandbox, head(b"/v1/images/generations", b"Transfer-Encoding: chunked"), chunks, b"0\r\nT: x\r\n\r\n"
    )
    assert response.startswith(b"HTTP/1.1 200 OK\r\n")


def test_connection_is_kept_for_the_next_request(sandbox: Sandbox) -> None:
    first = b"GET /v1/models/dall-e-2 HTTP/1.1\r\nHost: h\r\n\r\n"
    response = send_bytes(sandbox, first, first, head(b"/v1/models", method=b"GET"))
    assert response.count(b"HTTP/1.1 200 OK") == 3


def test_body_over_the_limit_is_refused_without_reading_it(sandbox: Sandbox) -> None:
    response = send_bytes(sandbox, head(b"/v1/images/edits", b"Content-Length: 999999999"), b"x" * 100_000)
    assert response.startswith(b"HTTP/1.1 413 ")
    assert b"Maximum content size limit" in response


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/9.9\r\n\r\n", b"505"),
        (b"BREW /v1/models HTTP/1.1\r\nHost: h\r\n\r\n", b"405"),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", b"431"),
        (head(b"/v1/images/generations", b"Content-Length: -5"), b"400"),
        (head(b"/v1/images/generations", b"Content-Length: many"), b"400"),
        (head(b"/v1/images/generations", b"Transfer-Encoding: chunked") + b"zz\r\n", b"400"),
        (head(b"/v1/images/generations"), b"400"),
        (head(b"/v1/\xff\xfe\x1b[31m"), b"404"),
        (head(b"//evil/../v1/models?a=%zz"), b"404"),
        (head(b"http://[::1/v1/models"), b"404"),
        (head(b"/v1/images/edits", b"Content-Type: multipart/form-data", b"Content-Length: 3") + b"abc", b"400"),
        (head(b"/v1/images/edits", b"Content-Type: multipart/form-data; boundary=\xff", b"Content-Length: 3") + b"abc", b"400"),
    ],
)  # fmt: skip
def test_hostile_request_gets_an_error_body(
    sandbox: Sandbox, request_bytes: bytes, status: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    top, _, body = send_bytes(sandbox, request_bytes).partition(b"\r\n\r\n")
    assert top.split()[1] == status
    assert set(json.loads(body)["error"]) == {"message", "type", "param", "code"}
    assert capfd.readouterr() == ("", "")


def test_client_that_disconnects_leaves_no_trace(capfd: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []
    with Sandbox(Options(latency=0.1), log=lines.append) as server:
        for data in (b"", b"POST /v1/ima", head(b"/v1/images/generations", b"Content-Length: 900") + b"{"):
            connect_and_leave(server, data)
        full = head(b"/v1/images/generations", b"Content-Length: %d" % len(BODY)) + BODY
        connect_and_leave(server, full)
        time.sleep(0.4)
        assert post(server, "generations", {"prompt": "x", "size": "256x256"}).status_code == 200
    assert capfd.readouterr() == ("", "")


def connect_and_leave(sandbox: Sandbox, data: bytes) -> None:
    with connect(sandbox) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.sendall(addressed(sandbox, data))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("Host: 127.0.0.1:{port}", 200),
        ("Host: localhost:{port}", 200),
        ("Host: LocalHost:{port}", 200),
        ("Host: [::1]:{port}", 200),
        ("Host: 127.0.0.1", 421),
        ("Host: localhost:1", 421),
        ("Host: rebound.example:{port}", 421),
        ("Host: rebound.example", 421),
        ("Host: 127.0.0.1.rebound.example:{port}", 421),
        ("Host: 127.0.0.1:{port}@rebound.example", 421),
        ("Host:", 421),
        ("X: y", 421),
        ("Host: 127.0.0.1:{port}\r\nHost: rebound.example", 421),
        ("Host: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}", 200),
        ("Host: 127.0.0.1:{port}\r\nOrigin: http://localhost:{port}", 200),
        ("Host: 127.0.0.1:{port}\r\nOrigin: http://[::1]:{port}", 200),
        ("Host: 127.0.0.1:{port}\r\nOrigin: http://localhost:1", 403),
        ("Host: 127.0.0.1:{port}\r\nOrigin: https://rebound.example", 403),
        ("Host: 127.0.0.1:{port}\r\nOrigin: 127.0.0.1:{port}", 403),
        ("Host: 127.0.0.1:{port}\r\nOrigin: null", 403),
    ],
)
@pytest.mark.parametrize("path", ["/v1/models", "/pictures/none.png"])
def test_a_website_in_a_browser_can_not_use_it(sandbox: Sandbox, headers: str, status: int, path: str) -> None:
    """Neither by a name of its own that it lets resolve to this machine, nor by a request from its page."""
    allowed = b"404" if path.startswith("/pictures") else b"200"
    lines = [f"GET {path} HTTP/1.1", headers.format(port=port_of(sandbox)), "Connection: close", "", ""]
    top, _, body = send_bytes(sandbox, "\r\n".join(lines).encode()).partition(b"\r\n\r\n")
    assert top.split()[1] == (allowed if status == 200 else b"%d" % status)
    assert b"access-control" not in top.lower()
    if status != 200:
        assert set(json.loads(body)["error"]) == {"message", "type", "param", "code"}


def test_log_has_a_harmless_line_per_request() -> None:
    lines: list[str] = []
    with Sandbox(log=lines.append) as server:
        post(server, "generations", {"prompt": "x", "n": 2, "size": "256x256"})
        send_bytes(server, head(b"/v1/\x1b[31m\xe2\x80\xae?secret", method=b"GET"))
    assert lines == ["POST /v1/images/generations 200 2 images", "GET /v1/\\x1b[31mâ\\x80® 404"]


def test_requests_run_in_parallel() -> None:
    with Sandbox(Options(latency=0.5)) as server:
        post(server, "generations", {"prompt": "x", "size": "256x256"})
        started = time.monotonic()
        threads = [
            threading.Thread(target=post, args=(server, "generations", {"prompt": "x", "size": "256x256"}))
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert 0.5 <= time.monotonic() - started < 2.9


def test_stopping_does_not_wait_for_anyone() -> None:
    before = set(threading.enumerate())
    server = Sandbox(Options(latency=60)).__enter__()
    waiting = connect(server)
    full = head(b"/v1/images/generations", b"Content-Length: %d" % len(BODY)) + BODY
    waiting.sendall(addressed(server, full))
    idle = connect(server)
    time.sleep(0.2)
    started = time.monotonic()
    server.__exit__(None, None, None)
    assert time.monotonic() - started < 10
    read_all(waiting)
    assert read_all(idle) == b""
    waiting.close()
    idle.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(2)
        assert not thread.is_alive()


def test_port_in_use_is_a_usage_error_with_a_hint(sandbox: Sandbox) -> None:
    port = urlsplit(sandbox.base_url).port or 0
    with pytest.raises(UsageError, match=f"port {port} ") as caught, Sandbox(Options(port=port)):
        pass
    assert caught.value.hint == "use --port 0 to pick a free port"
