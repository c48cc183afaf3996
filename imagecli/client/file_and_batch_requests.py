"""A client of the provider's API for requests other than those that create images: those of files and batches.

Free requests are retried whenever that may help; one that can be billed, only if nothing can have been created.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote, urlsplit, urlunsplit

from imagecli.client.exchange import (
    HttpResponse,
    MultipartUpload,
    ProgressHooks,
    Timeouts,
    same_origin_target,
    send_once,
)
from imagecli.client.retry import RetryDecision, decide_retry, retry_delay, wait_too_long_error
from imagecli.client.session import Authorization, open_session
from imagecli.client.translate_errors import NotConnectedError, as_unbilled_error
from imagecli.domain import Json, Secret
from imagecli.env import local_time
from imagecli.errors import UnsavedError, UsageError, os_error_reason
from imagecli.events import EventHandler, RetryWait
from imagecli.http_request import HttpFile, HttpRequest
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
    may_retry_partial: bool = True
    """It may also be retried when some of the response has been written."""


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
    ) -> None:
        self._base_url, self._query = base_url, dict(query)
        self._session = open_session(direct=direct)
        self._auth, self._headers = Authorization(key, auth), headers
        self._timeouts = timeouts
        self._max_retries, self._max_wait = max_retries, max_wait
        self.peer: str | None = None
        """The address that the last request was sent to; None before the first one, and behind a proxy."""
        self.is_sandbox = False
        """The last response was the sandbox's."""

    @property
    def printable_base_url(self) -> str:
        """The base URL without user name, password and query."""
        parts = urlsplit(self._base_url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    def send(self, call: ApiCall, on_event: EventHandler, into: IO[bytes] | None = None) -> bytes:
        """The body of the 2xx response; empty if it was written *into* a file.

        Raises the error of any other response; UnsavedError if the response to a request that isn't free was lost.
        """
        url = join_url(self._base_url, call.path, self._query | dict(call.query))
        http = HttpRequest(method=call.method, url=url, json=call.json)
        timeouts = self._timeouts_for(call)
        tries = self._max_retries + 1 if call.max_tries is None else call.max_tries
        started, failures = time.monotonic(), 0
        while True:
            buffer = io.BytesIO()
            body = buffer if into is None else into
            try:
                with _open_upload(call.form) as upload:
                    response = send_once(
                        self._session,
                        http,
                        auth=self._auth,
                        headers=self._headers,
                        timeouts=timeouts,
                        into=body,
                        hooks=_ApiCallHooks(self, on_event),
                        max_bytes=call.max_bytes,
                        upload=upload,
                    )
            except NotConnectedError as error:
                decision = RetryDecision(failure=error, retry=error.code != "proxy", server_wait=None)
            except UnsavedError as error:
                if not call.free:
                    raise
                decision = RetryDecision(failure=as_unbilled_error(error), retry=error.code in LOST, server_wait=None)
            else:
                self.is_sandbox = response.is_from_sandbox(self.peer)
                if 200 <= response.status < 300:
                    return buffer.getvalue()
                # The file is read anew: `send_once` follows no redirect of an upload.
                if call.form and http.url == url and (target := same_origin_target(http, response)):
                    http = http._replace(url=target)
                    continue
                decision = _decide_refused_call(call, response)
            failure, stated_wait = decision.failure, decision.server_wait
            if decision.retry and stated_wait is not None and stated_wait > self._max_wait:
                raise wait_too_long_error(failure, stated_wait, self._max_wait, local_time())
            failures += 1
            is_over = time.monotonic() - started >= timeouts.total
            is_too_late = body.tell() > 0 and not call.may_retry_partial
            if not decision.retry or is_over or failures >= tries or is_too_late:
                raise failure
            seconds = retry_delay(failures - 1, stated_wait, self._max_wait)
            on_event(RetryWait(request=NO_REQUEST, seconds=seconds, why=failure.message))
            time.sleep(seconds)

    def _timeouts_for(self, call: ApiCall) -> Timeouts:
        return self._timeouts._replace(total=max(self._timeouts.total, DAY_SECONDS)) if call.is_long else self._timeouts


class _ApiCallHooks(ProgressHooks):
    """Reports progress, and remembers in *client* the address that the request is sent to."""

    def __init__(self, client: ApiClient, on_event: EventHandler) -> None:
        super().__init__(NO_REQUEST, on_event)
        self._client = client

    def before_send(self, peer: str | None) -> None:
        self._client.peer = peer


def _decide_refused_call(call: ApiCall, response: HttpResponse) -> RetryDecision:
    """What a response other than 2xx means for *call*."""
    decision = decide_retry(response, local_time(), free=call.free)
    return RetryDecision(
        failure=as_unbilled_error(decision.failure) if call.free else decision.failure,
        retry=decision.retry and response.status not in call.final_statuses,
        server_wait=decision.server_wait,
    )


def quote_path_segment(id: str) -> str:
    """*id* as one segment of a path, whatever it contains."""
    return quote(id, safe="")


@contextmanager
def _open_upload(form: FileUpload | None) -> Iterator[MultipartUpload | None]:
    """The body of a request that uploads *form*. Raises UsageError if its file can't be read."""
    if form is None:
        yield None
        return
    with _open_source(form.source) as data:
        file = HttpFile(name="file", filename=form.filename, data=data, media_type=form.media_type)
        yield MultipartUpload(tuple(form.fields.items()), [file])


@contextmanager
def _open_source(source: Path | bytes) -> Iterator[bytes | IO[bytes]]:
    """The bytes of *source*, or the open file. Raises UsageError if it can't be read."""
    if isinstance(source, bytes):
        yield source
        return
    try:
        file = source.open("rb")
    except OSError as error:
        raise UsageError(f"{source.name} can't be read: {os_error_reason(error)}; nothing was submitted") from error
    with file:
        yield file
