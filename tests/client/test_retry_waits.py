"""Waits and limits that servers state, in every form, and invalid ones."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagecli.client.exchange import HttpResponse
from imagecli.client.rate_limiter import RateLimit, parse_rate_limits
from imagecli.client.retry import (
    LONGEST_SECONDS,
    backoff_delay,
    decide_retry,
    parse_duration,
    retry_delay,
    server_wait,
)

NOW = datetime(2026, 11, 23, 14, 0, 0, tzinfo=UTC)
SLOW_DOWN = "Rate limit reached for gpt-image-2 on images per min: Limit 5, Used 5, Requested 1. Please try again in "


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 7 "}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "Mon, 23 Nov 2026 14:00:30 GMT"}, 30.0),
        ({"retry-after": "Mon, 23 Nov 2026 15:00:30 +0100"}, 30.0),
        ({"retry-after": "Mon, 23 Nov 2026 14:00:30 -0000"}, 30.0),
        ({"retry-after": "Monday, 23-Nov-26 14:00:30 GMT"}, 30.0),
        ({"retry-after": "Mon, 23 Nov 2026 13:59:30 GMT"}, None),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, None),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, LONGEST_SECONDS),
        ({"retry-after": "1e300"}, LONGEST_SECONDS),
        ({"retry-after": "1e999"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Mon, 99 Foo 2026 14:00:30 GMT"}, None),
        ({"retry-after": "23 Nov 2026 14:00:30 +99999999999999"}, None),
        ({"retry-after": "Mon Nov 23 14:00:30 2026"}, 30.0),
        ({"retry-after": "1, 1"}, 1.0),
        ({"retry-after": "1, 3,2"}, 3.0),
        ({"retry-after": "-5, 2, soon"}, 2.0),
        ({"retry-after": "soon, 2"}, 2.0),
        ({"retry-after": ","}, None),
        ({"retry-after": "Mon, 23 Nov 2026 14:00:30 GMT, Mon, 23 Nov 2026 14:00:40 GMT"}, 40.0),
        ({"retry-after": "5, Mon, 23 Nov 2026 14:00:30 GMT"}, 30.0),
        ({"retry-after": "Mon, 23 Nov 2026 14:00:30 GMT, 45"}, 45.0),
        ({"retry-after": "Mon, 23 Nov 2026 13:00:30 GMT, 4"}, 4.0),
        ({"retry-after-ms": "250, 300", "retry-after": "9"}, 0.3),
    ],
)
def test_a_servers_wait_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert server_wait(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("hint", "seconds"),
    [
        ("12s.", 12.0),
        ("15ms.", 0.015),
        ("6m0s.", 360.0),
        ("1h2m3.5s. Visit", 3723.5),
        ("12s", 12.0),
        ("12 parsecs.", None),
        ("a while.", None),
        ("", None),
    ],
)
def test_a_sentence_counts_if_no_header_states_a_wait(hint: str, seconds: float | None) -> None:
    assert server_wait({}, NOW, SLOW_DOWN + hint) == seconds
    assert server_wait({"retry-after": "3"}, NOW, SLOW_DOWN + hint) == 3.0
    assert server_wait({"retry-after": "nonsense"}, NOW, SLOW_DOWN + hint) == seconds


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ("Please retry after 6 seconds.", 6.0),
        ("Please try again in 20 seconds", 20.0),
        ("Please retry in 37.5s.", 37.5),
        ("Rate limited, retry after: 1 minute and 5 secs", 65.0),
        ("try again in 1 hour, 2 minutes", 3720.0),
        ("try again in 250 milliseconds", 0.25),
        ('{"error": {"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37s"}]}}', 37.0),
        ("try again in " + "9" * 400 + " hours", LONGEST_SECONDS),
        ("Rate limit exceeded. Please wait 20 seconds before making another request.", 20.0),
        ("wait for at least 1.5 s", 1.5),
        ("The limit resets in 12s", 12.0),
        ("Trying again after about 3 seconds", 3.0),
        ("请求过于频繁，请在 20 秒后重试", 20.0),
        ("您的账户已达到速率限制，请1分钟后再试", 60.0),
        ("触发限流，请等待30秒", 30.0),
        (json.dumps({"error": {"message": "请 20 秒后重试"}}), 20.0),
        ('{"error": "busy", "retry_after": 12.5}', 12.5),
        ('{"retryAfterMs": 1500}', 1.5),
        ('{"detail": "loading", "estimated_time": 20.0}', 20.0),
        ('{"error": {"message": "GeminiException - {\\"retryDelay\\": \\"37s\\"}"}}', 37.0),
        (json.dumps({"error": {"metadata": {"headers": {"X-RateLimit-Reset": "1795442430000"}}}}), 30.0),
        ("Limit type: requests. Remaining: 0. Limit resets at: 2026-11-23 14:00:30 UTC", 30.0),
        ("try again at 2026-11-23T23:00:30.5+09:00", 30.0),
        ('{"error": {"reset_at": "2026-11-23T14:00:30Z"}}', 30.0),
        ("Limit resets at: 2026-11-23 13:59:30 UTC", None),
        ("Limit resets at: 2026-11-99 14:00:30 UTC", None),
        ("You have exceeded the rate limit, and have been timed out for 60 seconds.", 60.0),
        ("You can make another request in 20 seconds", 20.0),
        ("Please retry your request after 20 seconds", 20.0),
        ("20秒後に再試行してください", 20.0),
        ("20초 후에 다시 시도해 주세요", 20.0),
        ("请稍等 20 秒再试", 20.0),
        ('{"resets_in_seconds": 20}', 20.0),
        ('{"wait_time": 20}', 20.0),
        ("I can't wait 20 years", None),
        ("1 秒的视频", None),
        ('{"retry_after": null}', None),
        ("retry in a minute", None),
        ("try again in 2 days", None),
        ('{"retryDelay": "soon"}', None),
    ],
)
def test_a_wait_stated_in_the_body_is_read(body: str, seconds: float | None) -> None:
    assert server_wait({}, NOW, body) == seconds
    assert server_wait({"retry-after": "3"}, NOW, body) == 3.0


@pytest.mark.parametrize(
    ("message", "retry"),
    [
        ("Limit 0, Used 0, Requested 1. Please try again in 20s.", False),
        ("Quota exceeded for metric: images, limit: 0\nPlease retry in 37.5s.", False),
        ("the limit is 0 images per minute", False),
        ("rate limit of 0", False),
        ('{"metadata": {"quotaValue": "0"}}', False),
        ("limit=0", False),
        ("当前模型的配额为 0", False),
        ("账户限额为0", False),
        ("the limit is zero for this plan", False),
        ("remaining: 0, limit: 5", True),
        ("Limit 5, Used 5, Requested 1. Please try again in 12s.", True),
        ("Limit 0.5, Used 0.5", True),
        ("Limit 05", True),
    ],
)
def test_a_limit_of_zero_is_not_waited_for(message: str, retry: bool) -> None:
    body = json.dumps({"error": {"message": message, "code": "rate_limit_exceeded"}}).encode()
    decision = decide_retry(HttpResponse(status=429, headers={}, error_body=body), NOW)
    assert decision.retry is retry
    assert ("the limit is 0, so" in decision.failure.message) is not retry


@pytest.mark.parametrize("name", ["x-ratelimit-limit-requests", "x-ratelimit-limit-images", "ratelimit-limit"])
def test_a_header_with_a_limit_of_zero_is_not_waited_for(name: str) -> None:
    for value, retry in (("0", False), ("1", True), ("", True)):
        response = HttpResponse(status=429, headers={name: value, "retry-after": "1"}, error_body=b"{}")
        assert decide_retry(response, NOW).retry is retry


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360.0),
        ("12ms", 0.012),
        ("1s", 1.0),
        ("1.5s", 1.5),
        ("9", 9.0),
        ("0", 0.0),
        ("1h", 3600.0),
        ("2h3m4.5s", 7384.5),
        ("500us", 0.0005),
        (" 1s ", 1.0),
        ("", None),
        (None, None),
        ("s", None),
        ("-1s", None),
        ("1s-", None),
        ("1 s", None),
        ("1x", None),
        ("6m0s!", None),
        ("9" * 400 + "h", None),
    ],
)
def test_a_duration_is_read(text: str | None, seconds: float | None) -> None:
    assert parse_duration(text) == (pytest.approx(seconds) if seconds is not None else None)


NUMBERS = st.floats().map(str) | st.integers().map(str)
DATES = st.builds("{}, {} {} {} {}:{}:{} {}".format, *[st.text("0123456789MonJaFebGT+-. ", max_size=6)] * 8)
DURATIONS = st.text("0123456789hmsun.µ -", max_size=30)
NOISE = st.text(max_size=40) | NUMBERS | DATES | DURATIONS


@given(NOISE, st.none() | NOISE, NOISE)
@example("0,0", None, "")
@example("-0", "-0", "")
@example("", None, "try again in " + "9" * 5000 + "h")
def test_no_header_breaks_the_wait(after: str, milliseconds: str | None, words: str) -> None:
    headers = {"retry-after": after} | ({"retry-after-ms": milliseconds} if milliseconds is not None else {})
    wait = server_wait(headers, NOW, "try again in " + words)
    assert wait is None or (math.isfinite(wait) and 0 <= wait <= LONGEST_SECONDS)
    assert 0 <= retry_delay(0, wait, 120) <= (wait or 120) + 0.2


@given(NOISE, NOISE, NOISE, st.sampled_from(["-requests", "-images", "-tokens", "", "-project-tokens"]))
@example("1e308", "0", "9" * 60, "")
def test_no_header_breaks_the_limits(total: str, left: str, reset: str, of: str) -> None:
    headers = {f"x-ratelimit-limit{of}": total, f"x-ratelimit-remaining{of}": left, f"x-ratelimit-reset{of}": reset}
    for limit in parse_rate_limits(headers, NOW):
        assert 0 <= limit.left <= limit.total < math.inf
        assert limit.total > 0
        assert limit.reset is None or 0 <= limit.reset <= LONGEST_SECONDS


def of(thing: str, total: str, left: str, reset: str) -> dict[str, str]:
    return {
        f"x-ratelimit-limit{thing}": total,
        f"x-ratelimit-remaining{thing}": left,
        f"x-ratelimit-reset{thing}": reset,
    }


@pytest.mark.parametrize(
    ("headers", "limits"),
    [
        (of("-requests", "600", "599", "100ms"), [RateLimit(of="requests", total=600, left=599, reset=0.1)]),
        (of("-images", "5", "0", "12"), [RateLimit(of="images", total=5, left=0, reset=12)]),
        (of("-tokens", "100000", "98944", "6m0s"), [RateLimit(of="tokens", total=100000, left=98944, reset=360)]),
        (of("", "60", "59", f"{NOW.timestamp() + 30:.0f}"), [RateLimit(of="requests", total=60, left=59, reset=30)]),
        (of("", "60", "59", f"{NOW.timestamp() + 30:.0f}000"), [RateLimit(of="requests", total=60, left=59, reset=30)]),
        (of("", "60", "59", "1700000000"), [RateLimit(of="requests", total=60, left=59, reset=0)]),
        (of("-requests", "600", "599", "soon"), [RateLimit(of="requests", total=600, left=599, reset=None)]),
        (
            {"ratelimit-limit": "9", "ratelimit-remaining": "8", "ratelimit-reset": "3"},
            [RateLimit(of="requests", total=9, left=8, reset=3)],
        ),
        (of("-requests", "0", "0", "1s"), []),
        (of("-requests", "5", "6", "1s"), []),
        (of("-requests", "five", "4", "1s"), []),
        (of("-requests", "5", "nan", "1s"), []),
        ({"x-ratelimit-remaining-requests": "4"}, []),
        ({}, []),
    ],
)
def test_limits_are_read(headers: dict[str, str], limits: list[RateLimit]) -> None:
    assert list(parse_rate_limits(headers, NOW)) == limits


def test_several_limits_are_read_beside_each_other() -> None:
    headers = of("-requests", "600", "599", "1s") | of("-images", "5", "4", "12") | of("-tokens", "9", "9", "0s")
    assert sorted(limit.of for limit in parse_rate_limits(headers, NOW)) == ["images", "requests", "tokens"]


@given(st.integers(0, 2000), st.floats(0, 1))
def test_the_backoff_stays_under_its_limit(attempt: int, chance: float) -> None:
    assert 0 <= backoff_delay(attempt, chance) <= 20.0


@pytest.mark.parametrize(("attempt", "most"), [(0, 0.5), (1, 1), (2, 2), (9, 20)])
def test_the_backoff_is_random_up_to_a_ceiling_that_doubles(attempt: int, most: float) -> None:
    assert (backoff_delay(attempt, 0), backoff_delay(attempt, 0.5), backoff_delay(attempt, 1)) == (0, most / 2, most)


def test_only_the_backoff_is_cut_by_max_wait() -> None:
    assert all(retry_delay(9, None, 0.5) <= 0.5 for _ in range(100))
    assert 30 <= retry_delay(0, 30, 0.5) <= 30.1


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose local time is nine hours ahead of UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "JST-9")
        time.tzset()
        yield
    time.tzset()


def test_a_date_without_a_zone_is_utc_in_every_time_zone(tokyo: None) -> None:
    here = NOW.astimezone(timezone(timedelta(hours=2)))
    assert server_wait({"retry-after": "Mon Nov 23 14:00:30 2026"}, here) == 30.0


@pytest.mark.parametrize(
    "piece", ["9", "9.", "9 s, ", "wait ", "resets at 2026-", "1秒", "请等待", '"retry_after":', "try again in 9 h "]
)
def test_no_body_of_an_error_takes_long_to_read(piece: str) -> None:
    body = json.dumps({"error": {"message": piece * (64_000 // len(piece))}}).encode()
    started = time.thread_time()
    decide_retry(HttpResponse(status=429, headers={}, error_body=body), NOW)
    assert time.thread_time() - started < 2
