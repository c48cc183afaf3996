"""Two origins made of bare sockets, an API and a host of results, that answer as they are told and count what comes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.api.raw import read_request

Act = Callable[["Call"], None]
"""Answers one request, by its connection."""


@dataclass(frozen=True)
class Call:
    """One request that came, and the connection it came by."""

    connection: socket.socket
    method: str
    target: str
    raw: bytes
    lab: Lab

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)


@dataclass
class Origin:
    """One listening port. Its answers are given in order, the last one again and again."""

    listener: socket.socket
    answers: Sequence[bytes | Act]
    calls: list[bytes] = field(default_factory=list)
    """Every request's raw bytes."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def count(self, method: str) -> int:
        return sum(raw.startswith(method.encode() + b" ") for raw in self.calls)


@dataclass
class Lab:
    """An API, a host of result URLs, and a third origin that nothing may ever reach with the key."""

    api: Origin
    results: Origin
    elsewhere: Origin

    def closed_port(self) -> int:
        with socket.create_server(("127.0.0.1", 0)) as held:
            return int(held.getsockname()[1])


@contextmanager
def lab(posts: Sequence[bytes | Act], gets: Sequence[bytes | Act], elsewhere: Sequence[bytes | Act]) -> Iterator[Lab]:
    """The three origins, answering until the block is left."""
    origins = [
        Origin(socket.create_server(("127.0.0.1", 0), backlog=100), answers) for answers in (posts, gets, elsewhere)
    ]
    made = Lab(*origins)
    for origin in origins:
        threading.Thread(target=_serve, args=(origin, made), daemon=True).start()
    try:
        yield made
    finally:
        for origin in origins:
            with suppress(OSError):
                origin.listener.shutdown(socket.SHUT_RDWR)
            origin.listener.close()


def _serve(origin: Origin, made: Lab) -> None:
    with suppress(OSError):
        while True:
            connection, _ = origin.listener.accept()
            threading.Thread(target=_answer, args=(origin, connection, made), daemon=True).start()


def _answer(origin: Origin, connection: socket.socket, made: Lab) -> None:
    with connection, suppress(OSError, ValueError):
        connection.settimeout(30)
        raw = read_request(connection)
        origin.calls.append(raw)
        answer = origin.answers[min(len(origin.calls), len(origin.answers)) - 1]
        method, target = raw.split(b" ", 2)[:2]
        if callable(answer):
            answer(Call(connection, method.decode("latin-1"), target.decode("latin-1"), raw, made))
        else:
            connection.sendall(answer)
        with suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(1)
            while connection.recv(65536):
                pass
