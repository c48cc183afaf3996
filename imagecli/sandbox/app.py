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
from imagecli.sandbox.errors import ApiError, internal_error
from imagecli.sandbox.fault_injection import Failure, FaultInjector
from imagecli.sandbox.files.routes import FileRoutes
from imagecli.sandbox.files.store import FileStore
from imagecli.sandbox.form import read_form
from imagecli.sandbox.http_message import ServerRequest, ServerResponse, json_response
from imagecli.sandbox.image_job import ImageJob
from imagecli.sandbox.image_service import ImageService
from imagecli.sandbox.rate_limit import Clock, ImageRateLimit
from imagecli.sandbox.request_checks import check_api_key, check_method
from imagecli.sandbox.response_body import build_events, build_response_body
from imagecli.sandbox.url_store import PICTURES, UrlStore

if TYPE_CHECKING:
    from imagecli.sandbox.painter.encode import PaintedImage

MODEL_CREATED = 1_698_785_189
"""Unix seconds, for the rows that don't tell when they were released."""


def list_models_response(catalog: Catalog) -> ServerResponse:
    """All of them."""
    return json_response(200, {"object": "list", "data": [_model_object(row) for row in catalog.models.values()]})


def model_response(name: str, catalog: Catalog) -> ServerResponse:
    """One of them. Raises ApiError 404."""
    if name not in catalog.models:
        raise ApiError(f"The model '{name}' does not exist", status=404, param="model", code="model_not_found")
    return json_response(200, _model_object(catalog.models[name]))


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


class SandboxApp:
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
        self._bucket = ImageRateLimit(rate_limit, clock) if rate_limit else None
        self._shelf = UrlStore(url_ttl, clock)
        self._files = FileStore(clock)
        self._studio = ImageService(catalog, FaultInjector(failures), self._shelf)
        self._file_routes = FileRoutes(self._files)
        self._batch_routes = BatchRoutes(self._files, self._studio, clock)
        self._clock = clock
        self._pause = pause

    def answer(self, request: ServerRequest) -> ServerResponse:
        """Never raises: what is not foreseen is the API's own 500."""
        if request.path.startswith(PICTURES):
            return self._shelf.serve(request)
        request_id = f"req_{secrets.token_hex(16)}"
        try:
            return self.add_common_headers(self._route(request, request_id), request_id)
        except ApiError as error:
            return self.add_common_headers(error.response(), request_id)
        except Exception as error:  # the server's own boundary; the kind of error goes to the log
            response = self.add_common_headers(internal_error().response(), request_id)
            return replace(response, trouble=f"{type(error).__name__}: {error}")

    def add_common_headers(self, response: ServerResponse, request_id: str | None = None) -> ServerResponse:
        """The same answer with the headers that every one carries."""
        common = {"x-request-id": request_id or f"req_{secrets.token_hex(16)}", "openai-version": VERSION}
        return replace(response, headers={**common, "openai-organization": "sandbox", **response.headers})

    def _route(self, request: ServerRequest, request_id: str) -> ServerResponse:
        parts = request.path.rstrip("/").removeprefix("/v1").strip("/").split("/")
        match parts:
            case ["images", operation] if operation in OPERATIONS:
                check_method(request, "POST")
                check_api_key(request, self._require_key)
                return self._studio.saboteur.next_response(request_id) or self._paint(request, operation, request_id)
            case ["models", *rest] if len(rest) <= 1:
                check_method(request, "GET", "HEAD")
                check_api_key(request, self._require_key)
                return (
                    model_response(rest[0], self._studio.catalog)
                    if rest
                    else list_models_response(self._studio.catalog)
                )
            case ["files", *rest]:
                check_api_key(request, self._require_key)
                return self._file_routes.answer(request, rest)
            case ["batches", *rest]:
                check_api_key(request, self._require_key)
                return self._batch_routes.answer(request, rest)
        raise ApiError(f"Invalid URL ({request.method} {request.path})", status=404)

    def _paint(self, request: ServerRequest, operation: Operation, request_id: str) -> ServerResponse:
        files = self._files.picture if operation == "edits" else None
        form = read_form(request, multipart=operation != "generations", files=files)
        job = self._studio.build_job(form, operation, request_id)
        headers = self._bucket.take(job.n, job.row.name) if self._bucket else {}
        painted = self._studio.paint(job, self._studio.reserve_indices(job, form))
        first = next(painted)
        headers |= {"x-sandbox-note": first.note} if first.note else {}
        pictures = (one for several in ((first,), painted) for one in several)
        if job.delivery.stream:
            return self._stream_response(job, pictures, headers)
        return self._whole_response(job, list(pictures), headers, request.headers.get("host", "127.0.0.1"))

    def _whole_response(
        self, job: ImageJob, painted: list[PaintedImage], headers: dict[str, str], host: str
    ) -> ServerResponse:
        self._pause(1.0)
        body = build_response_body(
            job, [one.data for one in painted], self._now(), lambda data: self._shelf.add(data, host)
        )
        return json_response(200, body, headers, pictures=job.n)

    def _stream_response(
        self, job: ImageJob, painted: Iterator[PaintedImage], headers: dict[str, str]
    ) -> ServerResponse:
        share = 1 / (job.n * (job.delivery.partial_images + 1))
        parts = build_events(job, painted, self._now, lambda: self._pause(share))
        return ServerResponse(status=200, headers={**EVENT_STREAM, **headers}, parts=parts, pictures=job.n)

    def _now(self) -> int:
        """Unix seconds."""
        return int(self._clock.unix_seconds(self._clock.now()))
