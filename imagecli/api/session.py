"""Who speaks: the session, and the one object that adds the key. Nothing comes from `.netrc`."""

from __future__ import annotations

import requests
from requests.auth import AuthBase

from imagecli import __version__
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


def open_session(*, direct: bool = False, connections: int = 10) -> requests.Session:
    """A session with our name on it. *direct* leaves proxies and their variables out (a server in this process)."""
    session = requests.Session()
    session.headers["User-Agent"] = f"imagecli/{__version__}"
    session.trust_env = not direct
    for scheme in ("http://", "https://"):
        session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=connections))
    return session
