"""What a server says of a batch → the job it is. Lenient: fields that make no sense are as if not said.

Shapes: OpenAI API reference, batches, read 2026-11-22; servers that speak alike give errors as texts, and further
states.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from imagecli.errors import UnsavedError
from imagecli.providers.error_text import MAX_CODE, short, sound, words_of

ENDED: Final = frozenset({"completed", "failed", "expired", "cancelled"})
"""What a batch in one of these states has brought is all that it will bring."""
MAX_ERRORS: Final = 1000
"""So many of a batch's errors are read."""
_ID: Final = re.compile(r"(?!\.{1,2}\Z)[!-~]{1,1024}")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError:
    """What is wrong with a batch, or with a line of its input file."""

    code: str
    message: str
    line: int | None
    """From 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A batch as it stands."""

    id: str
    status: str
    endpoint: str
    total: int
    completed: int
    failed: int
    input_file_id: str
    output_file_id: str | None
    error_file_id: str | None
    errors: tuple[JobError, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)
    created_at: int
    """Seconds of the Unix clock; 0 where it is not told."""
    expires_at: int | None

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it; a state that nobody has heard of is none of those."""
        return self.status in ENDED


def is_id(text: Any) -> bool:
    """Whether *text* can be the id of a batch or a file: visible, not without end, no step of a path."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def read_job(document: Any) -> Job:
    """The batch that *document* tells of. Raises UnsavedError where it is none."""
    if not _is_job(document):
        raise UnsavedError("the answer is no batch", hint=_HINT, code="no_batch")
    counts = document.get("request_counts")
    counts = counts if isinstance(counts, dict) else {}
    return Job(
        id=document["id"],
        status=short(document["status"], MAX_CODE),
        endpoint=_text(document.get("endpoint")),
        total=_count(counts.get("total")) or 0,
        completed=_count(counts.get("completed")) or 0,
        failed=_count(counts.get("failed")) or 0,
        input_file_id=_id(document.get("input_file_id")) or "",
        output_file_id=_id(document.get("output_file_id")),
        error_file_id=_id(document.get("error_file_id")),
        errors=_errors(document.get("errors")),
        metadata=_metadata(document.get("metadata")),
        created_at=_count(document.get("created_at")) or 0,
        expires_at=_count(document.get("expires_at")),
    )


def read_jobs(document: Any) -> tuple[tuple[Job, ...], str | None]:
    """A page of a list: its batches, and `after` which id the next one begins; None where this is the last.

    What is no batch is passed over. Raises UnsavedError where it is no list.
    """
    listed = document.get("data") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise UnsavedError("the answer is no list of batches", hint=_HINT, code="no_batch")
    jobs = tuple(read_job(one) for one in listed if _is_job(one))
    if document.get("has_more") is not True:
        return jobs, None
    return jobs, _id(document.get("last_id")) or (jobs[-1].id if jobs else None)


_HINT: Final = "is --base-url that of an API with batches? The same command again asks anew"


def _is_job(document: Any) -> bool:
    return (
        isinstance(document, dict)
        and document.get("object", "batch") == "batch"
        and is_id(document.get("id"))
        and isinstance(document.get("status"), str)
    )


def _errors(value: Any) -> tuple[JobError, ...]:
    listed = value.get("data") if isinstance(value, dict) else value
    return tuple(map(_error, listed[:MAX_ERRORS])) if isinstance(listed, list) else ()


def _error(value: Any) -> JobError:
    told = value if isinstance(value, dict) else {}
    return JobError(
        code=_text(told.get("code")), message=words_of(value) or "no reason given", line=_count(told.get("line"))
    )


def _metadata(value: Any) -> dict[str, str]:
    pairs = value.items() if isinstance(value, dict) else ()
    return {sound(key): sound(text) for key, text in pairs if isinstance(text, str)}


def _text(value: Any) -> str:
    return short(value, MAX_CODE) if isinstance(value, str) else ""


def _id(value: Any) -> str | None:
    return value if is_id(value) else None


def _count(value: Any) -> int | None:
    """A number that can be one of lines or seconds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e15:
        return None
    return int(value)
