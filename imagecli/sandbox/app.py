"""Every request comes here as bytes and leaves as an answer: routes, the key, the common headers.

The models that are offered, as the API lists them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from imagecli.catalog.catalog import Catalog
from imagecli.catalog.model import ModelRow
from imagecli.domain import Operation
from imagecli.sandbox.batches.routes import BatchRoutes
from imagecli.sandbox.errors import ApiError, internal
from imagecli.sandbox.fault_injection import Failure, Saboteur
from imagecli.sandbox.files.routes import FileRoutes
from imagecli.sandbox.files.store import Files
from imagecli.sandbox.form import read_form
from imagecli.sandbox.http_message import Request, Response, as_json
from imagecli.sandbox.image_job import Job
from imagecli.sandbox.image_service import Studio
from imagecli.sandbox.rate_limit import Bucket, Clock
from imagecli.sandbox.request_checks import check_key, check_method
from imagecli.sandbox.response_body import body_of, events
from imagecli.sandbox.url_store import PICTURES, Shelf

if TYPE_CHECKING:
    from imagecli.sandbox.painter.encode import Painted

MODEL_CREATED = 1_698_785_189
"""Unix seconds, for the rows that don't tell when they were released."""


def model_list(catalog: Catalog) -> Response:
    """All of them."""
    return as_json(200, {"object": "list", "data": [_model_object(row) for row in catalog.models.values()]})


def model_of(name: str, catalog: Catalog) -> Response:
    """One of them. Raises ApiError 404."""
    if name not in catalog.models:
        raise ApiError(f"The model '{name}' does not exist", status=404, param="model", code="model_not_found")
    return as_json(200, _model_object(catalog.models[name]))


def _model_object(row: ModelRow) -> dict[str, object]:
    """A model past its last day is listed too: here it still answers."""
    released = datetime.combine(row.released, datetime.min.time(), UTC).timestamp() if row.released else MODEL_CREATED
    return {
        "id": row.name,
        "object": "model",
        "created": int(released),
        "owned_by": "system",
        "shutdown_date": row.shutdown.isoformat() if row.shutdown else None,
    }


OPERATIONS: Final[tuple[Operation, ...]] = ("generations", "edits", "variations")
VERSION = "2020-10-01"
"""The value of `openai-version` that the real API has answered with for years."""
EVENT_STREAM: Final = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}


class Service:
    """Answers requests; safe to ask from many threads at once."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        require_key: str | None,
        rate_limit: int | None,
        url_ttl: float,
        failures: tuple[Failure, ...],
        clock: Clock,
        pause: Callable[[float], object],
    ) -> None:
        """*pause* waits for that share of the latency."""
        self._require_key = require_key
        self._bucket = Bucket(rate_limit, clock) if rate_limit else None
        self._shelf = Shelf(url_ttl, clock)
        self._files = Files(clock)
        self._studio = Studio(catalog, Saboteur(failures), self._shelf)
        self._file_routes = FileRoutes(self._files)
        self._batch_routes = BatchRoutes(self._files, self._studio, clock)
        self._clock = clock
        self._pause = pause

    def answer(self, request: Request) -> Response:
        """Never raises: what is not foreseen is the API's own 500."""
        if request.path.startswith(PICTURES):
            return self._shelf.serve(request)
        request_id = f"req_{secrets.token_hex(16)}"
        try:
            return self.stamp(self._route(request, request_id), request_id)
        except ApiError as error:
            return self.stamp(error.response(), request_id)
        except Exception as error:  # the server's own boundary; the kind of error goes to the log
            response = self.stamp(internal().response(), request_id)
            return replace(response, trouble=f"{type(error).__name__}: {error}")

    def stamp(self, response: Response, request_id: str | None = None) -> Response:
        """The same answer with the headers that every one carries."""
        common = {"x-request-id": request_id or f"req_{secrets.token_hex(16)}", "openai-version": VERSION}
        return replace(response, headers={**common, "openai-organization": "sandbox", **response.headers})

    def _route(self, request: Request, request_id: str) -> Response:
        parts = request.path.rstrip("/").removeprefix("/v1").strip("/").split("/")
        match parts:
            case ["images", operation] if operation in OPERATIONS:
                check_method(request, "POST")
                check_key(request, self._require_key)
                return self._studio.saboteur.response(request_id) or self._paint(request, operation, request_id)
            case ["models", *rest] if len(rest) <= 1:
                check_method(request, "GET", "HEAD")
                check_key(request, self._require_key)
                return model_of(rest[0], self._studio.catalog) if rest else model_list(self._studio.catalog)
            case ["files", *rest]:
                check_key(request, self._require_key)
                return self._file_routes.answer(request, rest)
            case ["batches", *rest]:
                check_key(request, self._require_key)
                return self._batch_routes.answer(request, rest)
        raise ApiError(f"Invalid URL ({request.method} {request.path})", status=404)

    def _paint(self, request: Request, operation: Operation, request_id: str) -> Response:
        files = self._files.picture if operation == "edits" else None
        form = read_form(request, multipart=operation != "generations", files=files)
        job = self._studio.judge(form, operation, request_id)
        headers = self._bucket.take(job.n, job.row.name) if self._bucket else {}
        painted = self._studio.paint(job, self._studio.number(job, form))
        first = next(painted)
        headers |= {"x-sandbox-note": first.note} if first.note else {}
        pictures = (one for several in ((first,), painted) for one in several)
        if job.delivery.stream:
            return self._streamed(job, pictures, headers)
        return self._whole(job, list(pictures), headers, request.headers.get("host", "127.0.0.1"))

    def _whole(self, job: Job, painted: list[Painted], headers: dict[str, str], host: str) -> Response:
        self._pause(1.0)
        body = body_of(job, [one.data for one in painted], self._now(), lambda data: self._shelf.put(data, host))
        return as_json(200, body, headers, pictures=job.n)

    def _streamed(self, job: Job, painted: Iterator[Painted], headers: dict[str, str]) -> Response:
        share = 1 / (job.n * (job.delivery.partial_images + 1))
        parts = events(job, painted, self._now, lambda: self._pause(share))
        return Response(status=200, headers={**EVENT_STREAM, **headers}, parts=parts, pictures=job.n)

    def _now(self) -> int:
        """Unix seconds."""
        return int(self._clock.date(self._clock.now()))
