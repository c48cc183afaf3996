"""The routes of batches.

Source: OpenAI API reference, batches, and public issues that quote its refusals, read 2026-11-22.
"""

from __future__ import annotations

import secrets
import threading
from typing import Final

from imagecli.sandbox.batches.batch import Batch, Order
from imagecli.sandbox.batches.create_request import ENDPOINTS, Wanted, read_wanted
from imagecli.sandbox.batches.input_lines import Input, LineError, read_input
from imagecli.sandbox.batches.timeline import Ending, Life
from imagecli.sandbox.batches.worker import Source, Work
from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.files.store import File, Files
from imagecli.sandbox.form import json_object
from imagecli.sandbox.http_message import Request, Response, as_json
from imagecli.sandbox.image_service import Studio
from imagecli.sandbox.pagination import as_list, page
from imagecli.sandbox.rate_limit import Clock
from imagecli.sandbox.request_checks import check_method

MAX_BATCHES: Final = 1000
"""The oldest are forgotten first."""
TOLD_TO_FAIL: Final = LineError(code="invalid_request", message="The sandbox was told to fail this batch.", line=1)


class BatchRoutes:
    """Answers what is asked of batches. Safe between threads."""

    def __init__(self, files: Files, studio: Studio, clock: Clock, capacity: int = MAX_BATCHES) -> None:
        self._files = files
        self._capacity = capacity
        self._studio = studio
        self._clock = clock
        self._batches: dict[str, Batch] = {}
        self._lock = threading.Lock()

    def answer(self, request: Request, rest: list[str]) -> Response:
        """*rest* is the path behind `/v1/batches`. Raises ApiError."""
        if not rest:
            check_method(request, "GET", "POST")
            return self._create(request) if request.method == "POST" else self._list(request)
        if len(rest) == 1:
            check_method(request, "GET")
            return as_json(200, self._batch(rest[0]).described())
        if rest[1:] == ["cancel"]:
            check_method(request, "POST")
            batch = self._batch(rest[0])
            batch.cancel()
            return as_json(200, batch.described())
        raise ApiError(f"Invalid URL ({request.method} {request.path})", status=404)

    def _batch(self, id: str) -> Batch:
        batch = self._batches.get(id)
        if batch is None:
            raise ApiError(f"No batch found with id '{id}'.", status=404)
        return batch

    def _list(self, request: Request) -> Response:
        with self._lock:
            newest = list(self._batches.values())[::-1]
        found, more = page(newest, request, usual=20, most=100)
        return as_json(200, as_list([batch.described() for batch in found], more=more))

    def _create(self, request: Request) -> Response:
        wanted = read_wanted(json_object(request.body))
        file = self._files.find(wanted.input_file_id)
        if file is None or file.purpose != "batch":
            said = "no such file" if file is None else f"its purpose is '{file.purpose}', not 'batch'"
            message = f"Invalid 'input_file_id' ({wanted.input_file_id}): {said}."
            raise ApiError(message, param="input_file_id", code="invalid_value")
        batch = self._begin(wanted, file, request.headers.get("host", "127.0.0.1"))
        with self._lock:
            self._batches[batch.id] = batch
            if len(self._batches) > self._capacity:
                del self._batches[next(iter(self._batches))]
        return as_json(200, batch.described())

    def _begin(self, wanted: Wanted, file: File, host: str) -> Batch:
        data = b"".join(file.content.parts())
        found = read_input(data, wanted.endpoint, self._studio.catalog)
        ending: Ending = "failed" if found.errors else self._studio.saboteur.ending()
        if ending == "failed":
            found = Input(errors=found.errors or (TOLD_TO_FAIL,), model=found.model)
        order = Order(id=f"batch_{secrets.token_hex(16)}", wanted=wanted, model=found.model, errors=found.errors)
        source = Source(
            batch_id=order.id,
            data=data,
            input=found,
            operation=ENDPOINTS[wanted.endpoint],
            pictures={name: held for name in found.file_ids if (held := self._files.find(name))},
            created_at=int(self._clock.date(self._clock.now())),
            host=host,
        )
        return Batch(order, Life(ending=ending), Work(source, self._studio), self._files, self._clock)
