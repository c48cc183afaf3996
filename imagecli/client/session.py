"""Who speaks: the session, and the one object that adds the key. Nothing comes from `.netrc`."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from imagecli import __version__
from imagecli.client.connection import CertificateCache
from imagecli.domain import Secret

HEADERS = {"bearer": ("Authorization", "Bearer "), "api-key": ("api-key", ""), "none": ("Authorization", "Bearer ")}
"""How a key is shown: header, and what stands before it. A provider that wants none may stand behind a proxy."""


class Authorization(AuthBase):
    """The only thing that adds the key. An auth object of our own also keeps `.netrc` from replacing it."""

    def __init__(self, key: Secret | None, scheme: str = "bearer") -> None:
        self._key = key
        self._header, self._prefix = HEADERS[scheme]

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key:
            request.headers[self._header] = self._prefix + self._key.reveal()
        return request


class Session(requests.Session):
    """What the exchanges of a command share: a name, the proxies' variables, the certificates trusted. No cookies.

    Threads may share it: nothing in it changes but what `CertificateCache` guards, and what is the same whoever asks
    first. Every exchange has an adapter of its own.
    """

    def __init__(self, *, direct: bool) -> None:
        super().__init__()
        self.headers["User-Agent"] = f"imagecli/{__version__}"
        self.headers["Connection"] = "close"
        self.headers["Accept-Encoding"] = "identity"  # so that bytes go to disk as they arrive
        self.trust_env = not direct
        self.trust = CertificateCache()
        self._surroundings: dict[str, dict[str, Any]] = {}

    def environment_settings(self, url: str) -> dict[str, Any]:
        """Proxies and certificates that the variables say for the place of *url*: read once, there are many of them."""
        parts = urlsplit(url)
        place = f"{parts.scheme}://{parts.netloc}"
        if place not in self._surroundings:
            self._surroundings[place] = dict(self.merge_environment_settings(url, {}, True, None, None))
        return dict(self._surroundings[place])


def open_session(*, direct: bool = False) -> Session:
    """A session with our name on it. *direct* leaves proxies and their variables out (a server in this process)."""
    return Session(direct=direct)
