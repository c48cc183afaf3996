"""What the exchanges of a command share, and the one object that adds the key. Nothing reads `.netrc`."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies

from imagecli import __version__
from imagecli.client.http_connection import CertificateCache
from imagecli.domain import Secret
from imagecli.env import certificate_bundle
from imagecli.errors import SettingsError
from imagecli.quoting import redact_url

HEADERS = {"bearer": ("Authorization", "Bearer "), "api-key": ("api-key", ""), "none": ("Authorization", "Bearer ")}
"""Scheme → header and prefix of the key. A provider that needs none may be behind a gateway that does."""


class Authorization:
    """Adds the key to a request, and nothing else does."""

    def __init__(self, key: Secret | None, scheme: str = "bearer") -> None:
        self._key = key
        self._header, self._prefix = HEADERS[scheme]

    def build_headers(self) -> dict[str, str]:
        """The header with the key; none without a key."""
        return {self._header: self._prefix + self._key.reveal()} if self._key else {}


def find_proxy(url: str) -> str | None:
    """The URL of the proxy that variables, or the system's settings, set for *url*.

    Raises SettingsError for one that is not an HTTP proxy; desktops set SOCKS proxies for all programs.
    """
    if not getproxies().keys() - {"no"}:
        return None
    # It knows the rules of NO_PROXY. Importing it takes as long as starting Python twice.
    from requests.utils import get_environ_proxies, select_proxy

    proxies = get_environ_proxies(url)
    proxy = select_proxy(url, proxies)
    if not proxy:
        return None
    scheme = proxy.partition("://")[0].lower() if "://" in proxy else "http"
    if scheme in ("http", "https"):
        return proxy if "://" in proxy else f"http://{proxy}"
    variable = f"{next((name for name, value in proxies.items() if value == proxy), 'all').partition(':')[0]}_proxy"
    kind = "a SOCKS proxy" if scheme.startswith("socks") else f"a proxy of type {scheme}"
    host = urlsplit(url).hostname
    raise SettingsError(
        f"{variable} (or {variable.upper()}) names {kind}, {redact_url(proxy)}; imagecli supports only HTTP proxies",
        hint=f"set HTTPS_PROXY=http://HOST:PORT, or NO_PROXY={host} to use no proxy",
        code="proxy",
    )


class Session:
    """What the exchanges of a command share: headers, proxies and trusted certificates. No cookies, no connections.

    Threads may share it: `CertificateCache` has a lock, and the proxies are the same whichever thread finds them first.
    """

    def __init__(self, *, direct: bool) -> None:
        self._direct = direct
        self.headers = {
            "User-Agent": f"imagecli/{__version__}",
            "Accept": "*/*",
            "Accept-Encoding": "identity",  # so that bytes go to disk as they arrive
            "Connection": "close",
        }
        self.certificates = CertificateCache(None if direct else certificate_bundle())
        self._proxies: dict[str, str | None] = {}

    def find_proxy(self, url: str) -> str | None:
        """The URL of the proxy for *url*, searched for once for each origin."""
        if self._direct:
            return None
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._proxies:
            self._proxies[origin] = find_proxy(url)
        return self._proxies[origin]


def open_session(*, direct: bool = False) -> Session:
    """Opens a session. *direct* ignores proxies and their variables (for a server in this process)."""
    return Session(direct=direct)
