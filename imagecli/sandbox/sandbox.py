"""The sandbox as a context manager: a server on 127.0.0.1 that runs until the block ends."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from types import TracebackType

from imagecli.errors import UsageError
from imagecli.sandbox.app import DEFAULT_OPTIONS, SandboxApp
from imagecli.sandbox.app import Options as Options
from imagecli.sandbox.http_server import SandboxHttpServer


def ignore_log(line: str) -> None:
    """A log that goes nowhere."""


class Sandbox:
    """The running server, as a context manager, so that it always stops."""

    def __init__(self, options: Options = DEFAULT_OPTIONS, log: Callable[[str], None] = ignore_log) -> None:
        self.options = options
        self._log = log
        self._server: SandboxHttpServer | None = None

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:PORT/v1`; available while it runs."""
        assert self._server, "the sandbox is not running"
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Sandbox:
        """Raises UsageError if the port can't be used."""
        self._stopping = threading.Event()
        try:
            self._server = SandboxHttpServer(self.options.port, SandboxApp(self.options, self._stopping), self._log)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            message = f"can't listen on port {self.options.port}: {reason}"
            if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
                message = f"port {self.options.port} is in use"
            raise UsageError(message, hint="use --port 0 to pick a free port") from error
        self._server.start("sandbox")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._server:
            self._stopping.set()
            self._server.stop()
            self._server = None
