"""The routes below `/v1/batches`.

Source: OpenAI API reference, batches, and public issues that quote its errors, read 2026-11-22.
"""

from __future__ import annotations

import secrets
import threading
from typing import Final

from imagecli.sandbox.batches.batch import Batch, BatchRecord
from imagecli.sandbox.batches.create_request import ENDPOINTS, CreateBatchRequest, parse_create_request
from imagecli.sandbox.batches.input_lines import BatchInput, InputLineError, read_batch_input
from imagecli.sandbox.batches.line_processor import BatchSource, BatchWorker
from imagecli.sandbox.batches.timeline import BatchTimeline, Ending
from imagecli.sandbox.clock import SandboxClock
from imagecli.sandbox.errors import ApiError, check_method
from imagecli.sandbox.files.store import FileStore, StoredFile
from imagecli.sandbox.http_message import ServerRequest, ServerResponse, json_response
from imagecli.sandbox.image_generator import ImageGenerator
from imagecli.sandbox.pagination import page_to_json, select_page
from imagecli.sandbox.request_body import parse_json_object

MAX_BATCHES: Final = 1000
"""Beyond these, the oldest are forgotten."""
FAILED_ON_PURPOSE: Final = InputLineError(
    code="invalid_request", message="The sandbox is set to fail this batch.", line=1
)


class BatchRoutes:
    """Handles the requests for batches. Thread-safe."""

    def __init__(
        self, files: FileStore, generator: ImageGenerator, clock: SandboxClock, capacity: int = MAX_BATCHES
    ) -> None:
        self._files = files
        self._capacity = capacity
        self._generator = generator
        self._clock = clock
        self._batches: dict[str, Batch] = {}
        self._lock = threading.Lock()

    def respond(self, request: ServerRequest, rest: list[str]) -> ServerResponse:
        """Responds to a request; *rest* is the path after `/v1/batches`. Raises ApiError."""
        if not rest:
            check_method(request, "GET", "POST")
            return self._create(request) if request.method == "POST" else self._list(request)
        if len(rest) == 1:
            check_method(request, "GET")
            return json_response(200, self._find_batch(rest[0]).to_json())
        if rest[1:] == ["cancel"]:
            check_method(request, "POST")
            batch = self._find_batch(rest[0])
            batch.cancel()
            return json_response(200, batch.to_json())
        raise ApiError(f"Invalid URL ({request.method} {request.path})", status=404)

    def _find_batch(self, id: str) -> Batch:
        batch = self._batches.get(id)
        if batch is None:
            raise ApiError(f"No batch found with id '{id}'.", status=404)
        return batch

    def _list(self, request: ServerRequest) -> ServerResponse:
        with self._lock:
            newest = list(self._batches.values())[::-1]
        page, has_more = select_page(newest, request, default=20, maximum=100)
        return json_response(200, page_to_json([batch.to_json() for batch in page], has_more=has_more))

    def _create(self, request: ServerRequest) -> ServerResponse:
        create_request = parse_create_request(parse_json_object(request.body))
        file = self._files.get(create_request.input_file_id)
        if file is None or file.purpose != "batch":
            reason = "no such file" if file is None else f"its purpose is '{file.purpose}', not 'batch'"
            message = f"Invalid 'input_file_id' ({create_request.input_file_id}): {reason}."
            raise ApiError(message, param="input_file_id", code="invalid_value")
        batch = self._start_batch(create_request, file, request.headers.get("host", "127.0.0.1"))
        with self._lock:
            self._batches[batch.id] = batch
            if len(self._batches) > self._capacity:
                del self._batches[next(iter(self._batches))]
        return json_response(200, batch.to_json())

    def _start_batch(self, request: CreateBatchRequest, file: StoredFile, host: str) -> Batch:
        data = b"".join(file.content.parts())
        batch_input = read_batch_input(data, request.endpoint, self._generator.catalog)
        ending: Ending = "failed" if batch_input.errors else self._generator.faults.next_ending()
        if ending == "failed":
            errors = batch_input.errors or (FAILED_ON_PURPOSE,)
            batch_input = BatchInput(errors=errors, model=batch_input.model)
        record = BatchRecord(
            id=f"batch_{secrets.token_hex(16)}", request=request, model=batch_input.model, errors=batch_input.errors
        )
        source = BatchSource(
            batch_id=record.id,
            data=data,
            input=batch_input,
            operation=ENDPOINTS[request.endpoint],
            images={name: image for name in batch_input.file_ids if (image := self._files.get(name))},
            created_at=self._clock.unix_now(),
            host=host,
        )
        worker = BatchWorker(source, self._generator)
        return Batch(record, BatchTimeline(ending=ending), worker, self._files, self._clock)
