"""Where a request's body ends: Content-Length or chunks, and never more than the limit."""

from __future__ import annotations

from email.message import Message
from io import BufferedIOBase

MAX_BODY = 256 * 1024 * 1024
"""Bytes; ours, for the reference prints none. It leaves room for a 50 MB picture in base64."""


class BodyError(Exception):
    """The body can't be read to its end; the connection is of no more use."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def read_body(stream: BufferedIOBase, headers: Message) -> bytes:
    """The whole body; empty where neither a length nor chunks are announced. Raises BodyError."""
    if "chunked" in headers.get("Transfer-Encoding", "").lower():
        return _chunks(stream)
    text = headers.get("Content-Length", "0").strip()
    if not (text.isascii() and text.isdigit()):
        raise BodyError(400, "Invalid Content-Length header.")
    return _exactly(stream, _within(int(text[:20])))


def _within(length: int) -> int:
    if length > MAX_BODY:
        raise BodyError(413, f"Maximum content size limit ({MAX_BODY}) exceeded ({length} bytes read)")
    return length


def _exactly(stream: BufferedIOBase, length: int) -> bytes:
    body = stream.read(length)
    if len(body) < length:
        raise BodyError(400, "The request body ended early.")
    return body


def _chunks(stream: BufferedIOBase) -> bytes:
    parts: list[bytes] = []
    total = 0
    while length := _chunk_length(stream.readline(128)):
        total = _within(total + length)
        parts.append(_exactly(stream, length))
        if stream.readline(3).strip():
            raise BodyError(400, "Invalid chunked body.")
    while stream.readline(65536).strip():
        pass  # trailers
    return b"".join(parts)


def _chunk_length(line: bytes) -> int:
    try:
        return int(line.split(b";")[0].strip() or b"x", 16)
    except ValueError:
        raise BodyError(400, "Invalid chunked body.") from None
