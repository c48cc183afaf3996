"""One provocation, and the words that all of them are written in."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.api.raw import http, pictures, png, reset
from tests.faults.server import Act, Call, Lab

PNG = png(16, 16)
OK = http("200 OK", pictures(PNG), "Content-Type: application/json")
PICTURE = http("200 OK", PNG, "Content-Type: image/png")


@dataclass(frozen=True, kw_only=True)
class Case:
    """What the servers do, and how the command is typed. `outcomes.toml` says how it must end."""

    id: str
    """A row of the table of faults."""
    case: str
    """Which way of provoking it."""
    posts: Sequence[bytes | Act] = (OK,)
    gets: Sequence[bytes | Act] = (PICTURE,)
    elsewhere: Sequence[bytes | Act] = (PICTURE,)
    argv: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    base_url: Callable[[Lab], str] = lambda lab: lab.api.url + "/v1"
    command: Sequence[str] = ("generate", "a cat")


def answer(document: Any, *headers: str, status: str = "200 OK") -> bytes:
    """A whole JSON answer."""
    return http(status, json.dumps(document).encode(), "Content-Type: application/json", *headers)


def refusal(status: str, message: str = "no", *headers: str, **more: Any) -> bytes:
    """An error in the API's own shape."""
    return answer(
        {"error": {"message": message, "type": None, "param": None, "code": None, **more}}, *headers, status=status
    )


def linked(path: str = "/picture.png", *, more: Mapping[str, Any] | None = None) -> Act:
    """An answer whose one picture lies at the host of results."""

    def act(call: Call) -> None:
        call.send(answer({"data": [{"url": call.lab.results.url + path, **(more or {})}]}))

    return act


def at(url: str) -> bytes:
    """An answer whose one picture has exactly this address."""
    return answer({"data": [{"url": url}]})


def cut(data: bytes, *, by_reset: bool = False) -> Act:
    """*data* and then the end, without another word."""

    def act(call: Call) -> None:
        call.send(data)
        if by_reset:
            reset(call.connection)
            call.connection.close()

    return act


def silent(data: bytes = b"", seconds: float = 10.0) -> Act:
    """*data*, and then nothing until the client hangs up."""

    def act(call: Call) -> None:
        call.send(data)
        call.connection.settimeout(seconds)
        with suppress(OSError):
            call.connection.recv(1)

    return act


def dripping(data: bytes, pause: float, size: int = 1) -> Act:
    """*data* in small pieces."""

    def act(call: Call) -> None:
        for start in range(0, len(data), size):
            call.send(data[start : start + size])
            threading.Event().wait(pause)

    return act


def endless(head: bytes, piece: bytes) -> Act:
    """*head*, and *piece* for as long as somebody takes it."""

    def act(call: Call) -> None:
        call.send(head)
        while True:
            call.send(piece)

    return act


def redirect(to: Callable[[Lab], str], status: str = "307 Temporary Redirect") -> Act:
    """Somewhere else, which *to* finds among the origins."""

    def act(call: Call) -> None:
        call.send(http(status, b"", f"Location: {to(call.lab)}"))

    return act


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n", headers: str = "") -> bytes:
    """A 200 in chunks; *end* is the last of them."""
    head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{headers}Connection: close\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + end


def raw(head: str, body: bytes = b"") -> bytes:
    """An answer spelled out."""
    return head.replace("\n", "\r\n").encode("latin-1") + b"\r\n" + body


def linger(connection: socket.socket) -> None:
    """Nothing more, and no end either, for a while."""
    connection.settimeout(5)
    with suppress(OSError):
        connection.recv(1)
