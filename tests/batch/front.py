"""A proxy in front of the sandbox: hears every request, holds batches back, and does to some answers what is asked."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.client.raw import http as response
from tests.client.raw import read_request, reset
from tests.listening import listening


@dataclass(frozen=True)
class FrontRequest:
    """A request."""

    method: str
    path: str
    body: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


Forward = Callable[[], tuple[int, bytes]]
"""Passes the request on; returns status and body of the sandbox's response."""
Act = Callable[[socket.socket, Forward], None]


@dataclass
class Front:
    """The requests that were received, and rules for the next ones."""

    base_url: str
    behind: str
    asleep: bool = False
    """Batches look as if nothing had come of them yet."""
    requests: list[FrontRequest] = field(default_factory=list)
    rules: list[tuple[str, Act]] = field(default_factory=list)

    def once(self, pattern: str, act: Act) -> None:
        """Does *act* to the next request that is like `POST /v1/batches`."""
        self.rules.append((pattern, act))

    def requests_like(self, pattern: str) -> list[FrontRequest]:
        """The requests that match *pattern*."""
        return [one for one in self.requests if re.fullmatch(pattern, str(one))]

    @property
    def batches(self) -> list[dict[str, Any]]:
        """Those that the sandbox has, as it tells of them, the newest first."""
        listed: list[dict[str, Any]] = json.loads(
            self.forwarded(FrontRequest("GET", "/v1/batches?limit=100", b""), {})[1]
        )["data"]
        return listed

    def settle(self) -> None:
        """Returns when nothing more happens to any of them."""
        end = time.monotonic() + 30
        while any(one["status"] not in ("completed", "failed", "expired", "cancelled") for one in self.batches):
            assert time.monotonic() < end
            time.sleep(0.01)

    def forwarded(self, request: FrontRequest, headers: dict[str, str]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(urlsplit(self.behind).netloc, timeout=60)
        try:
            connection.request(request.method, request.path, request.body, headers)
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def serve(self, connection: socket.socket) -> None:
        request, headers = _read(connection)
        self.requests.append(request)

        def forward() -> tuple[int, bytes]:
            status, body = self.forwarded(request, headers)
            return status, _held_back(body) if self.asleep and "/v1/batches" in request.path else body

        rule = next((one for one in self.rules if re.fullmatch(one[0], str(request))), None)
        if rule:
            self.rules.remove(rule)
        act = rule[1] if rule else whole
        act(connection, forward)


def whole(connection: socket.socket, forward: Forward) -> None:
    """The sandbox's response."""
    status, body = forward()
    connection.sendall(response(f"{status} x", body))


def lost(connection: socket.socket, forward: Forward) -> None:
    """What is asked is done, and nobody hears of it."""
    forward()
    reset(connection)


def silent(connection: socket.socket, forward: Forward) -> None:
    """What is asked is done, and nothing said until the client is gone."""
    forward()
    connection.settimeout(60)
    with suppress(OSError):
        connection.recv(1)


def refused(connection: socket.socket, forward: Forward) -> None:
    """Nothing is done."""
    reset(connection)


def saying(status: str, document: Any) -> Act:
    """*document* in place of the sandbox's response, which is not asked."""
    return lambda connection, forward: connection.sendall(response(status, json.dumps(document).encode()))


def changed(change: Callable[[bytes], bytes]) -> Act:
    """The answer's body, changed."""

    def act(connection: socket.socket, forward: Forward) -> None:
        status, body = forward()
        connection.sendall(response(f"{status} x", change(body)))

    return act


def cut(share: float) -> Act:
    """So much of the response's body, and then nothing more."""

    def act(connection: socket.socket, forward: Forward) -> None:
        status, body = forward()
        connection.sendall(response(f"{status} x", body[: int(len(body) * share)], length=len(body)))

    return act


@contextmanager
def fronting(behind: str) -> Iterator[Front]:
    """*behind* is the sandbox's base URL."""
    front = Front(base_url="", behind=behind)

    def one(connection: socket.socket) -> None:
        with suppress(http.client.HTTPException):
            front.serve(connection)

    with listening(one) as front.base_url:
        yield front


def _read(connection: socket.socket) -> tuple[FrontRequest, dict[str, str]]:
    head, _, body = read_request(connection).partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    headers = dict(line.split(": ", 1) for line in lines if ": " in line)
    kept = {name: value for name, value in headers.items() if name.lower() in ("content-type", "authorization")}
    return FrontRequest(method, path, body), kept


def _held_back(body: bytes) -> bytes:
    """The batches of *body* as they were before anything came of them."""
    document = json.loads(body)
    for one in document.get("data", [document]):
        if one.get("object") == "batch":
            one |= {"status": "in_progress", "output_file_id": None, "error_file_id": None}
            one["request_counts"] |= {"completed": 0, "failed": 0}
    return json.dumps(document).encode()
