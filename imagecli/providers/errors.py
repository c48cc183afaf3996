"""A refusal or failure → the error that fits it, and the way out.

Sources: OpenAI API reference and error guide; error bodies of compatible servers, collected 2026-11-22.

An error told inside a successful answer → the error that fits it: no status says what it is, so its code does.

A refusal that names one field which the server does not know. Pure.

OpenAI API reference and its answers, the errors of FastAPI and of servers built on it, collected 2026-11-23.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from imagecli.errors import (
    AuthenticationError,
    ImagecliError,
    LimitError,
    NetworkError,
    QuotaError,
    RefusedError,
    UnsavedError,
)
from imagecli.providers.error_text import (
    content_filter_categories,
    content_filter_stage,
    error_detail,
    error_text,
    is_page,
    page_text,
    parse_json,
    shorten_text,
)
from imagecli.providers.http_status import is_possibly_billed

QUOTA_CODES = (
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "billing_hard_limit_reached",
)
"""Waiting does not help. OpenAI error guide, read 2026-11-22; the last one comes with status 400."""

POLICY_CODES = (
    "moderation_blocked",
    "content_policy_violation",
    "contentFilter",  # Azure's
    "content_filter",
)
_REDIRECTS = (301, 302, 303, 307, 308)
MAX_FOUND = 200
"""Characters of what a filter found that are shown."""


def is_quota(status: int, body: bytes) -> bool:
    """Whether a refusal is about money, so that it must never be sent again."""
    detail = error_detail(parse_json(body))
    return detail["code"] in QUOTA_CODES or detail["type"] in QUOTA_CODES or status == 402


def error_from_response(status: int, headers: Mapping[str, str], body: bytes) -> ImagecliError:
    """The error for an answer that is not 2xx. *headers* with lower-case names."""
    document = parse_json(body)
    detail = error_detail(document)
    code = detail["code"] or detail["type"]
    words = error_text(document) or page_text(body) or "no reason given"
    about = _with_details(words, code, detail["param"])
    facts: dict[str, Any] = {"status": status, "request_id": headers.get("x-request-id"), "code": code or None}

    if is_quota(status, body):
        return QuotaError(f"account out of credit or over its spending limit: {about}", hint=_HINT_QUOTA, **facts)
    if status == 429:
        return LimitError(f"rate limit: {about}", hint=_HINT_RATE, **(facts | {"code": code or "rate_limited"}))
    if status == 401:
        hint = _HINT_VERIFY if _is_unverified(words) else _HINT_KEY
        return AuthenticationError(f"the key was refused: {about}", hint=hint, **facts)
    if code in POLICY_CODES:
        said = f"refused by the provider's policy: {about}{_filter_details(document, words)}"
        return RefusedError(said, hint=_HINT_POLICY, **facts)
    if status in (404, 405) and (is_page(body) or not body.strip()):
        return RefusedError(f"no Images API there (HTTP {status}): {about}", hint=_HINT_BASE_URL, **facts)
    if status < 200:
        return UnsavedError(f"the answer ended with HTTP {status}, which is only a prelude", hint=_HINT_BILLED, **facts)
    if 300 <= status < 400 and status not in _REDIRECTS:
        said = f"the server answered HTTP {status}, which is no answer to a purchase and holds no picture"
        return NetworkError(said, hint=_HINT_BASE_URL, **facts)
    if 300 <= status < 400:
        return NetworkError("the server redirects elsewhere; the key is not sent there", hint=_HINT_BASE_URL, **facts)
    if status == 407:
        return NetworkError("the proxy wants a name and a password (HTTP 407)", hint=_HINT_PROXY, **facts)
    if is_possibly_billed(status):
        return UnsavedError(f"the gateway gave up waiting (HTTP {status}): {about}", hint=_HINT_BILLED, **facts)
    if status >= 500:
        return NetworkError(f"the server failed (HTTP {status}): {about}", hint=_HINT_LATER, **facts)
    return RefusedError(f"the API refused it (HTTP {status}): {about}", hint=_hint_for(status, detail, words), **facts)


def _filter_details(document: Any, words: str) -> str:
    """What a filter found, and whether in what went in or in what came out, as far as it says."""
    found, stage = content_filter_categories(document), content_filter_stage(document)
    if stage and found:
        return f" ({stage}: {shorten_text(', '.join(found), MAX_FOUND)})"
    new = [word for word in found if word not in words]
    return f"; it names {shorten_text(', '.join(new), MAX_FOUND)}" if new else ""


_HINT_QUOTA = "top up or raise the limit on the provider's billing page, then run the same command again"
_HINT_RATE = "run the same command again in a minute; in a batch, --rate N sends at most N requests per minute"
_HINT_KEY = "check the key, and that it belongs to this provider and project"
_HINT_POLICY = "change the prompt or the picture; nothing was made"
_HINT_BASE_URL = "check --base-url: it ends where /images/generations begins, for example http://localhost:8080/v1"
_HINT_PROXY = "put them into HTTPS_PROXY and HTTP_PROXY, http://NAME:PASSWORD@HOST:PORT, or add the host to NO_PROXY"
_HINT_BILLED = "it may have been billed; look at the provider's usage page before running it again"
_HINT_LATER = "nothing was made as far as the answer says; run the same command again later"
_HINT_VERIFY = "the organization must be verified in the provider's settings; access follows within half an hour"
_HINT_MODEL = "check the model's name (of Azure: the deployment's), and that the key's project may use it"
_HINT_RETIRED = "it is retired: imagecli models names a model's successor for -m; vary --via edits needs no variations"
_HINT_ENDPOINT = "check --base-url; imagecli providers tells which provider offers what"
_HINT_UPLOAD = "the upload is too large: --input-size WxH shrinks it before sending"


def _hint_for(status: int, detail: dict[str, str], words: str) -> str | None:
    if status == 403 and _is_unverified(words):
        return _HINT_VERIFY
    if detail["code"] == "unknown_parameter" or words.startswith("Unknown parameter"):
        return f"leave {detail['param'] or 'that parameter'} out for this model"
    if detail["code"] in ("model_not_found", "DeploymentNotFound"):
        return _HINT_MODEL
    return {404: _HINT_ENDPOINT, 405: _HINT_ENDPOINT, 410: _HINT_RETIRED, 413: _HINT_UPLOAD}.get(status)


def _with_details(words: str, *marks: str) -> str:
    """The sentence, and behind it what else tells of the reason: the code, the parameter it is about."""
    more = ", ".join(mark for mark in marks if mark and mark not in words)
    return f"{words} ({more})" if more else words


def _is_unverified(words: str) -> bool:
    return "must be verified" in words


_ERROR_STATUSES: Final = {
    "invalid_api_key": 401,
    "authentication_error": 401,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "slow_down": 429,
    "server_error": 500,
    "internal_error": 500,
    "server_is_overloaded": 503,
    "service_unavailable_error": 503,
}
"""Code or type of an error → the status that it has where it has one (OpenAI error guide, read 2026-11-22)."""


def error_from_document(document: dict[str, Any]) -> ImagecliError:
    """The error that an answer with status 200 tells of, in its own words; its class by code, as no status tells."""
    if not isinstance(document.get("error"), dict):
        document = {name: value for name, value in document.items() if name != "type"}  # that of the event
    detail = error_detail(document)
    code = detail["code"] or detail["type"]
    status = _ERROR_STATUSES.get(detail["code"]) or _ERROR_STATUSES.get(detail["type"]) or _find_status(document) or 400
    like = error_from_response(status, {}, json.dumps(document).encode())
    words = error_text(document) or "the server reported an error with status 200"
    about = f"{words} ({code})" if code and code not in words else words
    return type(like)(about, hint=like.hint, code=code or None, status=200)


def _find_status(document: dict[str, Any]) -> int | None:
    """An HTTP status that the error itself names."""
    error = document.get("error") if isinstance(document.get("error"), dict) else document
    assert isinstance(error, dict)
    for name in ("http_code", "status", "code"):
        value = str(error.get(name))
        if re.fullmatch(r"[45]\d\d", value):
            return int(value)
    return None


_UNKNOWN_FIELD_STATUSES = (400, 422)
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
    if status not in _UNKNOWN_FIELD_STATUSES or not candidates:
        return None
    document = parse_json(body)
    named = {_plain_name(name) for name in _named_fields(document)}
    (field,) = named if len(named) == 1 else (None,)
    return field if field in candidates else None


def _named_fields(document: Any) -> set[str]:
    """Every field that is called unknown, by code and param, by FastAPI's list, or in a sentence."""
    details = document.get("detail") if isinstance(document, dict) else None
    if isinstance(details, list):
        return {name for entry in details for name in _field_of_entry(entry)}
    detail = error_detail(document)
    if detail["param"] and (detail["code"] in _CODES or detail["type"] in _CODES):
        return {detail["param"]}
    return {name for match in _SENTENCES.finditer(error_text(document)) for name in match.groups() if name}


def _field_of_entry(entry: Any) -> set[str]:
    """FastAPI's: the place of the field, and why it is refused. What is refused for another reason counts as named."""
    place = entry.get("loc") if isinstance(entry, dict) else None
    if not isinstance(place, list) or not place:
        return {""}
    return {str(place[-1]) if entry.get("type") in _CODES else ""}


def _plain_name(name: str) -> str:
    """A field without the place it stands in: body.style, style[]."""
    return name.rpartition(".")[2].removesuffix("[]")
