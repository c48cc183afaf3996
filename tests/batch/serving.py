"""A server for batches: responds immediately with images that differ by prompt, counts requests, and can reply
otherwise."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.client.raw import http, images_body, png, read_request
from tests.listening import listening

USAGE = {"input_tokens": 10, "input_tokens_details": {"text_tokens": 10, "image_tokens": 0}, "output_tokens": 1000}
COST = (10 * 5 + 1000 * 30) / 1_000_000
"""USD that a response with USAGE costs at gpt-image-2."""

Reply = Callable[[dict[str, Any]], bytes | None]
"""The fields of a request → a response other than an image, or None."""


@dataclass
class Server:
    """The requests that were received."""

    base_url: str
    prompts: list[str] = field(default_factory=list)
    """Of every request, in the order of arrival."""
    authorizations: list[str] = field(default_factory=list)
    """The Authorization header of every request, "" if there is none."""


@contextmanager
def serving(reply: Reply = lambda fields: None, *, latency: float = 0.0) -> Iterator[Server]:
    server = Server(base_url="")

    def respond(connection: socket.socket) -> None:
        head, _, body = read_request(connection).partition(b"\r\n\r\n")
        fields = fields_of(body)
        server.authorizations.append(_AUTHORIZATION.findall(head.decode("latin-1") + "\r\n")[0])
        server.prompts.append(fields["prompt"])
        time.sleep(latency)
        many, output_format = int(fields.get("n", 1)), fields.get("output_format", "png")
        connection.sendall(reply(fields) or image_of(fields["prompt"], many, output_format))

    with listening(respond, backlog=256) as server.base_url:
        yield server


def fields_of(body: bytes) -> dict[str, Any]:
    """The fields of a request, as JSON or as a form; of a form the text fields alone."""
    if body.startswith(b"{"):
        fields: dict[str, Any] = json.loads(body)
        return fields
    return {name.decode(): value.decode() for name, value in _FIELD.findall(body)}


_AUTHORIZATION = re.compile(r"^authorization: (.*)\r\n|\Z", re.MULTILINE | re.IGNORECASE)
_FIELD = re.compile(rb'; name="(\w+)"\r\n\r\n(.*?)\r\n--', re.DOTALL)


def image_of(prompt: str, n: int = 1, format: str = "png") -> bytes:
    """A response whose images depend on the prompt."""
    shades = [f"#{hash((prompt, number)) & 0xFFFFFF:06x}" for number in range(n)]
    return http("200 OK", images_body(*(png(64, 64, shade, format.upper()) for shade in shades), usage=USAGE))


def refusal(status: str, code: str, message: str = "no") -> bytes:
    """An error in the API's format."""
    return http(status, json.dumps({"error": {"message": message, "code": code, "type": "x"}}).encode())
