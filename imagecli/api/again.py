"""What an answer that is no 2xx means for the request: whether it is sent again, and when. For all that is sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from imagecli.api.arrival import HttpAnswer
from imagecli.api.waits import server_wait
from imagecli.errors import ImagecliError, LimitError
from imagecli.providers.refusal import error_for, is_quota
from imagecli.providers.statuses import is_retried


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One such answer."""

    failure: ImagecliError
    again: bool
    """It may be sent again."""
    asked: float | None
    """Seconds that the server wants to be left alone before."""


def refusal_of(answer: HttpAnswer, now: datetime, *, free: bool = False) -> Refusal:
    """What *answer* means. *free*: nothing can be bought by the request, however often it is sent."""
    failure = error_for(answer.status, answer.headers, answer.error_body)
    again = is_retried(answer.status, answer.headers, free=free) and not is_quota(answer.status, answer.error_body)
    return Refusal(failure=failure, again=again, asked=server_wait(answer.headers, now, failure.message))


def too_long(failure: ImagecliError, asked: float, max_wait: float, now: datetime) -> LimitError:
    """*failure* where the wait that it *asked* for is longer than one waits."""
    until = datetime.fromtimestamp(now.timestamp() + asked, now.tzinfo)
    return LimitError(
        f"{failure.message}; it asks to wait {asked:.0f} s, more than --max-wait {max_wait:g}",
        hint=f"run the same command again in {asked:.0f} s, after {until:%Y-%m-%d %H:%M:%S}; nothing was bought",
        code=failure.code,
        status=failure.status,
        request_id=failure.request_id,
    )


def local_time() -> datetime:
    """What clocks on the wall show: said, and never waited by."""
    return datetime.now().astimezone()
