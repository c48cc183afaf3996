"""One HTTP exchange through requests.

It sends once. What is worth another try is `transport`'s and `results`' to say.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

import requests
from urllib3.exceptions import HTTPError

from imagecli.api.failures import HINT_TOO_SLOW, in_our_words, shown
from imagecli.api.session import Authorization
from imagecli.errors import DiskError, UnsavedError
from imagecli.exchange import HttpRequest

PIECE_BYTES = 64 * 1024
MAX_ERROR_BYTES = 1024 * 1024
"""So much of an error's body is read."""
MAX_ANSWER_BYTES = 640 * 1024 * 1024
"""More is no answer: ten pictures of 3840x2160 as base64 PNG have about 400 MB."""
MAX_RESULT_BYTES = 200 * 1024 * 1024
"""More behind one result URL is no picture."""

Progress = Callable[[int, int | None], None]
"""Called with the bytes done so far and the total, where it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds: to connect, of silence, in all."""

    connect: float = 10.0
    silence: float = 300.0
    total: float = 1800.0

    def of_socket(self) -> tuple[float, float]:
        """What requests takes: seconds to connect, and between two pieces of an answer."""
        return min(self.connect, self.total), min(self.silence, self.total)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """Status, headers with lower-case names, and the body where it is an error's (else it went to the file)."""

    status: int
    headers: dict[str, str]
    error_body: bytes = b""


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

    Raises NotConnectedError where nothing was sent, UnsavedError where the answer was lost on its way, DiskError
    where it could not be kept.
    """
    deadline = time.monotonic() + timeouts.total
    body = CountingBody(b"", uploaded)
    with in_our_words(http.url, begun=lambda: body.tell() > 0):
        request = session.prepare_request(_request(http, auth, headers))
        if request.body:
            body = CountingBody(request.body.encode() if isinstance(request.body, str) else request.body, uploaded)
            request.body = body  # type: ignore[assignment]
        return _taken(_sent(session, request, timeouts), deadline, MAX_ANSWER_BYTES, into, received)


def get(session: requests.Session, url: str, *, timeouts: Timeouts, into: IO[bytes], received: Progress) -> HttpAnswer:
    """Asks *url* once, without any key; a redirect is an answer like any other. Errors as for `post`."""
    deadline = time.monotonic() + timeouts.total
    with in_our_words(url):
        request = session.prepare_request(requests.Request("GET", url, auth=Authorization(None)))
        return _taken(_sent(session, request, timeouts), deadline, MAX_RESULT_BYTES, into, received)


def _sent(session: requests.Session, request: requests.PreparedRequest, timeouts: Timeouts) -> requests.Response:
    """The answer as soon as its headers are there.

    By the adapter: the session would look for a redirect's next request, and for that read a body of any length.
    """
    url = request.url or ""
    settings: dict[str, Any] = dict(session.merge_environment_settings(url, {}, True, None, None))
    return session.get_adapter(url).send(request, timeout=timeouts.of_socket(), **settings)


def _taken(response: requests.Response, deadline: float, limit: int, into: IO[bytes], received: Progress) -> HttpAnswer:
    """The answer whose headers have come, its body *into* the file where it is 2xx. Closes the response."""
    with response:
        headers = {name.lower(): value for name, value in response.headers.items()}
        if 200 <= response.status_code < 300:
            _copy(response, deadline, limit, into, received)
            return HttpAnswer(status=response.status_code, headers=headers)
        return HttpAnswer(status=response.status_code, headers=headers, error_body=_beginning(response, deadline))


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


def _copy(response: requests.Response, deadline: float, limit: int, into: IO[bytes], received: Progress) -> None:
    total = _length(response)
    done = 0
    for piece in _pieces(response, deadline):
        done += len(piece)
        if done > limit:
            raise UnsavedError(
                f"the answer of {shown(response.url)} is larger than {limit // 2**20} MB; the rest was not read",
                hint="no pictures are as large; look at the provider's usage page",
                code="answer_too_large",
            )
        _write(piece, into)
        received(done, total)


def _length(response: requests.Response) -> int | None:
    """Bytes that will come, where the answer says so in a number worth believing."""
    length = response.headers.get("Content-Length", "")
    plain = length.isascii() and length.isdigit() and len(length) < 15
    return int(length) if plain and "Content-Encoding" not in response.headers else None


def _pieces(response: requests.Response, deadline: float) -> Iterator[bytes]:
    """The body as it arrives, decoded. Raises UnsavedError past *deadline*, however steadily it drips."""
    while piece := response.raw.read1(PIECE_BYTES, decode_content=True):
        yield piece
        if time.monotonic() > deadline:
            raise UnsavedError(
                f"the answer of {shown(response.url)} took too long",
                hint=HINT_TOO_SLOW,
                code="timeout",
            )


def _write(piece: bytes, into: IO[bytes]) -> None:
    """To the file at once, so that a killed process leaves what had come."""
    try:
        into.write(piece)
        into.flush()
    except OSError as error:
        raise DiskError(
            f"the answer came and can't be kept: {error.strerror}",
            hint="it may have been billed; free some space, or set IMAGECLI_STATE_DIR to a folder that has some",
        ) from error


def _beginning(response: requests.Response, deadline: float) -> bytes:
    """The first of an error's body; what breaks while it is read does not matter, the status is known."""
    pieces, size = [], 0
    with suppress(HTTPError, UnsavedError):
        for piece in _pieces(response, deadline):
            pieces.append(piece)
            size += len(piece)
            if size >= MAX_ERROR_BYTES:
                break
    return b"".join(pieces)
