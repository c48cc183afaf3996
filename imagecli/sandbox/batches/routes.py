"""The routes of batches.

Source: OpenAI API reference, batches, and public issues that quote its refusals, read 2026-11-22.
"""

from __future__ import annotations

import secrets
import threading
from typing import Final

from imagecli.sandbox.batches.batch import Batch, BatchRecord
from imagecli.sandbox.batches.create_request import ENDPOINTS, CreateBatchRequest, parse_create_request
from imagecli.sandbox.batches.input_lines import BatchInput, InputLineError, read_batch_input
from imagecli.sandbox.batches.timeline import BatchTimeline, Ending
from imagecli.sandbox.batches.worker import BatchSource, BatchWorker
from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.files.store import FileStore, StoredFile
from imagecli.sandbox.form import parse_json_object
from imagecli.sandbox.http_message import ServerRequest, ServerResponse, json_response
from imagecli.sandbox.image_service import ImageService
from imagecli.sandbox.pagination import page_to_json, select_page
from imagecli.sandbox.rate_limit import Clock
from imagecli.sandbox.request_checks import check_method

MAX_BATCHES: Final = 1000
"""The oldest are forgotten first."""
FAILED_ON_PURPOSE: Final = InputLineError(
    code="invalid_request", message="The sandbox was told to fail this batch.", line=1
)


class BatchRoutes:
    """Answers what is asked of batches. Safe between threads."""

    def __init__(self, files: FileStore, studio: ImageService, clock: Clock, capacity: int = MAX_BATCHES) -> None:
        self._files = files
        self._capacity = capacity
        self._studio = studio
        self._clock = clock
        self._batches: dict[str, Batch] = {}
        self._lock = threading.Lock()

    def answer(self, request: ServerRequest, rest: list[str]) -> ServerResponse:
        """*rest* is the path behind `/v1/batches`. Raises ApiError."""
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
        found, more = select_page(newest, request, usual=20, most=100)
        return json_response(200, page_to_json([batch.to_json() for batch in found], more=more))

    def _create(self, request: ServerRequest) -> ServerResponse:
        wanted = parse_create_request(parse_json_object(request.body))
        file = self._files.find(wanted.input_file_id)
        if file is None or file.purpose != "batch":
            said = "no such file" if file is None else f"its purpose is '{file.purpose}', not 'batch'"
            message = f"Invalid 'input_file_id' ({wanted.input_file_id}): {said}."
            raise ApiError(message, param="input_file_id", code="invalid_value")
        batch = self._begin_batch(wanted, file, request.headers.get("host", "127.0.0.1"))
        with self._lock:
            self._batches[batch.id] = batch
            if len(self._batches) > self._capacity:
                del self._batches[next(iter(self._batches))]
        return json_response(200, batch.to_json())

    def _begin_batch(self, wanted: CreateBatchRequest, file: StoredFile, host: str) -> Batch:
        data = b"".join(file.content.parts())
        found = read_batch_input(data, wanted.endpoint, self._studio.catalog)
        ending: Ending = "failed" if found.errors else self._studio.saboteur.next_ending()
        if ending == "failed":
            found = BatchInput(errors=found.errors or (FAILED_ON_PURPOSE,), model=found.model)
        order = BatchRecord(id=f"batch_{secrets.token_hex(16)}", request=wanted, model=found.model, errors=found.errors)
        source = BatchSource(
            batch_id=order.id,
            data=data,
            input=found,
            operation=ENDPOINTS[wanted.endpoint],
            pictures={name: held for name in found.file_ids if (held := self._files.find(name))},
            created_at=int(self._clock.unix_seconds(self._clock.now())),
            host=host,
        )
        return Batch(order, BatchTimeline(ending=ending), BatchWorker(source, self._studio), self._files, self._clock)
