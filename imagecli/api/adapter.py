"""requests' adapter for one exchange: our lines instead of urllib3's, and the certificates that are trusted."""

from __future__ import annotations

import ssl
import threading
from functools import partial
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from imagecli.api.line import PlainLine, SecureLine
from imagecli.api.terms import Terms
from imagecli.errors import SettingsError


class Trust:
    """The certificate bundles of a command, each read once: reading one takes longer than a request (20 ms)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._contexts: dict[tuple[str | None, str | None], ssl.SSLContext] = {}

    def context(self, file: str | None, folder: str | None) -> ssl.SSLContext:
        """Trusts what *file* or *folder* holds. Raises SettingsError where that is nothing."""
        with self._lock:
            if (file, folder) not in self._contexts:
                self._contexts[file, folder] = _read(file, folder)
            return self._contexts[file, folder]


def _read(file: str | None, folder: str | None) -> ssl.SSLContext:
    context = create_urllib3_context()
    try:
        context.load_verify_locations(file, folder)
    except (ssl.SSLError, OSError) as error:
        raise SettingsError(
            f"the certificate bundle {file or folder} of REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE can't be read as PEM",
            hint="set REQUESTS_CA_BUNDLE to a file of PEM certificates, or unset it",
        ) from error
    return context


class OnceAdapter(HTTPAdapter):
    """For one exchange by *terms*; closing it closes its line."""

    def __init__(self, terms: Terms, trust: Trust) -> None:
        self._trust = trust
        self._pools = {
            "http": partial(_pool, HTTPConnectionPool, partial(PlainLine, terms=terms)),
            "https": partial(_pool, HTTPSConnectionPool, partial(SecureLine, terms=terms)),
        }
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = self._pools
        return manager

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]
        # A proxy that speaks TLS itself is checked by urllib3 with the files named.
        if conn.ca_certs or conn.ca_cert_dir:
            conn.conn_kw["ssl_context"] = self._trust.context(conn.ca_certs, conn.ca_cert_dir)
            if not (conn.proxy and conn.proxy.scheme == "https"):
                conn.ca_certs = conn.ca_cert_dir = None


def _pool(pool: Any, line: Any, host: str, port: int | None, **options: Any) -> Any:
    made = pool(host, port, **options)
    made.ConnectionCls = line
    return made


def proxied(session: requests.Session, url: str, settings: dict[str, Any]) -> bool:
    """Whether *url* would go through a proxy by these merged environment settings."""
    return bool(requests.utils.select_proxy(url, settings.get("proxies")))
