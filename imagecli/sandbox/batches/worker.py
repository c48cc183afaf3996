"""What becomes of the lines of a batch: judged once, in their order, and drawn anew whenever their answers are read.

So a batch of thousands holds its requests and the pictures that came with them, and never those that it makes.
Answers stand in another order than requests, as no client may rely on it.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from imagecli.domain import Operation
from imagecli.sandbox.batches.input_lines import BatchInput, InputLine, read_line_body
from imagecli.sandbox.errors import ApiError, internal_error
from imagecli.sandbox.files.store import StoredFile, picture_bytes_of
from imagecli.sandbox.form import ParsedForm, form_from_json
from imagecli.sandbox.http_message import ServerResponse
from imagecli.sandbox.image_job import ImageJob
from imagecli.sandbox.image_service import ImageService
from imagecli.sandbox.response_body import build_response_body, build_usage

ABANDONED: Final = {
    "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
    "cancelled": ("batch_cancelled", "This request was not executed because the batch was cancelled."),
}
"""How a batch ended → code and message of the lines that it did not get to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSource:
    """Where a batch's requests come from, and for whom they are answered."""

    batch_id: str
    data: bytes
    input: BatchInput
    operation: Operation
    pictures: Mapping[str, StoredFile]
    """The files that the requests refer to, as they were when the batch began."""
    created_at: int
    """Unix seconds that the answers tell."""
    host: str
    """Where pictures by URL are fetched."""


@dataclass(frozen=True, slots=True)
class LineRefusal:
    """The answer to a line that gets no pictures."""

    status: int
    body: dict[str, Any]


class BatchWorker:
    """Safe between threads."""

    def __init__(self, source: BatchSource, studio: ImageService) -> None:
        self._source = source
        self._studio = studio
        self._verdicts: list[range | LineRefusal] = []
        self._lock = threading.Lock()
        self.input_tokens = 0
        self.output_tokens = 0

    @property
    def total(self) -> int:
        return len(self._source.input.lines)

    @property
    def weight(self) -> int:
        """Bytes that it holds."""
        return len(self._source.data) + sum(file.content.weight for file in self._source.pictures.values())

    def decide_lines(self, count: int) -> int:
        """Decides the first *count* lines, those that are not decided yet, and tells how many of them are refused."""
        with self._lock:
            for index in range(len(self._verdicts), count):
                self._verdicts.append(self._decide_line(index))
            return sum(isinstance(one, LineRefusal) for one in self._verdicts[:count])

    def answer_lines(self, count: int, *, refused: bool) -> Iterator[bytes]:
        """The lines of the output file of a batch that got to *count*, or, *refused*, those of its error file."""
        for index in self._shuffled_order():
            if index >= count:
                continue
            verdict = self._verdicts[index]
            if isinstance(verdict, LineRefusal) and refused:
                yield self._response_line(index, verdict.status, verdict.body)
            elif isinstance(verdict, range) and not refused:
                yield self._response_line(index, *self._draw_line(index, verdict))

    def abandoned_lines(self, count: int, status: str) -> Iterator[bytes]:
        """The lines of the error file for the requests behind *count*, when the batch ended as *status*."""
        code, message = ABANDONED[status]
        for index in self._shuffled_order():
            if index >= count:
                yield self._encode_line(index, None, {"code": code, "message": message})

    def _shuffled_order(self) -> list[int]:
        """Another order than the file's, and always the same one."""
        return sorted(range(self.total), key=lambda index: _digest(self._source.input.lines[index].custom_id))

    def _token(self, index: int) -> str:
        """Names line *index* of this batch, and of no other."""
        return _digest(f"{self._source.batch_id} {self._source.input.lines[index].custom_id}")

    def _request_id(self, index: int) -> str:
        return f"req_{self._token(index)}"

    def _decide_line(self, index: int) -> range | LineRefusal:
        request_id = self._request_id(index)
        sabotaged = self._studio.saboteur.next_response(request_id)
        if sabotaged:
            return _to_line_refusal(sabotaged)
        try:
            job, form = self._build_job(self._source.input.lines[index], request_id)
        except ApiError as error:
            return LineRefusal(error.status, error.body())
        except Exception:  # a boundary, as that of a live request
            return LineRefusal(500, internal_error().body())
        usage = build_usage(job, job.n)
        self.input_tokens += usage["input_tokens"]
        self.output_tokens += usage["output_tokens"]
        return self._studio.reserve_indices(job, form)

    def _build_job(self, line: InputLine, request_id: str) -> tuple[ImageJob, ParsedForm]:
        """Raises ApiError for a body that a live request would be refused for, and for a stream."""
        body = {name: value for name, value in read_line_body(self._source.data, line).items() if value is not None}
        form = form_from_json(body, self._uploaded_picture if self._source.operation == "edits" else None)
        job = self._studio.build_job(form, self._source.operation, request_id)
        if job.delivery.stream:
            raise ApiError("Streaming is not supported in the Batch API.", param="stream", code="invalid_value")
        return job, form

    def _uploaded_picture(self, id: str, param: str) -> bytes:
        return picture_bytes_of(self._source.pictures.get(id), id, param)

    def _draw_line(self, index: int, numbers: range) -> tuple[int, dict[str, Any]]:
        """Status and body of a line that was let pass."""
        source = self._source
        try:
            job, _ = self._build_job(source.input.lines[index], self._request_id(index))
            pictures = [one.data for one in self._studio.paint(job, numbers)]
            return 200, build_response_body(
                job, pictures, source.created_at, lambda data: self._studio.shelf.add(data, source.host)
            )
        except Exception:  # a boundary: the answers before it were sent long ago
            return 500, internal_error().body()

    def _response_line(self, index: int, status: int, body: dict[str, Any]) -> bytes:
        response = {"status_code": status, "request_id": self._request_id(index), "body": body}
        return self._encode_line(index, response, None)

    def _encode_line(self, index: int, response: dict[str, Any] | None, error: dict[str, str] | None) -> bytes:
        line = {
            "id": f"batch_req_{self._token(index)}",
            "custom_id": self._source.input.lines[index].custom_id,
            "response": response,
            "error": error,
        }
        return json.dumps(line).encode("ascii") + b"\n"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _to_line_refusal(response: ServerResponse) -> LineRefusal:
    """A failure on purpose; a gateway's page, which no line can hold, becomes an error object."""
    try:
        body = json.loads(response.body)
    except ValueError:
        body = ApiError(f"HTTP {response.status}", status=response.status, type="server_error").body()
    return LineRefusal(response.status, body)
