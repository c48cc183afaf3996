"""A refusal that names one field which the server does not know. Pure.

OpenAI API reference and its answers, the errors of FastAPI and of servers built on it, collected 2026-11-23.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from imagecli.providers.said import detail_of, parsed, words_of

_STATUSES = (400, 422)
"""FastAPI refuses with 422."""
_CODES = ("unknown_parameter", "unsupported_parameter", "extra_forbidden", "value_error.extra")
_NAME = r"[`'\"]?([\w.\[\]-]+)[`'\"]?"
_QUOTED = r"[`'\"]([\w.\[\]-]+)[`'\"]"
_SENTENCES = re.compile(
    r"(?:unknown|unrecognized|unrecognised|unsupported|unexpected)\s+(?:request\s+)?"
    rf"(?:parameter|argument|field|keyword argument|key)s?\b(?:\s+supplied)?\s*:?\s*{_NAME}"
    rf"|{_NAME}\s*:?\s+extra (?:fields|inputs) (?:are )?not permitted"
    rf"|{_QUOTED}\s+(?:is not supported|is not allowed|was unexpected|is an unknown)",
    re.IGNORECASE,
)
"""As servers say it: Unknown parameter: 'style'. Unrecognized request argument supplied: style."""


def unknown_field(status: int, body: bytes, added: Iterable[str]) -> str | None:
    """The one field of *added* that a refusal says the server does not know; None where it says anything else."""
    candidates = set(added)
    if status not in _STATUSES or not candidates:
        return None
    document = parsed(body)
    named = {_plain(name) for name in _named(document)}
    (field,) = named if len(named) == 1 else (None,)
    return field if field in candidates else None


def _named(document: Any) -> set[str]:
    """Every field that is called unknown, by code and param, by FastAPI's list, or in a sentence."""
    details = document.get("detail") if isinstance(document, dict) else None
    if isinstance(details, list):
        return {name for entry in details for name in _of_entry(entry)}
    detail = detail_of(document)
    if detail["param"] and (detail["code"] in _CODES or detail["type"] in _CODES):
        return {detail["param"]}
    return {name for match in _SENTENCES.finditer(words_of(document)) for name in match.groups() if name}


def _of_entry(entry: Any) -> set[str]:
    """FastAPI's: the place of the field, and why it is refused. What is refused for another reason counts as named."""
    place = entry.get("loc") if isinstance(entry, dict) else None
    if not isinstance(place, list) or not place:
        return {""}
    return {str(place[-1]) if entry.get("type") in _CODES else ""}


def _plain(name: str) -> str:
    """A field without the place it stands in: body.style, style[]."""
    return name.rpartition(".")[2].removesuffix("[]")
