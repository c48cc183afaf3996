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
from imagecli.client.deadline import Into
from imagecli.client.errors import NotConnectedError, nothing_bought
from imagecli.client.retry import local_time, refusal_of, too_long, wait_before
from imagecli.client.send import HttpAnswer, Timeouts, Upload, opened, post
from imagecli.client.session import Authorization, open_session
from imagecli.domain import Json, Secret
from imagecli.errors import ImagecliError, UnsavedError
from imagecli.events import Listen, Received, Sent, Told, Waiting
from imagecli.http_message import HttpRequest
from imagecli.providers.request import join

NO_REQUEST: Final = -1
"""What events call it: none of the plan's."""
MAX_DOCUMENT_BYTES: Final = 64 * 1024 * 1024
"""Of what is parsed whole; a hundred batches have about 0.2 MB."""
DAY_SECONDS: Final = 86_400.0
LOST: Final = ("answer_lost", "timeout")
"""Nobody knows what became of the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A file on its way up."""

    source: Path | bytes = field(repr=False)
    filename: str
    media_type: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, and when it may be sent again."""

    path: str
    """Below the base URL, quoted."""
    method: str = "GET"
    query: Mapping[str, str] = field(default_factory=dict)
    json: dict[str, Json] | None = None
    form: Form | None = None
    free: bool = True
    """Nothing can be bought by it."""
    final: tuple[int, ...] = ()
    """Statuses that are an answer, whatever they mean elsewhere."""
    tries: int | None = None
    """At most; None is one and the retries that the user allows."""
    max_bytes: int = MAX_DOCUMENT_BYTES
    long: bool = False
    """It has a day, as long as it moves."""
    again: Callable[[], bool] = lambda: True
    """Asked before it is sent again."""


class Calls:
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
    def place(self) -> str:
        """The base URL as it may be printed: without a name, a password and a query."""
        parts = urlsplit(self._base_url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    def document(self, call: Call, listen: Listen) -> Any:
        """The JSON of the 2xx answer; None where it is none. Raises as `send`."""
        into: list[io.BytesIO] = []

        def fresh() -> Into:
            into[:] = [io.BytesIO()]
            return into[0]

        self.send(call, fresh, listen)
        try:
            return json.loads(into[0].getvalue())
        except (ValueError, RecursionError):
            return None

    def send(self, call: Call, into: Callable[[], Into], listen: Listen) -> HttpAnswer:
        """The 2xx answer, its body in what *into* gave for this try.

        Raises the error of any other answer; UnsavedError where the answer to what is not free was lost.
        """
        failures, started = 0, time.monotonic()
        tries = self._max_retries + 1 if call.tries is None else call.tries
        while True:
            result = self._tried(call, into(), listen)
            if isinstance(result, HttpAnswer):
                return result
            failure, asked, again = result
            if again and asked is not None and asked > self._max_wait:
                raise too_long(failure, asked, self._max_wait, self._now())
            failures += 1
            over = time.monotonic() - started >= self._timeouts_of(call).total
            if not again or over or failures >= tries or not call.again():
                raise failure
            self._wait(failures - 1, failure, asked, listen)

    def _tried(self, call: Call, into: Into, listen: Listen) -> HttpAnswer | tuple[ImagecliError, float | None, bool]:
        """The answer; else what went wrong, how long the server wants to be left alone, and whether to try again."""
        try:
            answer = self._once(call, into, listen)
        except NotConnectedError as error:
            return error, None, error.code != "proxy"
        except UnsavedError as error:
            if not call.free:
                raise
            return nothing_bought(error), None, error.code in LOST
        if 200 <= answer.status < 300:
            return answer
        refusal = refusal_of(answer, self._now(), free=call.free)
        failure = nothing_bought(refusal.failure) if call.free else refusal.failure
        return failure, refusal.asked, refusal.again and answer.status not in call.final

    def _once(self, call: Call, into: Into, listen: Listen) -> HttpAnswer:
        http = HttpRequest(
            method=call.method, url=join(self._base_url, call.path, self._query | dict(call.query)), json=call.json
        )

        def uploaded(sent: int, total: int | None) -> None:
            listen(Sent(request=NO_REQUEST, sent=sent, total=total or 0))

        with ExitStack() as stack:
            upload = _upload(call.form, stack, uploaded) if call.form else None
            about = f" {upload.about}" if upload else ""
            listen(Told(message=send.asked(http) + about, deep=True))
            answer = post(
                self._session,
                http,
                auth=self._auth,
                headers=self._headers,
                timeouts=self._timeouts_of(call),
                into=into,
                uploaded=uploaded,
                received=lambda done, total: listen(Received(request=NO_REQUEST, received=done, total=total)),
                max_bytes=call.max_bytes,
                upload=upload,
                on_connect=self._connected,
            )
        listen(Told(message=send.answered(http, answer)))
        listen(Told(message=send.headers(answer), deep=True))
        return answer

    def _connected(self, peer: str | None) -> None:
        self.peer = peer

    def _timeouts_of(self, call: Call) -> Timeouts:
        return replace(self._timeouts, total=max(self._timeouts.total, DAY_SECONDS)) if call.long else self._timeouts

    def _wait(self, failures: int, failure: ImagecliError, asked: float | None, listen: Listen) -> None:
        seconds = wait_before(failures, asked, self._max_wait)
        listen(Waiting(request=NO_REQUEST, seconds=seconds, why=failure.message))
        time.sleep(seconds)


def step(id: str) -> str:
    """An id as one step of a path, whatever it holds."""
    return quote(id, safe="")


def _upload(form: Form, stack: ExitStack, progress: Callable[[int, int | None], None]) -> Upload:
    file, size = stack.enter_context(opened(form.source))
    return Upload(file, size, fields=form.fields, filename=form.filename, media_type=form.media_type, progress=progress)
