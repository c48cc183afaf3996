"""Result URLs: fetched at once, without the key, and again where the fetch fails. A GET is free; the POST is not."""

from __future__ import annotations

import io
import time
from urllib.parse import urlsplit

import requests

from imagecli.api.failures import shown
from imagecli.api.pacer import MAX_BACKOFF_SECONDS, wait_before
from imagecli.api.session import open_session
from imagecli.api.wire import HttpAnswer, Progress, Timeouts, get
from imagecli.errors import ImagecliError, UnsavedError, UsageError

TRIES = 3
MAX_PARALLEL = 4


class Results:
    """A key-less session of its own, so that no header of the API's ever reaches another host."""

    def __init__(self, *, timeouts: Timeouts, direct: bool, max_wait: float = MAX_BACKOFF_SECONDS) -> None:
        self._session: requests.Session = open_session(direct=direct, connections=MAX_PARALLEL)
        self._timeouts = timeouts
        self._max_wait = max_wait

    def fetch(self, url: str, received: Progress) -> bytes:
        """The bytes behind *url*, whatever they are. Raises UnsavedError: they are paid for and not here."""
        if not _is_http(url):
            raise UnsavedError(f"the picture's address is not http(s): {shown(url)}", hint=_HINT, code="result_url")
        for attempt in range(TRIES):
            last = attempt == TRIES - 1
            try:
                into = io.BytesIO()
                answer = get(self._session, url, timeouts=self._timeouts, into=into, received=received)
            except ImagecliError as error:
                if last or isinstance(error, UsageError):
                    raise UnsavedError(f"the picture was not fetched: {error.message}", hint=_HINT) from error
            else:
                if 200 <= answer.status < 300:
                    return into.getvalue()
                if last or answer.status not in (408, 425, 429, 500, 502, 503, 504):
                    raise _refused(url, answer)
            time.sleep(wait_before(attempt, None, self._max_wait))
        raise AssertionError("the loop returns or raises")


def _is_http(url: str) -> bool:
    try:
        return urlsplit(url).scheme in ("http", "https")
    except ValueError:
        return False


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
