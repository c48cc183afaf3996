"""One connection: HTTP/1.1 with keep-alive. Nothing a client sends may end in a traceback."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from email.message import Message
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.exchange import Request, Response
from imagecli.sandbox.framing import BodyError, read_body

if TYPE_CHECKING:
    from imagecli.sandbox.server import Listener

IDLE_SECONDS = 120.0
"""A connection that says nothing for so long is closed."""
LINGER_SECONDS = 2.0
"""How long a refused body is still taken in, so that its sender gets to read the refusal."""
LAST_CHUNK = b"0\r\n\r\n"
HOSTS = ("127.0.0.1", "localhost", "[::1]")
"""The names of the server. Any other one is a website's that made its name resolve to this machine (DNS rebinding)."""


class Connection(BaseHTTPRequestHandler):
    server: Listener
    protocol_version = "HTTP/1.1"
    server_version = "imagecli-sandbox"
    sys_version = ""
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True

    def answer(self) -> None:
        """One request of this connection, whatever its method."""
        started = time.monotonic()
        if refusal := foreign(self.headers, self.server.server_port):
            self.refuse_unread(*refusal)
            return
        try:
            body = read_body(self.rfile, self.headers)
        except BodyError as error:
            self.refuse_unread(error.status, error.message)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(method=self.command, target=self.path, headers=headers, body=body)
        self.send(self.server.service.answer(request), started)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815

    def send(self, response: Response, started: float) -> None:
        self.send_response_only(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Date", self.date_time_string())
        self.send_header("openai-processing-ms", str(round((time.monotonic() - started) * 1000)))
        if response.parts is None:
            self.send_header("Content-Length", str(len(response.body)))
            self.note(response)  # before it goes out, so that whoever has read it finds its line in the log
            self.end()
            if self.command != "HEAD":
                self.wfile.write(response.body)
        else:
            self.send_parts(response.parts, response)
            self.note(response)

    def end(self) -> None:
        """The end of the headers."""
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def send_parts(self, parts: Iterator[bytes], response: Response) -> None:
        """Each piece as soon as it is made. HTTP/1.0 knows no chunks: there the connection's end is the end."""
        chunked = self.request_version != "HTTP/1.0"
        self.close_connection = self.close_connection or not chunked
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end()
        try:
            for part in parts:
                self.wfile.write(framed(part) if chunked else part)
            self.wfile.write(LAST_CHUNK if chunked else b"")
        except OSError:
            self.note(replace(response, trouble="the client went away"))
            raise

    def refuse_unread(self, status: int, message: str) -> None:
        """Answers although the body was not (all) read, then lets the sender finish before closing."""
        self.close_connection = True
        self.send(self.server.service.stamp(ApiError(message, status=status).response()), time.monotonic())
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(LINGER_SECONDS)
            until = time.monotonic() + LINGER_SECONDS
            while time.monotonic() < until and self.rfile.read1(65536):
                pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """The library's own refusals (a broken request line, an unheard-of method) get the API's body too."""
        self.command = self.command or "?"
        self.request_version = self.protocol_version  # of HTTP/0.9 the library would send no status line
        self.path = getattr(self, "path", "") or "?"
        status = 405 if code == 501 else code
        self.refuse_unread(status, f"Invalid request: {message or self.responses[code][0]}")

    def note(self, response: Response) -> None:
        pictures = {0: "", 1: " 1 picture"}.get(response.pictures, f" {response.pictures} pictures")
        trouble = f" ({harmless(response.trouble)})" if response.trouble else ""
        path = self.path.partition("?")[0]  # a picture's query holds its signature
        self.server.log(f"{harmless(self.command)} {harmless(path)} {response.status}{pictures}{trouble}")

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: `note` is the log."""


def foreign(headers: Message, port: int) -> tuple[int, str] | None:
    """Status and message for a request that a website sent from a browser; None for one meant for this server."""
    own = [f"{host}:{port}" for host in HOSTS] + [*HOSTS] * (port == 80)
    hosts = headers.get_all("Host", [])
    if len(hosts) != 1 or hosts[0].strip().lower() not in own:
        found = harmless(", ".join(hosts)) or "missing"
        return 421, f"The Host header is {found}; expected one of {', '.join(own)}."
    for origin in headers.get_all("Origin", []):
        if origin.strip().lower() not in [f"http://{host}" for host in own]:
            return 403, f"The Origin header is {harmless(origin)}; requests from other servers' web pages are refused."
    return None


def framed(part: bytes) -> bytes:
    """A chunk; nothing for an empty part, which would end the body."""
    return b"%x\r\n%s\r\n" % (len(part), part) if part else b""


def harmless(text: str) -> str:
    """At most 200 characters, with nothing in it that steers a terminal."""
    shown = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text[:200])
    return shown + "…" if len(text) > 200 else shown
