"""The sandbox as a context manager: a server on 127.0.0.1 that runs until the block ends."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from imagecli.catalog.catalog import Catalog, load_shipped_catalog
from imagecli.errors import UsageError
from imagecli.sandbox.app import SandboxApp
from imagecli.sandbox.clock import SandboxClock
from imagecli.sandbox.fault_injection import Failure
from imagecli.sandbox.http_server import SandboxHttpServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the server behaves."""

    port: int = 0
    """0 for any free port."""
    require_key: str | None = None
    """The only accepted key; None accepts any key, and none."""
    rate_limit: int | None = None
    """Images per minute; None for no limit."""
    url_ttl: float = 3600.0
    """Seconds of its clock for which an image's URL is valid."""
    speed: float = 1.0
    """The speed of its clock, by which rate limits, URLs and batches go; more than 0."""
    latency: float = 0.0
    """Seconds added to every response with images; in a stream they are spread over its events."""
    failures: tuple[Failure, ...] = ()
    """Image requests and batches that fail on purpose."""
    catalog: Catalog | None = None
    """The models that it offers; None for those of the shipped catalog."""


def ignore_log(line: str) -> None:
    """A log that goes nowhere."""


class Sandbox:
    """The running server, as a context manager, so that it always stops."""

    def __init__(self, options: Options = Options(), log: Callable[[str], None] = ignore_log) -> None:
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
            self._server = SandboxHttpServer(self.options.port, self._build_app(), self._log)
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

    def _build_app(self) -> SandboxApp:
        options = self.options
        return SandboxApp(
            catalog=options.catalog or load_shipped_catalog(),
            require_key=options.require_key,
            rate_limit=options.rate_limit,
            url_ttl=options.url_ttl,
            failures=options.failures,
            clock=SandboxClock(options.speed),
            latency=options.latency,
            stopping=self._stopping,
        )
