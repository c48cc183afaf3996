"""Whether and when a refused request is sent again: stated waits, our own backoff, and what a response means.

OpenAI API reference, headers of its responses; RFC 9110 §10.2.3; google.rpc.RetryInfo; read 2026-11-23.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from imagecli.client.exchange import HttpResponse
from imagecli.env import format_time
from imagecli.errors import ImagecliError, LimitError
from imagecli.providers.errors import error_from_response, is_quota
from imagecli.providers.retry_rules import holds_image, is_retried, proves_nothing_generated, unescaped

LONGEST_SECONDS = 366 * 86_400.0
"""A longer stated wait counts as a year, so that it can be printed and compared."""
FIRST_BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 20.0
BACKOFF_BUDGET_SECONDS = 60.0
"""How long a rate limit without a stated wait is backed off from in all: most limits are per minute."""

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_ASIAN_UNITS = {"小时": 3600.0, "分": 60.0, "秒": 1.0, "毫秒": 1e-3, "분": 60.0, "초": 1.0}
_PART = r"(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)"
_WEEKDAY = r"\s*(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\s*"
_AMOUNT = (
    r"(\d+(?:\.\d+)?)\s?(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hours?|毫秒|秒|分|小时|초|분)(?![a-z])"
)
_AMOUNTS = rf"((?:{_AMOUNT}钟?(?:,? and |, | )?){{1,4}})"
_WAIT_SENTENCES = (
    r"(?:try(?:ing)? again|retry(?:ing)?(?: your request)?|resets?|available(?: again)?|(?:another|next) request)"
    r"[ _-](?:in|after):?=?(?: about| approximately)? ?" + _AMOUNTS,
    rf"\b(?:wait|back off|cooldown|been timed out):?(?: for)?(?: at least| about| another| a further)? {_AMOUNTS}",
    rf"(?<![\d.]){_AMOUNTS}\s?之?(?:以?后|後)[^。，,.]{{0,6}}(?:重试|再试|尝试|请求|再試行)",
    rf"(?<![\d.]){_AMOUNTS}\s?후[^.]{{0,6}}(?:다시|재시도)",
    rf"请?(?:等待|稍等)\s?{_AMOUNTS}",
)
"""try again in 6m0s, Please retry after 6 seconds, Please wait 20 seconds, resets in 1 minute and 5 seconds; and of the
providers in China, Japan and Korea: 请在 20 秒后重试, 请等待20秒, 20秒後に再試行, 20초 후에 다시 시도."""
_WAIT_UNTIL = (
    r"(?:try again|retry|resets?)[ _]at\\*[\"']?\s*:?\s*\\*[\"']?"
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?\s?(Z|[+-]\d\d:?\d\d)?"
)
"""Limit resets at: 2026-11-23 14:00:30 UTC (LiteLLM). Without an offset it is UTC."""
_WAIT_FIELDS = (
    (r"retryDelay|retry_delay", "s"),  # google.rpc.RetryInfo in an error's details
    (r"retry[-_]?after[-_]?ms", "ms"),
    (r"retry[-_]?after(?:[-_]?s(?:ec(?:ond)?s)?)?|wait[-_]?(?:seconds|time)|estimated_time|resets?_in_seconds", "s"),
)
"""Names of an error's fields that state a wait → their unit. Gateways quote them in a message, with backslashes."""
_FIELD = r"\\*[\"'](?:{names})\\*[\"']\s*:\s*\\*[\"']?(\d+(?:\.\d+)?)s?\\*[\"',}}\s]"
_RESET_FIELD = r"\\*[\"']x-ratelimit-reset\\*[\"']\s*:\s*\\*[\"']?(\d{13})\b"
"""OpenRouter's: a Unix time in milliseconds."""
_LIMIT_OF_ZERO = (
    r"\b(?:limit|quota)(?: of| is|\\*[\"'])?\s?[:=]?\s?(?:0(?![.,]?\d)|zero\b)"
    r"|quotaValue\\*[\"']\s*:\s*\\*[\"']?0\b|(?:限制|配额|额度|限额)(?:为|是)?\s?[:：]?\s?0(?![.,]?\d)"
)
"""Limit 0, Used 0, Requested 1. Quota exceeded for metric: ..., limit: 0"""
_LIMIT_HEADERS = ("ratelimit-limit", "ratelimit-limit-requests", "ratelimit-limit-images")
_MAX_BODY = 64 * 1024


def server_wait(headers: Mapping[str, str], now: datetime, body: str = "") -> float | None:
    """Seconds that the server asks to wait; None if it states nothing sensible.

    The longest if a header was given more than once (RFC 9110 §5.3 joins them by commas, which dates contain too).
    `retry-after-ms` before `retry-after` before what an error's *body* states.
    """
    milliseconds = _longest_wait(map(parse_number, _split_header(headers.get("retry-after-ms", ""))))
    wait = milliseconds / 1000 if milliseconds is not None else _parse_retry_after(headers.get("retry-after", ""), now)
    if wait is None:
        wait = _parse_body_wait(unescaped(body), now)
    return None if wait is None else min(wait, LONGEST_SECONDS)


def _parse_body_wait(body: str, now: datetime) -> float | None:
    for names, unit in _WAIT_FIELDS:
        if match := re.search(_FIELD.format(names=names), body, re.IGNORECASE | re.ASCII):
            return float(match[1]) * _UNITS[unit]
    for sentence in _WAIT_SENTENCES:
        if match := re.search(sentence, body, re.IGNORECASE):
            return sum(float(amount) * _seconds_per(unit) for amount, unit in re.findall(_AMOUNT, match[1].lower()))
    if match := re.search(_WAIT_UNTIL, body, re.IGNORECASE | re.ASCII):
        return _seconds_until_iso(f"{match[1]}T{match[2]}{match[3] or 'Z'}", now)
    if match := re.search(_RESET_FIELD, body, re.IGNORECASE | re.ASCII):
        return max(float(match[1]) / 1000 - now.timestamp(), 0.0)
    return None


def _seconds_until_iso(text: str, now: datetime) -> float | None:
    """Seconds until an ISO 8601 time; None if it isn't one, or is past."""
    try:
        seconds = (datetime.fromisoformat(text) - now).total_seconds()
    except (ValueError, OverflowError):
        return None
    return seconds if seconds > 0 else None


def _seconds_per(unit: str) -> float:
    """Seconds in a unit that is a word, English, Chinese or Korean, or an abbreviation."""
    if unit in _ASIAN_UNITS:
        return _ASIAN_UNITS[unit]
    return _UNITS["ms" if unit.startswith(("ms", "mil")) else unit[0]]


def _states_zero_limit(headers: Mapping[str, str], body: str) -> bool:
    """Whether a refusal is due to a limit of 0, which no waiting raises."""
    values = (headers.get(f"{prefix}{name}", "").strip() for name in _LIMIT_HEADERS for prefix in ("", "x-"))
    return "0" in values or re.search(_LIMIT_OF_ZERO, body, re.IGNORECASE) is not None


def retry_delay(attempt: int, stated_wait: float | None, max_wait: float) -> float:
    """Seconds before retry number *attempt* (from 0): the wait that the server states plus jitter, or our backoff.

    *max_wait* limits only the backoff: a stated wait is waited for completely or not at all.
    """
    if stated_wait is None:
        return min(backoff_delay(attempt, random.uniform(0.7, 1.0)), max_wait)
    return stated_wait + random.uniform(0, 0.025)


def backoff_delay(attempt: int, chance: float) -> float:
    """Seconds before retry number *attempt* (from 0): *chance* (0 to 1) of a ceiling that doubles each time."""
    return chance * min(FIRST_BACKOFF_SECONDS * 2.0 ** min(attempt, 30), MAX_BACKOFF_SECONDS)


def is_backed_off(retries: int, max_wait: float) -> bool:
    """Whether *retries* waits of our own, each at most *max_wait* seconds, have used up what backing off may take."""
    waits = (min(backoff_delay(attempt, 1.0), max_wait) for attempt in range(min(retries, 1000)))
    return sum(waits) >= min(BACKOFF_BUDGET_SECONDS, max_wait)


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
    parts = re.findall(_PART, text.strip(), re.ASCII)
    if not parts or "".join(amount + unit for amount, unit in parts) != text.strip():
        return None
    return min(sum(float(amount) * _UNITS[unit] for amount, unit in parts), LONGEST_SECONDS)


def _parse_retry_after(text: str, now: datetime) -> float | None:
    values = _split_header(text)
    return _longest_wait([*map(parse_number, values), *(_seconds_until(value.strip(), now) for value in values)])


def _split_header(text: str) -> list[str]:
    """The values of a header that may have been sent more than once; dates have a comma after the weekday."""
    values: list[str] = []
    for part in text.split(","):
        if values and re.fullmatch(_WEEKDAY, values[-1], re.IGNORECASE | re.ASCII):
            values[-1] += f",{part}"
        else:
            values.append(part)
    return values


def _longest_wait(waits: Iterable[float | None]) -> float | None:
    return max((wait for wait in waits if wait is not None), default=None)


def _seconds_until(text: str, now: datetime) -> float | None:
    """Seconds until an HTTP date; None if it isn't one, or is past."""
    try:
        when = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    seconds = ((when if when.tzinfo else when.replace(tzinfo=UTC)) - now).total_seconds()
    return seconds if seconds > 0 else None


class RetryDecision(NamedTuple):
    """What a response other than 2xx means for its request."""

    failure: ImagecliError
    retry: bool
    """The request may be sent again."""
    server_wait: float | None
    """Seconds that the server asks to wait before."""


def decide_retry(
    response: HttpResponse, now: datetime, *, free: bool = False, retry_500: bool = False, path: str = ""
) -> RetryDecision:
    """What *response* means. *free*: the request can't be billed, however often it is sent.

    *retry_500*: the provider's 500 with its own error object proves that nothing was generated. *path*: that of the
    request.
    """
    status, headers = response.status, response.headers
    is_nothing_generated = free or proves_nothing_generated(status, headers, response.error_body, retry_500=retry_500)
    failure = error_from_response(
        status, headers, response.error_body, is_nothing_generated=is_nothing_generated, path=path
    )
    body = response.error_body[:_MAX_BODY].decode(errors="replace")
    retry = is_retried(status, headers, response.error_body, free=free, retry_500=retry_500) and not is_quota(
        status, response.error_body
    )
    if status == 429 and _states_zero_limit(headers, unescaped(body)):
        failure = LimitError(
            f"{failure.message}; the limit is 0, so waiting does not help",
            hint="choose a model that your plan includes, or another plan",
            code=failure.code,
            status=failure.status,
            request_id=failure.request_id,
        )
        retry = False
    return RetryDecision(failure=failure, retry=retry, server_wait=server_wait(response.headers, now, body))


def is_image_in_error(response: HttpResponse) -> bool:
    """Whether an error that does not rule out an image has one in its body. A refusal may repeat an input's."""
    return (response.status >= 500 or response.status in (408, 429)) and holds_image(response.error_body)


def wait_too_long_error(failure: ImagecliError, stated_wait: float, max_wait: float, now: datetime) -> LimitError:
    """The error for a *failure* that states a longer wait than *max_wait*, with the time to come back."""
    until = datetime.fromtimestamp(now.timestamp() + stated_wait, now.tzinfo)
    again = f"run the same command again in {stated_wait:.0f} s, after {format_time(until, now.tzinfo)}"
    return LimitError(
        f"{failure.message}; the server asks for a wait of {stated_wait:.0f} s, more than --max-wait {max_wait:g}",
        hint=f"{again}; nothing was generated",
        code=failure.code,
        status=failure.status,
        request_id=failure.request_id,
    )
