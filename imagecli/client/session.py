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
        self._last_prepared: tuple[object, requests.PreparedRequest] = (None, requests.PreparedRequest())
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
        """*request* with the session's headers. Unlike `prepare_request` without cookies, parameters and hooks.

        Most requests of a command differ only in their body, so all but the body is kept for the next one.
        """
        key = (request.method, request.url, tuple(request.headers.items()), request.auth)
        last_key, bodiless = self._last_prepared
        if key != last_key:
            bodiless = requests.PreparedRequest()
            bodiless.prepare_method(request.method)
            bodiless.prepare_url(request.url, None)
            bodiless.prepare_headers({**self.headers, **request.headers})
            bodiless.prepare_auth(request.auth)
            self._last_prepared = key, bodiless
        prepared = bodiless.copy()
        prepared.prepare_body(request.data, None, request.json)
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
