"""One HTTP exchange through requests: build the request, send it once, read the response. Retries are the callers'.

A 2xx body goes to a file as it arrives, an error's body into memory. `-v` and `--debug` log the exchange here, without
the key, which is added later, and without cookies.
"""

from __future__ import annotations

import io
import json
import logging
import secrets
import string
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import IO, Any, NamedTuple, Protocol
from urllib.parse import quote, urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError
from urllib3.filepost import encode_multipart_formdata

from imagecli.client.address_policy import AddressPolicy, is_same_origin, parse_address, port_of
from imagecli.client.exchange_limits import ExchangeHooks, ExchangeLimits, Resolver
from imagecli.client.http_connection import check_literal_host, speaks_tls
from imagecli.client.session import Authorization, Session
from imagecli.client.translate_errors import slow_response_error, tls_port_error, translate_request_errors
from imagecli.errors import (
    DiskError,
    ImagecliError,
    SettingsError,
    UnsavedError,
    UsageError,
    is_disk_full,
    os_error_reason,
)
from imagecli.events import DownloadProgress, EventHandler, UploadProgress
from imagecli.http_request import SANDBOX_HEADER, HttpFile, HttpRequest
from imagecli.providers.decompress import MAX_RESPONSE_BYTES, DamagedGzipError, gunzip, too_large_error
from imagecli.providers.retry_rules import holds_image
from imagecli.quoting import redact_url

logger = logging.getLogger(__name__)

PIECE_BYTES = 256 * 1024
MAX_ERROR_BYTES = 1024 * 1024
"""The most that is read of an error's body."""
MAX_ERROR_IMAGE_BYTES = 32 * 1024 * 1024
"""The most that is read of one with an image in it."""
MAX_RESULT_BYTES = 200 * 1024 * 1024
"""A larger result URL is not an image."""


REDIRECTS = (301, 302, 303, 307, 308)
REDIRECTS_OF_ANY_METHOD = (307, 308)
"""They ask for the same method and body at another place."""
MAX_REDIRECTS = 5


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


class HttpResponse(NamedTuple):
    """Status, headers with lower-case names, and an error's body; a 2xx body is in the file."""

    status: int
    headers: dict[str, str]
    error_body: bytes = b""

    def is_from_sandbox(self, peer: str | None) -> bool:
        """Whether it is the sandbox's, which bills nothing. *peer* is the address that the request was sent to.

        Only a server on this machine is believed. By the header alone, any server or proxy could make the cost limit
        count nothing. Behind a proxy the address is unknown.
        """
        return SANDBOX_HEADER in self.headers and peer is not None and parse_address(peer).is_loopback


class BodyWriter(Protocol):
    """A file, or an object that reads a body while it passes it on to one."""

    def write(self, piece: bytes, /) -> int: ...

    def flush(self) -> None: ...


class ProgressHooks(ExchangeHooks):
    """Reports the progress of an exchange as events of the planned call number *request*."""

    def __init__(self, request: int, on_event: EventHandler) -> None:
        self.request = request
        self.on_event = on_event

    def uploaded(self, sent: int, total: int) -> None:
        self.on_event(UploadProgress(request=self.request, sent=sent, total=total))

    def received(self, count: int, total: int | None) -> None:
        self.on_event(DownloadProgress(request=self.request, received=count, total=total))


def send_once(
    session: Session,
    http: HttpRequest,
    *,
    auth: Authorization,
    headers: dict[str, str],
    timeouts: Timeouts,
    into: BodyWriter,
    hooks: ExchangeHooks | None = None,
    packed: bool = False,
    max_bytes: int = MAX_RESPONSE_BYTES,
    upload: MultipartUpload | None = None,
) -> HttpResponse:
    """Sends *http* once, its body from *upload* if that is given.

    Redirects are followed only within the origin: of a GET all, of any other method a 307 or 308, once. These ask for
    the same request there, and a server that sends one has created nothing: it wants, for example, a slash at the end
    of the path. After a 301, 302 or 303 a POST would lose its body, and is not sent again.
    A 2xx body is written *into* a file as it arrives, at most *max_bytes* of it, and stays compressed if *packed*.
    Raises NetworkError if nothing was sent or understood, UnsavedError if the response was lost, DiskError if it can't
    be written, and what *hooks* raise.
    """
    send = partial(
        _send,
        session,
        auth=auth,
        headers=headers,
        timeouts=timeouts,
        into=into,
        hooks=hooks or ExchangeHooks(),
        packed=packed,
        max_bytes=max_bytes,
        upload=upload,
    )
    response = send(http)
    hops = MAX_REDIRECTS if http.method == "GET" else 1
    while hops and upload is None and (target := same_origin_target(http, response)):
        http, hops = http._replace(url=target), hops - 1
        response = send(http)
    return response


def same_origin_target(http: HttpRequest, response: HttpResponse) -> str | None:
    """Where *http* is to be sent again, if *response* is a redirect that may be followed; else None."""
    target = response.headers.get("location", "")
    may_follow = response.status in (REDIRECTS if http.method == "GET" else REDIRECTS_OF_ANY_METHOD)
    return target if may_follow and is_same_origin(target, http.url) and target != http.url else None


def _send(
    session: Session,
    http: HttpRequest,
    *,
    auth: Authorization,
    headers: dict[str, str],
    timeouts: Timeouts,
    into: BodyWriter,
    hooks: ExchangeHooks,
    packed: bool,
    max_bytes: int,
    upload: MultipartUpload | None,
) -> HttpResponse:
    limits = timeouts.limits_from_now(max_bytes, hooks=hooks, packed=packed)
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("%s%s", _describe_request(http), f" {upload.about}" if upload else "")
    try:
        with translate_request_errors(http.url, limits):
            request = session.prepare(_build_request(http, auth, headers))
            _count_body(request, upload or _form_upload(http), limits)
            settings = _environment_settings(session, request, limits)
            with session.adapter(limits) as adapter:
                reply = adapter.send(request, timeout=timeouts.socket_timeouts(), **settings)
                response = read_response(reply, limits, into)
    except UnsavedError as error:
        if not limits.received_bytes and error.code == "answer_lost" and _is_tls_port(session, http.url):
            raise tls_port_error(http.url) from error
        raise
    if location := response.headers.get("location"):
        with suppress(ValueError):
            response.headers["location"] = urljoin(http.url, location)
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
    hooks: ExchangeHooks | None = None,
    policy: AddressPolicy | None = None,
    resolve: Resolver | None = None,
    auth: Authorization | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Requests *url*, sent exactly as it is, once; a redirect is a response like any other. Raises as `send_once`.

    *policy* decides which addresses may be connected to. *resolve* replaces the system's resolver. Without *auth* no
    key is sent.
    """
    limits = timeouts.limits_from_now(
        MAX_RESULT_BYTES,
        hooks=hooks or ExchangeHooks(),
        policy=policy,
        resolve=resolve,
        target=request_target(url),
    )
    with translate_request_errors(url, limits):
        request = session.prepare(
            requests.Request("GET", url, headers=dict(headers or {}), auth=auth or Authorization(None))
        )
        settings = _environment_settings(session, request, limits)
        with session.adapter(limits) as adapter:
            reply = adapter.send(request, timeout=timeouts.socket_timeouts(), **settings)
            return read_response(reply, limits, into)


def request_target(url: str) -> str:
    """Path and query of *url* as they are; only characters that no request can contain are percent-encoded."""
    rest = url.partition("#")[0].partition("://")[2]
    start = next((index for index, character in enumerate(rest) if character in "/?"), len(rest))
    path = rest[start:]
    return quote(path if path.startswith("/") else f"/{path}", safe=string.punctuation)


def uses_proxy(session: Session, url: str) -> bool:
    """Whether *url* goes through a proxy that the environment sets."""
    return _is_proxied(url, session.environment_settings(url))


def _is_proxied(url: str, settings: dict[str, Any]) -> bool:
    """Whether *url* would go through a proxy by these merged environment settings."""
    return bool(requests.utils.select_proxy(url, settings.get("proxies")))


def _build_request(http: HttpRequest, auth: Authorization, headers: dict[str, str]) -> requests.Request:
    return requests.Request(
        http.method,
        http.url,
        headers={"Accept": "application/json", **headers},
        auth=auth,
        json=http.json,
        data=None if http.files else list(http.form) or None,
    )


def _count_body(request: requests.PreparedRequest, upload: MultipartUpload | None, limits: ExchangeLimits) -> None:
    """Replaces the body of *request* by *upload*, if that is given, and counts what is sent of it."""
    if upload:
        request.headers.update({"Content-Type": upload.content_type, "Content-Length": str(upload.length)})
        body = CountingBody(upload, upload.length, limits)
    elif request.body:
        data = request.body.encode() if isinstance(request.body, str) else request.body
        body = CountingBody(io.BytesIO(data), len(data), limits)
    else:
        return
    limits.has_body = True
    request.body = body  # type: ignore[assignment]


class CountingBody:
    """The body of a request, from *source*; what is read of it counts as sent."""

    def __init__(self, source: MultipartUpload | io.BytesIO, length: int, limits: ExchangeLimits) -> None:
        self._source, self._length, self._limits = source, length, limits

    def read(self, size: int = -1, /) -> bytes:
        piece = self._source.read(size)
        if piece:
            self._limits.sent_bytes += len(piece)
            self._limits.hooks.uploaded(self._limits.sent_bytes, self._length)
        return piece


class MultipartUpload:
    """The body of a multipart upload, read once: fields first, then the files, which are never joined in memory."""

    def __init__(self, fields: Sequence[tuple[str, str]], files: Sequence[HttpFile]) -> None:
        boundary = secrets.token_hex(16)
        closing = f"--{boundary}--\r\n".encode()
        form, self.content_type = encode_multipart_formdata(fields, boundary)
        self._left: list[tuple[IO[bytes], int]] = [_in_memory(form.removesuffix(closing))]
        for file in files:
            empty, _ = encode_multipart_formdata([(file.name, (file.filename, b"", file.media_type))], boundary)
            head = empty.removesuffix(b"\r\n" + closing)
            content = _in_memory(file.data) if isinstance(file.data, bytes) else (file.data, file.size)
            self._left += [_in_memory(head), content, _in_memory(b"\r\n")]
        self._left.append(_in_memory(closing))
        self.length = sum(size for _, size in self._left)
        facts = [f"{name} {value}" for name, value in fields]
        self.about = ", ".join([*facts, *(f"{file.name}: {file.media_type}, {file.size:,} bytes" for file in files)])

    def read(self, size: int = -1, /) -> bytes:
        """The next piece, empty at the end. Raises UsageError if a file has become shorter."""
        while self._left:
            stream, left = self._left.pop(0)
            if not left:
                continue
            piece = stream.read(left if size < 0 else min(size, left))
            if not piece:
                raise UsageError("a file shrank while it was being sent", hint="run the same command again")
            self._left.insert(0, (stream, left - len(piece)))
            return piece
        return b""


def _in_memory(data: bytes) -> tuple[IO[bytes], int]:
    return io.BytesIO(data), len(data)


def _form_upload(http: HttpRequest) -> MultipartUpload | None:
    """The form of *http*, if it has files: requests would join them to one more copy of all photos that are sent."""
    return MultipartUpload(http.form, http.files) if http.files else None


def _environment_settings(
    session: Session, request: requests.PreparedRequest, limits: ExchangeLimits
) -> dict[str, Any]:
    """Proxies and certificates for *request*.

    Raises InvalidSchema for a URL that is not http(s), RefusedAddressError for an address that may not be connected to.
    """
    url = request.url or ""
    if not url.lower().startswith(("http://", "https://")):
        raise requests.exceptions.InvalidSchema(f"not an http or https URL: {redact_url(url)}")
    settings = session.environment_settings(url)
    if proxies := settings.get("proxies"):
        _check_proxy_scheme(url, proxies)
    if limits.policy and _is_proxied(url, settings):
        # The proxy resolves the name: only an address in the URL itself can be checked.
        parts = urlsplit(url)
        check_literal_host(limits.policy, parts.hostname or "", port_of(parts))
    return settings


def _check_proxy_scheme(url: str, proxies: Mapping[str, str]) -> None:
    """Raises SettingsError if the proxy for *url* is not an HTTP proxy; desktops set SOCKS proxies for all programs."""
    proxy = requests.utils.select_proxy(url, proxies)
    scheme = proxy.partition("://")[0].lower() if proxy and "://" in proxy else "http"
    if not proxy or scheme in ("http", "https"):
        return
    variable = f"{next((key for key, value in proxies.items() if value == proxy), 'all').partition(':')[0]}_proxy"
    kind = "a SOCKS proxy" if scheme.startswith("socks") else f"a proxy of type {scheme}"
    host = urlsplit(url).hostname
    raise SettingsError(
        f"{variable} (or {variable.upper()}) names {kind}, {redact_url(proxy)}; imagecli supports only HTTP proxies",
        hint=f"set HTTPS_PROXY=http://HOST:PORT, or NO_PROXY={host} to use no proxy",
        code="proxy",
    )


def _is_tls_port(session: Session, url: str) -> bool:
    """Whether *url* is http, reached without a proxy, and its port speaks TLS."""
    parts = urlsplit(url)
    return (
        parts.scheme == "http" and not uses_proxy(session, url) and speaks_tls(parts.hostname or "", parts.port or 80)
    )


def read_response(response: requests.Response, limits: ExchangeLimits, into: BodyWriter) -> HttpResponse:
    """Reads the response whose headers have arrived; a 2xx body is written *into* a file. Closes *response*.

    A compressed body is decompressed, unless the limits say that it stays as it is. An error after enough has arrived
    is ignored. Raises UnsavedError for too large a body.
    """
    with response:
        headers = {name.lower(): value for name, value in response.headers.items()}
        if not 200 <= response.status_code < 300:
            limits.deadline = min(limits.deadline, time.monotonic() + limits.error_seconds)
            body = _read_error_body(response, limits)
            return HttpResponse(status=response.status_code, headers=headers, error_body=body)
        total, pieces = _content_length(response), _iter_body(response, limits)
        try:
            # Damage in it is found by the code that reads the body.
            with suppress(DamagedGzipError):
                for piece in pieces if limits.packed else gunzip(pieces, limits.max_bytes):
                    _write_piece(piece, into)
                    limits.hooks.received(limits.body_bytes, total)
                    limits.tighten_deadline()
        except (HTTPError, OSError, UnsavedError):
            if limits.hooks.enough() is None:
                raise
        return HttpResponse(status=response.status_code, headers=headers)


def _content_length(response: requests.Response) -> int | None:
    """The size of the body, if the response states a plausible one."""
    length = response.headers.get("Content-Length", "")
    plain = length.isascii() and length.isdigit() and len(length) < 15
    return int(length) if plain else None


def _iter_body(response: requests.Response, limits: ExchangeLimits) -> Iterator[bytes]:
    """The body as it arrives. Raises UnsavedError if it is too large, or past the deadline if data keeps arriving."""
    while piece := response.raw.read1(PIECE_BYTES, decode_content=False):
        limits.body_bytes += len(piece)
        if limits.body_bytes > limits.max_bytes:
            message = f"the response from {redact_url(response.url)} is larger than {limits.max_bytes // 2**20} MB"
            raise too_large_error(message)
        yield piece
        if limits.is_expired:
            raise slow_response_error(response.url, is_over=True)
        if response.raw.length_remaining == 0:
            return


def _write_piece(piece: bytes, into: BodyWriter) -> None:
    """Writes to the file immediately, so that a killed process leaves what has arrived."""
    try:
        into.write(piece)
        into.flush()
    except OSError as error:
        first = "free some space, or " if is_disk_full(error) else ""
        raise DiskError(
            f"the response can't be written to disk: {os_error_reason(error)}",
            hint=f"it may have been billed; {first}set IMAGECLI_STATE_DIR to another folder",
        ) from error


def _read_error_body(response: requests.Response, limits: ExchangeLimits) -> bytes:
    """The first MAX_ERROR_BYTES of an error's body, or more of one with an image in it; what breaks meanwhile does not
    matter, the status is known."""
    body = b""
    with suppress(HTTPError, OSError, ImagecliError, DamagedGzipError):
        for piece in gunzip(_iter_body(response, limits)):
            body += piece
            if len(body) >= MAX_ERROR_IMAGE_BYTES or (len(body) >= MAX_ERROR_BYTES and not holds_image(body)):
                break
    return body


_SECRET_HEADERS = ("set-cookie", "authorization", "api-key", "x-api-key", "www-authenticate", "location")
"""Headers of responses that can hold secrets."""


def _describe_request(http: HttpRequest) -> str:
    """The fields of *http*, and of its files the type and size. The key isn't in it: that is added later."""
    fields = json.dumps(http.json if http.json is not None else dict(http.form), ensure_ascii=False)
    files = "".join(f", {file.name}: {file.media_type}, {file.size:,} bytes" for file in http.files)
    return f"{http.method} {_printable_path(http)} {fields}{files}"


def _describe_headers(response: HttpResponse) -> str:
    return "; ".join(f"{name}: {value}" for name, value in response.headers.items() if name not in _SECRET_HEADERS)


def _printable_path(http: HttpRequest) -> str:
    """The URL without host and query, which can both hold secrets."""
    return "/" + http.url.partition("://")[2].partition("/")[2].partition("?")[0]
