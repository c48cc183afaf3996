"""Processes the lines of a batch: each is validated once, in order, and painted again whenever its output is read.

So a batch of thousands holds its requests and their input images, but never the images that it creates. Results have
another order than requests, because no client may rely on it.
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
from imagecli.sandbox.files.store import StoredFile
from imagecli.sandbox.http_message import ServerResponse
from imagecli.sandbox.image_generator import ImageGenerator, paint_images
from imagecli.sandbox.image_job import ImageJob
from imagecli.sandbox.request_body import ParsedForm, form_from_json
from imagecli.sandbox.response_body import build_response_body, build_usage

ABANDONED: Final = {
    "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
    "cancelled": ("batch_cancelled", "This request was not executed because the batch was cancelled."),
}
"""Final status of a batch → code and message of its unprocessed lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSource:
    """The requests of a batch and their environment."""

    batch_id: str
    data: bytes
    input: BatchInput
    operation: Operation
    images: Mapping[str, StoredFile]
    """The files that the requests refer to, as they were when the batch was created."""
    created_at: int
    """Unix seconds; the `created` of every result."""
    host: str
    """Host and port in the URLs of images."""


@dataclass(frozen=True, slots=True)
class LineRefusal:
    """The error response to a line."""

    status: int
    body: dict[str, Any]


class BatchWorker:
    """Processes the lines of one batch. Thread-safe."""

    def __init__(self, source: BatchSource, generator: ImageGenerator) -> None:
        self._source = source
        self._generator = generator
        self._decisions: list[range | LineRefusal] = []
        self._lock = threading.Lock()
        self.input_tokens = 0
        self.output_tokens = 0

    @property
    def total(self) -> int:
        return len(self._source.input.lines)

    @property
    def weight(self) -> int:
        """Bytes of memory that it takes."""
        return len(self._source.data) + sum(file.content.weight for file in self._source.images.values())

    def decide_lines(self, count: int) -> int:
        """Decides those of the first *count* lines that are undecided; returns how many of the *count* are refused."""
        with self._lock:
            for index in range(len(self._decisions), count):
                self._decisions.append(self._decide_line(index))
            return sum(isinstance(decision, LineRefusal) for decision in self._decisions[:count])

    def response_lines(self, count: int, *, refused: bool) -> Iterator[bytes]:
        """The lines of the output file after *count* requests, or, if *refused*, those of the error file."""
        for index in self._shuffled_order():
            if index >= count:
                continue
            decision = self._decisions[index]
            if isinstance(decision, LineRefusal) and refused:
                yield self._response_line(index, decision.status, decision.body)
            elif isinstance(decision, range) and not refused:
                yield self._response_line(index, *self._paint_line(index, decision))

    def abandoned_lines(self, count: int, status: str) -> Iterator[bytes]:
        """The lines of the error file for the requests after *count*, if the batch ended as *status*."""
        code, message = ABANDONED[status]
        for index in self._shuffled_order():
            if index >= count:
                yield self._encode_line(index, None, {"code": code, "message": message})

    def _shuffled_order(self) -> list[int]:
        """Another order than the file's, and always the same one."""
        digests = [(_digest(line.custom_id), index) for index, line in enumerate(self._source.input.lines)]
        return [index for _, index in sorted(digests)]

    def _token(self, index: int) -> str:
        """Names line *index* of this batch, and of no other."""
        return _digest(f"{self._source.batch_id} {self._source.input.lines[index].custom_id}")

    def _request_id(self, index: int) -> str:
        return f"req_{self._token(index)}"

    def _decide_line(self, index: int) -> range | LineRefusal:
        request_id = self._request_id(index)
        fault = self._generator.faults.next_response(request_id)
        if fault:
            return _to_line_refusal(fault)
        try:
            job, form = self._build_job(self._source.input.lines[index], request_id)
        except ApiError as error:
            return LineRefusal(error.status, error.body())
        except Exception:  # a boundary, like that of a single request
            return LineRefusal(500, internal_error().body())
        usage = build_usage(job, job.n)
        self.input_tokens += usage["input_tokens"]
        self.output_tokens += usage["output_tokens"]
        return self._generator.reserve_indices(job, form)

    def _build_job(self, line: InputLine, request_id: str) -> tuple[ImageJob, ParsedForm]:
        """Raises ApiError for a body that is invalid in a single request too, and for a stream."""
        body = {name: value for name, value in read_line_body(self._source.data, line).items() if value is not None}
        form = form_from_json(body, self._source.images if self._source.operation == "edits" else None)
        job = self._generator.build_job(form, self._source.operation, request_id)
        if job.delivery.stream:
            raise ApiError("Streaming is not supported in the Batch API.", param="stream", code="invalid_value")
        return job, form

    def _paint_line(self, index: int, indices: range) -> tuple[int, dict[str, Any]]:
        """Status and body of a line that is not refused."""
        source = self._source
        try:
            job, _ = self._build_job(source.input.lines[index], self._request_id(index))
            images = [image.data for image in paint_images(job, indices)]
            body = build_response_body(job, images, source.created_at, self._generator.url_store, source.host)
            return 200, body
        except Exception:  # a boundary: earlier lines have already been sent
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
    """A failure on purpose; a gateway's HTML page becomes an error object."""
    try:
        body = json.loads(response.body)
    except ValueError:
        body = ApiError(f"HTTP {response.status}", status=response.status, type="server_error").body()
    return LineRefusal(response.status, body)
