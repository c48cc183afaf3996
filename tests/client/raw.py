"""Servers on bare sockets, for responses that no HTTP library would send; and images and responses to send."""

from __future__ import annotations

import base64
import io
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

RawResponse = bytes | Callable[[socket.socket], None]


@dataclass
class Raw:
    """One request per connection, each answered with the next of *responses*; the last one repeats."""

    port: int
    requests: list[bytes] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


@contextmanager
def raw_server(*responses: RawResponse) -> Iterator[Raw]:
    listener = socket.create_server(("127.0.0.1", 0))
    raw = Raw(port=listener.getsockname()[1])

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    raw.requests.append(read_request(connection))
                    response = responses[min(len(raw.requests), len(responses)) - 1]
                    response(connection) if callable(response) else connection.sendall(response)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield raw
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=5)


def read_request(connection: socket.socket) -> bytes:
    """A complete request, by its Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].split(b":")[1]) if lengths else 0
    while len(body) < length:
        body += _more(connection)
    return head + b"\r\n\r\n" + body


def _more(connection: socket.socket) -> bytes:
    piece = connection.recv(65536)
    if not piece:
        raise OSError("gone")
    return piece


def reset(connection: socket.socket) -> None:
    """RST instead of an orderly close."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def then(first: bytes, act: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    """Sends *first*, then does *act*."""

    def respond(connection: socket.socket) -> None:
        connection.sendall(first)
        act(connection)

    return respond


def linking(respond: Callable[[str], bytes]) -> Callable[[socket.socket], None]:
    """Sends the response that *respond* creates for the server's base URL: result URLs of this machine may only lead
    there."""
    return lambda connection: connection.sendall(respond(f"http://127.0.0.1:{connection.getsockname()[1]}/v1"))


def silence(seconds: float) -> Callable[[socket.socket], None]:
    """Sends nothing until the client disconnects, for *seconds* at most."""

    def respond(connection: socket.socket) -> None:
        connection.settimeout(seconds)
        with suppress(OSError):
            connection.recv(1)

    return respond


def drip(data: bytes, pause: float) -> Callable[[socket.socket], None]:
    """*data*, a byte at a time."""

    def respond(connection: socket.socket) -> None:
        for k in range(len(data)):
            connection.sendall(data[k : k + 1])
            threading.Event().wait(pause)

    return respond


def http(status: str, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    """A complete HTTP/1.1 response; *length* is a wrong Content-Length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


def png(width: int = 8, height: int = 8, color: str = "red", format: str = "PNG", mode: str = "RGB") -> bytes:
    """A small complete image."""
    into = io.BytesIO()
    Image.new(mode, (width, height), color).save(into, format)
    return into.getvalue()


def images_body(*data: bytes, **more: Any) -> bytes:
    """The body of a response with these images as base64."""
    return json.dumps({"data": [{"b64_json": base64.b64encode(one).decode()} for one in data], **more}).encode()
