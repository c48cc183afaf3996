"""Downloads of result URLs: immediately, and retried, since a GET is free and the POST was not.

Without the key, but for one case: a URL at the API's own origin that answers 401 or 403 is requested once more with it,
as servers that keep their images behind their own API want. No redirect is followed with the key.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, Protocol
from urllib.parse import SplitResult, urljoin, urlsplit

from imagecli.client.address_policy import AddressPolicy, is_same_origin
from imagecli.client.exchange import MAX_REDIRECTS, REDIRECTS, BodyWriter, HttpResponse, Timeouts, get
from imagecli.client.exchange_limits import ExchangeHooks, Resolver
from imagecli.client.retry import MAX_BACKOFF_SECONDS, retry_delay, server_wait
from imagecli.client.session import Authorization, open_session
from imagecli.client.translate_errors import RefusedAddressError
from imagecli.errors import DiskError, ImagecliError, UnsavedError, UsageError
from imagecli.providers.decompress import TOO_LARGE
from imagecli.quoting import redact_url

TRIES = 3
MAX_PARALLEL = 4
RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 529})


class OriginAccess(NamedTuple):
    """What the API's own origin is sent with a request, and no other server."""

    base_url: str
    auth: Authorization
    headers: Mapping[str, str]

    def is_for(self, url: str) -> bool:
        """Whether *url* is at that origin."""
        return is_same_origin(url, self.base_url)


class DownloadWriter(BodyWriter, Protocol):
    """What a download is written to."""

    def restart(self) -> None:
        """Discards what was written: the next attempt begins."""


class ResultDownloader:
    """Downloads with its own session, so that no header for the API reaches another host."""

    def __init__(
        self,
        *,
        timeouts: Timeouts,
        direct: bool,
        max_wait: float = MAX_BACKOFF_SECONDS,
        resolve: Resolver | None = None,
        access: OriginAccess | None = None,
    ) -> None:
        """*access*: the key, for results at the API's own origin; without it they are requested without."""
        self._session = open_session(direct=direct)
        self._resolve = resolve
        self._timeouts = timeouts
        self._max_wait = max_wait
        self._access = access

    def fetch(
        self,
        url: str,
        into: DownloadWriter,
        hooks: ExchangeHooks | None = None,
        *,
        base_url: str = "",
        peer: str | None = None,
    ) -> Iterator[None]:
        """Downloads *url* *into* a file and yields when it is there; once more, from the start, for every `next`.

        The caller stops when the image is complete. After the last of `TRIES` attempts it has to do with
        what arrived. *base_url* and *peer* are the URL and the address that the response with this URL came from:
        they decide which addresses other than public ones may be connected to (`AddressPolicy`).
        Raises UnsavedError if the image, which is paid for, can't be downloaded, DiskError if it can't be written.
        """
        policy = AddressPolicy.for_response(base_url, peer)
        for attempt in range(TRIES):
            is_last = attempt == TRIES - 1
            stated_wait = None
            try:
                response = self._follow_redirects(url, into, hooks, policy)
            except DiskError:
                raise
            except ImagecliError as error:
                if is_last or error.code in _HOPELESS or isinstance(error, UsageError):
                    raise _download_error(error) from error
            else:
                if response.status == 200:
                    yield
                    if is_last:
                        return
                stated_wait = server_wait(response.headers, datetime.now(UTC))
                is_final = response.status not in RETRIED_STATUSES and not 200 <= response.status < 300
                if is_last or is_final or (stated_wait or 0) > self._max_wait:
                    raise _status_error(url, response)
            time.sleep(retry_delay(attempt, stated_wait, self._max_wait))

    def _follow_redirects(
        self, url: str, into: DownloadWriter, hooks: ExchangeHooks | None, policy: AddressPolicy
    ) -> HttpResponse:
        """The response at the end of the redirects of *url*; *into* holds only its bytes."""
        for hop in range(MAX_REDIRECTS + 1):
            check_result_url(url)
            response = self._request(url, into, hooks, policy)
            access = self._access
            if hop == 0 and _wants_key(response) and access and access.is_for(url):
                response = self._request(url, into, hooks, policy, access)
            if response.status not in REDIRECTS or "location" not in response.headers:
                return response
            url = _redirect_target(url, response.headers["location"])
        raise UnsavedError(f"too many redirects, the last one to {redact_url(url)}", code="result_url")

    def _request(
        self,
        url: str,
        into: DownloadWriter,
        hooks: ExchangeHooks | None,
        policy: AddressPolicy,
        access: OriginAccess | None = None,
    ) -> HttpResponse:
        """The response to one request, its body *into* the file. With *access*, the key is sent."""
        into.restart()
        try:
            return get(
                self._session,
                url,
                timeouts=self._timeouts,
                into=into,
                hooks=hooks,
                policy=policy,
                resolve=self._resolve,
                auth=access.auth if access else None,
                headers=access.headers if access else None,
            )
        except RefusedAddressError as error:
            message = f"its URL {redact_url(url)} was not requested: {error.message}"
            raise UnsavedError(message, hint=error.hint, code=error.code) from error


def _check_port(parts: SplitResult, url: str) -> None:
    try:
        nowhere = parts.port == 0
    except ValueError:
        nowhere = True
    if nowhere:
        raise UnsavedError(f"its URL has an invalid port: {redact_url(url)}", code="result_refused")


def check_result_url(url: str) -> None:
    """Raises UnsavedError unless *url* is a plain http(s) URL: no other scheme, no password, no odd characters."""
    if any(character < " " or character in "\x7f\\" for character in url):
        raise UnsavedError(f"its URL has an invalid character: {redact_url(url)}", code="result_refused")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UnsavedError(f"its URL is invalid: {redact_url(url)}", code="result_refused") from error
    _check_port(parts, url)
    if parts.scheme not in ("http", "https"):
        raise UnsavedError(f"its URL is not http or https: {redact_url(url)}", code="result_refused")
    if "@" in parts.netloc:
        raise UnsavedError(f"its URL contains a user name or password: {redact_url(url)}", code="result_refused")
    if not parts.hostname or " " in parts.netloc:
        raise UnsavedError(f"its URL has no host: {redact_url(url)}", code="result_refused")


def _redirect_target(url: str, location: str) -> str:
    """The URL that a redirect leads to; an invalid location is returned as it is, and refused later."""
    try:
        return urljoin(url, location)
    except ValueError:
        return location


_HOPELESS = frozenset({"result_refused", "result_url", "tls", TOO_LARGE})
"""Codes of errors that a retry doesn't fix."""
_HINT = "the image may have been billed; its URL is in the saved response and usually works for an hour"
_HINT_REFUSED = "the image may have been billed; its URL is in the saved response, so you can download it yourself"


def _download_error(error: ImagecliError) -> UnsavedError:
    """The error for a download that failed, with the hint of a TLS or proxy error."""
    refused = error.code == "result_refused"
    hint = _HINT_REFUSED if refused else _HINT
    if error.hint and error.code in ("tls", "proxy"):
        hint = f"{hint}; {error.hint}"
    return UnsavedError(
        f"the image was not downloaded: {error.message}", hint=hint, code="result_refused" if refused else "result_url"
    )


def no_image_error(url: str, found: str) -> UnsavedError:
    """The error for a URL that answered 200 with *found*, such as the page of a login, instead of an image."""
    message = f"the image was not downloaded: {redact_url(url)} returned {found}, not an image"
    return UnsavedError(message, hint=_HINT, code="result_url", status=200)


def _wants_key(response: HttpResponse) -> bool:
    """Whether a server refuses a result for lack of a key."""
    return response.status in (401, 403) and not _is_expired(response)


def _is_expired(response: HttpResponse) -> bool:
    """Whether a result URL has expired. Azure's blob store reports that by 403 and AuthenticationFailed (2026)."""
    return response.status == 403 and (
        "AuthenticationFailed" in response.headers.get("x-ms-error-code", "")
        or b"AuthenticationFailed" in response.error_body
    )


def _status_error(url: str, response: HttpResponse) -> UnsavedError:
    """The error for a status."""
    expired = _is_expired(response)
    why = "its URL has expired" if expired else f"{redact_url(url)} returned HTTP {response.status}"
    if 300 <= response.status < 400:
        why += ", a redirect without a target"
    return UnsavedError(
        f"the image was not downloaded: {why}",
        hint=_HINT,
        code="result_expired" if expired else "result_url",
        status=response.status,
    )
