"""Requests beside the purchases of pictures, to the same API with the same key: files, batches, and what came of them.

Most buy nothing, and are sent again whenever that may help; one that buys is sent again only where a purchase is.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

from imagecli.client import send
from imagecli.client.deadline import BodyWriter
from imagecli.client.errors import NotConnectedError, as_unbilled_error
from imagecli.client.retry import decide_retry, local_time, retry_delay, wait_too_long_error
from imagecli.client.send import HttpResponse, MultipartUpload, Timeouts, open_source, post
from imagecli.client.session import Authorization, open_session
from imagecli.domain import Json, Secret
from imagecli.errors import ImagecliError, UnsavedError
from imagecli.events import DownloadProgress, EventHandler, LogEvent, RetryWait, UploadProgress
from imagecli.http_message import HttpRequest
from imagecli.providers.request import join_url

NO_REQUEST: Final = -1
"""What events call it: none of the plan's."""
MAX_DOCUMENT_BYTES: Final = 64 * 1024 * 1024
"""Of what is parsed whole; a hundred batches have about 0.2 MB."""
DAY_SECONDS: Final = 86_400.0
LOST: Final = ("answer_lost", "timeout")
"""Nobody knows what became of the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileUpload:
    """A file on its way up."""

    source: Path | bytes = field(repr=False)
    filename: str
    media_type: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """One request, and when it may be sent again."""

    path: str
    """Below the base URL, quoted."""
    method: str = "GET"
    query: Mapping[str, str] = field(default_factory=dict)
    json: dict[str, Json] | None = None
    form: FileUpload | None = None
    free: bool = True
    """Nothing can be bought by it."""
    final_statuses: tuple[int, ...] = ()
    """Statuses that are an answer, whatever they mean elsewhere."""
    max_tries: int | None = None
    """At most; None is one and the retries that the user allows."""
    max_bytes: int = MAX_DOCUMENT_BYTES
    is_long: bool = False
    """It has a day, as long as it moves."""
    may_retry: Callable[[], bool] = lambda: True
    """Asked before it is sent again."""


class ApiClient:
    """The API at one base URL. Threads may share it."""

    def __init__(
        self,
        *,
        base_url: str,
        key: Secret | None,
        auth: str,
        headers: dict[str, str],
        query: Mapping[str, str],
        timeouts: Timeouts,
        max_retries: int,
        max_wait: float,
        direct: bool,
        now: Callable[[], datetime] = local_time,
    ) -> None:
        self._base_url, self._query = base_url, dict(query)
        self._session = open_session(direct=direct)
        self._auth, self._headers = Authorization(key, auth), headers
        self._timeouts = timeouts
        self._max_retries, self._max_wait = max_retries, max_wait
        self._now = now
        self.peer: str | None = None
        """The address that the last request was sent to; None before the first, and behind a proxy."""

    @property
    def printable_base_url(self) -> str:
        """The base URL as it may be printed: without a name, a password and a query."""
        parts = urlsplit(self._base_url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    def fetch_json(self, call: ApiCall, on_event: EventHandler) -> Any:
        """The JSON of the 2xx answer; None where it is none. Raises as `send`."""
        into: list[io.BytesIO] = []

        def fresh() -> BodyWriter:
            into[:] = [io.BytesIO()]
            return into[0]

        self.send(call, fresh, on_event)
        try:
            return json.loads(into[0].getvalue())
        except (ValueError, RecursionError):
            return None

    def send(self, call: ApiCall, into: Callable[[], BodyWriter], on_event: EventHandler) -> HttpResponse:
        """The 2xx answer, its body in what *into* gave for this try.

        Raises the error of any other answer; UnsavedError where the answer to what is not free was lost.
        """
        failures, started = 0, time.monotonic()
        tries = self._max_retries + 1 if call.max_tries is None else call.max_tries
        while True:
            result = self._try_send(call, into(), on_event)
            if isinstance(result, HttpResponse):
                return result
            failure, asked, again = result
            if again and asked is not None and asked > self._max_wait:
                raise wait_too_long_error(failure, asked, self._max_wait, self._now())
            failures += 1
            over = time.monotonic() - started >= self._timeouts_for(call).total
            if not again or over or failures >= tries or not call.may_retry():
                raise failure
            self._wait_to_retry(failures - 1, failure, asked, on_event)

    def _try_send(
        self, call: ApiCall, into: BodyWriter, on_event: EventHandler
    ) -> HttpResponse | tuple[ImagecliError, float | None, bool]:
        """The answer; else what went wrong, how long the server wants to be left alone, and whether to try again."""
        try:
            answer = self._send_once(call, into, on_event)
        except NotConnectedError as error:
            return error, None, error.code != "proxy"
        except UnsavedError as error:
            if not call.free:
                raise
            return as_unbilled_error(error), None, error.code in LOST
        if 200 <= answer.status < 300:
            return answer
        refusal = decide_retry(answer, self._now(), free=call.free)
        failure = as_unbilled_error(refusal.failure) if call.free else refusal.failure
        return failure, refusal.server_wait, refusal.retry and answer.status not in call.final_statuses

    def _send_once(self, call: ApiCall, into: BodyWriter, on_event: EventHandler) -> HttpResponse:
        http = HttpRequest(
            method=call.method, url=join_url(self._base_url, call.path, self._query | dict(call.query)), json=call.json
        )

        def uploaded(sent: int, total: int | None) -> None:
            on_event(UploadProgress(request=NO_REQUEST, sent=sent, total=total or 0))

        with ExitStack() as stack:
            upload = _open_upload(call.form, stack, uploaded) if call.form else None
            about = f" {upload.about}" if upload else ""
            on_event(LogEvent(message=send.describe_request(http) + about, is_debug=True))
            answer = post(
                self._session,
                http,
                auth=self._auth,
                headers=self._headers,
                timeouts=self._timeouts_for(call),
                into=into,
                uploaded=uploaded,
                received=lambda done, total: on_event(DownloadProgress(request=NO_REQUEST, received=done, total=total)),
                max_bytes=call.max_bytes,
                upload=upload,
                before_send=self._record_peer,
            )
        on_event(LogEvent(message=send.describe_response(http, answer)))
        on_event(LogEvent(message=send.describe_headers(answer), is_debug=True))
        return answer

    def _record_peer(self, peer: str | None) -> None:
        self.peer = peer

    def _timeouts_for(self, call: ApiCall) -> Timeouts:
        return replace(self._timeouts, total=max(self._timeouts.total, DAY_SECONDS)) if call.is_long else self._timeouts

    def _wait_to_retry(
        self, failures: int, failure: ImagecliError, asked: float | None, on_event: EventHandler
    ) -> None:
        seconds = retry_delay(failures, asked, self._max_wait)
        on_event(RetryWait(request=NO_REQUEST, seconds=seconds, why=failure.message))
        time.sleep(seconds)


def quote_path_segment(id: str) -> str:
    """An id as one step of a path, whatever it holds."""
    return quote(id, safe="")


def _open_upload(form: FileUpload, stack: ExitStack, progress: Callable[[int, int | None], None]) -> MultipartUpload:
    file, size = stack.enter_context(open_source(form.source))
    return MultipartUpload(
        file, size, fields=form.fields, filename=form.filename, media_type=form.media_type, progress=progress
    )
