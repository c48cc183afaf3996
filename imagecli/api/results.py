"""Result URLs: fetched at once, without the key, and again where the fetch fails. A GET is free; the POST is not."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit

import requests

from imagecli.api.failures import shown
from imagecli.api.pacer import MAX_BACKOFF_SECONDS, server_wait, wait_before
from imagecli.api.session import open_session
from imagecli.api.wire import HttpAnswer, Progress, Timeouts, get
from imagecli.errors import ImagecliError, UnsavedError, UsageError

TRIES = 3
MAX_PARALLEL = 4
MAX_HOPS = 5
RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 529})
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Results:
    """A key-less session of its own, so that no header of the API's ever reaches another host."""

    def __init__(self, *, timeouts: Timeouts, direct: bool, max_wait: float = MAX_BACKOFF_SECONDS) -> None:
        self._session: requests.Session = open_session(direct=direct, connections=MAX_PARALLEL)
        self._timeouts = timeouts
        self._max_wait = max_wait

    def fetch(self, url: str, received: Progress, is_whole: Callable[[bytes], bool]) -> bytes:
        """The bytes behind *url*; fetched anew while they are not whole, and whatever they are at the last try.

        Raises UnsavedError: they are paid for and not here.
        """
        for attempt in range(TRIES):
            last = attempt == TRIES - 1
            asked = None
            try:
                answer, data = self._followed(url, received)
            except ImagecliError as error:
                if last or isinstance(error, UsageError) or error.code == "result_url":
                    raise UnsavedError(
                        f"the picture was not fetched: {error.message}", hint=_HINT, code="result_url"
                    ) from error
            else:
                if answer.status == 200 and (last or is_whole(data)):
                    return data
                asked = server_wait(answer.headers, datetime.now(UTC))
                hopeless = answer.status not in RETRIED_STATUSES and not 200 <= answer.status < 300
                if last or hopeless or (asked or 0) > self._max_wait:
                    raise _refused(url, answer)
            time.sleep(wait_before(attempt, asked, self._max_wait))
        raise AssertionError("the loop returns or raises")

    def _followed(self, url: str, received: Progress) -> tuple[HttpAnswer, bytes]:
        """The answer at the end of *url*'s redirects, and its bytes."""
        for _ in range(MAX_HOPS + 1):
            _check(url)
            into = io.BytesIO()
            answer = get(self._session, url, timeouts=self._timeouts, into=into, received=received)
            if answer.status not in REDIRECTS or "location" not in answer.headers:
                return answer, into.getvalue()
            url = _joined(url, answer.headers["location"])
        raise UnsavedError(f"{shown(url)} redirects without end", code="result_url")


def _check(url: str) -> None:
    """Raises UnsavedError for an address that is not http(s)."""
    try:
        fetchable = urlsplit(url).scheme in ("http", "https")
    except ValueError:
        fetchable = False
    if not fetchable:
        raise UnsavedError(f"its address is not http(s): {shown(url)}", code="result_url")


def _joined(url: str, location: str) -> str:
    """Where a redirect leads; a location that is no address leads nowhere that can be fetched."""
    try:
        return urljoin(url, location)
    except ValueError:
        return location


_HINT = "it is paid for; its address lies in the kept answer and lives about an hour"


def _refused(url: str, answer: HttpAnswer) -> UnsavedError:
    """Azure's blob store answers an expired address with 403 and AuthenticationFailed (seen in reports, 2026)."""
    expired = answer.status == 403 and (
        "AuthenticationFailed" in answer.headers.get("x-ms-error-code", "")
        or b"AuthenticationFailed" in answer.error_body
    )
    why = "its address has expired" if expired else f"{shown(url)} answered HTTP {answer.status}"
    return UnsavedError(
        f"the picture was not fetched: {why}",
        hint=_HINT,
        code="result_expired" if expired else "result_url",
        status=answer.status,
    )
