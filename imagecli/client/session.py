"""The session that the exchanges of a command share, and the one object that adds the key. Nothing reads `.netrc`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from imagecli import __version__
from imagecli.client.exchange_limits import ExchangeLimits
from imagecli.client.http_connection import CertificateCache, ExchangeAdapter
from imagecli.domain import Secret

HEADERS = {"bearer": ("Authorization", "Bearer "), "api-key": ("api-key", ""), "none": ("Authorization", "Bearer ")}
"""Scheme → header and prefix of the key. A provider that needs none may be behind a gateway that does."""


class Authorization(AuthBase):
    """Adds the key, and nothing else does. Being an auth object, it also keeps `.netrc` from replacing the key."""

    def __init__(self, key: Secret | None, scheme: str = "bearer") -> None:
        self._key = key
        self._header, self._prefix = HEADERS[scheme]

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key:
            request.headers[self._header] = self._prefix + self._key.reveal()
        return request


class Session(requests.Session):
    """What the exchanges of a command share: User-Agent, proxy settings, trusted certificates. No cookies.

    Threads may share it: `CertificateCache` has a lock, and the cached settings are the same whichever thread reads
    them first. Every exchange has an adapter to itself.
    """

    def __init__(self, *, direct: bool) -> None:
        super().__init__()
        self.headers["User-Agent"] = f"imagecli/{__version__}"
        self.headers["Connection"] = "close"
        self.headers["Accept-Encoding"] = "identity"  # so that bytes go to disk as they arrive
        self.trust_env = not direct
        self.trust = CertificateCache()
        self._settings_by_origin: dict[str, dict[str, Any]] = {}
        self._idle_adapters: list[ExchangeAdapter] = []

    @contextmanager
    def adapter(self, limits: ExchangeLimits) -> Iterator[ExchangeAdapter]:
        """An adapter for the exchange with *limits*, which nothing else uses until the block ends."""
        try:
            adapter = self._idle_adapters.pop()
        except IndexError:
            adapter = ExchangeAdapter(self.trust)
        adapter.limits = limits
        try:
            yield adapter
        finally:
            adapter.limits = None
            self._idle_adapters.append(adapter)

    def prepare(self, request: requests.Request) -> requests.PreparedRequest:
        """*request* with the session's headers.

        As `prepare_request`, which takes four times as long to merge cookies, parameters and hooks that are never set.
        """
        prepared = requests.PreparedRequest()
        prepared.prepare(
            method=request.method,
            url=request.url,
            headers={**self.headers, **request.headers},
            data=request.data,
            json=request.json,
            auth=request.auth,
        )
        return prepared

    def environment_settings(self, url: str) -> dict[str, Any]:
        """Proxies and certificates that environment variables set for the origin of *url*, read once for each."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._settings_by_origin:
            self._settings_by_origin[origin] = dict(self.merge_environment_settings(url, {}, True, None, None))
        return dict(self._settings_by_origin[origin])


def open_session(*, direct: bool = False) -> Session:
    """Opens a session. *direct* ignores proxies and their variables (for a server in this process)."""
    return Session(direct=direct)
