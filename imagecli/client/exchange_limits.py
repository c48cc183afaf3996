"""The limits of one exchange and how far it is, and the hooks that its caller passes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from imagecli.client.address_policy import AddressPolicy

Resolver: TypeAlias = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host. Raises OSError."""


class ExchangeHooks:
    """What the caller of an exchange does while it lasts; a method that is not overridden does nothing."""

    def before_send(self, peer: str | None) -> None:
        """The connection is made, and no byte of the request has been sent. *peer*: its address; None behind a proxy.

        What it raises ends the exchange, with nothing sent.
        """

    def uploaded(self, sent: int, total: int) -> None:
        """*sent* of the *total* bytes of the request's body have been sent."""

    def received(self, count: int, total: int | None) -> None:
        """*count* bytes of the response's body have been written; *total* is None if it is unknown."""

    def enough(self) -> float | None:
        """Seconds that the rest of the response may take, once all that is needed has arrived; None before."""
        return None


class ExchangeLimits:
    """The limits of one exchange, and how far it is."""

    def __init__(
        self,
        *,
        deadline: float,
        silence: float,
        error_seconds: float,
        max_bytes: int,
        packed: bool = False,
        policy: AddressPolicy | None = None,
        resolve: Resolver | None = None,
        hooks: ExchangeHooks,
        target: str | None = None,
    ) -> None:
        self.deadline = deadline
        """Monotonic; it may be moved nearer during the exchange."""
        self.silence = silence
        """Seconds without any data."""
        self.error_seconds = error_seconds
        """The longest time to read an error's body: the status is what matters."""
        self.max_bytes = max_bytes
        """Of the response's body as it arrives, before decompression."""
        self.packed = packed
        """A compressed body stays as it is."""
        self.policy = policy
        """None: any address may be connected to."""
        self.resolve = resolve
        """None: the system resolves names."""
        self.hooks = hooks
        self.target = target
        """Path and query, sent exactly as they are; None: those of the URL, as urllib3 normalizes them."""
        self.has_body = False
        """The request has a body."""
        self.connected = False
        """The connection is made, and the request is being sent."""
        self.sent_bytes = 0
        """Bytes of the request's body so far."""
        self.received_bytes = 0
        """Bytes of the response so far."""
        self.body_bytes = 0
        """Those of its body."""
        self.early = bytearray()
        """Those that arrived while the request was still being sent."""

    def remaining_seconds(self) -> float:
        """Seconds until the deadline. Raises TimeoutError past it."""
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the time limit for the request has passed")
        return seconds

    def next_byte_timeout(self) -> float:
        """How long the next byte may take."""
        return min(self.silence, self.remaining_seconds())

    def tighten_deadline(self) -> None:
        """Moves the deadline nearer if enough has arrived."""
        seconds = self.hooks.enough()
        if seconds is not None:
            self.deadline = min(self.deadline, time.monotonic() + seconds)

    @property
    def has_begun(self) -> bool:
        """Whether the server may have the request: some of its body was sent, or its headers if it has no body."""
        return self.sent_bytes > 0 if self.has_body else self.connected

    @property
    def is_expired(self) -> bool:
        return time.monotonic() >= self.deadline

    @property
    def is_drip_timeout(self) -> bool:
        """The deadline has passed while data was arriving."""
        return self.is_expired and self.received_bytes > 0
