"""A listener on loopback for servers that tests write by hand: every connection is handled on a thread of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def listening(handle: Callable[[socket.socket], None], *, backlog: int = 128) -> Iterator[str]:
    """Yields the base URL; *handle* may find the client gone. No more connections are accepted after the block."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)

    def handle_one(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            handle(connection)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=handle_one, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=5)
