"""One HTTP exchange through requests: build the request, send it once, read the response. Retries are the callers'.

A 2xx body goes to a file as it arrives, an error's body into memory. `-v` and `--debug` log the exchange here, without
the key, which is added later, and without cookies.
"""

from __future__ import annotations

import io
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError
from urllib3.filepost import encode_multipart_formdata

from imagecli.client.connection import SingleUseAdapter, is_proxied
from imagecli.client.errors import (
    RefusedAddressError,
    redact_url,
    slow_response_error,
    speaks_tls,
    tls_port_error,
    translate_request_errors,
)
from imagecli.client.exchange_limits import AddressFilter, BeforeSend, BodyWriter, Enough, ExchangeLimits, Resolver
from imagecli.client.ip_ranges import literal_endpoint, port_of
from imagecli.client.session import Authorization, Session
from imagecli.errors import DiskError, ImagecliError, UnsavedError, UsageError
from imagecli.http_message import HttpRequest
from imagecli.providers.decompress import MAX_RESPONSE_BYTES, DamagedGzipError, gunzip

logger = logging.getLogger(__name__)

PIECE_BYTES = 256 * 1024
MAX_ERROR_BYTES = 1024 * 1024
"""The most that is read of an error's body."""

ByteProgress = Callable[[int, int | None], None]
"""Called with the bytes transferred so far and the total, or None if that is unknown."""


class HttpResponse(NamedTuple):
    """Status, headers with lower-case names, and an error's body; a 2xx body is in the file."""

    status: int
    headers: dict[str, str]
    error_body: bytes = b""


def read_response(
    response: requests.Response, limits: ExchangeLimits, into: BodyWriter, received: ByteProgress
) -> HttpResponse:
    """Reads the response whose headers have arrived; a 2xx body is written *into* a file. Closes *response*.

    A compressed body is decompressed, unless the limits say that it stays as it is. An error after enough has arrived
    is ignored.
    """
    with response:
        headers = {name.lower(): value for name, value in response.headers.items()}
        if 200 <= response.status_code < 300:
            try:
                _copy_body(response, limits, into, received)
            except (HTTPError, OSError, UnsavedError):
                if limits.enough() is None:
                    raise
            return HttpResponse(status=response.status_code, headers=headers)
        limits.deadline = min(limits.deadline, time.monotonic() + limits.error_seconds)
        return HttpResponse(status=response.status_code, headers=headers, error_body=_read_error_body(response, limits))


def _copy_body(response: requests.Response, limits: ExchangeLimits, into: BodyWriter, received: ByteProgress) -> None:
    pieces = _count_pieces(response, limits, received)
    # Damage in it is found by the code that reads the body.
    with suppress(DamagedGzipError):
        for piece in pieces if limits.packed else gunzip(pieces, limits.max_bytes):
            _write_piece(piece, into)


def _count_pieces(response: requests.Response, limits: ExchangeLimits, received: ByteProgress) -> Iterator[bytes]:
    """The body as it arrives, each piece counted after it was written. Raises UnsavedError for too large a body."""
    total, count = _content_length(response), 0
    for piece in _iter_body(response, limits):
        count += len(piece)
        if count > limits.max_bytes:
            raise UnsavedError(
                f"the answer of {redact_url(response.url)} is larger than {limits.max_bytes // 2**20} MB; "
                "the rest was not read",
                hint="no pictures are as large; look at the provider's usage page",
                code="answer_too_large",
            )
        yield piece
        received(count, total)
        limits.tighten_deadline()


def _content_length(response: requests.Response) -> int | None:
    """The size of the body, if the response states a plausible one."""
    length = response.headers.get("Content-Length", "")
    plain = length.isascii() and length.isdigit() and len(length) < 15
    return int(length) if plain else None


def _iter_body(response: requests.Response, limits: ExchangeLimits) -> Iterator[bytes]:
    """The body as it arrives. Raises UnsavedError past the deadline, even if data keeps arriving."""
    while piece := response.raw.read1(PIECE_BYTES, decode_content=False):
        yield piece
        if limits.is_expired:
            raise slow_response_error(response.url, is_over=True)


def _write_piece(piece: bytes, into: BodyWriter) -> None:
    """Writes to the file immediately, so that a killed process leaves what has arrived."""
    try:
        into.write(piece)
        into.flush()
    except OSError as error:
        raise DiskError(
            f"the answer came and can't be kept: {error.strerror}",
            hint="it may have been billed; free some space, or set IMAGECLI_STATE_DIR to a folder that has some",
        ) from error


def _read_error_body(response: requests.Response, limits: ExchangeLimits) -> bytes:
    """The first MAX_ERROR_BYTES of an error's body; what breaks meanwhile does not matter, the status is known."""
    body = b""
    with suppress(HTTPError, OSError, ImagecliError, DamagedGzipError):
        for piece in gunzip(_iter_body(response, limits)):
            body += piece
            if len(body) >= MAX_ERROR_BYTES:
                break
    return body


class MultipartUpload:
    """The body of a multipart upload, read once: fields first, then the file, from disk as it is sent."""

    def __init__(
        self,
        file: IO[bytes],
        size: int,
        *,
        fields: Mapping[str, str],
        filename: str,
        media_type: str,
        progress: ByteProgress = lambda sent, total: None,
    ) -> None:
        """*size* bytes of *file* are sent, even if it grows. *progress* is called after every piece."""
        boundary = secrets.token_hex(16)
        form, self.content_type = encode_multipart_formdata(
            {**fields, "file": (filename, b"", media_type)}, boundary=boundary
        )
        end = len(form) - len(f"\r\n--{boundary}--\r\n")
        self._left = [(io.BytesIO(form[:end]), end), (file, size), (io.BytesIO(form[end:]), len(form) - end)]
        self.length = len(form) + size
        self._sent, self._progress = 0, progress
        description = ", ".join(f"{name} {value}" for name, value in fields.items())
        self.about = f"{description}, file: {media_type}, {size:,} bytes"

    def tell(self) -> int:
        return self._sent

    def read(self, size: int = -1, /) -> bytes:
        """The next piece, empty at the end. Raises UsageError if the file has become shorter."""
        while self._left:
            stream, left = self._left.pop(0)
            if not left:
                continue
            piece = stream.read(left if size < 0 else min(size, left))
            if not piece:
                raise UsageError("a file became shorter while it was sent", hint="run the same command again")
            self._left.insert(0, (stream, left - len(piece)))
            self._sent += len(piece)
            self._progress(self._sent, self.length)
            return piece
        return b""


@contextmanager
def open_source(source: Path | bytes) -> Iterator[tuple[IO[bytes], int]]:
    """Opens *source* and returns it with its size. Raises UsageError if it can't be read."""
    if isinstance(source, bytes):
        yield io.BytesIO(source), len(source)
        return
    try:
        file = source.open("rb")
    except OSError as error:
        raise UsageError(f"{source.name} can't be read: {error.strerror}; nothing was handed in") from error
    with file:
        yield file, os.fstat(file.fileno()).st_size


MAX_RESULT_BYTES = 200 * 1024 * 1024
"""A larger result URL is not an image."""


class Timeouts(NamedTuple):
    """Seconds to connect, without data, in total, and for the body of an error."""

    connect: float = 10.0
    silence: float = 300.0
    total: float = 1800.0
    error: float = 30.0

    def socket_timeouts(self) -> tuple[float, float]:
        """requests' pair: seconds to connect, and between two pieces of a response."""
        return min(self.connect, self.total), min(self.silence, self.total)

    def limits_from_now(self, max_bytes: int, **more: Any) -> ExchangeLimits:
        """The limits of an exchange that starts now."""
        deadline = time.monotonic() + self.total
        return ExchangeLimits(
            deadline=deadline, silence=self.silence, error_seconds=self.error, max_bytes=max_bytes, **more
        )


class CountingBody(io.BytesIO):
    """A request body that calls *progress* as it is read."""

    def __init__(self, data: bytes, progress: ByteProgress) -> None:
        super().__init__(data)
        self._total, self._progress = len(data), progress

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        if piece:
            self._progress(self.tell(), self._total)
        return piece


def send_once(
    session: Session,
    http: HttpRequest,
    *,
    auth: Authorization,
    headers: dict[str, str],
    timeouts: Timeouts,
    into: BodyWriter,
    uploaded: ByteProgress,
    received: ByteProgress,
    enough: Enough = lambda: None,
    packed: bool = False,
    max_bytes: int = MAX_RESPONSE_BYTES,
    upload: MultipartUpload | None = None,
    before_send: BeforeSend = lambda peer: None,
) -> HttpResponse:
    """Sends *http* once, its body from *upload* if that is given; redirects are not followed.

    A 2xx body is written *into* a file as it arrives, at most *max_bytes* of it, and stays compressed if *packed*.
    *before_send* is called when the connection is made, before any byte is sent. *enough* is called after every piece
    of the response: how long to wait for the rest.
    Raises NetworkError if nothing was sent or understood, UnsavedError if the response was lost, DiskError if it can't
    be written.
    """
    limits = timeouts.limits_from_now(max_bytes, enough=enough, packed=packed, before_send=before_send)
    body: CountingBody | MultipartUpload | None = upload

    def begun() -> bool:
        """A request without a body is sent with its headers."""
        return body.tell() > 0 if body else limits.connected

    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("%s%s", _describe_request(http), f" {upload.about}" if upload else "")
    try:
        with translate_request_errors(http.url, begun=begun, is_over=lambda: limits.is_drip_timeout):
            request = session.prepare_request(_build_request(http, auth, headers))
            if upload:
                request.headers.update({"Content-Type": upload.content_type, "Content-Length": str(upload.length)})
                request.body = upload  # type: ignore[assignment]
            elif request.body:
                body = CountingBody(request.body.encode() if isinstance(request.body, str) else request.body, uploaded)
                request.body = body  # type: ignore[assignment]
            response = _exchange(session, request, timeouts, limits, into, received)
    except UnsavedError as error:
        if not limits.received_bytes and error.code == "answer_lost" and _is_tls_port(session, http.url):
            raise tls_port_error(http.url) from error
        raise
    request_id = response.headers.get("x-request-id")
    suffix = f", request {request_id}" if request_id else ""
    logger.info("%s %s: HTTP %d%s", http.method, _printable_path(http), response.status, suffix)
    logger.debug("%s", _describe_headers(response))
    return response


def get(
    session: Session,
    url: str,
    *,
    timeouts: Timeouts,
    into: BodyWriter,
    received: ByteProgress,
    judge: AddressFilter | None = None,
    resolve: Resolver | None = None,
) -> HttpResponse:
    """Requests *url* once, without a key; a redirect is a response like any other. Raises as `send_once`.

    *judge* decides which addresses may be connected to; without it, all may. *resolve* replaces the system's resolver.
    """
    limits = timeouts.limits_from_now(MAX_RESULT_BYTES, judge=judge, **({"resolve": resolve} if resolve else {}))
    with translate_request_errors(url, begun=lambda: limits.connected, is_over=lambda: limits.is_drip_timeout):
        request = session.prepare_request(requests.Request("GET", url, auth=Authorization(None)))
        return _exchange(session, request, timeouts, limits, into, received)


def uses_proxy(session: Session, url: str) -> bool:
    """Whether *url* goes through a proxy that the environment sets."""
    return is_proxied(session, url, session.environment_settings(url))


def _exchange(
    session: Session,
    request: requests.PreparedRequest,
    timeouts: Timeouts,
    limits: ExchangeLimits,
    into: BodyWriter,
    received: ByteProgress,
) -> HttpResponse:
    """Sends *request* and reads the response.

    Through the adapter: the session would prepare a redirect's next request, and read a body of any length for it.
    """
    url = request.url or ""
    if not url.lower().startswith(("http://", "https://")):
        raise requests.exceptions.InvalidSchema(f"no http(s) address: {redact_url(url)}")
    settings = session.environment_settings(url)
    if limits.judge and is_proxied(session, url, settings):
        # The proxy resolves the name: only an address in the URL itself can be checked.
        parts = urlsplit(url)
        literal = literal_endpoint(parts.hostname or "", port_of(parts))
        if literal and not limits.judge(literal):
            raise RefusedAddressError(literal.kind)
    with closing(SingleUseAdapter(limits, session.trust)) as adapter:
        response = adapter.send(request, timeout=timeouts.socket_timeouts(), **settings)
        return read_response(response, limits, into, received)


def _is_tls_port(session: Session, url: str) -> bool:
    """Whether *url* is http, reached without a proxy, and its port speaks TLS."""
    parts = urlsplit(url)
    return (
        parts.scheme == "http" and not uses_proxy(session, url) and speaks_tls(parts.hostname or "", parts.port or 80)
    )


def _build_request(http: HttpRequest, auth: Authorization, headers: dict[str, str]) -> requests.Request:
    return requests.Request(
        http.method,
        http.url,
        headers={"Accept": "application/json", **headers},
        auth=auth,
        json=http.json,
        data=list(http.form) or None,
        files=[(file.name, (file.filename, file.data, file.media_type)) for file in http.files] or None,
    )


_SECRET_HEADERS = ("set-cookie", "authorization", "api-key", "x-api-key", "www-authenticate", "location")
"""Headers of responses that can hold secrets."""


def _describe_request(http: HttpRequest) -> str:
    """The fields of *http*, and of its files the type and size. The key isn't in it: that is added later."""
    fields = json.dumps(http.json if http.json is not None else dict(http.form), ensure_ascii=False)
    files = "".join(f", {file.name}: {file.media_type}, {len(file.data):,} bytes" for file in http.files)
    return f"{http.method} {_printable_path(http)} {fields}{files}"


def _describe_headers(response: HttpResponse) -> str:
    return "; ".join(f"{name}: {value}" for name, value in response.headers.items() if name not in _SECRET_HEADERS)


def _printable_path(http: HttpRequest) -> str:
    """The URL without host and query, which can both hold secrets."""
    return "/" + http.url.partition("://")[2].partition("/")[2].partition("?")[0]
