"""What holds for one exchange: its deadline, its patience with silence, how much may come, where it may go."""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from imagecli.client.dns import resolve_host
from imagecli.client.ip_ranges import Endpoint

MAX_HEAD_BYTES = 1024 * 1024
"""Preludes and headers of one answer; http.client's own limit for headers alone is about six times more."""

AddressFilter = Callable[[Endpoint], bool]
"""Whether that endpoint may be connected to."""
BeforeSend = Callable[[str | None], None]
"""Called when a connection is made and no byte of the request is sent, with the server's address; None behind a proxy.

What it raises ends the exchange, with nothing sent."""
Resolver = Callable[[str, int], Sequence[str]]
"""The addresses of a host. Raises OSError."""


class BodyWriter(Protocol):
    """Where a body goes: a file, or whoever hears it on its way there."""

    def write(self, piece: bytes, /) -> int: ...

    def flush(self) -> None: ...


Enough = Callable[[], float | None]
"""Seconds that more of an answer may take, once all that is wanted has come; None before."""


@dataclass(slots=True, kw_only=True)
class ExchangeLimits:
    """One exchange's; *deadline* is monotonic and may be drawn nearer on the way."""

    deadline: float
    silence: float
    """Seconds."""
    error_seconds: float
    """So long an error's body is read: its status says the most."""
    max_bytes: int
    """Of the answer as it comes, before decompression."""
    packed: bool = False
    """A body that comes compressed stays so."""
    judge: AddressFilter | None = None
    resolve: Resolver = resolve_host
    enough: Enough = lambda: None
    before_send: BeforeSend = lambda peer: None
    connected: bool = False
    """There is a line, and the request is on its way."""
    received_bytes: int = 0
    """Bytes of the answer so far."""
    early: bytearray = field(default_factory=bytearray)
    """What of it was taken in while the request was still sent."""

    def remaining_seconds(self) -> float:
        """Seconds until the deadline. Raises TimeoutError past it."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for the whole exchange is over")
        return left

    def next_byte_timeout(self) -> float:
        """How long the next byte may take."""
        return min(self.silence, self.remaining_seconds())

    def tighten_deadline(self) -> None:
        """Draws the deadline nearer when enough has come."""
        seconds = self.enough()
        if seconds is not None:
            self.deadline = min(self.deadline, time.monotonic() + seconds)

    @property
    def is_expired(self) -> bool:
        return time.monotonic() >= self.deadline

    @property
    def is_drip_timeout(self) -> bool:
        """The deadline has passed though something came."""
        return self.is_expired and self.received_bytes > 0


class DeadlineReader(io.RawIOBase):
    """A socket's bytes, each waited for no longer than the terms say, and no more of them than *limit*."""

    def __init__(self, connection: socket.socket, terms: ExchangeLimits) -> None:
        self._raw = connection.makefile("rb", buffering=0)
        self._socket, self._terms = connection, terms
        self.limit = MAX_HEAD_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(self._terms.next_byte_timeout())
        count = self._read_early(buffer) or self._raw.readinto(buffer)
        self._terms.received_bytes += count or 0
        self.limit -= count or 0
        if self.limit < 0:
            raise http.client.HTTPException("it is larger than any answer")
        return count

    def _read_early(self, buffer: Any) -> int:
        piece = self._terms.early[: len(buffer)]
        buffer[: len(piece)] = piece
        del self._terms.early[: len(piece)]
        return len(piece)

    def close(self) -> None:
        self._raw.close()
        super().close()
