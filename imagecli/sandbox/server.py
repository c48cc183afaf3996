"""The running server: on 127.0.0.1, a thread for each connection; stopping never waits for a client."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any

from imagecli.catalog import Catalog, load
from imagecli.errors import UsageError
from imagecli.sandbox.clock import Clock
from imagecli.sandbox.connection import Connection
from imagecli.sandbox.failing import Failure
from imagecli.sandbox.service import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the server behaves."""

    port: int = 0
    """0 picks a free one."""
    require_key: str | None = None
    """The only key that is taken; None takes any and none."""
    rate_limit: int | None = None
    """Images a minute."""
    url_ttl: float = 3600.0
    """Seconds of its clock that a picture's URL answers."""
    speed: float = 1.0
    """How many times as fast its clock runs: rate limits, URLs, batches. More than 0."""
    latency: float = 0.0
    """Seconds added to every answer that holds pictures; in a stream they are spread over its events."""
    failures: tuple[Failure, ...] = ()
    """Requests for pictures that fail on purpose."""
    catalog: Catalog | None = None
    """The models that it offers; None offers those that ship."""


def silent(line: str) -> None:
    """The log that nobody reads."""


class Sandbox:
    """The running server; a context manager, so that it never outlives its use."""

    def __init__(self, options: Options = Options(), log: Callable[[str], None] = silent) -> None:
        self.options = options
        self._log = log
        self._server: Listener | None = None

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:PORT/v1`; only while it runs."""
        assert self._server, "the sandbox is not running"
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Sandbox:
        """Raises UsageError when the port can't be had."""
        try:
            self._server = Listener(self.options, self._log)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UsageError(
                f"port {self.options.port} can't be listened on: {reason}", hint="--port 0 picks a free one"
            ) from error
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="sandbox", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._server:
            self._server.stop()
            self._server = None


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, options: Options, log: Callable[[str], None]) -> None:
        super().__init__(("127.0.0.1", options.port), Connection)
        self.log = log
        self.stopping = threading.Event()
        self.service = Service(
            catalog=options.catalog or load(),
            require_key=options.require_key,
            rate_limit=options.rate_limit,
            url_ttl=options.url_ttl,
            failures=options.failures,
            clock=Clock(options.speed),
            pause=lambda share: self.stopping.wait(options.latency * share) if options.latency else False,
        )
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def server_bind(self) -> None:
        # HTTPServer.server_bind asks the resolver for the machine's name, which can take seconds offline.
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
        """Silent: a client that goes away mid-answer is everyday life."""

    def stop(self) -> None:
        """Wakes everything that waits and closes every connection."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
