"""The paid POST: sent once, and retried only if no connection was made or the API said that it produced nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from imagecli.client.errors import NotConnectedError
from imagecli.client.exchange import HttpResponse, Timeouts, send_once
from imagecli.client.exchange_limits import BodyWriter, Enough
from imagecli.client.rate_limiter import (
    LOOK_SECONDS,
    MonotonicClock,
    RateLimiter,
    RateLimitExhaustedError,
    Ticket,
    WaitTooLongError,
)
from imagecli.client.retry import decide_retry, local_time, retry_delay, wait_too_long_error
from imagecli.client.session import Authorization, open_session
from imagecli.client.spool import SpoolEntry
from imagecli.domain import Secret
from imagecli.errors import ImagecliError, LimitError
from imagecli.events import DownloadProgress, EventHandler, NoteEvent, RetryWait, UploadProgress
from imagecli.http_message import HttpRequest

_HINT_RATE = "run the same command again in a minute; in a batch, --rate N sends at most N requests per minute"


@dataclass(slots=True, kw_only=True, eq=False)
class _Attempt:
    """The state of one request across its attempts."""

    http: HttpRequest
    request: int
    on_event: EventHandler
    before_send: Callable[[], None]
    entry: SpoolEntry | None
    failures: int = 0
    """Attempts that failed, other than by the rate limit."""
    limited: int = 0
    """Rate-limit refusals that this request met first; those that refuse many requests at once count for one."""
    last: ImagecliError | None = None
    sent_at: float = 0.0
    """When its last piece was sent; monotonic. Its turn was earlier, by the time that journal and spool took."""
    dropped: bool = False
    """A field was removed; no second one is."""

    @property
    def retries(self) -> int:
        """Retries so far, the one that is being decided included."""
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
    """Sends the paid requests of a command: one session with the key, and one rate limiter for all threads."""

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
        clock: MonotonicClock | None = None,
    ) -> None:
        """*per_minute*: the most images to request per minute. *now* is for messages, never for waiting."""
        self._session = open_session(direct=direct)
        self._auth = Authorization(key, auth)
        self._headers = headers
        self._timeouts = timeouts
        self._max_retries = max_retries
        self._max_wait = max_wait
        self._clock = clock or MonotonicClock()
        self._rate_limiter = RateLimiter(
            max_retries=max_retries, max_wait=max_wait, per_minute=per_minute, clock=self._clock
        )
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
        """Sends *http* and writes the body of the 2xx response to *into*, up to what is *enough*; raw if *packed*.

        *before_send* is called in every attempt when the connection is made and before anything is sent; if it raises,
        nothing is sent. *entry* is then marked as sent, and the mark is removed if the server refuses the attempt.
        Raises the error of any other response.
        """
        attempt = _Attempt(http=http, request=request, on_event=on_event, before_send=before_send, entry=entry)
        while True:
            ticket = self._wait_turn(attempt)
            try:
                response = self._send_once(attempt, into, enough, packed)
            except NotConnectedError as error:
                self._rate_limiter.record_lost(ticket)
                self._handle_connection_failure(attempt, error)
                continue
            except BaseException:
                self._rate_limiter.record_lost(ticket)
                raise
            ticket = ticket._replace(at=max(ticket.at, attempt.sent_at))
            if 200 <= response.status < 300:
                self._rate_limiter.record_answer(ticket, response.headers)
                return response
            self._handle_refusal(attempt, ticket, response)

    def _wait_turn(self, attempt: _Attempt) -> Ticket:
        """Waits for its turn. Raises the error of its last attempt, or LimitError if it was never sent."""
        images = _image_count(attempt.http)
        unannounced = float("inf") if isinstance(attempt.last, LimitError) else LOOK_SECONDS
        try:
            while not isinstance(turn := self._rate_limiter.wait_turn(images, longest=unannounced), Ticket):
                attempt.on_event(RetryWait(request=attempt.request, seconds=turn, why="the provider's rate limit"))
                unannounced = float("inf")
            return turn
        except RateLimitExhaustedError:
            message = "the rate limit did not give way; this request was not sent"
            raise attempt.last or LimitError(message, hint=_HINT_RATE) from None
        except WaitTooLongError as error:
            reached = attempt.last or LimitError("rate limit: the next request is not let through yet")
            raise wait_too_long_error(reached, error.seconds, self._max_wait, self._now()) from None

    def _send_once(self, attempt: _Attempt, into: BodyWriter, enough: Enough, packed: bool) -> HttpResponse:
        http, request, on_event = attempt.http, attempt.request, attempt.on_event

        def uploaded(sent: int, total: int | None) -> None:
            on_event(UploadProgress(request=request, sent=sent, total=total or 0))
            attempt.sent_at = self._clock.now()

        return send_once(
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

    def _handle_connection_failure(self, attempt: _Attempt, error: NotConnectedError) -> None:
        if attempt.retries >= self._max_retries or error.code == "proxy":
            raise error
        self._wait_to_retry(attempt, error, None)

    def _handle_refusal(self, attempt: _Attempt, ticket: Ticket, response: HttpResponse) -> None:
        """Returns if the request is to be sent again, else raises."""
        decision = decide_retry(response, self._now())
        failure, may_retry, stated_wait = decision.failure, decision.retry, decision.server_wait
        if not may_retry:
            self._rate_limiter.record_answer(ticket, response.headers)
            self._drop_unknown_field(attempt, response, failure)
            return
        rounds = self._rate_limiter.refusals_in_a_row
        hold = retry_delay(rounds if response.status == 429 else attempt.failures, stated_wait, self._max_wait)
        attempt.last = failure
        if response.status == 429:
            may_retry = self._rate_limiter.record_refusal(ticket, response.headers, hold, stated_wait)
            attempt.limited += self._rate_limiter.refusals_in_a_row > rounds
            may_retry = may_retry and (not attempt.failures or attempt.retries <= self._max_retries)
        else:
            self._rate_limiter.record_answer(ticket, response.headers)
            may_retry = attempt.retries < self._max_retries
        if stated_wait is not None and stated_wait > self._max_wait:
            self._rate_limiter.hold(stated_wait)
            raise wait_too_long_error(failure, stated_wait, self._max_wait, self._now())
        if not may_retry:
            raise failure
        if response.status == 429:
            attempt.clear_sent()
            attempt.on_event(RetryWait(request=attempt.request, seconds=hold, why=failure.message))
        else:
            self._wait_to_retry(attempt, failure, stated_wait)

    def _drop_unknown_field(self, attempt: _Attempt, response: HttpResponse, failure: ImagecliError) -> None:
        """Removes the field that the server doesn't know and the user didn't set, once; else raises."""
        from imagecli.providers.errors import unknown_field

        field = unknown_field(response.status, response.error_body, attempt.http.added)
        if field is None or attempt.dropped:
            raise failure
        attempt.dropped = True
        attempt.clear_sent()
        attempt.http = attempt.http.without(field)
        message = f"the server does not know {field}, which you did not ask for; sent again without it"
        attempt.on_event(NoteEvent(code="field_dropped", message=message))

    def _wait_to_retry(self, attempt: _Attempt, failure: ImagecliError, stated_wait: float | None) -> None:
        """Waits before the next attempt; a wait that the server states holds for all threads."""
        attempt.clear_sent()
        seconds = retry_delay(attempt.failures, stated_wait, self._max_wait)
        attempt.failures += 1
        attempt.last = failure
        attempt.on_event(RetryWait(request=attempt.request, seconds=seconds, why=failure.message))
        if stated_wait is not None:
            self._rate_limiter.hold(seconds)
        else:
            self._clock.sleep(seconds)


def _image_count(http: HttpRequest) -> int:
    """How many images *http* requests: its `n`, else 1."""
    requested = (http.json or {}).get("n") or dict(http.form).get("n")
    text = str(requested)
    return min(max(int(text), 1), 1000) if text.isascii() and text.isdigit() and len(text) < 6 else 1
