"""The routes of files.

Source: OpenAI API reference, files, and public issues that quote its refusals, read 2026-11-22.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import quote

from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.files.store import MONTH, File, Files, Stored
from imagecli.sandbox.form import Part, parts_of, put
from imagecli.sandbox.http_message import Request, Response, as_json
from imagecli.sandbox.pagination import as_list, page
from imagecli.sandbox.parameters import invalid, listed
from imagecli.sandbox.request_checks import check_method

PURPOSES: Final = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
JSONL: Final = {"batch": "Batch API", "fine-tune": "Fine-tuning API"}
"""Purpose → who reads it, and reads nothing but JSON Lines."""
READABLE: Final = ("batch", "batch_output", "vision")
"""Purposes whose files can be had back. Source: a table on community.openai.com, 2025-09."""
LIFETIMES: Final = (3600, 2_592_000)
"""Seconds."""

_WHOLE = re.compile(r"[0-9]{1,9}")


class FileRoutes:
    """Answers what is asked of files."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def answer(self, request: Request, rest: list[str]) -> Response:
        """*rest* is the path behind `/v1/files`. Raises ApiError."""
        if not rest:
            check_method(request, "GET", "POST")
            return self._upload(request) if request.method == "POST" else self._list(request)
        if len(rest) == 1:
            check_method(request, "GET", "DELETE")
            return (
                self._delete(rest[0]) if request.method == "DELETE" else as_json(200, self._file(rest[0]).described())
            )
        if rest[1:] == ["content"]:
            check_method(request, "GET")
            return content_of(self._file(rest[0]))
        raise ApiError(f"Invalid URL ({request.method} {request.path})", status=404)

    def _file(self, id: str) -> File:
        file = self._files.find(id)
        if file is None:
            raise ApiError(f"No such File object: {id}", status=404, param="id")
        return file

    def _upload(self, request: Request) -> Response:
        values: dict[str, Any] = {}
        file: Part | None = None
        for part in parts_of(request):
            if part.name == "file":
                file = part
            else:
                put(values, part.name, part.data.decode("utf-8", "replace"))
        purpose = _purpose(values)
        lifetime = _lifetime(values, purpose)
        for name in values:
            if name not in ("purpose", "expires_after"):
                raise ApiError(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
        if file is None:
            raise ApiError("Missing required parameter: 'file'.", param="file", code="missing_required_parameter")
        filename = file.filename or "upload"
        _check_content(file.data, filename, purpose)
        held = self._files.put(filename, purpose, Stored(file.data), lifetime=lifetime)
        return as_json(200, held.described())

    def _list(self, request: Request) -> Response:
        order = request.query.get("order", "desc")
        if order not in ("asc", "desc"):
            raise invalid("order", f"Invalid value: '{order}'. Supported values are: 'asc' and 'desc'.")
        wanted = request.query.get("purpose")
        files = [file for file in self._files.all() if wanted in (None, file.purpose)]
        found, more = page(files if order == "asc" else files[::-1], request, usual=10_000, most=10_000)
        return as_json(200, as_list([file.described() for file in found], more=more))

    def _delete(self, id: str) -> Response:
        self._files.delete(self._file(id).id)
        return as_json(200, {"id": id, "object": "file", "deleted": True})


def content_of(file: File) -> Response:
    """The bytes of a file; those that are made on the way are sent as they come."""
    if file.purpose not in READABLE:
        raise ApiError(f"Not allowed to download files of purpose: {file.purpose}")
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f"attachment; filename*=utf-8''{quote(file.filename, safe='')}",
    }
    if isinstance(file.content, Stored):
        return Response(status=200, headers=headers, body=file.content.data)
    return Response(status=200, headers=headers, parts=file.content.parts())


def _purpose(values: dict[str, Any]) -> str:
    purpose = values.get("purpose")
    if purpose is None:
        raise ApiError("Missing required parameter: 'purpose'.", param="purpose", code="missing_required_parameter")
    if purpose not in PURPOSES:
        raise invalid("purpose", f"Invalid value: '{purpose}'. Supported values are: {listed(PURPOSES)}.")
    return str(purpose)


def _lifetime(values: dict[str, Any], purpose: str) -> float | None:
    """Seconds; None for ever."""
    asked = values.get("expires_after")
    if asked is None:
        return MONTH if purpose == "batch" else None
    if not isinstance(asked, dict) or asked.get("anchor") != "created_at":
        raise invalid("expires_after[anchor]", "Invalid value. Supported values are: 'created_at'.")
    text = str(asked.get("seconds", ""))
    if not _WHOLE.fullmatch(text):
        raise invalid("expires_after[seconds]", f"Invalid value: '{text}'. Expected an integer.")
    return check_lifetime(int(text), "expires_after[seconds]")


def check_lifetime(seconds: int, param: str) -> float:
    """*seconds*, unless a file can't live so long. Raises ApiError."""
    low, high = LIFETIMES
    if not low <= seconds <= high:
        raise invalid(
            param, f"Invalid '{param}': expected a value between {low} and {high}, but got {seconds} instead."
        )
    return float(seconds)


def _check_content(data: bytes, filename: str, purpose: str) -> None:
    if not data:
        raise ApiError("File is empty.", param="file")
    if purpose in JSONL and not filename.lower().endswith(".jsonl"):
        raise ApiError(f"Invalid file format for {JSONL[purpose]}. Must be .jsonl", param="file")
