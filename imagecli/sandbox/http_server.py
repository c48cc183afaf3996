"""The sandbox's HTTP/1.1 server on 127.0.0.1, with a thread for each connection.

Nothing that a client sends may end in a traceback, and stopping never waits for a client.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.message import Message
from http.server import BaseHTTPRequestHandler
from io import BufferedIOBase
from typing import Any

from imagecli.loopback_server import LOOPBACK_NAMES, LoopbackServer
from imagecli.quoting import sanitize
from imagecli.sandbox.app import SandboxApp
from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.http_message import ServerRequest, ServerResponse

_MAX_LOGGED = 200
"""Characters of one value in a log line."""
MAX_BODY = 256 * 1024 * 1024
"""Bytes. The API reference states no limit; this one has room for a 50 MB image in base64."""
IDLE_SECONDS = 120.0
"""A connection without data for this long is closed."""
LINGER_SECONDS = 2.0
"""How long a rejected body is still read, so that its sender can read the error."""
LAST_CHUNK = b"0\r\n\r\n"


class BodyReadError(Exception):
    """The body can't be read to its end, so the connection can no longer be used."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def read_request_body(stream: BufferedIOBase, headers: Message) -> bytes:
    """The complete body; empty if the headers announce neither a length nor chunks. Raises BodyReadError."""
    if "chunked" in headers.get("Transfer-Encoding", "").lower():
        return _read_chunks(stream)
    text = headers.get("Content-Length", "0").strip()
    if not (text.isascii() and text.isdigit()):
        raise BodyReadError(400, "Invalid Content-Length header.")
    return _read_exactly(stream, _check_length(int(text[:20])))


def _check_length(length: int) -> int:
    if length > MAX_BODY:
        raise BodyReadError(413, f"Maximum content size limit ({MAX_BODY}) exceeded ({length} bytes read)")
    return length


def _read_exactly(stream: BufferedIOBase, length: int) -> bytes:
    body = stream.read(length)
    if len(body) < length:
        raise BodyReadError(400, "The request body ended early.")
    return body


def _read_chunks(stream: BufferedIOBase) -> bytes:
    parts: list[bytes] = []
    total = 0
    while length := _parse_chunk_length(stream.readline(128)):
        total = _check_length(total + length)
        parts.append(_read_exactly(stream, length))
        if stream.readline(3).strip():
            raise BodyReadError(400, "Invalid chunked body.")
    while stream.readline(65536).strip():
        pass  # trailers
    return b"".join(parts)


def _parse_chunk_length(line: bytes) -> int:
    try:
        return int(line.split(b";")[0].strip() or b"x", 16)
    except ValueError:
        raise BodyReadError(400, "Invalid chunked body.") from None


class SandboxRequestHandler(BaseHTTPRequestHandler):
    server: SandboxHttpServer
    protocol_version = "HTTP/1.1"
    server_version = "imagecli-sandbox"
    sys_version = ""
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True

    def respond(self) -> None:
        """Handles one request of this connection, whatever its method."""
        started = time.monotonic()
        if rejection := find_foreign_header(self.headers, self.server.server_port):
            self.reject_unread(*rejection)
            return
        try:
            body = read_request_body(self.rfile, self.headers)
        except BodyReadError as error:
            self.reject_unread(error.status, error.message)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = ServerRequest(method=self.command, target=self.path, headers=headers, body=body)
        self.send_response_values(self.server.app.respond(request), started)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = respond  # noqa: N815

    def send_response_values(self, response: ServerResponse, started: float) -> None:
        self.send_response_only(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Date", self.date_time_string())
        self.send_header("openai-processing-ms", str(round((time.monotonic() - started) * 1000)))
        if response.parts is None:
            self.send_header("Content-Length", str(len(response.body)))
            # Before sending, so that a client that has read the response finds it in the log.
            self.log_response(response)
            self.finish_headers()
            if self.command != "HEAD":
                self.wfile.write(response.body)
        else:
            self.send_parts(response.parts, response)
            self.log_response(response)

    def finish_headers(self) -> None:
        """Ends the headers."""
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def send_parts(self, parts: Iterator[bytes], response: ServerResponse) -> None:
        """Sends each part as soon as it exists. HTTP/1.0 has no chunks: there the body ends with the connection."""
        chunked = self.request_version != "HTTP/1.0"
        self.close_connection = self.close_connection or not chunked
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.finish_headers()
        try:
            for part in parts:
                self.wfile.write(encode_chunk(part) if chunked else part)
            self.wfile.write(LAST_CHUNK if chunked else b"")
        except OSError:
            self.log_response(replace(response, trouble="the client disconnected"))
            raise

    def reject_unread(self, status: int, message: str) -> None:
        """Responds without having read all of the body, then lets the sender finish before closing."""
        self.close_connection = True
        self.send_response_values(
            self.server.app.add_common_headers(ApiError(message, status=status).response()), time.monotonic()
        )
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(LINGER_SECONDS)
            deadline = time.monotonic() + LINGER_SECONDS
            while time.monotonic() < deadline and self.rfile.read1(65536):
                pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Sends http.server's own errors (a broken request line, an unknown method) with the API's error body."""
        self.command = self.command or "?"
        self.request_version = self.protocol_version  # for HTTP/0.9, http.server would send no status line
        self.path = getattr(self, "path", "") or "?"
        status = 405 if code == 501 else code
        self.reject_unread(status, f"Invalid request: {message or self.responses[code][0]}")

    def log_response(self, response: ServerResponse) -> None:
        images = {0: "", 1: " 1 image"}.get(response.images, f" {response.images} images")
        trouble = f" ({sanitize(response.trouble, _MAX_LOGGED)})" if response.trouble else ""
        path = self.path.partition("?")[0]  # the query of an image's URL holds its signature
        self.server.log(
            f"{sanitize(self.command, _MAX_LOGGED)} {sanitize(path, _MAX_LOGGED)} {response.status}{images}{trouble}"
        )

    def log_message(self, format: str, *args: Any) -> None:
        """Does nothing: `log_response` writes the log."""


def find_foreign_header(headers: Message, port: int) -> tuple[int, str] | None:
    """Status and message for a request that a website sent from a browser; None for a request to this server."""
    allowed = [f"{host}:{port}" for host in LOOPBACK_NAMES]
    if port == 80:
        allowed += LOOPBACK_NAMES
    hosts = headers.get_all("Host", [])
    if len(hosts) != 1 or hosts[0].strip().lower() not in allowed:
        actual = sanitize(", ".join(hosts), _MAX_LOGGED) or "missing"
        return 421, f"The Host header is {actual}; expected one of {', '.join(allowed)}."
    for origin in headers.get_all("Origin", []):
        if origin.strip().lower() not in [f"http://{host}" for host in allowed]:
            actual = sanitize(origin, _MAX_LOGGED)
            return 403, f"The Origin header is {actual}; requests from other servers' web pages are refused."
    return None


def encode_chunk(part: bytes) -> bytes:
    """*part* as a chunk; nothing if it is empty, because an empty chunk would end the body."""
    return b"%x\r\n%s\r\n" % (len(part), part) if part else b""


class SandboxHttpServer(LoopbackServer):
    def __init__(self, port: int, app: SandboxApp, log: Callable[[str], None]) -> None:
        super().__init__(port, SandboxRequestHandler)
        self.app = app
        self.log = log
