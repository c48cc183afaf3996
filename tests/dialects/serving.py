"""What the servers of all dialects share: a received request, a refusal, images to return."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.client.raw import png

KEY = "sk-dialect-0123456789"
RED = png(16, 16)
JPEG = png(16, 16, format="JPEG")
BLUE = png(16, 16, "blue")
BLACK = png(16, 16, "black")


class RefusedError(Exception):
    """A server's error instead of an image."""

    def __init__(self, status: int, body: object) -> None:
        self.status, self.body = status, body


@dataclass(frozen=True)
class ReceivedRequest:
    """One request, parsed by another library than the one that sent it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""
    json: dict[str, Any] | None
    form: dict[str, str]
    files: list[tuple[str, bytes]]
    """Field and bytes."""

    def body(self) -> dict[str, Any]:
        """The JSON object it holds; a server that knows only JSON reads nothing else."""
        if self.json is None:
            raise RefusedError(415, {"error": {"message": "Content-Type must be application/json", "code": None}})
        return self.json


@dataclass
class Dialect:
    """A server that records its requests and responds by `respond`, at any path."""

    server: HTTPServer
    requests: list[ReceivedRequest] = field(default_factory=list)

    below = "/v1"
    """Where its base URL ends."""

    def __post_init__(self) -> None:
        self.server.expect_request(re.compile("/.*")).respond_with_handler(self._handle)

    @property
    def base_url(self) -> str:
        return self.server.url_for(self.below)

    def respond(self, request: ReceivedRequest) -> object:
        """JSON, or a Response. Raises RefusedError."""
        raise NotImplementedError

    def _handle(self, request: Request) -> Response:
        received = read(request)
        self.requests.append(received)
        try:
            reply = self.respond(received)
        except RefusedError as refused:
            body = refused.body if isinstance(refused.body, str) else json.dumps(refused.body)
            return Response(body, refused.status)
        return reply if isinstance(reply, Response) else Response(json.dumps(reply))


def read(request: Request) -> ReceivedRequest:
    raw = request.get_data(cache=True)
    files = []
    for name, file in request.files.items(multi=True):
        files.append((name, file.read()))
        file.close()
    is_json = request.content_type == "application/json"
    return ReceivedRequest(
        method=request.method,
        path=request.path,
        query=dict(request.args),
        headers={name.lower(): value for name, value in request.headers},
        json=json.loads(raw) if is_json else None,
        form=dict(request.form),
        files=files,
    )


def openai_error(status: int, message: str, code: str | int | None = None, param: str | None = None) -> RefusedError:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}
    return RefusedError(status, body)


def want_bearer(request: ReceivedRequest) -> None:
    if request.headers.get("authorization") != f"Bearer {KEY}" or "api-key" in request.headers:
        raise openai_error(401, "Incorrect API key provided", "invalid_api_key")


def want_path(request: ReceivedRequest, *paths: str) -> None:
    if request.path not in paths:
        raise RefusedError(404, "")


def want_known(fields: Collection[str], known: set[str]) -> None:
    """OpenAI's error for an unknown field."""
    for name in fields:
        if name not in known:
            raise openai_error(400, f"Unknown parameter: '{name}'.", "unknown_parameter", name)


def want(condition: bool, message: str) -> None:
    if not condition:
        raise openai_error(400, message)


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def is_data_url(text: object) -> bool:
    """Whether it is a complete image as a data URL."""
    if not isinstance(text, str):
        return False
    head, _, tail = text.partition(",")
    return head in ("data:image/png;base64", "data:image/jpeg;base64") and base64.b64decode(tail)[1:4] in (
        b"PNG",
        b"\xd8\xff\xe0",
    )


def fetched(request: ReceivedRequest, data: bytes) -> Response:
    """A content delivery network: an image for a browser, an error for a client with a key or without a User-Agent."""
    if "authorization" in request.headers or "api-key" in request.headers or not request.headers.get("user-agent"):
        return Response("<Error><Code>AccessDenied</Code></Error>", 403, content_type="application/xml")
    return Response(data, content_type="application/octet-stream")
