"""Who speaks: the session, and the one object that adds the key. Nothing comes from `.netrc`."""

from __future__ import annotations

import requests
from requests.auth import AuthBase

from imagecli import __version__
from imagecli.domain import Secret

MIN_HIDDEN_CHARACTERS = 8
"""A shorter key is a stand-in for servers that want none, and could be part of any word."""


class Authorization(AuthBase):
    """The only thing that adds the key. An auth object of our own also keeps `.netrc` from replacing it."""

    def __init__(self, key: Secret | None) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key.reveal()}"
        return request

    def hidden(self, body: bytes) -> bytes:
        """*body* without the key: some gateways repeat it in their refusal."""
        key = self._key.reveal().encode() if self._key else b""
        return body.replace(key, b"[key]") if len(key) >= MIN_HIDDEN_CHARACTERS else body


class Session(requests.Session):
    """One that takes nothing from `.netrc`, not even for the host that a redirect leads to."""

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        prepared_request.headers.pop("Authorization", None)


def open_session(*, direct: bool = False, connections: int = 10) -> requests.Session:
    """A session with our name on it. *direct* leaves proxies and their variables out (a server in this process)."""
    session = Session()
    session.headers["User-Agent"] = f"imagecli/{__version__}"
    session.max_redirects = 5
    session.trust_env = not direct
    for scheme in ("http://", "https://"):
        session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=connections))
    return session
