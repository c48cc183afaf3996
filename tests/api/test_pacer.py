"""What servers say about waiting, in every form they say it, and what is made of nonsense."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagecli.api.pacer import LONGEST_SECONDS, backoff, is_retried, server_wait, wait_before

NOW = datetime(2026, 11, 23, 14, 0, 0, tzinfo=UTC)


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
    ],
)
def test_a_servers_wait_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert server_wait(headers, NOW) == seconds


NUMBERS = st.floats().map(str) | st.integers().map(str)
DATES = st.builds("{}, {} {} {} {}:{}:{} {}".format, *[st.text("0123456789MonJaFebGT+-. ", max_size=6)] * 8)


@given(st.text(max_size=40) | NUMBERS | DATES, st.none() | st.text(max_size=20) | NUMBERS)
@example("0,0", None)
@example("-0", "-0")
def test_no_header_breaks_the_wait(after: str, milliseconds: str | None) -> None:
    headers = {"retry-after": after} | ({"retry-after-ms": milliseconds} if milliseconds is not None else {})
    asked = server_wait(headers, NOW)
    assert asked is None or (math.isfinite(asked) and 0 <= asked <= LONGEST_SECONDS)
    assert 0 <= wait_before(0, asked, 120) <= (asked or 120) + 0.2


@given(st.integers(0, 2000), st.floats(0, 1))
def test_our_own_wait_grows_to_its_limit(attempt: int, chance: float) -> None:
    assert 0.25 <= backoff(min(attempt, 1000), chance) <= 20.0


@pytest.mark.parametrize(("attempt", "least", "most"), [(0, 0.25, 0.5), (1, 0.5, 1), (2, 1, 2), (9, 10, 20)])
def test_our_own_wait_doubles(attempt: int, least: float, most: float) -> None:
    assert (backoff(attempt, 0), backoff(attempt, 1)) == (least, most)


def test_only_our_own_wait_is_cut_by_max_wait() -> None:
    assert wait_before(9, None, 0.5) == 0.5
    assert 30 <= wait_before(0, 30, 0.5) <= 30.1


def test_the_retried_statuses_are_these_and_no_others() -> None:
    assert [status for status in range(100, 1000) if is_retried(status, {})] == [429, 500, 502, 503, 520, 529]
    assert not is_retried(503, {"x-should-retry": "False"})
    assert not is_retried(400, {"x-should-retry": "true"})
