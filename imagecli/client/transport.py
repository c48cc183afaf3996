"""The paid POST: sent once, and again only where the server said it made nothing or no connection was made."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from imagecli.client import send
from imagecli.client.deadline import BodyWriter, Enough
from imagecli.client.errors import NotConnectedError
from imagecli.client.rate_limiter import RateLimiter, RateLimitExhaustedError, Ticket, WaitTooLongError
from imagecli.client.retry import decide_retry, local_time, retry_delay, wait_too_long_error
from imagecli.client.send import HttpResponse, Timeouts, post
from imagecli.client.session import Authorization, open_session
from imagecli.client.spool import SpoolEntry
from imagecli.domain import Secret
from imagecli.errors import ImagecliError, LimitError
from imagecli.events import DownloadProgress, EventHandler, LogEvent, NoteEvent, RetryWait, UploadProgress
from imagecli.http_message import HttpRequest


@dataclass(slots=True, kw_only=True)
class _Attempt:
    """Where one request stands."""

    http: HttpRequest
    request: int
    on_event: EventHandler
    before_send: Callable[[], None]
    entry: SpoolEntry | None
    failures: int = 0
    """Of its own."""
    limited: int = 0
    """How often the limit refused it first of all; what refuses many at once is counted for all together."""
    last: ImagecliError | None = None
    sent_at: float = 0.0
    """When its last piece went out; monotonic. Its turn is earlier by all that is written down before."""
    dropped: bool = False
    """One field was left out; no other one is."""

    @property
    def retries(self) -> int:
        """How often it was sent again, or will have been."""
        return self.failures + self.limited

    def record_sent(self, peer: str | None) -> None:
        """Records that the request is about to be sent to *peer*. What the caller's hook raises ends the attempt."""
        self.before_send()
        if self.entry:
            self.entry.record_sent(peer)

    def clear_sent(self) -> None:
        """Nothing came of this attempt, and there will be another one: until then nothing may be billed."""
        if self.entry:
            self.entry.clear_sent()


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
        per_minute: float | None = None,
        now: Callable[[], datetime] = local_time,
    ) -> None:
        """*per_minute*: no more pictures a minute than this are asked for. *now* is said, and never waited by."""
        self._session = open_session(direct=direct)
        self._auth = Authorization(key, auth)
        self._headers = headers
        self._timeouts = timeouts
        self._max_retries = max_retries
        self._max_wait = max_wait
        self._pacer = RateLimiter(max_retries=max_retries, max_wait=max_wait, per_minute=per_minute)
        self._now = now

    def send(
        self,
        http: HttpRequest,
        into: BodyWriter,
        request: int,
        on_event: EventHandler,
        enough: Enough = lambda: None,
        *,
        packed: bool = False,
        before_send: Callable[[], None] = lambda: None,
        entry: SpoolEntry | None = None,
    ) -> HttpResponse:
        """The 2xx answer to *http*, its body in *into*, or as much of it as is *enough*; compressed still if *packed*.

        *before_send* is called in every attempt when the connection is made and before anything is sent; if it raises,
        nothing is sent. *entry* is then marked as sent, and the mark is removed if the server refuses the attempt.
        Raises the error of any other answer.
        """
        attempt = _Attempt(http=http, request=request, on_event=on_event, before_send=before_send, entry=entry)
        while True:
            ticket = self._wait_turn(attempt)
            try:
                answer = self._send_once(attempt, into, enough, packed)
            except NotConnectedError as error:
                self._pacer.record_lost(ticket)
                self._handle_connection_failure(attempt, error)
                continue
            except BaseException:
                self._pacer.record_lost(ticket)
                raise
            ticket = replace(ticket, at=max(ticket.at, attempt.sent_at))
            if 200 <= answer.status < 300:
                self._pacer.record_answer(ticket, answer.headers)
                return answer
            self._handle_refusal(attempt, ticket, answer)

    def _wait_turn(self, attempt: _Attempt) -> Ticket:
        """Waits until it may be sent. Raises what it met the last time, or that it was never sent."""

        def waiting(seconds: float) -> None:
            if not isinstance(attempt.last, LimitError):
                attempt.on_event(RetryWait(request=attempt.request, seconds=seconds, why="the provider's rate limit"))

        try:
            return self._pacer.wait_turn(_image_count(attempt.http), waiting)
        except RateLimitExhaustedError:
            said = "the rate limit did not give way; this request was not sent"
            raise attempt.last or LimitError(said, hint="run the same command again later") from None
        except WaitTooLongError as error:
            reached = attempt.last or LimitError("rate limit: the next request is not let through yet")
            raise wait_too_long_error(reached, error.seconds, self._max_wait, self._now()) from None

    def _send_once(self, attempt: _Attempt, into: BodyWriter, enough: Enough, packed: bool) -> HttpResponse:
        http, request, on_event = attempt.http, attempt.request, attempt.on_event

        def uploaded(sent: int, total: int | None) -> None:
            on_event(UploadProgress(request=request, sent=sent, total=total or 0))
            attempt.sent_at = time.monotonic()

        on_event(LogEvent(message=send.describe_request(http), is_debug=True))
        answer = post(
            self._session,
            http,
            auth=self._auth,
            headers=self._headers,
            timeouts=self._timeouts,
            into=into,
            uploaded=uploaded,
            received=lambda done, total: on_event(DownloadProgress(request=request, received=done, total=total)),
            enough=enough,
            packed=packed,
            before_send=attempt.record_sent,
        )
        on_event(LogEvent(message=send.describe_response(http, answer)))
        on_event(LogEvent(message=send.describe_headers(answer), is_debug=True))
        return answer

    def _handle_connection_failure(self, attempt: _Attempt, error: NotConnectedError) -> None:
        if attempt.retries >= self._max_retries or error.code == "proxy":
            raise error
        self._wait_to_retry(attempt, error, None)

    def _handle_refusal(self, attempt: _Attempt, ticket: Ticket, answer: HttpResponse) -> None:
        """Returns when the request is to be sent again; raises where it is not."""
        refusal = decide_retry(answer, self._now())
        failure, again, asked = refusal.failure, refusal.retry, refusal.server_wait
        if not again:
            self._pacer.record_answer(ticket, answer.headers)
            self._drop_unknown_field(attempt, answer, failure)
            return
        rounds = self._pacer.refusals_in_a_row
        hold = retry_delay(rounds if answer.status == 429 else attempt.failures, asked, self._max_wait)
        attempt.last = failure
        if answer.status == 429:
            again = self._pacer.record_refusal(ticket, answer.headers, hold, asked)
            attempt.limited += self._pacer.refusals_in_a_row > rounds
            again = again and (not attempt.failures or attempt.retries <= self._max_retries)
        else:
            self._pacer.record_answer(ticket, answer.headers)
            again = attempt.retries < self._max_retries
        if asked is not None and asked > self._max_wait:
            self._pacer.hold(asked)
            raise wait_too_long_error(failure, asked, self._max_wait, self._now())
        if not again:
            raise failure
        if answer.status == 429:
            attempt.clear_sent()
            attempt.on_event(RetryWait(request=attempt.request, seconds=hold, why=failure.message))
        else:
            self._wait_to_retry(attempt, failure, asked)

    def _drop_unknown_field(self, attempt: _Attempt, answer: HttpResponse, failure: ImagecliError) -> None:
        """Leaves out the one field that the server does not know and the user did not set, once; else raises."""
        from imagecli.providers.errors import unknown_field

        field = unknown_field(answer.status, answer.error_body, attempt.http.added)
        if field is None or attempt.dropped:
            raise failure
        attempt.dropped = True
        attempt.clear_sent()
        attempt.http = attempt.http.without(field)
        said = f"the server does not know {field}, which you did not ask for; sent again without it"
        attempt.on_event(NoteEvent(code="field_dropped", message=said))

    def _wait_to_retry(self, attempt: _Attempt, failure: ImagecliError, asked: float | None) -> None:
        """Before the next try of this request; what a server *asked* for holds for everybody."""
        attempt.clear_sent()
        seconds = retry_delay(attempt.failures, asked, self._max_wait)
        attempt.failures += 1
        attempt.last = failure
        attempt.on_event(RetryWait(request=attempt.request, seconds=seconds, why=failure.message))
        if asked is not None:
            self._pacer.hold(seconds)
        else:
            time.sleep(seconds)


def _image_count(http: HttpRequest) -> int:
    """How many pictures *http* asks for, as far as it says so."""
    wanted = (http.json or {}).get("n") or dict(http.form).get("n")
    text = str(wanted)
    return min(max(int(text), 1), 1000) if text.isascii() and text.isdigit() and len(text) < 6 else 1
