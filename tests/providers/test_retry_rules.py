"""The retry rule is one table, and these are its rows."""

from __future__ import annotations

import json

import pytest

from imagecli.providers.errors import error_from_response
from imagecli.providers.retry_rules import STATUSES, is_retried, proves_nothing_generated

OWN = json.dumps({"error": {"message": "overloaded", "type": "server_error"}}).encode()
WAIT = {"retry-after": "1"}
ALL = range(100, 1000)


def test_the_retried_statuses_are_these_and_no_others() -> None:
    assert [status for status in ALL if is_retried(status, {}, b"")] == [429]
    assert [status for status in ALL if is_retried(status, WAIT, b"")] == [429, 503, 529]
    assert [status for status in ALL if is_retried(status, WAIT, OWN)] == [429, 503, 529]
    assert [status for status in ALL if is_retried(status, {}, OWN, retry_500=True)] == [429, 500, 503, 529]
    assert [status for status in ALL if is_retried(status, WAIT, b"", retry_500=True)] == [429, 503, 529]


def test_free_requests_are_retried_after_every_temporary_failure() -> None:
    again = [status for status in ALL if is_retried(status, {}, b"", free=True)]
    assert again == [408, 409, 425, 429, 500, *range(502, 600)]
    assert not any(is_retried(status, {"x-should-retry": "false"}, b"", free=True) for status in again)


def test_the_failures_that_prove_that_nothing_was_generated_are_these_and_no_others() -> None:
    failures = [408, 429, *range(500, 1000)]
    assert [status for status in failures if proves_nothing_generated(status, {}, b"")] == [
        429,
        501,
        505,
        511,
        525,
        526,
    ]
    own = [status for status in failures if proves_nothing_generated(status, WAIT, OWN, retry_500=True)]
    assert own == [429, 500, 501, 503, 505, 511, 525, 526, 529]
    assert all(proves_nothing_generated(status, {}, b"") for status in range(400, 500) if status != 408)


@pytest.mark.parametrize("word", ["true", "TRUE", "1", "yes"])
def test_a_server_can_not_cause_a_second_paid_request(word: str) -> None:
    headers = {"x-should-retry": word}
    assert not any(is_retried(status, headers, OWN) for status in (400, 408, 409, 425, 500, 502, 504, 520, 524, 599))


@pytest.mark.parametrize("word", ["false", "False", " false "])
def test_a_server_can_forbid_a_retry(word: str) -> None:
    headers = WAIT | {"x-should-retry": word}
    assert not any(is_retried(row.status, headers, OWN, retry_500=True) for row in STATUSES)


def test_no_row_is_retried_without_proof_and_each_states_its_reason() -> None:
    assert not [row for row in STATUSES if row.is_temporary and row.proof == "none"]
    assert all(row.because for row in STATUSES)
    assert len({row.status for row in STATUSES}) == len(STATUSES)


@pytest.mark.parametrize(
    "error",
    [
        None,
        "overloaded",
        {"message": "overloaded"},
        {"message": "overloaded", "type": None, "code": "503"},
        {"message": "overloaded", "type": "None", "code": 503},
        {"message": None, "type": "server_error"},
        {"message": "overloaded", "type": "upstream_error"},
        {"message": "litellm.ServiceUnavailableError: overloaded", "type": "server_error"},
    ],
)
def test_an_error_that_an_intermediary_or_no_one_signed_proves_nothing(error: object) -> None:
    body = json.dumps({"error": error}).encode()
    assert not any(is_retried(status, {}, body, retry_500=True) for status in (500, 503, 529))


@pytest.mark.parametrize(
    ("status", "exit_code"), [(408, 7), (409, 4), (425, 4), (504, 7), (524, 7), (503, 7), (501, 6)]
)
def test_an_unproven_failure_is_reported_as_possibly_billed(status: int, exit_code: int) -> None:
    error = error_from_response(status, {}, b"")
    assert error.exit_code == exit_code
    assert ("may have been billed" in (error.hint or "")) == (exit_code == 7)
