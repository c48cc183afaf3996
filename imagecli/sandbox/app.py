"""The sandbox behind its socket: routes a request, checks its key, and adds the headers that all responses have."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Final

from imagecli.catalog.catalog import Catalog, load_shipped_catalog
from imagecli.catalog.model import ModelRow
from imagecli.domain import Operation
from imagecli.http_request import SANDBOX_HEADER
from imagecli.sandbox.batches.routes import BatchRoutes
from imagecli.sandbox.clock import SandboxClock
from imagecli.sandbox.errors import ApiError, check_method, internal_error
from imagecli.sandbox.fault_injection import Failure, FaultInjector
from imagecli.sandbox.files.routes import FileRoutes
from imagecli.sandbox.files.store import FileStore
from imagecli.sandbox.http_message import ServerRequest, ServerResponse, json_response
from imagecli.sandbox.image_generator import ImageGenerator, paint_images
from imagecli.sandbox.image_job import ImageJob
from imagecli.sandbox.rate_limit import ImageRateLimit
from imagecli.sandbox.request_body import read_form
from imagecli.sandbox.response_body import build_events, build_response_body
from imagecli.sandbox.url_store import IMAGE_PATH, UrlStore

if TYPE_CHECKING:
    from imagecli.sandbox.painter.codec import PaintedImage

OPERATIONS: Final[tuple[Operation, ...]] = ("generations", "edits", "variations")
VERSION: Final = "2020-10-01"
"""The value of `openai-version` that the real API has sent for years."""
EVENT_STREAM: Final = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
MODEL_CREATED: Final = 1_698_785_189
"""Unix seconds, for rows without a release date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the server behaves."""

    port: int = 0
    """0 for any free port."""
    require_key: str | None = None
    """The only accepted key; None accepts any key, and none."""
    rate_limit: int | None = None
    """Images per minute; None for no limit."""
    url_ttl: float = 3600.0
    """Seconds of its clock for which an image's URL is valid."""
    speed: float = 1.0
    """The speed of its clock, by which rate limits, URLs and batches go; more than 0."""
    latency: float = 0.0
    """Seconds added to every response with images; in a stream they are spread over its events."""
    failures: tuple[Failure, ...] = ()
    """Image requests and batches that fail on purpose."""
    catalog: Catalog | None = None
    """The models that it offers; None for those of the shipped catalog."""


DEFAULT_OPTIONS: Final = Options()


class SandboxApp:
    """Answers requests. Thread-safe."""

    def __init__(self, options: Options, stopping: threading.Event) -> None:
        """*stopping* ends the waits of the latency."""
        self._require_key = options.require_key
        self._latency = options.latency
        self._stopping = stopping
        self._clock = SandboxClock(options.speed)
        self._rate_limit = ImageRateLimit(options.rate_limit, self._clock) if options.rate_limit else None
        self._url_store = UrlStore(options.url_ttl, self._clock)
        self._files = FileStore(self._clock)
        self._generator = ImageGenerator(
            options.catalog or load_shipped_catalog(), FaultInjector(options.failures), self._url_store
        )
        self._file_routes = FileRoutes(self._files)
        self._batch_routes = BatchRoutes(self._files, self._generator, self._clock)

    def respond(self, request: ServerRequest) -> ServerResponse:
        """Never raises: an unexpected exception becomes the API's own 500."""
        if request.path.startswith(IMAGE_PATH):
            return self._url_store.serve(request)
        request_id = f"req_{secrets.token_hex(16)}"
        try:
            return self.add_common_headers(self._route(request, request_id), request_id)
        except ApiError as error:
            return self.add_common_headers(error.response(), request_id)
        except Exception as error:  # the boundary of the server: the log shows the exception
            response = self.add_common_headers(internal_error().response(), request_id)
            return replace(response, trouble=f"{type(error).__name__}: {error}")

    def add_common_headers(self, response: ServerResponse, request_id: str | None = None) -> ServerResponse:
        """*response* with the headers that every response has."""
        common = {
            "x-request-id": request_id or f"req_{secrets.token_hex(16)}",
            "openai-version": VERSION,
            "openai-organization": "sandbox",
            SANDBOX_HEADER: "1",
        }
        return replace(response, headers={**common, **response.headers})

    def _route(self, request: ServerRequest, request_id: str) -> ServerResponse:
        parts = request.path.rstrip("/").removeprefix("/v1").strip("/").split("/")
        match parts:
            case ["images", operation] if operation in OPERATIONS:
                check_method(request, "POST")
                check_api_key(request, self._require_key)
                return self._generator.faults.next_response(request_id) or self._paint(request, operation, request_id)
            case ["health"]:
                check_method(request, "GET", "HEAD")
                return json_response(200, {"status": "ok"})
            case ["models", *rest] if len(rest) <= 1:
                check_method(request, "GET", "HEAD")
                check_api_key(request, self._require_key)
                catalog = self._generator.catalog
                return model_response(rest[0], catalog) if rest else list_models_response(catalog)
            case ["files", *rest]:
                check_api_key(request, self._require_key)
                return self._file_routes.respond(request, rest)
            case ["batches", *rest]:
                check_api_key(request, self._require_key)
                return self._batch_routes.respond(request, rest)
        raise ApiError(f"Invalid URL ({request.method} {request.path})", status=404)

    def _paint(self, request: ServerRequest, operation: Operation, request_id: str) -> ServerResponse:
        files = self._files if operation == "edits" else None
        form = read_form(request, multipart=operation != "generations", files=files)
        job = self._generator.build_job(form, operation, request_id)
        headers = self._rate_limit.take(job.n, job.row.name) if self._rate_limit else {}
        remaining = paint_images(job, self._generator.reserve_indices(job, form))
        first = next(remaining)
        headers |= {"x-sandbox-note": first.note} if first.note else {}
        images = chain((first,), remaining)
        if job.delivery.stream:
            return self._stream_response(job, images, headers)
        return self._complete_response(job, list(images), headers, request.headers.get("host", "127.0.0.1"))

    def _complete_response(
        self, job: ImageJob, images: list[PaintedImage], headers: dict[str, str], host: str
    ) -> ServerResponse:
        self._stopping.wait(self._latency)
        body = build_response_body(job, [image.data for image in images], self._clock.unix_now(), self._url_store, host)
        return json_response(200, body, headers, images=job.n)

    def _stream_response(
        self, job: ImageJob, images: Iterator[PaintedImage], headers: dict[str, str]
    ) -> ServerResponse:
        events = build_events(job, images, self._clock)
        return ServerResponse(
            status=200, headers={**EVENT_STREAM, **headers}, parts=self._delay_events(events, job), images=job.n
        )

    def _delay_events(self, events: Iterator[bytes], job: ImageJob) -> Iterator[bytes]:
        """Spreads the latency over *events*."""
        seconds = self._latency / (job.n * (job.delivery.partial_images + 1))
        for event in events:
            self._stopping.wait(seconds)
            yield event


def list_models_response(catalog: Catalog) -> ServerResponse:
    """The list of models, as `GET /v1/models` returns it."""
    return json_response(200, {"object": "list", "data": [_model_object(row) for row in catalog.models.values()]})


def model_response(name: str, catalog: Catalog) -> ServerResponse:
    """One model. Raises ApiError 404."""
    if name not in catalog.models:
        raise ApiError(f"The model '{name}' does not exist", status=404, param="model", code="model_not_found")
    return json_response(200, _model_object(catalog.models[name]))


def _model_object(row: ModelRow) -> dict[str, object]:
    """A model past its shutdown date is listed too: the sandbox still accepts it."""
    released = datetime.combine(row.released, datetime.min.time(), UTC).timestamp() if row.released else MODEL_CREATED
    return {
        "id": row.name,
        "object": "model",
        "created": int(released),
        "owned_by": "system",
        "shutdown_date": row.shutdown.isoformat() if row.shutdown else None,
    }


def check_api_key(request: ServerRequest, required: str | None) -> None:
    """Raises ApiError 401 if the key is not *required*; None accepts any key, and none."""
    if required is None:
        return
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    key = key.strip() if scheme.lower() == "bearer" else request.headers.get("api-key", "")
    if not key:
        raise ApiError(
            "You didn't provide an API key. You need to provide your API key in an Authorization header using "
            "Bearer auth (i.e. Authorization: Bearer YOUR_KEY). You can obtain an API key from "
            "https://platform.openai.com/account/api-keys.",
            status=401,
        )
    if not secrets.compare_digest(key.encode("utf-8", "replace"), required.encode("utf-8", "replace")):
        raise ApiError(
            f"Incorrect API key provided: {_mask_key(key)}. You can find your API key at "
            "https://platform.openai.com/account/api-keys.",
            status=401,
            code="invalid_api_key",
        )


def _mask_key(key: str) -> str:
    """The first eight and the last four characters, as in the real message; of a short key, only stars."""
    return f"{key[:8]}{'*' * 8}{key[-4:]}" if len(key) > 15 else "*" * len(key)
