"""The API's requests other than those that create images: files, batches, lists. The same key, mostly free.

Free requests are retried whenever that may help; one that can be billed, only if nothing can have been created.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

from imagecli.client.errors import NotConnectedError, as_unbilled_error
from imagecli.client.exchange import HttpResponse, MultipartUpload, Timeouts, open_source, send_once
from imagecli.client.exchange_limits import BodyWriter
from imagecli.client.retry import RetryDecision, decide_retry, local_time, retry_delay, wait_too_long_error
from imagecli.client.session import Authorization, open_session
from imagecli.domain import Json, Secret
from imagecli.errors import ImagecliError, UnsavedError
from imagecli.events import DownloadProgress, EventHandler, RetryWait, UploadProgress
from imagecli.http_message import HttpRequest
from imagecli.providers.request import join_url

NO_REQUEST: Final = -1
"""The `request` of events about it: none of the planned calls."""
MAX_DOCUMENT_BYTES: Final = 64 * 1024 * 1024
"""The largest JSON document that is parsed; a hundred batches have about 0.2 MB."""
DAY_SECONDS: Final = 86_400.0
LOST: Final = ("answer_lost", "timeout")
"""Codes of errors after which it is unknown what became of the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileUpload:
    """A file to upload, with the other fields of its form."""

    source: Path | bytes = field(repr=False)
    filename: str
    media_type: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """One request, and when it may be retried."""

    path: str
    """Below the base URL, quoted."""
    method: str = "GET"
    query: Mapping[str, str] = field(default_factory=dict)
    json: dict[str, Json] | None = None
    form: FileUpload | None = None
    free: bool = True
    """It can't be billed."""
    final_statuses: tuple[int, ...] = ()
    """Statuses that are not retried, whatever they mean elsewhere."""
    max_tries: int | None = None
    """None: one, and the retries that the user allows."""
    max_bytes: int = MAX_DOCUMENT_BYTES
    is_long: bool = False
    """It may take a day, as long as data arrives."""
    may_retry: Callable[[], bool] = lambda: True
    """Called before a retry; False ends it."""


class ApiClient:
    """Sends requests to the API at one base URL. Threads may share it."""

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
        """The address that the last request was sent to; None before the first one, and behind a proxy."""

    @property
    def printable_base_url(self) -> str:
        """The base URL without user name, password and query."""
        parts = urlsplit(self._base_url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    def fetch_json(self, call: ApiCall, on_event: EventHandler) -> Any:
        """The JSON of the 2xx response; None if it isn't JSON. Raises as `send`."""
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
        """The 2xx response, its body in the writer that *into* returned for this attempt.

        Raises the error of any other response; UnsavedError if the response to a request that isn't free was lost.
        """
        failures, started = 0, time.monotonic()
        tries = self._max_retries + 1 if call.max_tries is None else call.max_tries
        while True:
            result = self._try_send(call, into(), on_event)
            if isinstance(result, HttpResponse):
                return result
            failure, stated_wait = result.failure, result.server_wait
            if result.retry and stated_wait is not None and stated_wait > self._max_wait:
                raise wait_too_long_error(failure, stated_wait, self._max_wait, self._now())
            failures += 1
            over = time.monotonic() - started >= self._timeouts_for(call).total
            if not result.retry or over or failures >= tries or not call.may_retry():
                raise failure
            self._wait_to_retry(failures - 1, failure, stated_wait, on_event)

    def _try_send(self, call: ApiCall, into: BodyWriter, on_event: EventHandler) -> HttpResponse | RetryDecision:
        """The response, or what went wrong and whether it may be retried."""
        try:
            response = self._send_once(call, into, on_event)
        except NotConnectedError as error:
            return RetryDecision(failure=error, retry=error.code != "proxy", server_wait=None)
        except UnsavedError as error:
            if not call.free:
                raise
            return RetryDecision(failure=as_unbilled_error(error), retry=error.code in LOST, server_wait=None)
        if 200 <= response.status < 300:
            return response
        decision = decide_retry(response, self._now(), free=call.free)
        return RetryDecision(
            failure=as_unbilled_error(decision.failure) if call.free else decision.failure,
            retry=decision.retry and response.status not in call.final_statuses,
            server_wait=decision.server_wait,
        )

    def _send_once(self, call: ApiCall, into: BodyWriter, on_event: EventHandler) -> HttpResponse:
        http = HttpRequest(
            method=call.method, url=join_url(self._base_url, call.path, self._query | dict(call.query)), json=call.json
        )

        def uploaded(sent: int, total: int | None) -> None:
            on_event(UploadProgress(request=NO_REQUEST, sent=sent, total=total or 0))

        with ExitStack() as stack:
            upload = _open_upload(call.form, stack, uploaded) if call.form else None
            return send_once(
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

    def _record_peer(self, peer: str | None) -> None:
        self.peer = peer

    def _timeouts_for(self, call: ApiCall) -> Timeouts:
        return self._timeouts._replace(total=max(self._timeouts.total, DAY_SECONDS)) if call.is_long else self._timeouts

    def _wait_to_retry(
        self, failures: int, failure: ImagecliError, stated_wait: float | None, on_event: EventHandler
    ) -> None:
        seconds = retry_delay(failures, stated_wait, self._max_wait)
        on_event(RetryWait(request=NO_REQUEST, seconds=seconds, why=failure.message))
        time.sleep(seconds)


def quote_path_segment(id: str) -> str:
    """*id* as one segment of a path, whatever it contains."""
    return quote(id, safe="")


def _open_upload(form: FileUpload, stack: ExitStack, progress: Callable[[int, int | None], None]) -> MultipartUpload:
    file, size = stack.enter_context(open_source(form.source))
    return MultipartUpload(
        file, size, fields=form.fields, filename=form.filename, media_type=form.media_type, progress=progress
    )
