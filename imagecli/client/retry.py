"""What servers say about waiting, in every form they say it, and how long we wait where they say nothing. Pure.

OpenAI API reference, headers of its answers, RFC 9110 §10.2.3; read 2026-11-23.

What an answer that is no 2xx means for the request: whether it is sent again, and when. For all that is sent.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from imagecli.client.send import HttpResponse
from imagecli.errors import ImagecliError, LimitError
from imagecli.providers.errors import error_from_response, is_quota
from imagecli.providers.http_status import is_retried

LONGEST_SECONDS = 366 * 86_400.0
"""What a server asks for beyond a year counts as a year, so that it can be said and compared."""
FIRST_BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 20.0

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)", re.ASCII)
_WEEKDAY = re.compile(r"\s*(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\s*", re.IGNORECASE | re.ASCII)
_HINT = re.compile(r"try again in ((?:\d+(?:\.\d+)?(?:h|ms|m|s))+)\b", re.IGNORECASE | re.ASCII)


def server_wait(headers: Mapping[str, str], now: datetime, words: str = "") -> float | None:
    """Seconds the server asks to wait; None where it says nothing sensible.

    The longest where a header was given more than once (RFC 9110 §5.3 joins them by commas, which dates have too).
    `retry-after-ms` before `retry-after` before the sentence that ends OpenAI's message ("try again in 6m0s").
    """
    milliseconds = _longest_wait(map(parse_number, _split_header(headers.get("retry-after-ms", ""))))
    wait = milliseconds / 1000 if milliseconds is not None else _parse_retry_after(headers.get("retry-after", ""), now)
    if wait is None and (hint := _HINT.search(words)):
        wait = parse_duration(hint[1].lower())
    return None if wait is None else min(wait, LONGEST_SECONDS)


def retry_delay(attempt: int, asked: float | None, longest: float) -> float:
    """Seconds to wait before retry number *attempt* (from 0): what was *asked* with a little on top, or backoff.

    *longest* cuts only the backoff: a server's word is kept or not waited for at all.
    """
    if asked is None:
        return min(backoff_delay(attempt, random.random()), longest)
    return asked + random.uniform(0, 0.025)


def backoff_delay(attempt: int, chance: float) -> float:
    """Seconds before retry number *attempt* (from 0): anything up to a ceiling that doubles, by *chance* (0 to 1)."""
    return chance * min(FIRST_BACKOFF_SECONDS * 2.0 ** min(attempt, 30), MAX_BACKOFF_SECONDS)


def parse_number(text: str | None) -> float | None:
    """A finite number that is not negative; None for anything else."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def parse_duration(text: str | None) -> float | None:
    """Seconds of `6m0s`, `12ms`, `1s`, `1h2m3.5s` or a plain number; None for anything else."""
    plain = parse_number(text)
    if plain is not None or not text or len(text) > 60:
        return plain
    parts = _PART.findall(text.strip())
    if not parts or "".join(amount + unit for amount, unit in parts) != text.strip():
        return None
    return min(sum(float(amount) * _UNITS[unit] for amount, unit in parts), LONGEST_SECONDS)


def _parse_retry_after(text: str, now: datetime) -> float | None:
    values = _split_header(text)
    return _longest_wait([*map(parse_number, values), *(_seconds_until(value.strip(), now) for value in values)])


def _split_header(text: str) -> list[str]:
    """What a header says that may have been given more than once: a comma also stands behind a date's weekday."""
    values: list[str] = []
    for part in text.split(","):
        if values and _WEEKDAY.fullmatch(values[-1]):
            values[-1] += f",{part}"
        else:
            values.append(part)
    return values


def _longest_wait(waits: Iterable[float | None]) -> float | None:
    return max((wait for wait in waits if wait is not None), default=None)


def _seconds_until(text: str, now: datetime) -> float | None:
    """Seconds until an HTTP date; None when it is none, or past."""
    try:
        when = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    seconds = ((when if when.tzinfo else when.replace(tzinfo=UTC)) - now).total_seconds()
    return seconds if seconds > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDecision:
    """One such answer."""

    failure: ImagecliError
    retry: bool
    """It may be sent again."""
    server_wait: float | None
    """Seconds that the server wants to be left alone before."""


def decide_retry(answer: HttpResponse, now: datetime, *, free: bool = False) -> RetryDecision:
    """What *answer* means. *free*: nothing can be bought by the request, however often it is sent."""
    failure = error_from_response(answer.status, answer.headers, answer.error_body)
    again = is_retried(answer.status, answer.headers, free=free) and not is_quota(answer.status, answer.error_body)
    return RetryDecision(failure=failure, retry=again, server_wait=server_wait(answer.headers, now, failure.message))


def wait_too_long_error(failure: ImagecliError, asked: float, max_wait: float, now: datetime) -> LimitError:
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
