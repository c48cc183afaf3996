"""Why nothing has come of a row that a batch had: in words, with what they mean for the exit code. Pure."""

from __future__ import annotations

from typing import Final

from imagecli.errors import ImagecliError, LimitError, NetworkError, RefusedError, UnsavedError
from imagecli.providers.batch_answer import HINT_AGAIN
from imagecli.providers.job import Job

FULL: Final = "token_limit_exceeded"
"""The code of a batch for which the queue had no room. openai/openai-python, issue 2084, read 2026-11-23."""

_ENDS: Final = {
    "expired": "was given up before it was made: its time was over",
    "cancelled": "was cancelled before it was made",
}


def why_missing(job: Job) -> ImagecliError:
    """What is to be said of rows of which *job*, which has ended, brought nothing."""
    if job.status == "failed":
        return _refused(job)
    if job.status in _ENDS:
        return NetworkError(f"{job.id} {_ENDS[job.status]}", hint=HINT_AGAIN, code=f"batch_{job.status}")
    return UnsavedError(
        f"{job.id} is {job.status}, and has no line for it, or has it no more",
        hint="it may have been billed; the same command hands it in again",
        code="no_line",
    )


def _refused(job: Job) -> ImagecliError:
    """All of it, before anything was made."""
    first = job.errors[0] if job.errors else None
    line = f" for its line {first.line:,}" if first and first.line else ""
    said = f"{job.id} was refused{line}: {first.message if first else 'no reason given'}"
    if first and first.code == FULL:
        hint = "run the same command again once batches that are under way have ended"
        return LimitError(said, hint=hint, code=FULL)
    return RefusedError(said, hint="mend it and run the same command again", code="batch_failed")


def gone(batch: str, answer: ImagecliError) -> ImagecliError:
    """What is to be said of rows of a *batch* that the provider does not know, as *answer* says."""
    return UnsavedError(
        f"{batch} is not known there (any more): {answer.message}",
        hint="it may have been billed; the same command hands its rows in again",
        code="batch_gone",
    )
