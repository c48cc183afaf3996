"""Origins on bare sockets that send the given responses and count requests.\n\nAn API on this machine may link to
results on its own host and port alone, so the results are there too: requests for\nthem are distinguished by their
path."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.client.raw import http, read_request

OWN = Path(__file__).parent.parent / "client" / "own.pem"
"""A certificate that nobody trusts."""
TLS = b"\x16"
"""How a handshake begins."""
Act = Callable[["Call"], None]
"""Responds to one request, on its connection."""


@dataclass(frozen=True)
class Call:
    """One received request, and its connection."""

    connection: socket.socket
    method: str
    target: str
    raw: bytes
    lab: Lab

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)


@dataclass
class Origin:
    """One listening port. Its responses are sent in order, the last one repeatedly."""

    listener: socket.socket
    responses: Sequence[bytes | Act]
    tls: bool = False
    calls: list[bytes] = field(default_factory=list)
    """Every request's raw bytes."""
    connections: list[object] = field(default_factory=list)
    """Who has connected, also without a word."""

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    @property
    def url(self) -> str:
        return ("https://" if self.tls else "http://") + self.host

    def count(self, method: str) -> int:
        return sum(raw.startswith(method.encode() + b" ") for raw in self.calls)


@dataclass
class Lab:
    """An API, the result URLs on its port, and another origin that nothing may ever reach with the key."""

    api: Origin
    results: Origin
    elsewhere: Origin
    folder: Path
    """Where the command is typed: something may happen there while it waits."""
    closed: str
    """A host and port where nobody listens."""


@contextmanager
def lab(
    posts: Sequence[bytes | Act],
    gets: Sequence[bytes | Act],
    elsewhere: Sequence[bytes | Act],
    *,
    folder: Path,
    tls: bool = False,
) -> Iterator[Lab]:
    """The origins, which respond until the block ends."""
    api, stranger = origins = [
        Origin(socket.create_server(("127.0.0.1", 0), backlog=100), responses) for responses in (posts, elsewhere)
    ]
    results = Origin(api.listener, gets)
    api.tls = tls
    with socket.create_server(("127.0.0.1", 0)) as unheard:
        closed = f"127.0.0.1:{unheard.getsockname()[1]}"
    lab_ = Lab(api, results, stranger, folder, closed)
    for origin in origins:
        threading.Thread(target=_serve, args=(origin, lab_), daemon=True).start()
    try:
        yield lab_
    finally:
        for origin in origins:
            with suppress(OSError):
                origin.listener.shutdown(socket.SHUT_RDWR)
            origin.listener.close()


def _serve(origin: Origin, lab_: Lab) -> None:
    with suppress(OSError):
        while True:
            connection, address = origin.listener.accept()
            origin.connections.append(address)
            threading.Thread(target=_meet, args=(origin, connection, address, lab_), daemon=True).start()


def _meet(origin: Origin, connection: socket.socket, address: object, lab_: Lab) -> None:
    with connection, suppress(OSError, ValueError):
        connection.settimeout(30)
        if origin.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(OWN)
            with context.wrap_socket(connection, server_side=True) as line:
                _respond(origin, line, address, lab_)
        elif connection.recv(1, socket.MSG_PEEK) == TLS:
            connection.sendall(http("400 Bad Request", b"plain HTTP is spoken here"))
        else:
            _respond(origin, connection, address, lab_)


def _respond(origin: Origin, connection: socket.socket, address: object, lab_: Lab) -> None:
    raw = read_request(connection)
    if origin is lab_.api and raw.startswith(b"GET /") and not raw.startswith(b"GET /v1"):
        origin.connections.remove(address)
        origin = lab_.results
        origin.connections.append(address)
    origin.calls.append(raw)
    response = origin.responses[min(len(origin.calls), len(origin.responses)) - 1]
    method, target = raw.split(b" ", 2)[:2]
    if callable(response):
        response(Call(connection, method.decode("latin-1"), target.decode("latin-1"), raw, lab_))
    else:
        connection.sendall(response)
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(1)
        while connection.recv(65536):
            pass
