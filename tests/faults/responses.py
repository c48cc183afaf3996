"""Building blocks of faults: complete and damaged responses, and actions instead of a response."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

from PIL import Image

from tests.client.raw import http, images_body, png, reset
from tests.faults.server import Act, Call, Lab

PNG = png(16, 16)
OK = http("200 OK", images_body(PNG), "Content-Type: application/json")
IMAGE = http("200 OK", PNG, "Content-Type: image/png")


def json_response(document: Any, *headers: str, status: str = "200 OK") -> bytes:
    """A complete JSON response."""
    return http(status, json.dumps(document).encode(), "Content-Type: application/json", *headers)


def refusal(status: str, message: str = "no", *headers: str, **more: Any) -> bytes:
    """An error in the API's own shape."""
    return json_response(
        {"error": {"message": message, "type": None, "param": None, "code": None, **more}}, *headers, status=status
    )


def linked(path: str = "/picture.png", *, more: Mapping[str, Any] | None = None) -> Act:
    """A response whose one image is at the host of results."""

    def act(call: Call) -> None:
        call.send(json_response({"data": [{"url": call.lab.results.url + path, **(more or {})}]}))

    return act


def images_response(*images_of: Callable[[], bytes]) -> tuple[Act, ...]:
    """A response of images that take long to create: created once, when requested."""
    response = cache(lambda: http("200 OK", images_body(*(make() for make in images_of))))
    return (lambda call: call.send(response()),)


@cache
def large(side: int = 2000) -> bytes:
    """A PNG of three bytes per pixel, twelve million, that can't be compressed."""
    into = io.BytesIO()
    Image.effect_noise((side, side), 99).convert("RGB").save(into, "PNG", compress_level=0)
    return into.getvalue()


def at(url: str) -> bytes:
    """A response whose one image has exactly this URL."""
    return json_response({"data": [{"url": url}]})


def cut(data: bytes, *, by_reset: bool = False) -> Act:
    """*data* and then the end of the connection."""

    def act(call: Call) -> None:
        call.send(data)
        if by_reset:
            reset(call.connection)
            call.connection.close()

    return act


def silent(data: bytes = b"", seconds: float = 10.0) -> Act:
    """*data*, and then nothing until the client disconnects."""

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
    """*head*, and *piece* for as long as the client reads."""

    def act(call: Call) -> None:
        call.send(head)
        while True:
            call.send(piece)

    return act


def redirect(to: Callable[[Lab], str], status: str = "307 Temporary Redirect") -> Act:
    """A redirect to the URL that *to* selects among the origins."""

    def act(call: Call) -> None:
        call.send(http(status, b"", f"Location: {to(call.lab)}"))

    return act


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n", headers: str = "") -> bytes:
    """A 200 in chunks; *end* is the last of them."""
    head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{headers}Connection: close\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + end


def raw(head: str, body: bytes = b"") -> bytes:
    """A response given literally."""
    return head.replace("\n", "\r\n").encode("latin-1") + b"\r\n" + body
