"""A request and a response as plain values, so that everything behind the socket is a function of bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRequest:
    """A request as it was received. Header names are lower case."""

    method: str
    target: str
    """Path and query, as received."""
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)

    @property
    def path(self) -> str:
        return urlsplit("//host/" + self.target.lstrip("/")).path

    @property
    def query(self) -> dict[str, str]:
        """The last value of each name."""
        return {name: values[-1] for name, values in parse_qs(urlsplit("//host" + self.target).query).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerResponse:
    """A response; the server adds Content-Length or chunks."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)
    parts: Iterator[bytes] | None = field(default=None, repr=False)
    """Pieces of a body that are created while they are sent, instead of *body*."""
    images: int = 0
    """How many images it contains, for the log."""
    trouble: str | None = None
    """What went wrong, for the log."""


def json_response(
    status: int, content: dict[str, Any], headers: Mapping[str, str] | None = None, *, images: int = 0
) -> ServerResponse:
    """A JSON response in the real API's format: indented by two, non-ASCII text unescaped."""
    return ServerResponse(
        status=status,
        headers={"Content-Type": "application/json", **(headers or {})},
        body=json.dumps(content, ensure_ascii=False, indent=2).encode("utf-8", "replace") + b"\n",
        images=images,
    )
