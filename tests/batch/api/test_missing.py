"""Why a row has no result: the message and the exit code."""

from __future__ import annotations

from typing import Any

import pytest

from imagecli.batch.api.collect import missing_result_error, unknown_batch_error
from imagecli.errors import RefusedError
from imagecli.providers.batch_response import parse_batch_job


def job(status: str, *errors: dict[str, Any]) -> Any:
    return parse_batch_job({"id": "batch_1", "status": status, "errors": {"data": list(errors)}})


@pytest.mark.parametrize(
    ("ended", "code", "exit_code", "words"),
    [
        (job("expired"), "batch_expired", 6, "batch_1 expired before the image was created"),
        (job("cancelled"), "batch_cancelled", 6, "batch_1 was cancelled before the image was created"),
        (job("failed"), "batch_failed", 4, "batch_1 was rejected: no reason given"),
        (
            job("failed", {"code": "invalid_json_line", "message": "This line is no JSON.", "line": 1234}),
            "batch_failed",
            4,
            "batch_1 was rejected (line 1,234): This line is no JSON.",
        ),
        (job("failed", {"code": "x", "message": "All of it."}), "batch_failed", 4, "batch_1 was rejected: All of it."),
        (
            job("failed", {"code": "token_limit_exceeded", "message": "Enqueued token limit reached.", "line": None}),
            "token_limit_exceeded",
            5,
            "batch_1 was rejected: Enqueued token limit reached.",
        ),
        (
            job("completed"),
            "no_line",
            7,
            "batch_1 is completed, but two runs found no result for this row",
        ),
    ],
)
def test_every_end_has_its_message(ended: Any, code: str, exit_code: int, words: str) -> None:
    error = missing_result_error(ended)
    assert (error.code, error.exit_code, error.message) == (code, exit_code, words)
    assert error.hint


def test_an_unknown_batch_may_have_been_billed() -> None:
    error = unknown_batch_error("batch_1", RefusedError("no such batch (HTTP 404)", code="not_found"))
    assert (error.exit_code, error.code) == (7, "batch_gone")
    assert "may have been billed" in (error.hint or "")
