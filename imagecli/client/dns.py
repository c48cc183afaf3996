"""Host name → addresses, resolved once and in bounded time."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

from urllib3.util.connection import allowed_gai_family

from imagecli.client.ip_ranges import literal_endpoint, parse_literal_host


def resolve_host(host: str, port: int) -> Sequence[str]:
    """The addresses that the system resolves, of the families that this machine can use. Raises OSError."""
    written = literal_endpoint(host, port)
    if written and written.kind == "loopback":
        host = host.rstrip(".")  # `localhost.` is localhost (RFC 6761), which not every system's resolver knows
    result = socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in result))


def resolve_in_time(
    resolve: Callable[[str, int], Sequence[str]], host: str, port: int, seconds: float
) -> Sequence[str]:
    """What *resolve* says of *host*. Raises OSError, and TimeoutError when *seconds* are over.

    On a thread of its own: the system's resolver knows no limit that we could set.
    """
    if parse_literal_host(host):
        return resolve(host, port)
    inbox = SimpleQueue[Sequence[str] | OSError]()

    def ask() -> None:
        try:
            inbox.put(resolve(host, port))
        except OSError as error:
            inbox.put(error)
        except UnicodeError as error:
            inbox.put(OSError(str(error)))

    threading.Thread(target=ask, daemon=True).start()
    try:
        result = inbox.get(timeout=seconds)
    except Empty:
        raise TimeoutError("its name was not resolved in time") from None
    if isinstance(result, OSError):
        raise result
    return result
