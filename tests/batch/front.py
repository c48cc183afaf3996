"""A proxy in front of the sandbox: records every request, can hide progress of batches and can break responses."""

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
    """Batches look as if nothing had happened to them yet."""
    requests: list[FrontRequest] = field(default_factory=list)
    rules: list[tuple[str, Act]] = field(default_factory=list)
    skip_time: Callable[[], None] = lambda: None
    """Lets the batches end."""

    def once(self, pattern: str, act: Act) -> None:
        """Applies *act* to the next request that matches a pattern like `POST /v1/batches`."""
        self.rules.append((pattern, act))

    def requests_like(self, pattern: str) -> list[FrontRequest]:
        """The requests that match *pattern*."""
        return [request for request in self.requests if re.fullmatch(pattern, str(request))]

    @property
    def batches(self) -> list[dict[str, Any]]:
        """The sandbox's list of batches, newest first."""
        listed: list[dict[str, Any]] = json.loads(
            self.forwarded(FrontRequest("GET", "/v1/batches?limit=100", b""), {})[1]
        )["data"]
        return listed

    def settle(self) -> None:
        """Returns when no batch changes any more."""
        self.skip_time()
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
            return status, _as_created(body) if self.asleep and "/v1/batches" in request.path else body

        rule = next((one for one in self.rules if re.fullmatch(one[0], str(request))), None)
        if rule:
            self.rules.remove(rule)
        act = rule[1] if rule else pass_through
        act(connection, forward)


def pass_through(connection: socket.socket, forward: Forward) -> None:
    """The sandbox's response."""
    status, body = forward()
    connection.sendall(response(f"{status} x", body))


def lose_response(connection: socket.socket, forward: Forward) -> None:
    """The request is carried out, and its response is lost."""
    forward()
    reset(connection)


def silent(connection: socket.socket, forward: Forward) -> None:
    """The request is carried out, and nothing is sent until the client disconnects."""
    forward()
    connection.settimeout(60)
    with suppress(OSError):
        connection.recv(1)


def refuse(connection: socket.socket, forward: Forward) -> None:
    """Nothing is carried out."""
    reset(connection)


def respond_with(status: str, document: Any) -> Act:
    """*document* in place of the sandbox's response, which is not requested."""
    return lambda connection, forward: connection.sendall(response(status, json.dumps(document).encode()))


def change_body(change: Callable[[bytes], bytes]) -> Act:
    """The body of the response, changed."""

    def act(connection: socket.socket, forward: Forward) -> None:
        status, body = forward()
        connection.sendall(response(f"{status} x", change(body)))

    return act


def cut(share: float) -> Act:
    """This share of the response's body, and nothing more."""

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
    forwarded_headers = {
        name: value for name, value in headers.items() if name.lower() in ("content-type", "authorization")
    }
    return FrontRequest(method, path, body), forwarded_headers


def _as_created(body: bytes) -> bytes:
    """The batches of *body* as they were right after their creation."""
    document = json.loads(body)
    for one in document.get("data", [document]):
        if one.get("object") == "batch":
            one |= {"status": "in_progress", "output_file_id": None, "error_file_id": None}
            one["request_counts"] |= {"completed": 0, "failed": 0}
    return json.dumps(document).encode()
