"""A refusal or failure → the error that fits it. Reads every error shape in use, and never trusts one.

Sources: OpenAI API reference and error guide; error bodies of compatible servers, collected 2026-11-22.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from imagecli.errors import (
    AuthenticationError,
    ImagecliError,
    LimitError,
    NetworkError,
    QuotaError,
    RefusedError,
    UnsavedError,
)

QUOTA_CODES = (
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "billing_hard_limit_reached",
)
"""Waiting does not help. OpenAI error guide, read 2026-11-22; the last one comes with status 400."""

POLICY_CODES = ("moderation_blocked", "content_policy_violation", "contentFilter")
MAX_WORDS = 300
"""Characters of a server's text that are shown."""
MAX_CODE = 100
MAX_DEPTH = 6


def is_quota(status: int, body: bytes) -> bool:
    """Whether a refusal is about money, so that it must never be sent again."""
    detail = detail_of(_parsed(body))
    return detail["code"] in QUOTA_CODES or detail["type"] in QUOTA_CODES or status == 402


def error_for(status: int, headers: Mapping[str, str], body: bytes) -> ImagecliError:
    """The error for an answer that is not 2xx. *headers* with lower-case names."""
    document = _parsed(body)
    detail = detail_of(document)
    code = detail["code"] or detail["type"]
    words = words_of(document) or _plain(body) or "no reason given"
    about = f"{words} ({code})" if code and code not in words else words
    facts: dict[str, Any] = {"status": status, "request_id": headers.get("x-request-id"), "code": code or None}

    if is_quota(status, body):
        return QuotaError(f"account out of credit or over its spending limit: {about}", hint=_HINT_QUOTA, **facts)
    if status == 429:
        return LimitError(f"rate limit: {about}", hint=_HINT_RATE, **(facts | {"code": code or "rate_limited"}))
    if status == 401:
        return AuthenticationError(f"the key was refused: {about}", hint=_HINT_KEY, **facts)
    if code in POLICY_CODES:
        return RefusedError(f"refused by the provider's policy: {about}", hint=_HINT_POLICY, **facts)
    if status in (404, 405) and (_is_page(body) or not body.strip()):
        return RefusedError(f"no Images API there (HTTP {status}): {about}", hint=_HINT_BASE_URL, **facts)
    if status < 200:
        return UnsavedError(f"the answer ended with HTTP {status}, which is only a prelude", hint=_HINT_BILLED, **facts)
    if 300 <= status < 400:
        return NetworkError("the server redirects elsewhere; the key is not sent there", hint=_HINT_BASE_URL, **facts)
    if status == 407:
        return NetworkError("the proxy wants a name and a password (HTTP 407)", hint=_HINT_PROXY, **facts)
    if status in (504, 524):
        return UnsavedError(f"the gateway gave up waiting (HTTP {status}): {about}", hint=_HINT_BILLED, **facts)
    if status >= 500:
        return NetworkError(f"the server failed (HTTP {status}): {about}", hint=_HINT_LATER, **facts)
    return RefusedError(f"the API refused it (HTTP {status}): {about}", hint=_hint_for(status, detail, words), **facts)


_HINT_QUOTA = "top up or raise the limit on the provider's billing page, then run the same command again"
_HINT_RATE = "wait a little, then run the same command again"
_HINT_KEY = "check the key, and that it belongs to this provider and project"
_HINT_POLICY = "change the prompt or the picture; nothing was made"
_HINT_BASE_URL = "check --base-url: it ends where /images/generations begins, for example http://localhost:8080/v1"
_HINT_PROXY = "put them into HTTPS_PROXY and HTTP_PROXY, or add the host to NO_PROXY"
_HINT_BILLED = "it may have been billed; look at the provider's usage page before running it again"
_HINT_LATER = "nothing was made as far as the answer says; run the same command again later"


def _hint_for(status: int, detail: dict[str, str], words: str) -> str | None:
    if "verified" in words and status in (401, 403):
        return "the organization must be verified in the provider's settings; access follows within half an hour"
    if detail["code"] == "unknown_parameter" or words.startswith("Unknown parameter"):
        return f"leave {detail['param'] or 'that parameter'} out for this model"
    if detail["code"] == "model_not_found":
        return "check the model's name, and that the key's project may use it"
    if status == 413:
        return "the upload is too large: --input-size WxH shrinks it before sending"
    return None


def detail_of(document: Any) -> dict[str, str]:
    """code, type and param as text, empty where there is none; numbers in `code` become digits."""
    error = document.get("error") if isinstance(document, dict) else None
    source = error if isinstance(error, dict) else document if isinstance(document, dict) else {}
    return {key: _scalar(source.get(key)) for key in ("code", "type", "param")}


def words_of(document: Any, depth: int = MAX_DEPTH) -> str:
    """The sentence in an error document of whatever shape, or nothing; not looked for deeper than *depth*."""
    if isinstance(document, str):
        return _short(document)
    if isinstance(document, list) and depth:
        return _short("; ".join(filter(None, (words_of(item, depth - 1) for item in document[:3]))))
    if not isinstance(document, dict) or not depth:
        return ""
    for key in ("message", "msg", "error", "detail", "title", "errors"):
        if words := words_of(document.get(key), depth - 1):
            where = ".".join(str(step) for step in document["loc"]) if isinstance(document.get("loc"), list) else ""
            return f"{where}: {words}" if where else words
    return ""


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _plain(body: bytes) -> str:
    """The text of a body that is not JSON: of a page its title, else its beginning."""
    text = body[:20_000].decode("utf-8", "replace")
    if _is_page(body):
        title = re.search(r"<(?:title|h1|message)[^>]*>([^<]*)", text, re.IGNORECASE)
        return _short(title[1]) if title else "a web page"
    return _short(text)


def _is_page(body: bytes) -> bool:
    return body.lstrip()[:1] == b"<"


def sound(text: str) -> str:
    """*text* without lone surrogates, which JSON can carry and no output can."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _short(text: str, most: int = MAX_WORDS) -> str:
    text = sound(" ".join(text[: 10 * most].split()))
    return text if len(text) <= most else text[: most - 1] + "…"


def _scalar(value: Any) -> str:
    return _short(str(value), MAX_CODE) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
