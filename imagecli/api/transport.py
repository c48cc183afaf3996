"""The paid POST: sent once, and again only where the server said it made nothing or no connection was made."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from imagecli.api.failures import NotConnectedError
from imagecli.api.pacer import Pacer, is_retried, server_wait, wait_before
from imagecli.api.session import Authorization, open_session
from imagecli.api.terms import Enough, Into
from imagecli.api.wire import HttpAnswer, Timeouts, post
from imagecli.domain import Secret
from imagecli.errors import ImagecliError, LimitError
from imagecli.events import Listen, Received, Sent, Told, Waiting
from imagecli.exchange import HttpRequest
from imagecli.providers.refusal import error_for, is_quota


class Transport:
    """One for a command: the session that holds the key, and the pacer that all threads share."""

    def __init__(
        self,
        *,
        key: Secret | None,
        auth: str = "bearer",
        headers: dict[str, str],
        timeouts: Timeouts,
        max_retries: int,
        max_wait: float,
        direct: bool,
    ) -> None:
        self._session = open_session(direct=direct)
        self._auth = Authorization(key, auth)
        self._headers = headers
        self._timeouts = timeouts
        self._max_retries = max_retries
        self._max_wait = max_wait
        self._pacer = Pacer()

    def send(
        self, http: HttpRequest, into: Into, request: int, listen: Listen, enough: Enough = lambda: None
    ) -> HttpAnswer:
        """The 2xx answer to *http*, its body in *into*, or as much of it as is *enough*.

        Raises the error of any other answer.
        """
        for attempt in range(self._max_retries + 1):
            self._pacer.turn()
            listen(Told(message=_asked(http), deep=True))
            try:
                answer = self._once(http, into, request, listen, enough)
            except NotConnectedError as error:
                if attempt == self._max_retries or error.code == "proxy":
                    raise
                self._pause(wait_before(attempt, None, self._max_wait), error.message, request, listen)
                continue
            listen(Told(message=_told(http, answer)))
            listen(Told(message=_headers(answer), deep=True))
            if 200 <= answer.status < 300:
                return answer
            failure = error_for(answer.status, answer.headers, answer.error_body)
            again = is_retried(answer.status, answer.headers) and not is_quota(answer.status, answer.error_body)
            if not again or attempt == self._max_retries:
                raise failure
            asked = server_wait(answer.headers, datetime.now(UTC))
            if asked is not None and asked > self._max_wait:
                raise _too_long(failure, asked, self._max_wait)
            self._pause(wait_before(attempt, asked, self._max_wait), failure.message, request, listen)
        raise AssertionError("the loop returns or raises")

    def _once(self, http: HttpRequest, into: Into, request: int, listen: Listen, enough: Enough) -> HttpAnswer:
        return post(
            self._session,
            http,
            auth=self._auth,
            headers=self._headers,
            timeouts=self._timeouts,
            into=into,
            uploaded=lambda sent, total: listen(Sent(request=request, sent=sent, total=total or 0)),
            received=lambda done, total: listen(Received(request=request, received=done, total=total)),
            enough=enough,
        )

    def _pause(self, seconds: float, why: str, request: int, listen: Listen) -> None:
        listen(Waiting(request=request, seconds=seconds, why=why))
        self._pacer.pause(seconds)


def _too_long(failure: ImagecliError, asked: float, max_wait: float) -> LimitError:
    return LimitError(
        f"{failure.message}; it asks to wait {asked:.0f} s, more than --max-wait {max_wait:g}",
        hint=f"run the same command again in {asked:.0f} s; nothing was bought",
        code=failure.code,
        status=failure.status,
        request_id=failure.request_id,
    )


def _path(http: HttpRequest) -> str:
    """Without host and query: both can hold what is nobody's business."""
    return "/" + http.url.partition("://")[2].partition("/")[2].partition("?")[0]


def _asked(http: HttpRequest) -> str:
    """A request's fields for --debug; of its files only what they are."""
    fields = json.dumps(http.json if http.json is not None else dict(http.form), ensure_ascii=False)
    files = "".join(f", {file.name}: {file.media_type}, {len(file.data):,} bytes" for file in http.files)
    return f"{http.method} {_path(http)} {fields}{files}"


def _headers(answer: HttpAnswer) -> str:
    """An answer's headers for --debug, but for cookies."""
    return "; ".join(f"{name}: {value}" for name, value in answer.headers.items() if name != "set-cookie")


def _told(http: HttpRequest, answer: HttpAnswer) -> str:
    """One exchange for -v: where, and what came back."""
    path = _path(http)
    request_id = answer.headers.get("x-request-id")
    return f"{http.method} {path}: HTTP {answer.status}" + (f", request {request_id}" if request_id else "")
