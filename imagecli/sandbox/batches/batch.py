"""One batch: what was ordered, where it stands, and the object that tells of it.

The files that a batch leaves: its lines' answers, made while they are read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final

from imagecli.sandbox.batches.create_request import CreateBatchRequest
from imagecli.sandbox.batches.input_lines import InputLineError
from imagecli.sandbox.batches.timeline import BatchMoment, BatchTimeline
from imagecli.sandbox.batches.worker import ABANDONED, BatchWorker
from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.files.store import FileStore
from imagecli.sandbox.rate_limit import Clock


class LazyBatchFile:
    """A file's content whose length is known once it was made."""

    def __init__(self, work: BatchWorker, make: Callable[[], Iterator[bytes]]) -> None:
        self._work = work
        self._make = make
        self._size: int | None = None

    @property
    def weight(self) -> int:
        return self._work.weight

    def size(self) -> int:
        if self._size is None:
            self._size = sum(map(len, self._make()))
        return self._size

    def parts(self) -> Iterator[bytes]:
        return self._make()


DATES: Final = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")
"""Statuses whose beginning a batch tells, as `…_at`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRecord:
    """What a batch was created with."""

    id: str
    request: CreateBatchRequest
    model: str | None
    errors: tuple[InputLineError, ...]
    """What is wrong with its input file."""


class Batch:
    """Safe between threads."""

    def __init__(
        self, order: BatchRecord, life: BatchTimeline, work: BatchWorker, files: FileStore, clock: Clock
    ) -> None:
        self.id = order.id
        self._order = order
        self._life = life
        self._work: BatchWorker | None = work
        self._files = files
        self._clock = clock
        self._born = clock.now()
        self._birthday = clock.unix_seconds(self._born)
        self._final: dict[str, Any] = {}
        self._lock = threading.Lock()

    def cancel(self) -> None:
        """Raises ApiError 409 where there is nothing left to cancel."""
        with self._lock:
            age = self._age()
            moment = self._life.at(age)
            if moment.has_ended:
                raise ApiError(f"Cannot cancel a batch with status '{moment.status}'.", status=409)
            if moment.status != "cancelling":
                self._life = replace(self._life, cancelled=age)

    def to_json(self) -> dict[str, Any]:
        """The `Batch` of the API's schema. At its end its requests are let go of: the files that it left hold them."""
        with self._lock:
            if self._work is None:
                return self._final
            moment = self._life.at(self._age())
            told = self._build_object(moment, self._work)
            if moment.has_ended:
                self._final, self._work = told, None
            return told

    def _age(self) -> float:
        return self._clock.now() - self._born

    def _leave_files(self, moment: BatchMoment, work: BatchWorker, done: int, refused: int) -> dict[str, str]:
        """Files the answers and gives the ids of the files by what they are; an empty file is not left."""
        left: dict[str, str] = {}
        status = moment.status
        if done > refused:
            left["output"] = self._add_file(
                "output", LazyBatchFile(work, lambda: work.answer_lines(done, refused=False))
            )
        if refused or (status in ABANDONED and done < work.total):

            def errors() -> chain[bytes]:
                rest = work.abandoned_lines(done, status) if status in ABANDONED else ()
                return chain(work.answer_lines(done, refused=True), rest)

            left["error"] = self._add_file("error", LazyBatchFile(work, errors))
        return left

    def _add_file(self, what: str, content: LazyBatchFile) -> str:
        name = f"{self.id}_{what}.jsonl"
        return self._files.add(name, "batch_output", content, lifetime=self._order.request.lifetime).id

    def _build_object(self, moment: BatchMoment, work: BatchWorker) -> dict[str, Any]:
        order, wanted = self._order, self._order.request
        done = int(work.total * moment.share + 1e-9)
        refused = work.decide_lines(done)
        left = self._leave_files(moment, work, done, refused) if moment.has_ended else {}
        errors = [{"code": e.code, "line": e.line, "message": e.message, "param": e.param} for e in order.errors]
        return {
            "id": order.id,
            "object": "batch",
            "endpoint": wanted.endpoint,
            **({"model": order.model} if order.model else {}),
            "errors": {"object": "list", "data": errors} if "failed" in moment.reached else None,
            "input_file_id": wanted.input_file_id,
            "completion_window": wanted.completion_window,
            "status": moment.status,
            "output_file_id": left.get("output"),
            "error_file_id": left.get("error"),
            "created_at": self._unix_seconds(0),
            "expires_at": self._unix_seconds(self._life.window),
            **{f"{status}_at": self._unix_seconds(moment.reached.get(status)) for status in DATES},
            "request_counts": {
                "total": work.total if moment.status != "validating" else 0,
                "completed": done - refused,
                "failed": refused + (work.total - done if moment.status in ABANDONED else 0),
            },
            **({"usage": _total_usage(work)} if "output" in left else {}),
            "metadata": wanted.metadata,
        }

    def _unix_seconds(self, age: float | None) -> int | None:
        """Unix seconds, the same whenever they are asked for."""
        return None if age is None else int(self._birthday + self._clock.real_seconds(age))


def _total_usage(work: BatchWorker) -> dict[str, Any]:
    read, made = work.input_tokens, work.output_tokens
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + made,
    }
