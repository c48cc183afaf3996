"""One batch: its state, the API's object for it, and its output files, which are created while they are read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from imagecli.sandbox.batches.create_request import CreateBatchRequest
from imagecli.sandbox.batches.input_lines import InputLineError
from imagecli.sandbox.batches.line_processor import ABANDONED, BatchWorker
from imagecli.sandbox.batches.timeline import BatchMoment, BatchTimeline
from imagecli.sandbox.clock import SandboxClock
from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.files.store import FileStore

DATES: Final = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")
"""Statuses whose time a batch reports, as `…_at`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRecord:
    """A batch as it was created."""

    id: str
    request: CreateBatchRequest
    model: str | None
    errors: tuple[InputLineError, ...]
    """The errors of its input file."""


class BatchOutputFile:
    """The results of the first *line_count* requests.

    They are created again each time they are read; the first reading determines the size.
    """

    def __init__(self, worker: BatchWorker, line_count: int) -> None:
        self._worker = worker
        self._line_count = line_count
        self._size: int | None = None

    @property
    def weight(self) -> int:
        return self._worker.weight

    def size(self) -> int:
        if self._size is None:
            self._size = sum(map(len, self.parts()))
        return self._size

    def parts(self) -> Iterator[bytes]:
        yield from self._worker.response_lines(self._line_count, refused=False)


class BatchErrorFile(BatchOutputFile):
    """The errors of the first *line_count* requests, and of the others if the batch ended before them."""

    def __init__(self, worker: BatchWorker, line_count: int, status: str) -> None:
        super().__init__(worker, line_count)
        self._status = status

    def parts(self) -> Iterator[bytes]:
        yield from self._worker.response_lines(self._line_count, refused=True)
        if self._status in ABANDONED:
            yield from self._worker.abandoned_lines(self._line_count, self._status)


class Batch:
    """A batch whose state follows from the clock. Thread-safe."""

    def __init__(
        self, record: BatchRecord, timeline: BatchTimeline, worker: BatchWorker, files: FileStore, clock: SandboxClock
    ) -> None:
        self.id = record.id
        self._record = record
        self._timeline = timeline
        self._worker: BatchWorker | None = worker
        self._files = files
        self._clock = clock
        self._created = clock.now()
        self._created_unix = clock.unix_seconds(self._created)
        self._final: dict[str, Any] = {}
        self._lock = threading.Lock()

    def cancel(self) -> None:
        """Raises ApiError 409 if the batch has ended."""
        with self._lock:
            age = self._age()
            moment = self._timeline.at(age)
            if moment.has_ended:
                raise ApiError(f"Cannot cancel a batch with status '{moment.status}'.", status=409)
            if moment.status != "cancelling":
                self._timeline = replace(self._timeline, cancelled_at=age)

    def to_json(self) -> dict[str, Any]:
        """The `Batch` of the API's schema. After its end, only its output files hold its requests."""
        with self._lock:
            if self._worker is None:
                return self._final
            moment = self._timeline.at(self._age())
            content = self._build_object(moment, self._worker)
            if moment.has_ended:
                self._final, self._worker = content, None
            return content

    def _age(self) -> float:
        return self._clock.now() - self._created

    def _add_files(
        self, moment: BatchMoment, worker: BatchWorker, done_count: int, refused_count: int
    ) -> dict[str, str]:
        """Stores the output and the error file, unless empty, and returns their ids by kind."""
        ids: dict[str, str] = {}
        if done_count > refused_count:
            ids["output"] = self._add_file("output", BatchOutputFile(worker, done_count))
        if refused_count or (moment.status in ABANDONED and done_count < worker.total):
            ids["error"] = self._add_file("error", BatchErrorFile(worker, done_count, moment.status))
        return ids

    def _add_file(self, kind: str, content: BatchOutputFile) -> str:
        name = f"{self.id}_{kind}.jsonl"
        return self._files.add(name, "batch_output", content, lifetime=self._record.request.lifetime).id

    def _build_object(self, moment: BatchMoment, worker: BatchWorker) -> dict[str, Any]:
        record, request = self._record, self._record.request
        done_count = int(worker.total * moment.share + 1e-9)
        refused_count = worker.decide_lines(done_count)
        files = self._add_files(moment, worker, done_count, refused_count) if moment.has_ended else {}
        errors = [
            {"code": error.code, "line": error.line, "message": error.message, "param": error.param}
            for error in record.errors
        ]
        return {
            "id": record.id,
            "object": "batch",
            "endpoint": request.endpoint,
            **({"model": record.model} if record.model else {}),
            "errors": {"object": "list", "data": errors} if "failed" in moment.start_ages else None,
            "input_file_id": request.input_file_id,
            "completion_window": request.completion_window,
            "status": moment.status,
            "output_file_id": files.get("output"),
            "error_file_id": files.get("error"),
            "created_at": self._unix_seconds(0),
            "expires_at": self._unix_seconds(self._timeline.window),
            **{f"{status}_at": self._unix_seconds(moment.start_ages.get(status)) for status in DATES},
            "request_counts": {
                "total": worker.total if moment.status != "validating" else 0,
                "completed": done_count - refused_count,
                "failed": refused_count + (worker.total - done_count if moment.status in ABANDONED else 0),
            },
            **({"usage": _total_usage(worker)} if "output" in files else {}),
            "metadata": request.metadata,
        }

    def _unix_seconds(self, age: float | None) -> int | None:
        """Unix seconds of *age*, the same in every response."""
        return None if age is None else int(self._created_unix + self._clock.real_seconds(age))


def _total_usage(worker: BatchWorker) -> dict[str, Any]:
    return {
        "input_tokens": worker.input_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": worker.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": worker.input_tokens + worker.output_tokens,
    }
