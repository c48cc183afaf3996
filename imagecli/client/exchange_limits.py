"""Limits of one HTTP exchange: deadline, silence, size, allowed addresses; and the reader that enforces them."""

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
"""Interim responses and headers of one exchange; http.client allows about six times more for headers alone."""

AddressFilter = Callable[[Endpoint], bool]
"""Returns whether an endpoint may be connected to."""
BeforeSend = Callable[[str | None], None]
"""Called when a connection is made and no byte of the request is sent, with the server's address; None behind a proxy.

What it raises ends the exchange, with nothing sent."""
Resolver = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host. Raises OSError."""


class BodyWriter(Protocol):
    """A file, or an object that reads a body while it passes it on to one."""

    def write(self, piece: bytes, /) -> int: ...

    def flush(self) -> None: ...


Enough = Callable[[], float | None]
"""Returns the seconds that the rest of a response may take, once all that is needed has arrived; None before."""


@dataclass(slots=True, kw_only=True, eq=False)
class ExchangeLimits:
    """The limits of one exchange, and how far it is."""

    deadline: float
    """Monotonic; it may be moved nearer during the exchange."""
    silence: float
    """Seconds without any data."""
    error_seconds: float
    """The longest time to read an error's body: the status is what matters."""
    max_bytes: int
    """Of the response as it arrives, before decompression."""
    packed: bool = False
    """A compressed body stays as it is."""
    judge: AddressFilter | None = None
    resolve: Resolver = resolve_host
    enough: Enough = lambda: None
    before_send: BeforeSend = lambda peer: None
    connected: bool = False
    """The connection is made, and the request is being sent."""
    received_bytes: int = 0
    """Bytes of the response so far."""
    early: bytearray = field(default_factory=bytearray)
    """Those that arrived while the request was still being sent."""

    def remaining_seconds(self) -> float:
        """Seconds until the deadline. Raises TimeoutError past it."""
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the time for the whole exchange is over")
        return seconds

    def next_byte_timeout(self) -> float:
        """How long the next byte may take."""
        return min(self.silence, self.remaining_seconds())

    def tighten_deadline(self) -> None:
        """Moves the deadline nearer if enough has arrived."""
        seconds = self.enough()
        if seconds is not None:
            self.deadline = min(self.deadline, time.monotonic() + seconds)

    @property
    def is_expired(self) -> bool:
        return time.monotonic() >= self.deadline

    @property
    def is_drip_timeout(self) -> bool:
        """The deadline has passed while data was arriving."""
        return self.is_expired and self.received_bytes > 0


class DeadlineReader(io.RawIOBase):
    """A socket's bytes, each waited for within the limits of the exchange, and at most *limit* of them."""

    def __init__(self, connection: socket.socket, limits: ExchangeLimits) -> None:
        self._raw = connection.makefile("rb", buffering=0)
        self._socket, self._limits = connection, limits
        self.limit = MAX_HEAD_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(self._limits.next_byte_timeout())
        count = self._read_early(buffer) or self._raw.readinto(buffer)
        self._limits.received_bytes += count or 0
        self.limit -= count or 0
        if self.limit < 0:
            raise http.client.HTTPException("it is larger than any answer")
        return count

    def _read_early(self, buffer: Any) -> int:
        piece = self._limits.early[: len(buffer)]
        buffer[: len(piece)] = piece
        del self._limits.early[: len(piece)]
        return len(piece)

    def close(self) -> None:
        self._raw.close()
        super().close()
