"""The routes below `/v1/files`.

Source: OpenAI API reference, files, and public issues that quote its errors, read 2026-11-22.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import quote

from imagecli.sandbox.errors import ApiError, check_method
from imagecli.sandbox.files.store import MONTH, FileStore, StoredBytes, StoredFile
from imagecli.sandbox.http_message import ServerRequest, ServerResponse, json_response
from imagecli.sandbox.pagination import page_to_json, select_page
from imagecli.sandbox.parameters import (
    invalid_value_error,
    missing_parameter_error,
    unknown_parameter_error,
    unsupported_value_error,
)
from imagecli.sandbox.request_body import FormPart, iter_form_parts, set_form_value

PURPOSES: Final = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
JSONL_READERS: Final = {"batch": "Batch API", "fine-tune": "Fine-tuning API"}
"""Purpose → the API that reads its files, which must be JSON Lines."""
READABLE: Final = ("batch", "batch_output", "vision")
"""Purposes whose files can be downloaded. Source: a table on community.openai.com, 2025-09."""
LIFETIMES: Final = (3600, 2_592_000)
"""Shortest and longest, in seconds."""

_INTEGER = re.compile(r"[0-9]{1,9}")


class FileRoutes:
    """Handles the requests for files. Thread-safe."""

    def __init__(self, files: FileStore) -> None:
        self._files = files

    def respond(self, request: ServerRequest, rest: list[str]) -> ServerResponse:
        """Responds to a request; *rest* is the path after `/v1/files`. Raises ApiError."""
        if not rest:
            check_method(request, "GET", "POST")
            return self._upload(request) if request.method == "POST" else self._list(request)
        if len(rest) == 1:
            check_method(request, "GET", "DELETE")
            file = self._find_file(rest[0])
            return self._delete(file) if request.method == "DELETE" else json_response(200, file.to_json())
        if rest[1:] == ["content"]:
            check_method(request, "GET")
            return file_content_response(self._find_file(rest[0]))
        raise ApiError(f"Invalid URL ({request.method} {request.path})", status=404)

    def _find_file(self, id: str) -> StoredFile:
        file = self._files.get(id)
        if file is None:
            raise ApiError(f"No such File object: {id}", status=404, param="id")
        return file

    def _upload(self, request: ServerRequest) -> ServerResponse:
        values: dict[str, Any] = {}
        file: FormPart | None = None
        for part in iter_form_parts(request):
            if part.name == "file":
                file = part
            else:
                set_form_value(values, part.name, part.data.decode("utf-8", "replace"))
        purpose = _read_purpose(values)
        lifetime = _read_lifetime(values, purpose)
        for name in values:
            if name not in ("purpose", "expires_after"):
                raise unknown_parameter_error(name)
        if file is None:
            raise missing_parameter_error("file")
        filename = file.filename or "upload"
        _check_content(file.data, filename, purpose)
        stored = self._files.add(filename, purpose, StoredBytes(file.data), lifetime=lifetime)
        return json_response(200, stored.to_json())

    def _list(self, request: ServerRequest) -> ServerResponse:
        order = request.query.get("order", "desc")
        if order not in ("asc", "desc"):
            raise invalid_value_error("order", f"Invalid value: '{order}'. Supported values are: 'asc' and 'desc'.")
        purpose = request.query.get("purpose")
        files = [file for file in self._files.all() if purpose in (None, file.purpose)]
        page, has_more = select_page(files if order == "asc" else files[::-1], request, default=10_000, maximum=10_000)
        return json_response(200, page_to_json([file.to_json() for file in page], has_more=has_more))

    def _delete(self, file: StoredFile) -> ServerResponse:
        self._files.delete(file.id)
        return json_response(200, {"id": file.id, "object": "file", "deleted": True})


def file_content_response(file: StoredFile) -> ServerResponse:
    """The bytes of a file; the output of a batch is created while it is sent. Raises ApiError."""
    if file.purpose not in READABLE:
        raise ApiError(f"Not allowed to download files of purpose: {file.purpose}")
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f"attachment; filename*=utf-8''{quote(file.filename, safe='')}",
    }
    if isinstance(file.content, StoredBytes):
        return ServerResponse(status=200, headers=headers, body=file.content.data)
    return ServerResponse(status=200, headers=headers, parts=file.content.parts())


def _read_purpose(values: dict[str, Any]) -> str:
    purpose = values.get("purpose")
    if purpose is None:
        raise missing_parameter_error("purpose")
    if purpose not in PURPOSES:
        raise unsupported_value_error("purpose", purpose, PURPOSES)
    return str(purpose)


def _read_lifetime(values: dict[str, Any], purpose: str) -> float | None:
    """Seconds; None for no expiry. Raises ApiError."""
    policy = values.get("expires_after")
    if policy is None:
        return MONTH if purpose == "batch" else None
    if not isinstance(policy, dict) or policy.get("anchor") != "created_at":
        raise invalid_value_error("expires_after[anchor]", "Invalid value. Supported values are: 'created_at'.")
    text = str(policy.get("seconds", ""))
    if not _INTEGER.fullmatch(text):
        raise invalid_value_error("expires_after[seconds]", f"Invalid value: '{text}'. Expected an integer.")
    return check_file_lifetime(int(text), "expires_after[seconds]")


def check_file_lifetime(seconds: int, param: str) -> float:
    """*seconds*, if it is a valid lifetime of a file. Raises ApiError."""
    low, high = LIFETIMES
    if not low <= seconds <= high:
        raise invalid_value_error(
            param, f"Invalid '{param}': expected a value between {low} and {high}, but got {seconds} instead."
        )
    return float(seconds)


def _check_content(data: bytes, filename: str, purpose: str) -> None:
    if not data:
        raise ApiError("File is empty.", param="file")
    if purpose in JSONL_READERS and not filename.lower().endswith(".jsonl"):
        raise ApiError(f"Invalid file format for {JSONL_READERS[purpose]}. Must be .jsonl", param="file")
