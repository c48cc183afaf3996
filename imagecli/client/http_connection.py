"""A connection for one exchange: to a checked address, within the limits of the exchange; and its requests adapter.

urllib3's connections with four changes. A name is resolved once, and the address that was checked is connected to. The
limits hold for headers, interim responses and trailers too, where any byte would restart a socket's own timeout. Every
1xx is skipped; http.client knows only 100 (cpython #42550). Path and query can be sent exactly as they were given: a
result URL is often signed as text, and urllib3 changes its percent-encoding.

No connection is used twice: a server may close an idle one just as the next request is sent (urllib3 #944), and a POST
that ends like that may have been billed.

`speaks_tls` opens one of its own, after a plain request that was not understood.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Sequence
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, LocationParseError, NameResolutionError, NewConnectionError
from urllib3.util.connection import allowed_gai_family, create_connection
from urllib3.util.ssl_ import create_urllib3_context
from urllib3.util.wait import wait_for_read, wait_for_write

from imagecli.client.address_policy import (
    AddressPolicy,
    endpoint_of,
    is_localhost_name,
    literal_endpoint,
    parse_address,
    parse_literal_host,
)
from imagecli.client.exchange_limits import ExchangeLimits, Resolver
from imagecli.client.translate_errors import RefusedAddressError
from imagecli.errors import SettingsError


def resolve_host(host: str, port: int) -> Sequence[str]:
    """The addresses that the system resolves, of the families that this machine can use. Raises OSError."""
    if address := parse_literal_host(host):
        return [str(address)]
    if is_localhost_name(host):
        host = host.rstrip(".")  # not every system's resolver knows `localhost.`
    result = socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in result))


def resolve_in_time(resolve: Resolver, host: str, port: int, seconds: float) -> Sequence[str]:
    """The addresses of *host*. Raises OSError, and TimeoutError when *seconds* have passed.

    A name is resolved on another thread, because no limit can be set for the system's resolver.
    """
    if parse_literal_host(host):
        return resolve(host, port)
    inbox = SimpleQueue[Sequence[str] | OSError]()

    def resolve_name() -> None:
        try:
            inbox.put(resolve(host, port))
        except OSError as error:
            inbox.put(error)
        except UnicodeError as error:
            inbox.put(OSError(str(error)))

    threading.Thread(target=resolve_name, daemon=True).start()
    try:
        result = inbox.get(timeout=seconds)
    except Empty:
        raise TimeoutError("resolving the host name timed out") from None
    if isinstance(result, OSError):
        raise result
    return result


MAX_HEAD_BYTES = 1024 * 1024
"""Interim responses and headers of one exchange; http.client allows about six times more for headers alone."""


class DeadlineReader(io.RawIOBase):
    """A socket's bytes, each waited for within the limits of the exchange, and at most *limit* of them."""

    def __init__(self, raw: io.RawIOBase, connection: socket.socket, limits: ExchangeLimits) -> None:
        self._raw = raw
        self._socket, self._limits = connection, limits
        self.limit = MAX_HEAD_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        _set_timeout(self._socket, self._limits.next_byte_timeout())
        count = self._read_early(buffer) if self._limits.early else self._raw.readinto(buffer)
        self._limits.received_bytes += count or 0
        self.limit -= count or 0
        if self.limit < 0:
            raise http.client.HTTPException("its headers are too large")
        return count

    def _read_early(self, buffer: Any) -> int:
        piece = self._limits.early[: len(buffer)]
        buffer[: len(piece)] = piece
        del self._limits.early[: len(piece)]
        return len(piece)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _set_timeout(connection: socket.socket, seconds: float) -> None:
    """Sets the timeout of *connection* if it changes: that is a system call, during which other threads may run."""
    if connection.gettimeout() != seconds:
        connection.settimeout(seconds)


MAX_PRELUDES = 50
STUCK_SECONDS = 0.5
"""How often an early response is looked for while a server doesn't read the upload."""
MAX_EARLY_BYTES = 1024 * 1024
"""More of an early response is read only after the request."""
REFUSAL = re.compile(rb"(?:\A|\r\n\r\n)HTTP/\d\.\d [3-9]")
"""A response that makes the rest of the request pointless; a server may start a 2xx one while it reads."""


class HttpReply(http.client.HTTPResponse):
    """A response after up to MAX_PRELUDES interim responses (1xx); its trailers are not read."""

    def __init__(self, sock: socket.socket, *more: Any, limits: ExchangeLimits, **options: Any) -> None:
        super().__init__(sock, *more, **options)
        self._reader, self._limits = DeadlineReader(self.fp.detach(), sock, limits), limits
        self.fp = io.BufferedReader(self._reader)

    def begin(self) -> None:
        for _ in range(MAX_PRELUDES):
            super().begin()
            if not 100 <= self.status < 200 or self.status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                self._reader.limit = 2 * self._limits.max_bytes  # chunks have lengths; the body's limit is the reader's
                return
            self.headers = self.msg = None  # type: ignore[assignment]
        raise http.client.HTTPException("too many interim responses")

    def _read_and_discard_trailer(self) -> None:
        """The body is complete: trailers are not waited for."""


class _Connection(HTTPConnection):
    """What HTTP and HTTPS connections have in common."""

    def __init__(self, *arguments: Any, limits: ExchangeLimits, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limits = limits
        self._peer: str | None = None
        self.response_class: Any = partial(HttpReply, limits=limits)

    def connect(self) -> None:
        super().connect()
        # urllib3 would wait for each piece of an upload no longer than for the connection.
        self.sock.settimeout(self._limits.next_byte_timeout())
        self._limits.connected = True
        self._limits.hooks.before_send(None if self.proxy else self._peer)

    def _new_conn(self) -> socket.socket:
        policy = None if self.proxy else self._limits.policy  # a proxy was chosen by the user
        try:
            self._check_host_name()
            if policy:
                check_literal_host(policy, self._dns_host, self.port)
            seconds = min(_timeout_seconds(self.timeout), self._limits.remaining_seconds())
            addresses = resolve_in_time(self._limits.resolve or resolve_host, self._dns_host, self.port, seconds)
            if policy:
                addresses = _allowed_addresses(policy, addresses, self.port)
            return self._connect_first(addresses)
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"connection to {self.host} timed out") from error
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except OSError as error:
            raise NewConnectionError(self, f"no connection: {error.strerror or error}") from error

    def _check_host_name(self) -> None:
        try:
            self._dns_host.encode("idna")
        except UnicodeError:
            raise LocationParseError(f"{self.host!r}, invalid host name") from None

    def _connect_first(self, addresses: Sequence[str]) -> socket.socket:
        """Connects to the first of *addresses* that accepts; each gets its share of the time."""
        until = time.monotonic() + min(_timeout_seconds(self.timeout), self._limits.remaining_seconds())
        failure = OSError("the host has no address")
        for number, address in enumerate(addresses):
            share = max((until - time.monotonic()) / (len(addresses) - number), 0.01)
            try:
                connection = create_connection(
                    (address, self.port), share, source_address=self.source_address, socket_options=self.socket_options
                )
            except OSError as error:
                failure = error
            else:
                self._peer = address
                return connection
        raise failure

    def putrequest(self, method: str, url: str, *more: Any, **options: Any) -> None:
        target = self._limits.target
        if target is not None and not url.startswith("/"):  # a proxy is sent the origin, too
            scheme, _, rest = url.partition("://")
            target = f"{scheme}://{re.split('[/?]', rest, maxsplit=1)[0]}{target}"
        super().putrequest(method, url if target is None else target, *more, **options)

    def send(self, data: Any) -> None:
        """As http.client's. If the connection breaks meanwhile, the response is still read: it may say why."""
        if self.sock is None:
            super().send(data)
            return
        # Not before the headers and the first piece, which the system buffers, and not with TLS within a proxy's TLS.
        if self._limits.sent_bytes > len(data) and isinstance(self.sock, socket.socket):
            self._wait_until_writable(self.sock)
        _set_timeout(self.sock, self._limits.next_byte_timeout())
        try:
            super().send(data)
        except ssl.SSLError as error:
            raise BrokenPipeError(str(error)) from error

    def _wait_until_writable(self, connection: socket.socket) -> None:
        """Raises BrokenPipeError if the server has refused a request that it hasn't read; its response is read then."""
        silent_until = time.monotonic() + self._limits.silence
        self._read_early_response(connection)
        while not wait_for_write(connection, min(STUCK_SECONDS, self._limits.remaining_seconds())):
            self._read_early_response(connection)
            if time.monotonic() > silent_until:
                raise TimeoutError("the server stopped reading the upload")

    def _read_early_response(self, connection: socket.socket) -> None:
        """Reads what the server sends before it has the complete request."""
        if len(self._limits.early) > MAX_EARLY_BYTES or not wait_for_read(connection, 0):
            return
        connection.settimeout(0)
        try:
            piece = connection.recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            raise BrokenPipeError(str(error)) from error
        self._limits.early += piece
        if not piece or REFUSAL.search(self._limits.early):
            raise BrokenPipeError("the server responded before the upload was complete")


class HttpConnection(_Connection):
    """http"""


class HttpsConnection(_Connection, HTTPSConnection):
    """https"""


def _timeout_seconds(timeout: Any) -> float:
    return float(timeout) if isinstance(timeout, (int, float)) else 10.0


class CertificateCache:
    """The certificate bundles of a command, each read once, because that takes longer than a request (20 ms)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._contexts: dict[tuple[str | None, str | None], ssl.SSLContext] = {}

    def ssl_context(self, file: str | None, folder: str | None) -> ssl.SSLContext:
        """A context that trusts the certificates in *file* or *folder*. Raises SettingsError if there are none."""
        with self._lock:
            if (file, folder) not in self._contexts:
                self._contexts[file, folder] = _load_certificates(file, folder)
            return self._contexts[file, folder]


def _load_certificates(file: str | None, folder: str | None) -> ssl.SSLContext:
    context = create_urllib3_context()
    try:
        context.load_verify_locations(file, folder)
    except (ssl.SSLError, OSError) as error:
        raise SettingsError(
            f"the certificate bundle {file or folder} of REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE can't be read as PEM",
            hint="set REQUESTS_CA_BUNDLE to a file of PEM certificates, or unset it",
        ) from error
    return context


def check_literal_host(policy: AddressPolicy, host: str, port: int) -> None:
    """Raises RefusedAddressError if *host* is an address or localhost, and *policy* does not allow it."""
    literal = literal_endpoint(host, port)
    if literal and not policy.allows(literal):
        raise RefusedAddressError(literal.kind)


def _allowed_addresses(policy: AddressPolicy, addresses: Sequence[str], port: int) -> Sequence[str]:
    """The *addresses* that may be connected to. Raises RefusedAddressError if there are some, and none is allowed."""
    allowed = [address for address in addresses if policy.allows(endpoint_of(parse_address(address), port))]
    if addresses and not allowed:
        raise RefusedAddressError(endpoint_of(parse_address(addresses[0]), port).kind)
    return allowed


class _HttpPool(HTTPConnectionPool):
    """A pool that closes each connection: urllib3 returns it when its response is read, or will not be."""

    def _put_conn(self, conn: Any) -> None:
        if conn:
            conn.close()


class _HttpsPool(_HttpPool, HTTPSConnectionPool):
    """The same for https."""


class ExchangeAdapter(HTTPAdapter):
    """requests' adapter for one exchange at a time. Building one takes as long as connecting, so they are kept."""

    def __init__(self, trust: CertificateCache) -> None:
        self._trust = trust
        self.limits: ExchangeLimits | None = None
        """Of the exchange that uses it."""
        self._pools = {
            "http": partial(self._open_pool, _HttpPool, HttpConnection),
            "https": partial(self._open_pool, _HttpsPool, HttpsConnection),
        }
        self._last_place: object = None
        super().__init__(pool_connections=1, pool_maxsize=1)

    def _open_pool(self, pool: Any, connection_class: Any, host: str, port: int | None, **options: Any) -> Any:
        connections = pool(host, port, **options)
        connections.ConnectionCls = partial(self._new_connection, connection_class)
        return connections

    def _new_connection(self, connection_class: Any, **options: Any) -> Any:
        return connection_class(limits=self.limits, **options)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def get_connection_with_tls_context(
        self, request: PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """As requests', which determines the pool again for each request. Most go to the same URL as the last one."""
        key = (request.url, verify, tuple((proxies or {}).items()), cert)
        if key != self._last_place:
            self._last_place = key
            self._last_pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
        return self._last_pool

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]
        # A proxy that speaks TLS itself is checked by urllib3 with the files named.
        if conn.ca_certs or conn.ca_cert_dir:
            conn.conn_kw["ssl_context"] = self._trust.ssl_context(conn.ca_certs, conn.ca_cert_dir)
            if not (conn.proxy and conn.proxy.scheme == "https"):
                conn.ca_certs = conn.ca_cert_dir = None


TLS_HANDSHAKE_SECONDS = 1.5
"""How long the handshake of `speaks_tls` may take; a server that speaks plain HTTP waits for the end of a request."""


def speaks_tls(host: str, port: int) -> bool:
    """Whether a TLS handshake works there. Certificates aren't checked, because nothing of a request is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    try:
        with (
            socket.create_connection((host, port), TLS_HANDSHAKE_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return True
    except ssl.SSLError as error:
        # An alert is TLS too.
        return "ALERT" in (error.reason or "")
    except (OSError, ValueError):
        return False
