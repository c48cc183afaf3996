"""Result URLs: fetched at once, without the key, and again where the fetch fails. A GET is free; the POST is not."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import IO
from urllib.parse import urljoin

from imagecli.client.deadline import AddressFilter, Resolver
from imagecli.client.dns import resolve_host
from imagecli.client.errors import RefusedAddressError, redact_url
from imagecli.client.retry import MAX_BACKOFF_SECONDS, retry_delay, server_wait
from imagecli.client.send import ByteProgress, HttpResponse, Timeouts, get
from imagecli.client.session import open_session
from imagecli.client.url_policy import check_result_url, permit
from imagecli.errors import DiskError, ImagecliError, UnsavedError, UsageError

TRIES = 3
MAX_PARALLEL = 4
MAX_HOPS = 5
RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 529})
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class ResultDownloader:
    """A key-less session of its own, so that no header of the API's ever reaches another host."""

    def __init__(
        self,
        *,
        timeouts: Timeouts,
        direct: bool,
        max_wait: float = MAX_BACKOFF_SECONDS,
        resolve: Resolver = resolve_host,
    ) -> None:
        self._session = open_session(direct=direct)
        self._resolve = resolve
        self._timeouts = timeouts
        self._max_wait = max_wait

    def fetch(
        self,
        url: str,
        into: IO[bytes],
        received: ByteProgress,
        is_whole: Callable[[IO[bytes]], bool],
        *,
        base_url: str = "",
        peer: str | None = None,
    ) -> None:
        """The bytes behind *url*, *into* a file from its start; fetched anew while they are not whole.

        *base_url* and *peer* are the URL and the address that the response with this URL came from: they decide
        which addresses other than public ones may be asked (`permit`).
        At the last try the bytes are taken whatever they are. Raises UnsavedError where they are paid for and not
        here, DiskError where the file takes no more.
        """
        judge = permit(base_url, peer)
        for attempt in range(TRIES):
            last = attempt == TRIES - 1
            asked = None
            try:
                answer = self._follow_redirects(url, into, received, judge)
            except DiskError:
                raise
            except ImagecliError as error:
                if last or error.code in _HOPELESS or isinstance(error, UsageError):
                    raise _download_error(error) from error
            else:
                if answer.status == 200 and (last or is_whole(into)):
                    return
                asked = server_wait(answer.headers, datetime.now(UTC))
                hopeless = answer.status not in RETRIED_STATUSES and not 200 <= answer.status < 300
                if last or hopeless or (asked or 0) > self._max_wait:
                    raise _status_error(url, answer)
            time.sleep(retry_delay(attempt, asked, self._max_wait))
        raise AssertionError("the loop returns or raises")

    def _follow_redirects(
        self, url: str, into: IO[bytes], received: ByteProgress, judge: AddressFilter
    ) -> HttpResponse:
        """The answer at the end of *url*'s redirects; *into* holds its bytes alone."""
        for _ in range(MAX_HOPS + 1):
            check_result_url(url)
            into.seek(0)
            into.truncate()
            try:
                answer = get(
                    self._session,
                    url,
                    timeouts=self._timeouts,
                    into=into,
                    received=received,
                    judge=judge,
                    resolve=self._resolve,
                )
            except RefusedAddressError as error:
                error.message = f"its address {redact_url(url)} is not asked: {error.message}"
                raise
            if answer.status not in REDIRECTS or "location" not in answer.headers:
                return answer
            url = _redirect_target(url, answer.headers["location"])
        raise UnsavedError(f"{redact_url(url)} redirects without end", code="result_url")


def _redirect_target(url: str, location: str) -> str:
    """Where a redirect leads; a location that is no address leads nowhere that can be fetched."""
    try:
        return urljoin(url, location)
    except ValueError:
        return location


_HOPELESS = frozenset({"result_refused", "result_url", "tls"})
"""Codes of errors that asking again does not mend."""
_HINT = "it is paid for; its address lies in the kept answer and lives about an hour"
_HINT_REFUSED = "it is paid for; its address lies in the kept answer, should you want to fetch it yourself"


def _download_error(error: ImagecliError) -> UnsavedError:
    """Why nothing came, and that it is paid for; with the way out of what the network or a proxy is in the way of."""
    refused = error.code == "result_refused"
    hint = _HINT_REFUSED if refused else _HINT
    if error.hint and error.code in ("tls", "proxy"):
        hint = f"{hint}; {error.hint}"
    return UnsavedError(
        f"the picture was not fetched: {error.message}", hint=hint, code="result_refused" if refused else "result_url"
    )


def _status_error(url: str, answer: HttpResponse) -> UnsavedError:
    """Azure's blob store answers an expired address with 403 and AuthenticationFailed (seen in reports, 2026)."""
    expired = answer.status == 403 and (
        "AuthenticationFailed" in answer.headers.get("x-ms-error-code", "")
        or b"AuthenticationFailed" in answer.error_body
    )
    why = "its address has expired" if expired else f"{redact_url(url)} answered HTTP {answer.status}"
    if 300 <= answer.status < 400:
        why += ", which leads nowhere and is no picture"
    return UnsavedError(
        f"the picture was not fetched: {why}",
        hint=_HINT,
        code="result_expired" if expired else "result_url",
        status=answer.status,
    )
