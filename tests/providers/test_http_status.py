"""The retry rule is one table, and these are its rows."""

from __future__ import annotations

import pytest

from imagecli.providers.errors import error_from_response
from imagecli.providers.http_status import STATUSES, is_possibly_billed, is_retried


def test_the_retried_statuses_are_these_and_no_others() -> None:
    assert [status for status in range(100, 1000) if is_retried(status, {})] == [429, 500, 502, 503, 520, 529]


def test_what_can_not_be_a_purchase_is_sent_again_after_every_failure_that_may_pass() -> None:
    again = [status for status in range(100, 1000) if is_retried(status, {}, free=True)]
    assert again == [408, 409, 425, 429, 500, *range(502, 600)]
    assert not any(is_retried(status, {"x-should-retry": "false"}, free=True) for status in again)


def test_the_statuses_that_leave_it_open_are_these_and_no_others() -> None:
    assert [status for status in range(100, 1000) if is_possibly_billed(status)] == [408, 504, 524]


@pytest.mark.parametrize("word", ["true", "TRUE", "1", "yes"])
def test_a_server_can_not_ask_for_a_second_purchase(word: str) -> None:
    assert not any(is_retried(status, {"x-should-retry": word}) for status in (400, 408, 409, 425, 504, 524, 599))


@pytest.mark.parametrize("word", ["false", "False", " false "])
def test_a_server_can_forbid_another_try(word: str) -> None:
    assert not any(is_retried(row.status, {"x-should-retry": word}) for row in STATUSES)


def test_no_row_sends_again_what_may_be_bought_and_each_says_why() -> None:
    assert not [row for row in STATUSES if row.is_retried and row.is_possibly_billed]
    assert all(row.because for row in STATUSES)
    assert len({row.status for row in STATUSES}) == len(STATUSES)


@pytest.mark.parametrize(("status", "exit_code"), [(408, 7), (409, 4), (425, 4), (504, 7), (524, 7), (503, 6)])
def test_what_is_left_open_is_said_as_perhaps_bought(status: int, exit_code: int) -> None:
    error = error_from_response(status, {}, b"")
    assert error.exit_code == exit_code
    assert ("may have been billed" in (error.hint or "")) == (exit_code == 7)
