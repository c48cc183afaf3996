"""One HTTP exchange through requests.

It sends once. What is worth another try is `transport`'s and `results`' to say.

An answer whose headers have come: its body on its way into a file, or the beginning of an error's.

A form with one file in it, read from the disk while it is sent: memory does not grow with the file.

What -v and --debug are told of an exchange. Never a key: it is added behind this, and cookies are left out.
"""

from __future__ import annotations

import io
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError
from urllib3.filepost import encode_multipart_formdata

from imagecli.client.connection import SingleUseAdapter, is_proxied
from imagecli.client.deadline import AddressFilter, BeforeSend, BodyWriter, Enough, ExchangeLimits, Resolver
from imagecli.client.errors import (
    RefusedAddressError,
    redact_url,
    slow_response_error,
    speaks_tls,
    tls_port_error,
    translate_request_errors,
)
from imagecli.client.ip_ranges import literal_endpoint, port_of
from imagecli.client.session import Authorization, Session
from imagecli.errors import DiskError, ImagecliError, UnsavedError, UsageError
from imagecli.http_message import HttpRequest
from imagecli.providers.decompress import Decompressor

PIECE_BYTES = 256 * 1024
MAX_ERROR_BYTES = 1024 * 1024
"""So much of an error's body is read."""

ByteProgress = Callable[[int, int | None], None]
"""Called with the bytes done so far and the total, where it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """Status, headers with lower-case names, and the body where it is an error's (else it went to the file)."""

    status: int
    headers: dict[str, str]
    error_body: bytes = b""


def read_response(
    response: requests.Response, terms: ExchangeLimits, into: BodyWriter, received: ByteProgress
) -> HttpResponse:
    """The answer whose headers have come, its body *into* the file where it is 2xx. Closes the response.

    Unpacked where it is compressed, unless the terms say that it stays as it comes.
    What breaks when enough has come breaks nothing.
    """
    with response:
        headers = {name.lower(): value for name, value in response.headers.items()}
        if 200 <= response.status_code < 300:
            try:
                _copy_body(response, terms, into, received)
            except (HTTPError, OSError, UnsavedError):
                if terms.enough() is None:
                    raise
            return HttpResponse(status=response.status_code, headers=headers)
        terms.deadline = min(terms.deadline, time.monotonic() + terms.error_seconds)
        return HttpResponse(status=response.status_code, headers=headers, error_body=_read_error_body(response, terms))


def _copy_body(response: requests.Response, terms: ExchangeLimits, into: BodyWriter, received: ByteProgress) -> None:
    total = _content_length(response)
    unpacker = None if terms.packed else Decompressor(terms.max_bytes)
    done = 0
    try:
        for piece in _iter_body(response, terms):
            done += len(piece)
            if done > terms.max_bytes:
                raise UnsavedError(
                    f"the answer of {redact_url(response.url)} is larger than {terms.max_bytes // 2**20} MB; "
                    "the rest was not read",
                    hint="no pictures are as large; look at the provider's usage page",
                    code="answer_too_large",
                )
            for part in unpacker.feed(piece) if unpacker else (piece,):
                _write_piece(part, into)
            received(done, total)
            terms.tighten_deadline()
    finally:
        for part in unpacker.end() if unpacker else ():
            _write_piece(part, into)


def _content_length(response: requests.Response) -> int | None:
    """Bytes that will come, where the answer says so in a number worth believing."""
    length = response.headers.get("Content-Length", "")
    plain = length.isascii() and length.isdigit() and len(length) < 15
    return int(length) if plain else None


def _iter_body(response: requests.Response, terms: ExchangeLimits) -> Iterator[bytes]:
    """The body as it arrives. Raises UnsavedError past the deadline, however steadily it comes."""
    while piece := response.raw.read1(PIECE_BYTES, decode_content=False):
        yield piece
        if terms.is_expired:
            raise slow_response_error(response.url, is_over=True)


def _write_piece(piece: bytes, into: BodyWriter) -> None:
    """To the file at once, so that a killed process leaves what had come."""
    try:
        into.write(piece)
        into.flush()
    except OSError as error:
        raise DiskError(
            f"the answer came and can't be kept: {error.strerror}",
            hint="it may have been billed; free some space, or set IMAGECLI_STATE_DIR to a folder that has some",
        ) from error


def _read_error_body(response: requests.Response, terms: ExchangeLimits) -> bytes:
    """The first of an error's body; what breaks while it is read does not matter, the status is known."""
    pieces, size = [], 0
    unpacker = Decompressor(MAX_ERROR_BYTES)
    with suppress(HTTPError, OSError, ImagecliError):
        for piece in _iter_body(response, terms):
            for part in unpacker.feed(piece):
                pieces.append(part)
                size += len(part)
            if size >= MAX_ERROR_BYTES:
                break
    with suppress(UnsavedError):
        pieces += unpacker.end()
    return b"".join(pieces)


class MultipartUpload:
    """What goes up, once: fields before the file, and *progress* hears of every piece."""

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
        """*size*: so many bytes of *file* are sent, however it grows."""
        boundary = secrets.token_hex(16)
        form, self.content_type = encode_multipart_formdata(
            {**fields, "file": (filename, b"", media_type)}, boundary=boundary
        )
        end = len(form) - len(f"\r\n--{boundary}--\r\n")
        self._left = [(io.BytesIO(form[:end]), end), (file, size), (io.BytesIO(form[end:]), len(form) - end)]
        self.length = len(form) + size
        self._sent, self._progress = 0, progress
        said = ", ".join(f"{name} {value}" for name, value in fields.items())
        self.about = f"{said}, file: {media_type}, {size:,} bytes"

    def tell(self) -> int:
        return self._sent

    def read(self, size: int = -1, /) -> bytes:
        """The next of it, nothing at its end. Raises UsageError where the file has become shorter."""
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
    """*source* from its start, and how long it is. Raises UsageError where it can't be read."""
    if isinstance(source, bytes):
        yield io.BytesIO(source), len(source)
        return
    try:
        file = source.open("rb")
    except OSError as error:
        raise UsageError(f"{source.name} can't be read: {error.strerror}; nothing was handed in") from error
    with file:
        yield file, os.fstat(file.fileno()).st_size


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

    def socket_timeouts(self) -> tuple[float, float]:
        """What requests takes: seconds to connect, and between two pieces of an answer."""
        return min(self.connect, self.total), min(self.silence, self.total)

    def limits_from_now(self, max_bytes: int, **more: Any) -> ExchangeLimits:
        """The terms of an exchange that begins now."""
        deadline = time.monotonic() + self.total
        return ExchangeLimits(
            deadline=deadline, silence=self.silence, error_seconds=self.error, max_bytes=max_bytes, **more
        )


class CountingBody(io.BytesIO):
    """An upload that tells how much of it was taken."""

    def __init__(self, data: bytes, progress: ByteProgress) -> None:
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
    into: BodyWriter,
    uploaded: ByteProgress,
    received: ByteProgress,
    enough: Enough = lambda: None,
    packed: bool = False,
    max_bytes: int = MAX_ANSWER_BYTES,
    upload: MultipartUpload | None = None,
    before_send: BeforeSend = lambda peer: None,
) -> HttpResponse:
    """Sends *http* once, its body from *upload* where there is one; redirects are not followed.

    A 2xx body goes *into* the file as it arrives; more than *max_bytes* of it are no answer.

    *before_send* is called once the connection is made, before any byte of *http* is sent.
    *enough* is asked after every piece whether to wait for the end, and how long. *packed*: a compressed body is not
    unpacked.
    Raises NetworkError where nothing was sent or nothing of it understood, UnsavedError where the answer was lost on
    its way, DiskError where it could not be kept.
    """
    terms = timeouts.limits_from_now(max_bytes, enough=enough, packed=packed, before_send=before_send)
    body: CountingBody | MultipartUpload | None = upload

    def begun() -> bool:
        """Of a request without a body all goes out with its line."""
        return body.tell() > 0 if body else terms.connected

    try:
        with translate_request_errors(http.url, begun=begun, is_over=lambda: terms.is_drip_timeout):
            request = session.prepare_request(_build_request(http, auth, headers))
            if upload:
                request.headers.update({"Content-Type": upload.content_type, "Content-Length": str(upload.length)})
                request.body = upload  # type: ignore[assignment]
            elif request.body:
                body = CountingBody(request.body.encode() if isinstance(request.body, str) else request.body, uploaded)
                request.body = body  # type: ignore[assignment]
            return _exchange(session, request, timeouts, terms, into, received)
    except UnsavedError as error:
        if not terms.received_bytes and error.code == "answer_lost" and _is_tls_port(session, http.url):
            raise tls_port_error(http.url) from error
        raise


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
    """Asks *url* once, without any key; a redirect is an answer like any other. Errors as for `post`.

    *judge* decides which addresses may be connected to; without it, all may. *resolve* stands in for the system's
    resolver.
    """
    terms = timeouts.limits_from_now(MAX_RESULT_BYTES, judge=judge, **({"resolve": resolve} if resolve else {}))
    with translate_request_errors(url, begun=lambda: terms.connected, is_over=lambda: terms.is_drip_timeout):
        request = session.prepare_request(requests.Request("GET", url, auth=Authorization(None)))
        return _exchange(session, request, timeouts, terms, into, received)


def uses_proxy(session: Session, url: str) -> bool:
    """Whether a proxy of the environment would be asked for *url*."""
    return is_proxied(session, url, session.environment_settings(url))


def _exchange(
    session: Session,
    request: requests.PreparedRequest,
    timeouts: Timeouts,
    terms: ExchangeLimits,
    into: BodyWriter,
    received: ByteProgress,
) -> HttpResponse:
    """The answer to *request*, its body *into* the file where it is 2xx.

    By the adapter: the session would look for a redirect's next request, and for that read a body of any length.
    """
    url = request.url or ""
    if not url.lower().startswith(("http://", "https://")):
        raise requests.exceptions.InvalidSchema(f"no http(s) address: {redact_url(url)}")
    settings = session.environment_settings(url)
    if terms.judge and is_proxied(session, url, settings):
        # The proxy resolves the name: only what the address itself says can be judged.
        parts = urlsplit(url)
        written = literal_endpoint(parts.hostname or "", port_of(parts))
        if written and not terms.judge(written):
            raise RefusedAddressError(written.kind)
    with closing(SingleUseAdapter(terms, session.trust)) as adapter:
        response = adapter.send(request, timeout=timeouts.socket_timeouts(), **settings)
        return read_response(response, terms, into, received)


def _is_tls_port(session: Session, url: str) -> bool:
    """Whether *url* is plain, asked without a proxy, and its port speaks TLS."""
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


_HIDDEN = ("set-cookie", "authorization", "api-key", "x-api-key", "www-authenticate", "location")
"""Headers of answers that can hold what is nobody's business."""


def describe_request(http: HttpRequest) -> str:
    """A request's fields; of its files only what they are."""
    fields = json.dumps(http.json if http.json is not None else dict(http.form), ensure_ascii=False)
    files = "".join(f", {file.name}: {file.media_type}, {len(file.data):,} bytes" for file in http.files)
    return f"{http.method} {_safe_path(http)} {fields}{files}"


def describe_response(http: HttpRequest, answer: HttpResponse) -> str:
    """One exchange: where, and what came back."""
    request_id = answer.headers.get("x-request-id")
    return f"{http.method} {_safe_path(http)}: HTTP {answer.status}" + (f", request {request_id}" if request_id else "")


def describe_headers(answer: HttpResponse) -> str:
    """An answer's headers, as they are but for those that are hidden."""
    return "; ".join(f"{name}: {value}" for name, value in answer.headers.items() if name not in _HIDDEN)


def _safe_path(http: HttpRequest) -> str:
    """Without host and query: both can hold what is nobody's business."""
    return "/" + http.url.partition("://")[2].partition("/")[2].partition("?")[0]
