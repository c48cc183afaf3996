"""Translates the exceptions of requests and urllib3 into imagecli's errors, which say what may be billed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple, Protocol

import requests
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError, ReadTimeoutError

from imagecli.client.address_policy import NAMES, AddressKind
from imagecli.errors import ImagecliError, NetworkError, SettingsError, UnsavedError, UsageError
from imagecli.providers.errors import HINT_PROXY_PASSWORD
from imagecli.quoting import redact_url


class NotConnectedError(NetworkError):
    """No connection was made, so nothing was sent or billed."""

    code = "no_connection"


class RefusedAddressError(UnsavedError):
    """A result URL leads to an address that is not allowed; no connection was made."""

    code = "result_refused"

    def __init__(self, kind: AddressKind) -> None:
        other = ", but not to the host and port of the base URL" if kind == "loopback" else ""
        super().__init__(f"it points to {NAMES[kind]}{other}")


class ExchangeProgress(Protocol):
    """How far an exchange is."""

    @property
    def has_begun(self) -> bool:
        """Whether the server may have the request: before that, nothing can have been billed."""

    @property
    def is_drip_timeout(self) -> bool:
        """Whether the time limit of the exchange has passed while data was arriving."""


@contextmanager
def translate_request_errors(url: str, progress: ExchangeProgress) -> Iterator[None]:
    """Raises what requests raises inside as an ImagecliError. *url* appears in it without its secrets."""
    try:
        yield
    except (requests.RequestException, HTTPError) as error:
        if progress.has_begun and _is_timeout(error):
            raise slow_response_error(url, is_over=progress.is_drip_timeout) from error
        raise translate_request_error(error, url, begun=progress.has_begun) from error
    except (ValueError, TypeError) as error:
        # An address, a proxy's address or a header that requests and urllib3 did not expect.
        raise _unexpected_error(error, url, begun=progress.has_begun) from error
    except OSError as error:
        # requests raises it for a CA bundle that doesn't exist, before anything is sent.
        if "CA certificate bundle" in str(error):
            raise SettingsError(str(error), hint="set REQUESTS_CA_BUNDLE to a file that exists, or unset it") from error
        raise


_HINT_PROXY = "check HTTPS_PROXY and HTTP_PROXY, or add the host to NO_PROXY"
_HINT_TLS = "set REQUESTS_CA_BUNDLE to your CA certificates; for a server without TLS, use http:// in --base-url"
_HINT_NETWORK = "check the network and --base-url; nothing was sent"
_HINT_URL = "check --base-url, HTTP_PROXY and HTTPS_PROXY"
HINT_TOO_SLOW = "it may have been billed, so it is not retried; use --timeout SECONDS to wait longer"
_HINT_FREE = "this request is free; run the same command again"
_HINT_LOST = "it may have been billed, so it is not retried; check the provider's usage page"


class ErrorRule(NamedTuple):
    """What an exception of requests means if nothing of the request was sent."""

    exceptions: tuple[type[Exception], ...]
    error: type[ImagecliError]
    message: str
    """A format of *where* (scheme and host) and *reason*."""
    hint: str
    code: str | None = None


NOTHING_SENT: Final = (
    ErrorRule(
        (requests.exceptions.ProxyError,),
        NotConnectedError,
        "could not connect to {where} through the proxy",
        _HINT_PROXY,
        "proxy",
    ),
    ErrorRule(
        (requests.exceptions.SSLError,),
        NetworkError,
        "TLS connection to {where} failed: {reason}",
        _HINT_TLS,
        "tls",
    ),
    # Only a TLS handshake reads before anything is sent.
    ErrorRule((requests.exceptions.ReadTimeout,), NotConnectedError, "TLS connection to {where} timed out", _HINT_TLS),
    ErrorRule(
        (requests.exceptions.ConnectTimeout,), NotConnectedError, "connection to {where} timed out", _HINT_NETWORK
    ),
    ErrorRule(
        (
            requests.exceptions.InvalidURL,
            requests.exceptions.URLRequired,
            requests.exceptions.MissingSchema,
            requests.exceptions.InvalidSchema,
            requests.exceptions.InvalidHeader,
        ),
        UsageError,
        "can't send a request to {where}",
        _HINT_URL,
    ),
    ErrorRule(
        (requests.exceptions.InvalidJSONError,),
        UsageError,
        "the request can't be encoded as JSON: {reason}",
        "check --param",
    ),
    ErrorRule(
        (
            requests.exceptions.ConnectionError,
            requests.exceptions.Timeout,
            # These need a response, so they can hardly be met here; nothing was sent all the same.
            requests.exceptions.HTTPError,
            requests.exceptions.ChunkedEncodingError,
            requests.exceptions.ContentDecodingError,
            requests.exceptions.StreamConsumedError,
            requests.exceptions.TooManyRedirects,
            requests.exceptions.RetryError,
            requests.exceptions.UnrewindableBodyError,
        ),
        NotConnectedError,
        "could not connect to {where}: {reason}",
        _HINT_NETWORK,
    ),
)
"""The first rule that fits holds; a test walks `requests.exceptions` to see that each of them has one."""
_OTHERS_NOT_SENT: Final = NOTHING_SENT[-1]
"""For urllib3's own errors, and those that a later requests may have."""


def translate_request_error(error: requests.RequestException | HTTPError, url: str, *, begun: bool) -> ImagecliError:
    """*error* as an ImagecliError: nothing was sent (exit code 6, or 2), or it may have been billed (7)."""
    where, reason = redact_url(url), _innermost_reason(error)
    is_connected = not isinstance(error, requests.exceptions.ConnectTimeout) and not _is_connection_failure(error)
    if begun and is_connected:
        if reason.startswith(_TLS_ALERT):
            return tls_port_error(url)
        return UnsavedError(f"the response from {where} was lost: {reason}", hint=_HINT_LOST, code="answer_lost")
    if isinstance(error, requests.exceptions.ProxyError) and _WANTS_PASSWORD.search(reason):
        message = f"the proxy for {where} requires a valid user name and password"
        return NotConnectedError(f"{message} (HTTP 407)", hint=HINT_PROXY_PASSWORD, code="proxy")
    rule = next((rule for rule in NOTHING_SENT if isinstance(error, rule.exceptions)), _OTHERS_NOT_SENT)
    return rule.error(rule.message.format(where=where, reason=reason), hint=rule.hint, code=rule.code)


_TLS_ALERT = "\x15\x03"
"""The first bytes of a TLS alert record, as http.client shows them."""


def tls_port_error(url: str) -> NetworkError:
    """The error for a plain request to a port that speaks TLS, which can't have understood it."""
    return NetworkError(
        f"{redact_url(url)} expects HTTPS, but the request was plain HTTP; nothing was generated",
        hint="start --base-url with https://",
        code="tls",
    )


def slow_response_error(url: str, *, is_over: bool) -> UnsavedError:
    """The error for a request that was sent and whose response did not arrive in time."""
    what = "the response from {} took too long" if is_over else "{} sent no data for too long"
    return UnsavedError(what.format(redact_url(url)), hint=HINT_TOO_SLOW, code="timeout")


def as_unbilled_error(error: ImagecliError) -> ImagecliError:
    """*error* of a free request: losing its response is a network error, since nothing can have been billed."""
    if not isinstance(error, UnsavedError):
        return error
    return NetworkError(
        error.message, hint=_HINT_FREE, code=error.code, status=error.status, request_id=error.request_id
    )


def _is_timeout(error: BaseException) -> bool:
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return False
    inside = [argument for argument in error.args if isinstance(argument, BaseException)]
    return isinstance(error, (requests.exceptions.ReadTimeout, ReadTimeoutError, TimeoutError)) or any(
        _is_timeout(argument) for argument in inside
    )


_WANTS_PASSWORD = re.compile(r"\b407\b")
"""In http.client's message about a refused CONNECT."""


def _unexpected_error(error: ValueError | TypeError, url: str, *, begun: bool) -> ImagecliError:
    if begun:
        return UnsavedError(f"the response from {redact_url(url)} can't be read", hint=_HINT_LOST, code="answer_lost")
    if isinstance(error, UnicodeEncodeError) and error.encoding == "utf-8":
        return UsageError("the request contains text that is not UTF-8")
    return UsageError(f"can't send a request to {redact_url(url)}", hint=_HINT_URL)


def _is_connection_failure(error: BaseException) -> bool:
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _innermost_reason(error: BaseException) -> str:
    """The message of the innermost of a chain of wrapped errors."""
    seen: BaseException = error
    while True:
        inner = getattr(seen, "reason", None)
        inner = (
            inner
            if isinstance(inner, BaseException)
            else next((argument for argument in reversed(seen.args) if isinstance(argument, BaseException)), None)
        )
        if inner is None:
            break
        seen = inner
    if type(seen).__name__ == "IncompleteRead":
        return "it ended too early"
    text = str(seen).rpartition(": ")[2] if isinstance(seen, NewConnectionError) else str(seen)
    return " ".join(text.split())[:200] or type(seen).__name__
