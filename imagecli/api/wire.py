"""One HTTP exchange through requests.

It sends once. What is worth another try is `transport`'s and `results`' to say.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

import requests
from requests.auth import AuthBase

from imagecli import __version__
from imagecli.api.failures import in_our_words
from imagecli.domain import HttpRequest, Secret

PIECE_BYTES = 64 * 1024
MAX_ERROR_BYTES = 1024 * 1024
"""So much of an error's body is read."""

Progress = Callable[[int, int | None], None]
"""Called with the bytes done so far and the total, where it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds: to connect, of silence, in all."""

    connect: float = 10.0
    silence: float = 300.0
    total: float = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """Status, headers with lower-case names, and the body where it is an error's (else it went to the file)."""

    status: int
    headers: dict[str, str]
    error_body: bytes = b""


class Authorization(AuthBase):
    """The only thing that adds the key. An auth object of our own also keeps `.netrc` from replacing it."""

    def __init__(self, key: Secret | None) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key.reveal()}"
        return request


class CountingBody(io.BytesIO):
    """An upload that tells how much of it was taken."""

    def __init__(self, data: bytes, progress: Progress) -> None:
        super().__init__(data)
        self._total, self._progress = len(data), progress

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        if piece:
            self._progress(self.tell(), self._total)
        return piece


def open_session(*, direct: bool = False, connections: int = 10) -> requests.Session:
    """A session with our name on it. *direct* leaves proxies and their variables out (a server in this process)."""
    session = requests.Session()
    session.headers["User-Agent"] = f"imagecli/{__version__}"
    session.max_redirects = 5
    session.trust_env = not direct
    for scheme in ("http://", "https://"):
        session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=connections))
    return session


def post(
    session: requests.Session,
    http: HttpRequest,
    *,
    auth: Authorization,
    headers: dict[str, str],
    timeouts: Timeouts,
    into: IO[bytes],
    uploaded: Progress,
    received: Progress,
) -> HttpAnswer:
    """Sends *http* once. A 2xx body goes *into* the file as it arrives; redirects are not followed.

    Raises NotConnectedError where nothing was sent, UnsavedError where the answer was lost on its way.
    """
    with in_our_words(http.url):
        request = session.prepare_request(_request(http, auth, headers))
        if isinstance(request.body, (bytes, str)):
            body = request.body.encode() if isinstance(request.body, str) else request.body
            request.body = CountingBody(body, uploaded)  # type: ignore[assignment]
        settings = session.merge_environment_settings(http.url, {}, True, None, None)
        response = session.send(
            request, timeout=(timeouts.connect, timeouts.silence), allow_redirects=False, **settings
        )
        with response:
            answer = HttpAnswer(
                status=response.status_code, headers={name.lower(): value for name, value in response.headers.items()}
            )
            if 200 <= response.status_code < 300:
                _copy(response, into, received)
                return answer
            return HttpAnswer(status=answer.status, headers=answer.headers, error_body=_beginning(response))


def get(session: requests.Session, url: str, *, timeouts: Timeouts, into: IO[bytes], received: Progress) -> HttpAnswer:
    """Fetches *url* without any key, following redirects; a 2xx body goes *into* the file. Errors as for `post`."""
    with in_our_words(url):
        response = session.get(url, auth=Authorization(None), timeout=(timeouts.connect, timeouts.silence), stream=True)
        with response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            if 200 <= response.status_code < 300:
                _copy(response, into, received)
                return HttpAnswer(status=response.status_code, headers=headers)
            return HttpAnswer(status=response.status_code, headers=headers, error_body=_beginning(response))


def _request(http: HttpRequest, auth: Authorization, headers: dict[str, str]) -> requests.Request:
    return requests.Request(
        http.method,
        http.url,
        headers={"Accept": "application/json", **headers},
        auth=auth,
        json=http.json,
        data=list(http.form) or None,
        files=[(file.name, (file.filename, file.data, file.media_type)) for file in http.files] or None,
    )


def _copy(response: requests.Response, into: IO[bytes], received: Progress) -> None:
    length = response.headers.get("Content-Length", "")
    total = (
        int(length) if length.isascii() and length.isdigit() and "Content-Encoding" not in response.headers else None
    )
    done = 0
    for piece in response.iter_content(PIECE_BYTES):
        into.write(piece)
        done += len(piece)
        received(done, total)


def _beginning(response: requests.Response) -> bytes:
    """The first of an error's body; what breaks while it is read does not matter, the status is known."""
    pieces, size = [], 0
    try:
        for piece in response.iter_content(PIECE_BYTES):
            pieces.append(piece)
            size += len(piece)
            if size >= MAX_ERROR_BYTES:
                break
    except requests.RequestException:
        pass
    return b"".join(pieces)
