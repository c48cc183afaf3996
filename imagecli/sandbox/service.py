"""Every request comes here as bytes and leaves as an answer: routes, the key, the common headers."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from imagecli.catalog import Catalog, ModelRow
from imagecli.domain import Operation
from imagecli.sandbox.answers import body_of
from imagecli.sandbox.bucket import Bucket
from imagecli.sandbox.clock import Clock
from imagecli.sandbox.errors import ApiError, internal
from imagecli.sandbox.exchange import Request, Response, as_json
from imagecli.sandbox.failing import Failure, Saboteur
from imagecli.sandbox.forms import read_form
from imagecli.sandbox.job import Job
from imagecli.sandbox.moderation import check_moderation
from imagecli.sandbox.rules import judge
from imagecli.sandbox.shelf import PICTURES, Shelf
from imagecli.sandbox.stream import events
from imagecli.sandbox.tally import Tally

if TYPE_CHECKING:
    from imagecli.sandbox.painter.pictures import Painted

OPERATIONS: Final[tuple[Operation, ...]] = ("generations", "edits", "variations")
VERSION = "2020-10-01"
"""The value of `openai-version` that the real API has answered with for years."""
EVENT_STREAM: Final = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
MODEL_CREATED = 1_698_785_189
"""Unix seconds in the models list, for the rows that don't tell when they were released."""


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
        self._catalog = catalog
        self._require_key = require_key
        self._bucket = Bucket(rate_limit, clock) if rate_limit else None
        self._shelf = Shelf(url_ttl, clock)
        self._tally = Tally()
        self._saboteur = Saboteur(failures)
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
        path = request.path.rstrip("/").removeprefix("/v1")
        parts = path.strip("/").split("/")
        if parts[0] == "models" and len(parts) <= 2:
            _check_method(request, "GET", "HEAD")
            self._check_key(request)
            return self._models() if len(parts) == 1 else self._model(parts[1])
        for operation in OPERATIONS:
            if parts == ["images", operation]:
                _check_method(request, "POST")
                self._check_key(request)
                return self._saboteur.response(request_id) or self._paint(request, operation, request_id)
        raise ApiError(f"Invalid URL ({request.method} {request.path})", status=404)

    def _paint(self, request: Request, operation: Operation, request_id: str) -> Response:
        form = read_form(request, multipart=operation != "generations", files=operation == "edits")
        job = judge(form, operation, self._catalog)
        check_moderation(job.prompt, request_id)
        headers = self._bucket.take(job.n, job.row.name) if self._bucket else {}
        from imagecli.sandbox.painter import paint

        painted = (paint(job, index) for index in self._tally.take(job, form))
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

    def _check_key(self, request: Request) -> None:
        if self._require_key is None:
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
        if not secrets.compare_digest(key.encode("utf-8", "replace"), self._require_key.encode("utf-8", "replace")):
            raise ApiError(
                f"Incorrect API key provided: {_masked(key)}. You can find your API key at "
                "https://platform.openai.com/account/api-keys.",
                status=401,
                code="invalid_api_key",
            )

    def _models(self) -> Response:
        return as_json(200, {"object": "list", "data": [_model_object(row) for row in self._catalog.models.values()]})

    def _model(self, name: str) -> Response:
        if name not in self._catalog.models:
            message = f"The model '{name}' does not exist"
            raise ApiError(message, status=404, param="model", code="model_not_found")
        return as_json(200, _model_object(self._catalog.models[name]))


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


def _check_method(request: Request, *allowed: str) -> None:
    if request.method not in allowed:
        raise ApiError(
            f"Not allowed to {request.method} on {request.path}. (HINT: Perhaps you meant to use a different HTTP "
            "method?)",
            status=405,
            headers={"Allow": ", ".join(allowed)},
        )


def _masked(key: str) -> str:
    """Eight characters at the front, four at the end, as the real message quotes it; short keys only by stars."""
    return f"{key[:8]}{'*' * 8}{key[-4:]}" if len(key) > 15 else "*" * len(key)
