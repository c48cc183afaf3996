"""The paid POST: sent once, and retried only if no connection was made or the API said that it produced nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import urlsplit

from imagecli.client.exchange import BodyWriter, HttpResponse, ProgressHooks, Timeouts, send_once
from imagecli.client.rate_limiter import (
    LOOK_SECONDS,
    MonotonicClock,
    RateLimiter,
    RateLimitExhaustedError,
    Ticket,
    WaitTooLongError,
)
from imagecli.client.retry import (
    decide_retry,
    is_backed_off,
    is_image_in_error,
    retry_delay,
    wait_too_long_error,
)
from imagecli.client.session import Authorization, open_session
from imagecli.client.spool import SpoolEntry
from imagecli.client.translate_errors import NotConnectedError, as_unbilled_error
from imagecli.domain import Secret
from imagecli.env import local_time
from imagecli.errors import ImagecliError, LimitError, UnsavedError
from imagecli.events import EventHandler, NoteEvent, RetryWait, WarningEvent
from imagecli.http_request import HttpRequest
from imagecli.providers.errors import HINT_RATE

BeforeSend: TypeAlias = Callable[[], None]
"""Called in every attempt when the connection is made and before anything is sent; if it raises, nothing is sent."""
Enough: TypeAlias = Callable[[], float | None]
"""Returns the seconds that the rest of a response may take, once all that is needed has arrived; None before."""


class _PaidRequest(ProgressHooks):
    """A request across its attempts, and what is done while one of them lasts."""

    def __init__(
        self,
        http: HttpRequest,
        request: int,
        on_event: EventHandler,
        before_send: BeforeSend | None,
        enough: Enough | None,
        entry: SpoolEntry | None,
        clock: MonotonicClock,
    ) -> None:
        super().__init__(request, on_event)
        self.http = http
        self._clock = clock
        self.failures = 0
        """Attempts that an overloaded or broken server refused."""
        self.limited = 0
        """Rate-limit refusals that this request met first; those that refuse many requests at once count for one."""
        self.last: ImagecliError | None = None
        self.sent_at = 0.0
        """When its last piece was sent; monotonic. Its turn was earlier, by the time that journal and spool took."""
        self.unconnected = 0
        """Attempts that made no connection."""
        self.received_bytes = 0
        """Bytes of the response's body that have arrived."""
        self.is_field_dropped = False
        """A field was removed; no second one is."""
        self.is_wait_announced = False
        """Its present wait for a turn was reported when the last attempt failed."""
        self._before_send, self._enough, self._entry = before_send, enough, entry

    @property
    def retries(self) -> int:
        """Retries so far, the one that is being decided included."""
        return self.failures + self.limited

    def before_send(self, peer: str | None) -> None:
        if self._before_send:
            self._before_send()
        if self._entry:
            self._entry.record_sent(peer)

    def uploaded(self, sent: int, total: int) -> None:
        super().uploaded(sent, total)
        self.sent_at = self._clock.now()

    def received(self, count: int, total: int | None) -> None:
        super().received(count, total)
        self.received_bytes = count

    def enough(self) -> float | None:
        return self._enough() if self._enough else None

    def announce_wait(self, seconds: float, why: str) -> None:
        self.is_wait_announced = True
        self.on_event(RetryWait(request=self.request, seconds=seconds, why=why))

    def clear_sent(self) -> None:
        """This attempt produced nothing, and another one follows: until then nothing can be billed."""
        if self._entry:
            self._entry.clear_sent()


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
        retry_500: bool = False,
        free: bool = False,
        clock: MonotonicClock | None = None,
    ) -> None:
        """*per_minute*: the most images to request per minute.

        *retry_500*: a 500 with an error object proves that nothing was generated. *free*: the provider bills nothing.
        """
        self._session = open_session(direct=direct)
        self._auth = Authorization(key, auth)
        self._headers = headers
        self._timeouts = timeouts
        self._max_retries = max_retries
        self._max_wait = max_wait
        self._retry_500 = retry_500
        self._free = free
        self._is_reachable = False
        """The server responded to a request, and was not out of reach for long since then."""
        self._clock = clock or MonotonicClock()
        self._rate_limiter = RateLimiter(
            max_retries=max_retries, max_wait=max_wait, per_minute=per_minute, clock=self._clock
        )

    def send(
        self,
        http: HttpRequest,
        into: BodyWriter,
        request: int,
        on_event: EventHandler,
        enough: Enough | None = None,
        *,
        packed: bool = False,
        before_send: BeforeSend | None = None,
        entry: SpoolEntry | None = None,
    ) -> HttpResponse:
        """Sends *http* and writes the body of the 2xx response to *into*, up to what is *enough*; raw if *packed*.

        In every attempt, before anything is sent, *before_send* is called and *entry* is marked as sent. The mark is
        removed if the server refuses the attempt. Raises the error of any other response.
        """
        paid = _PaidRequest(http, request, on_event, before_send, enough, entry, self._clock)
        while True:
            ticket = self._wait_turn(paid)
            try:
                response = send_once(
                    self._session,
                    paid.http,
                    auth=self._auth,
                    headers=self._headers,
                    timeouts=self._timeouts,
                    into=into,
                    hooks=paid,
                    packed=packed,
                )
            except NotConnectedError as error:
                self._rate_limiter.record_lost(ticket)
                if error.code == "proxy" or not self._may_reconnect(paid):
                    raise
                self._wait_to_reconnect(paid, error)
                continue
            except BaseException as error:
                self._rate_limiter.record_lost(ticket)
                if isinstance(error, UnsavedError) and self._free and not paid.received_bytes:
                    raise as_unbilled_error(error) from error
                raise
            self._is_reachable = True
            ticket = ticket._replace(at=max(ticket.at, paid.sent_at))
            if 200 <= response.status < 300:
                self._rate_limiter.record_answer(ticket, response.headers)
                return response
            if is_image_in_error(response):
                self._rate_limiter.record_answer(ticket, response.headers)
                into.write(response.error_body)
                into.flush()
                message = f"the server returned image data with HTTP {response.status}"
                on_event(WarningEvent(code="image_in_error", message=message))
                return response
            self._handle_refusal(paid, ticket, response)

    def _wait_turn(self, paid: _PaidRequest) -> Ticket:
        """Waits for its turn. Raises the error of its last attempt, or LimitError if it was never sent."""
        images = _image_count(paid.http)
        unannounced = float("inf") if paid.is_wait_announced else LOOK_SECONDS
        paid.is_wait_announced = False
        try:
            while not isinstance(turn := self._rate_limiter.wait_turn(images, longest=unannounced), Ticket):
                paid.on_event(RetryWait(request=paid.request, seconds=turn, why=self._rate_limiter.why))
                unannounced = float("inf")
            return turn
        except RateLimitExhaustedError:
            message = "the rate limit persists; this request was not sent"
            raise paid.last or LimitError(message, hint=HINT_RATE) from None
        except WaitTooLongError as error:
            reached = paid.last or LimitError("rate limit: no request is allowed yet")
            raise wait_too_long_error(reached, error.seconds, self._max_wait, local_time()) from None

    def _handle_refusal(self, paid: _PaidRequest, ticket: Ticket, response: HttpResponse) -> None:
        """Returns if the request is to be sent again, else raises."""
        path = urlsplit(paid.http.url).path
        decision = decide_retry(response, local_time(), retry_500=self._retry_500, path=path)
        failure, may_retry, stated_wait = decision.failure, decision.retry, decision.server_wait
        if self._free:
            failure = as_unbilled_error(failure)
        if self._drop_unknown_field(paid, response):
            self._rate_limiter.record_answer(ticket, response.headers)
            return
        if not may_retry:
            self._rate_limiter.record_answer(ticket, response.headers)
            raise failure
        rounds = self._rate_limiter.refusals_in_a_row
        hold = retry_delay(rounds if response.status == 429 else paid.failures, stated_wait, self._max_wait)
        paid.last = failure
        if response.status == 429:
            may_retry = self._rate_limiter.record_refusal(ticket, response.headers, hold, stated_wait)
            paid.limited += self._rate_limiter.refusals_in_a_row > rounds
            may_retry = may_retry and (not paid.failures or paid.retries <= self._max_retries)
        else:
            self._rate_limiter.record_answer(ticket, response.headers)
            may_retry = paid.retries < self._max_retries
        if stated_wait is not None and stated_wait > self._max_wait:
            self._rate_limiter.hold(stated_wait, failure.message)
            raise wait_too_long_error(failure, stated_wait, self._max_wait, local_time())
        if not may_retry:
            raise failure
        if response.status == 429:
            paid.clear_sent()
            paid.announce_wait(hold, failure.message)
        else:
            self._wait_to_retry(paid, failure, stated_wait)

    def _drop_unknown_field(self, paid: _PaidRequest, response: HttpResponse) -> bool:
        """Removes the field that the server doesn't know and the user didn't set, once. Returns whether it did."""
        from imagecli.providers.errors import unknown_field

        field = unknown_field(response.status, response.error_body, paid.http.added)
        if field is None or paid.is_field_dropped:
            return False
        paid.is_field_dropped = True
        paid.clear_sent()
        paid.http = paid.http.without(field)
        message = f"the server rejected {field}, which imagecli adds by default; sent again without it"
        paid.on_event(NoteEvent(code="field_dropped", message=message))
        return True

    def _may_reconnect(self, paid: _PaidRequest) -> bool:
        """Whether to try again after no connection was made. A server that responded before is given a minute."""
        if paid.unconnected < self._max_retries:
            return True
        if self._is_reachable and self._max_retries and not is_backed_off(paid.unconnected, self._max_wait):
            return True
        self._is_reachable = False
        return False

    def _wait_to_reconnect(self, paid: _PaidRequest, failure: NotConnectedError) -> None:
        """Holds the requests of all threads: none of them can be sent."""
        paid.clear_sent()
        seconds = retry_delay(paid.unconnected, None, self._max_wait)
        paid.unconnected += 1
        paid.last = failure
        self._rate_limiter.hold(seconds, failure.message)
        paid.announce_wait(seconds, failure.message)

    def _wait_to_retry(self, paid: _PaidRequest, failure: ImagecliError, stated_wait: float | None) -> None:
        """Waits before the next attempt; a wait that the server states holds for all threads."""
        paid.clear_sent()
        seconds = retry_delay(paid.failures, stated_wait, self._max_wait)
        paid.failures += 1
        paid.last = failure
        paid.announce_wait(seconds, failure.message)
        if stated_wait is not None:
            self._rate_limiter.hold(seconds, failure.message)
        else:
            self._clock.sleep(seconds)
            paid.is_wait_announced = False


def _image_count(http: HttpRequest) -> int:
    """How many images *http* requests: its `n`, else 1."""
    requested = (http.json or {}).get("n") or dict(http.form).get("n")
    text = str(requested)
    return min(max(int(text), 1), 1000) if text.isascii() and text.isdigit() and len(text) < 6 else 1
