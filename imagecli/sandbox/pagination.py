"""Pagination of lists: the page that a query selects, in the API's format.

Source: OpenAI API reference, list batches and list files, read 2026-11-22.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.http_message import ServerRequest
from imagecli.sandbox.parameters import invalid_value_error

_PAGE_SIZE = re.compile(r"-?[0-9]{1,9}")


class HasId(Protocol):
    @property
    def id(self) -> str: ...


Entry = TypeVar("Entry", bound=HasId)


def select_page(
    entries: Sequence[Entry], request: ServerRequest, *, default: int, maximum: int
) -> tuple[Sequence[Entry], bool]:
    """The entries that the query selects, and whether there are more after them. Raises ApiError."""
    text = request.query.get("limit", str(default))
    if not _PAGE_SIZE.fullmatch(text) or not 1 <= int(text) <= maximum:
        raise invalid_value_error(
            "limit", f"Invalid 'limit': expected an integer between 1 and {maximum}, but got '{text}' instead."
        )
    start = _start_index(entries, request.query.get("after"))
    page = entries[start : start + int(text)]
    return page, start + len(page) < len(entries)


def _start_index(entries: Sequence[Entry], after: str | None) -> int:
    if after is None:
        return 0
    for index, entry in enumerate(entries, 1):
        if entry.id == after:
            return index
    raise ApiError(f"Invalid 'after': no object with id '{after}' in this list.", param="after", code="invalid_value")


def page_to_json(data: list[dict[str, Any]], *, has_more: bool) -> dict[str, Any]:
    """A page in the API's format."""
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": "", "last_id": ""}
    return {"object": "list", "data": data, **ends, "has_more": has_more}
