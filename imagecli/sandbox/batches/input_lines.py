"""Reads and validates the input of a batch: JSON Lines with one request each.

Form, limits and codes: OpenAI Batch API reference and guide, and Azure's list of batch error codes, read 2026-11-22.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from imagecli.catalog.catalog import Catalog
from imagecli.sandbox.request_validation import CLASSIC_MODEL, DEFAULT_MODELS

MAX_REQUESTS: Final = 50_000
MAX_BYTES: Final = 200_000_000
MAX_ERRORS: Final = 100
"""Errors of one file that are reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputLine:
    """One request; *start* and *end* are its byte offsets in the file."""

    custom_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InputLineError:
    """An error of the file; *line* counts from 1, None for an error of the file as such."""

    code: str
    message: str
    param: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchInput:
    """The content of a file; the requests are valid if *errors* is empty."""

    lines: tuple[InputLine, ...] = ()
    errors: tuple[InputLineError, ...] = ()
    model: str | None = None
    file_ids: frozenset[str] = frozenset()
    """The images that its bodies refer to."""


def read_batch_input(data: bytes, endpoint: str, catalog: Catalog) -> BatchInput:
    """Reads *data*. Never raises: errors are part of the result."""
    if len(data) > MAX_BYTES:
        return BatchInput(
            errors=(InputLineError(code="file_too_large", message=f"The file exceeds {MAX_BYTES} bytes."),)
        )
    reader = _Reader(endpoint, catalog)
    for number, (start, end) in enumerate(_line_spans(data), 1):
        reader.take(number, data, start, end)
        if len(reader.errors) >= MAX_ERRORS:
            break
    return reader.result()


def read_line_body(data: bytes, line: InputLine) -> dict[str, Any]:
    """The body of a line that has been validated."""
    body: dict[str, Any] = json.loads(data[line.start : line.end].decode())["body"]
    return body


def _line_spans(data: bytes) -> Iterator[tuple[int, int]]:
    """The byte offsets of each line; no line begins after the last newline."""
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        yield start, end
        start = end + 1


class _Reader:
    """Reads line by line and remembers what has to be the same or unique in all lines."""

    def __init__(self, endpoint: str, catalog: Catalog) -> None:
        self._endpoint = endpoint
        models = (model for operation, model in DEFAULT_MODELS.items() if endpoint.endswith(f"/{operation}"))
        self._default_model = next(models, CLASSIC_MODEL)
        self._catalog = catalog
        self._lines: list[InputLine] = []
        self._custom_ids: set[str] = set()
        self._model: str | None = None
        self._file_ids: set[str] = set()
        self.errors: list[InputLineError] = []

    def take(self, number: int, data: bytes, start: int, end: int) -> None:
        text = data[start:end]
        if not text.strip():
            return
        try:
            request = json.loads(text.decode())
        except (ValueError, RecursionError):
            request = None
        error = self._objection(request)
        if error:
            code, message, param = error
            self.errors.append(InputLineError(code=code, message=message, param=param, line=number))
            return
        self._custom_ids.add(request["custom_id"])
        self._file_ids.update(_file_ids(request["body"]))
        self._lines.append(InputLine(custom_id=request["custom_id"], start=start, end=end))

    def result(self) -> BatchInput:
        if not self._lines and not self.errors:
            self.errors.append(InputLineError(code="empty_file", message="The batch file holds no requests."))
        if len(self._lines) > MAX_REQUESTS:
            message = f"The batch file holds {len(self._lines)} requests; the limit is {MAX_REQUESTS}."
            self.errors.append(InputLineError(code="too_many_tasks", message=message))
        return BatchInput(
            lines=tuple(self._lines),
            errors=tuple(self.errors),
            model=self._model,
            file_ids=frozenset(self._file_ids),
        )

    def _objection(self, request: Any) -> tuple[str, str, str | None] | None:
        """Code, message and parameter of what is wrong with a line."""
        if not isinstance(request, dict):
            return "invalid_json_line", "This line is not parseable as a JSON object.", None
        for name in ("custom_id", "method", "url", "body"):
            if request.get(name) is None:
                return "missing_required_parameter", f"Missing required parameter: '{name}'.", name
        custom_id, method, url, body = (request[name] for name in ("custom_id", "method", "url", "body"))
        if not isinstance(custom_id, str) or not custom_id:
            return "invalid_request", "Invalid 'custom_id': expected a string that is not empty.", "custom_id"
        if custom_id in self._custom_ids:
            return "duplicate_custom_id", f"The custom_id '{custom_id}' is used by an earlier line.", "custom_id"
        if method != "POST":
            return "invalid_method", f"Invalid 'method': expected 'POST', but got '{method}' instead.", "method"
        if url != self._endpoint:
            return "url_mismatch", f"The url '{url}' does not match the batch's endpoint '{self._endpoint}'.", "url"
        if not isinstance(body, dict):
            return "invalid_request", "Invalid type for 'body': expected an object.", "body"
        return self._objection_to_model(body.get("model") or self._default_model)

    def _objection_to_model(self, model: Any) -> tuple[str, str, str | None] | None:
        if not isinstance(model, str) or model not in self._catalog.models:
            return "model_not_found", f"The provided model '{model}' is not supported by the Batch API.", "body.model"
        if self._model not in (None, model):
            message = f"The model '{model}' does not match '{self._model}' of the lines before: a batch has one model."
            return "model_mismatch", message, "body.model"
        self._model = model
        return None


def _file_ids(body: dict[str, Any]) -> Iterator[str]:
    """The files that the body of an edit refers to, even if the body is invalid."""
    images = body.get("images")
    for reference in (*(images if isinstance(images, list) else ()), body.get("mask"), body.get("markup")):
        if isinstance(reference, dict) and isinstance(reference.get("file_id"), str):
            yield reference["file_id"]
