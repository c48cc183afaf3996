"""One HTTP exchange through requests.

It sends once. What is worth another try is `transport`'s and `results`' to say.
"""

from __future__ import annotations

import io
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from imagecli.api.adapter import OnceAdapter, proxied
from imagecli.api.addresses import literal_endpoint, port_of
from imagecli.api.arrival import HttpAnswer as HttpAnswer
from imagecli.api.arrival import Progress as Progress
from imagecli.api.arrival import taken
from imagecli.api.failures import RefusedAddressError, in_our_words, shown, to_tls_in_plain
from imagecli.api.session import Authorization, Session
from imagecli.api.terms import Enough, Into, Judge, OnConnect, Resolve, Terms
from imagecli.api.tls import speaks_tls
from imagecli.api.upload import Upload
from imagecli.errors import UnsavedError
from imagecli.exchange import HttpRequest

MAX_ANSWER_BYTES = 640 * 1024 * 1024
"""More is no answer: ten pictures of 3840x2160 as base64 PNG have about 400 MB."""
MAX_RESULT_BYTES = 200 * 1024 * 1024
"""More behind one result URL is no picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds: to connect, of silence, in all, and for the body of an error."""

    connect: float = 10.0
    silence: float = 300.0
    total: float = 1800.0
    error: float = 30.0

    def of_socket(self) -> tuple[float, float]:
        """What requests takes: seconds to connect, and between two pieces of an answer."""
        return min(self.connect, self.total), min(self.silence, self.total)

    def from_now(self, max_bytes: int, **more: Any) -> Terms:
        """The terms of an exchange that begins now."""
        deadline = time.monotonic() + self.total
        return Terms(deadline=deadline, silence=self.silence, error_seconds=self.error, max_bytes=max_bytes, **more)


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
    session: Session,
    http: HttpRequest,
    *,
    auth: Authorization,
    headers: dict[str, str],
    timeouts: Timeouts,
    into: Into,
    uploaded: Progress,
    received: Progress,
    enough: Enough = lambda: None,
    packed: bool = False,
    max_bytes: int = MAX_ANSWER_BYTES,
    upload: Upload | None = None,
    on_connect: OnConnect = lambda peer: None,
) -> HttpAnswer:
    """Sends *http* once, its body from *upload* where there is one; redirects are not followed.

    A 2xx body goes *into* the file as it arrives; more than *max_bytes* of it are no answer.

    *enough* is asked after every piece whether to wait for the end, and how long. *packed*: a compressed body is not
    unpacked.
    Raises NetworkError where nothing was sent or nothing of it understood, UnsavedError where the answer was lost on
    its way, DiskError where it could not be kept.
    """
    terms = timeouts.from_now(max_bytes, enough=enough, packed=packed, on_connect=on_connect)
    body: CountingBody | Upload | None = upload

    def begun() -> bool:
        """Of a request without a body all goes out with its line."""
        return body.tell() > 0 if body else terms.connected

    try:
        with in_our_words(http.url, begun=begun, is_over=lambda: terms.dripped):
            request = session.prepare_request(_request(http, auth, headers))
            if upload:
                request.headers.update({"Content-Type": upload.content_type, "Content-Length": str(upload.length)})
                request.body = upload  # type: ignore[assignment]
            elif request.body:
                body = CountingBody(request.body.encode() if isinstance(request.body, str) else request.body, uploaded)
                request.body = body  # type: ignore[assignment]
            return _exchanged(session, request, timeouts, terms, into, received)
    except UnsavedError as error:
        if not terms.came and error.code == "answer_lost" and _is_tls_port(session, http.url):
            raise to_tls_in_plain(http.url) from error
        raise


def get(
    session: Session,
    url: str,
    *,
    timeouts: Timeouts,
    into: Into,
    received: Progress,
    judge: Judge | None = None,
    resolve: Resolve | None = None,
) -> HttpAnswer:
    """Asks *url* once, without any key; a redirect is an answer like any other. Errors as for `post`.

    *judge* decides which addresses may be connected to; without it, all may. *resolve* stands in for the system's
    resolver.
    """
    terms = timeouts.from_now(MAX_RESULT_BYTES, judge=judge, **({"resolve": resolve} if resolve else {}))
    with in_our_words(url, begun=lambda: terms.connected, is_over=lambda: terms.dripped):
        request = session.prepare_request(requests.Request("GET", url, auth=Authorization(None)))
        return _exchanged(session, request, timeouts, terms, into, received)


def goes_by_proxy(session: Session, url: str) -> bool:
    """Whether a proxy of the environment would be asked for *url*."""
    return proxied(session, url, session.surroundings(url))


def _exchanged(
    session: Session,
    request: requests.PreparedRequest,
    timeouts: Timeouts,
    terms: Terms,
    into: Into,
    received: Progress,
) -> HttpAnswer:
    """The answer to *request*, its body *into* the file where it is 2xx.

    By the adapter: the session would look for a redirect's next request, and for that read a body of any length.
    """
    url = request.url or ""
    if not url.lower().startswith(("http://", "https://")):
        raise requests.exceptions.InvalidSchema(f"no http(s) address: {shown(url)}")
    settings = session.surroundings(url)
    if terms.judge and proxied(session, url, settings):
        # The proxy resolves the name: only what the address itself says can be judged.
        parts = urlsplit(url)
        written = literal_endpoint(parts.hostname or "", port_of(parts))
        if written and not terms.judge(written):
            raise RefusedAddressError(written.kind)
    with closing(OnceAdapter(terms, session.trust)) as adapter:
        response = adapter.send(request, timeout=timeouts.of_socket(), **settings)
        return taken(response, terms, into, received)


def _is_tls_port(session: Session, url: str) -> bool:
    """Whether *url* is plain, asked without a proxy, and its port speaks TLS."""
    parts = urlsplit(url)
    return (
        parts.scheme == "http"
        and not goes_by_proxy(session, url)
        and speaks_tls(parts.hostname or "", parts.port or 80)
    )


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
