"""An HTTP server on 127.0.0.1 with a thread for each connection. Stopping it never waits for a client."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")
"""The names of this machine. Any other name is a website's that makes it resolve to this machine (DNS rebinding)."""


class LoopbackServer(ThreadingHTTPServer):
    """Listens on *port*, or on any free one for 0. Raises OSError or OverflowError if the port can't be used."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def start(self, name: str) -> None:
        """Serves in a thread called *name* until `stop`."""
        threading.Thread(target=self.serve_forever, args=(0.05,), name=name, daemon=True).start()

    def server_bind(self) -> None:
        # HTTPServer.server_bind looks up the machine's name, which can take seconds offline.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Does nothing: clients may disconnect at any time."""

    def stop(self) -> None:
        """Stops listening, and closes every connection."""
        self.shutdown()
        self.server_close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
