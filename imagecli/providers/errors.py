"""Error responses → our errors, with a hint: by status, by the code inside a 200 response, and for unknown fields.

The message, code and content filter result are read from any known shape, and nothing in them is trusted: OpenAI's
object, a bare text, a list; FastAPI's `detail`; bare code and message; problem+json; text, XML, HTML; nothing.
Sources: OpenAI API reference and error guide; error bodies of compatible servers, of FastAPI and of servers built on
it, collected 2026-11-22 and 2026-11-23.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from imagecli.errors import (
    AuthenticationError,
    BlockedError,
    ImagecliError,
    LimitError,
    NetworkError,
    QuotaError,
    RefusedError,
    UnsavedError,
)
from imagecli.providers.retry_rules import holds_image, mentions_loss, names_intermediary, proves_nothing_generated
from imagecli.quoting import printable_url

MAX_MESSAGE = 300
"""Characters of a server's message that are shown."""
MAX_CODE = 100
MAX_DEPTH = 6
MAX_ITEMS = 3
"""Errors of a list that are shown."""
MAX_CATEGORIES = 8

_RUN = r"[A-Za-z0-9+/_\\-]"
_ENCODED = rf"(?<!{_RUN})(?:{_RUN}{{120,}}+={{0,2}}|{_RUN}{{60,}}+(?:\s+{_RUN}{{60,}}+)+(?:\s+{_RUN}{{20,}}+)?={{0,2}})"
"""Base64 on one line or several, for example of an image that a server repeats: no language has such words."""
_MESSAGE_FIELDS = ("message", "msg", "error", "detail", "title", "errors", "issues")
"""Fields that hold the message, the best first."""


def parse_json(body: bytes) -> Any:
    """A body as JSON; None if it is invalid."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def error_text(document: Any, depth: int = MAX_DEPTH) -> str:
    """The message in an error document of any shape, or ""; searched at most *depth* levels deep."""
    if isinstance(document, str):
        return shorten_text(document)
    if isinstance(document, list) and depth:
        return shorten_text("; ".join(filter(None, (error_text(item, depth - 1) for item in document[:MAX_ITEMS]))))
    if not isinstance(document, dict) or not depth:
        return ""
    for key in _MESSAGE_FIELDS:
        if message := error_text(document.get(key), depth - 1):
            return shorten_text(_with_location(document, message))
    return ""


def _with_location(document: dict[str, Any], message: str) -> str:
    """*message* after the field it is about: FastAPI's `loc`."""
    location = document.get("loc")
    return f"{'.'.join(map(str, location))}: {message}" if isinstance(location, list) and location else message


def reason_without_images(document: dict[str, Any]) -> str:
    """Why a 200 response has no images, from wherever servers write it; "" if it does not say."""
    reasons = [error_text(document)]
    for name in _STATUS_OBJECTS:
        status = document.get(name)
        if isinstance(status, dict):
            reasons += [_scalar_text(status.get(key)) for key in ("status_msg", "message", "blockReason", "reason")]
    reasons += [_scalar_text(document.get(name)) for name in _REASON_FIELDS]
    for name in _ITEM_LISTS:
        items = document.get(name)
        for item in items[:MAX_ITEMS] if isinstance(items, list) else [items]:
            if isinstance(item, dict):
                reasons += _reasons_of_item(item)
    return shorten_text("; ".join(dict.fromkeys(filter(None, reasons))))


def _reasons_of_item(item: dict[str, Any]) -> list[str]:
    """Why *item* of a response has no image: its reason, the categories of a content filter, a refusal in words."""
    message = item.get("message")
    words = [message.get(key) for key in ("refusal", "content")] if isinstance(message, dict) else []
    return [
        *(_scalar_text(item.get(key)) for key in _REASON_FIELDS),
        *_find_categories(item, MAX_DEPTH),
        *(shorten_text(text) for text in words if isinstance(text, str)),
    ]


_STATUS_OBJECTS = (
    *("base_resp", "promptFeedback", "prompt_feedback", "task", "output", "result", "incomplete_details"),
)
"""Objects that describe how a request ended: MiniMax's, Gemini's, DashScope's, the Responses API's."""
_ITEM_LISTS = ("choices", "candidates", "output", "data", "results", "predictions", "artifacts")
_REASON_FIELDS = (
    *("finish_reason", "finishReason", "finishMessage", "failure_reason", "failureReason", "reason", "status_message"),
    *("revised_prompt_error", "block_reason", "raiFilteredReason"),
)


def error_detail(document: Any) -> dict[str, str]:
    """code, type and param as text, "" if missing; numbers become text too."""
    source = _find_error_object(document)
    detail = {key: _scalar_text(source.get(key)) for key in ("code", "type", "param")}
    error = source.get("error")
    if not detail["code"] and isinstance(error, str) and re.fullmatch(r"\w+", error) and error_text(source) != error:
        # sd-server: {"error": "server_error", "message": "…"}
        detail["code"] = shorten_text(error, MAX_CODE)
    return detail


def _find_error_object(document: Any, depth: int = MAX_DEPTH) -> dict[str, Any]:
    """The object with the code: the one in `error` or `detail`, the first of a list, else the outermost."""
    if isinstance(document, list) and document and depth:
        return _find_error_object(document[0], depth - 1)
    if not isinstance(document, dict):
        return {}
    for key in ("error", "detail"):
        value = document.get(key)
        if depth and isinstance(value, (dict, list)) and (inner := _find_error_object(value, depth - 1)):
            return inner
    return document


def content_filter_categories(document: Any) -> tuple[str, ...]:
    """The categories that a content filter found (`violence`), in the order of the response.

    From OpenAI's `moderation_details`, or the filtered ones in Azure's `content_filter_results`.
    """
    return tuple(dict.fromkeys(_find_categories(_find_error_object(document), MAX_DEPTH)))[:MAX_CATEGORIES]


def content_filter_stage(document: Any) -> str:
    """Where OpenAI's content filter found it: "input", "output", or "" if unknown."""
    details = _find_error_object(document).get("moderation_details")
    stage = details.get("moderation_stage") if isinstance(details, dict) else None
    return stage if stage in ("input", "output") else ""


def _find_categories(node: Any, depth: int) -> Iterator[str]:
    if not isinstance(node, dict) or not depth:
        return
    for key, value in node.items():
        if key == "categories" and isinstance(value, list):
            yield from (shorten_text(name, MAX_CODE) for name in value if isinstance(name, str) and name)
        elif isinstance(value, dict) and value.get("filtered") is True:
            yield shorten_text(key, MAX_CODE)
        else:
            yield from _find_categories(value, depth - 1)


def page_text(body: bytes) -> str:
    """The message in a body that is not JSON: the title of a web page, else the beginning of the text."""
    text = body[:20_000].decode("utf-8", "replace")
    if is_page(body):
        title = re.search(r"<(?:title|h1|message)[^>]*>([^<]*)", text, re.IGNORECASE)
        return shorten_text(title[1]) if title else "a web page"
    return shorten_text(text)


def is_page(body: bytes) -> bool:
    """Whether it is HTML or XML."""
    return body.lstrip()[:1] == b"<"


def without_surrogates(text: str) -> str:
    """*text* without lone surrogates, which JSON can hold but no output can encode."""
    return text.encode("utf-8", "replace").decode("utf-8")


def shorten_text(text: str, max_characters: int = MAX_MESSAGE) -> str:
    """*text* on one line of at most *max_characters*, without encoded data."""
    text = re.sub(_ENCODED, "[encoded data]", text)
    text = without_surrogates(" ".join(text[: 10 * max_characters].split()))
    return text if len(text) <= max_characters else text[: max_characters - 1] + "…"


def _scalar_text(value: Any) -> str:
    return shorten_text(str(value), MAX_CODE) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


QUOTA_CODES = (
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "billing_hard_limit_reached",
    "insufficient_user_quota",
    "budget_exceeded",
    "billing_not_active",
)
"""Codes for which waiting does not help. OpenAI error guide, read 2026-11-22; its last one has status 400. Then those
of one-api and LiteLLM."""
_QUOTA_SENTENCES = (
    r"exceeded your current quota|insufficient[_ ](?:quota|credit|balance|funds)|billing hard limit"
    r"|not enough (?:balance|credit|funds)|balance (?:is )?(?:insufficient|not enough|too low|exhausted)"
    r"|(?:余额|额度|配额)不足|欠费"
)
_RATE_SENTENCES = r"\bmetric|per[ _-]?(?:min|sec|hour|day)|rate limit|retry|try again|\b[RT]P[MD]\b"
"""Gateways keep a provider's sentence and drop its code; Gemini uses OpenAI's sentence for its rate limits."""

POLICY_CODES = (
    "moderation_blocked",
    "content_policy_violation",
    "contentFilter",  # Azure's
    "content_filter",
)
_POLICY_SENTENCES = r"rejected (?:by|as a result of) (?:the|our) safety system|content (?:management )?policy"
_KEY_CODES = ("no_db_connection",)
"""LiteLLM's for a key that is not its master key, if it has no database of keys. It has status 400."""
_MODEL_SENTENCES = r"(?:invalid|unknown) model|\bmodel\b.{0,100}(?:not found|does(?: not|n't) exist|not available)"
_REDIRECTS = (301, 302, 303, 307, 308)
_ENDPOINTS = ("/images/generations", "/images/edits", "/images/variations", "/models")
"""How paths of requests end."""
MAX_CATEGORIES_TEXT = 200
"""Characters of the categories of a content filter that are shown."""


def is_quota(status: int, body: bytes) -> bool:
    """Whether a refusal is about money, so that the request must never be sent again."""
    document = parse_json(body)
    detail = error_detail(document)
    if detail["code"] in QUOTA_CODES or detail["type"] in QUOTA_CODES or status == 402:
        return True
    if status not in (400, 403, 429) or not re.search(_QUOTA_SENTENCES, error_text(document), re.IGNORECASE):
        return False
    return not re.search(_RATE_SENTENCES, body.decode("utf-8", "replace"), re.IGNORECASE)


def _telling_code(detail: Mapping[str, str], status: int) -> str:
    """The code or type of an error that is more specific than its *status*; "" if it has none."""
    names = (detail["code"], detail["type"])
    return next((name for name in names if name not in ("", str(status), "None")), "")


def error_from_response(
    status: int, headers: Mapping[str, str], body: bytes, *, is_nothing_generated: bool | None = None, path: str = ""
) -> ImagecliError:
    """The error for a response that is not 2xx: UnsavedError unless nothing was generated. *headers* have lower-case
    names. *is_nothing_generated*: None for what the response itself proves. *path*: that of the request.
    """
    if is_nothing_generated is None:
        is_nothing_generated = proves_nothing_generated(status, headers, body)
    document = parse_json(body)
    detail = error_detail(document)
    code = _telling_code(detail, status)
    stated = detail["code"] or detail["type"]
    reason = error_text(document) or page_text(body) or "no reason given"
    about = _with_details(reason, code, detail["param"])
    of_status = f"(HTTP {status}): {_with_details(_without_status(reason, status), code, detail['param'])}"
    facts: dict[str, Any] = {"status": status, "request_id": headers.get("x-request-id"), "code": stated or None}

    if is_quota(status, body):
        return QuotaError(f"account out of credit or over its spending limit: {about}", hint=_HINT_QUOTA, **facts)
    if status == 429 and is_nothing_generated:
        return LimitError(f"rate limit: {about}", hint=HINT_RATE, **(facts | {"code": stated or "rate_limited"}))
    if status == 401 or code in _KEY_CODES or (status in (400, 403) and re.search(_BAD_KEY, reason, re.IGNORECASE)):
        hint = _HINT_VERIFY if _is_unverified(reason) else _HINT_KEY
        return AuthenticationError(f"the API key was refused: {about}", hint=hint, **facts)
    if code in POLICY_CODES or (status < 500 and re.search(_POLICY_SENTENCES, reason, re.IGNORECASE)):
        message = f"refused by the provider's policy: {about}{_filter_details(document, reason)}"
        return RefusedError(message, hint=_HINT_POLICY, **facts)
    endpoint = path.rpartition("/")[2]
    if endpoint in _HINTS_NO_ENDPOINT and _is_missing_route(status, body, reason):
        message = f"the server has no {endpoint} endpoint {of_status}"
        return RefusedError(message, hint=_HINTS_NO_ENDPOINT[endpoint], **facts)
    if status in (404, 405) and (is_page(body) or not body.strip()):
        return RefusedError(f"no Images API at this URL {of_status}", hint=HINT_BASE_URL, **facts)
    if status < 200:
        return UnsavedError(f"the response ended with HTTP {status}, an interim status", hint=_HINT_BILLED, **facts)
    if 300 <= status < 400 and status not in _REDIRECTS:
        message = f"the server returned HTTP {status} and no image"
        return NetworkError(message, hint=HINT_BASE_URL, **facts)
    if 300 <= status < 400:
        message, hint = _describe_redirect(status, headers.get("location", ""), path)
        return NetworkError(message, hint=hint, **facts)
    if status == 407:
        return NetworkError(
            "the proxy requires a valid user name and password (HTTP 407)", hint=HINT_PROXY_PASSWORD, **facts
        )
    if not is_nothing_generated:
        message = f"the server failed and may have generated the image {of_status}"
        is_repeated = names_intermediary(error_text(document))
        return UnsavedError(message, hint=_HINT_REPEATED if is_repeated else _HINT_BILLED, **facts)
    if status >= 500 or status == 408:
        return NetworkError(f"the server failed {of_status}", hint=_HINT_LATER, **facts)
    return RefusedError(f"the API refused the request {of_status}", hint=_hint_for(status, detail, reason), **facts)


_BAD_KEY: Final = (
    r"(?:incorrect|invalid|wrong|missing|no) api[ _-]?key|api[ _-]?key (?:is )?(?:not valid|invalid|missing|required)"
    r"|not authenticated|authentication credentials|(?:invalid|missing) (?:bearer|authorization|access token)"
    r"|无效的(?:令牌|密钥)|未提供(?:令牌|密钥)"
)
"""Sentences about a key in a response that is not a 401: xAI's and Gemini's 400, FastAPI's 403 for a missing one."""
_NO_ROUTE: Final = (
    r"(?:not found|method not allowed|404 page not found|no reason given)"
    r"|(?:invalid|unrecognized request) url\b.*|cannot post .*"
    r"|(?:route|path|endpoint) .{0,60}not found|(?:unknown|no) route.*"
)
"""The complete message of a web server or framework for a path that it does not know."""


def _describe_redirect(status: int, location: str, path: str) -> tuple[str, str]:
    """Message and hint for a redirect that was not followed. *path*: that of the request."""
    target = printable_url(location).partition("?")[0] if location else ""
    if not target.startswith(("http://", "https://")):
        return "the server redirects to another address; imagecli does not send the key there", HINT_BASE_URL
    message = f"the server redirects to {target} (HTTP {status}); imagecli does not send the key there"
    for endpoint in _ENDPOINTS:
        if path.endswith(endpoint) and target.endswith(endpoint):
            return message, f"if that is the API: --base-url {target.removesuffix(endpoint)}"
        if path.endswith(endpoint) and target.endswith(f"{endpoint}/"):
            operation = endpoint.rpartition("/")[2]
            return message, f'if that is the API: [providers.NAME] in config.toml, paths.{operation} = "{endpoint}/"'
    return message, HINT_BASE_URL


def _is_missing_route(status: int, body: bytes, reason: str) -> bool:
    """Whether it is a web server's or a framework's response to a path that it does not know."""
    plain = re.fullmatch(_NO_ROUTE, reason.strip(" .!"), re.IGNORECASE)
    return status in (404, 405, 501) and (is_page(body) or not body.strip() or plain is not None)


def _filter_details(document: Any, reason: str) -> str:
    """The categories of the content filter and whether it was the input or the output, unless *reason* has them."""
    categories, stage = content_filter_categories(document), content_filter_stage(document)
    if stage and categories:
        return f" ({stage}: {shorten_text(', '.join(categories), MAX_CATEGORIES_TEXT)})"
    new = [name for name in categories if name not in reason]
    return f"; categories: {shorten_text(', '.join(new), MAX_CATEGORIES_TEXT)}" if new else ""


def blocked_error() -> BlockedError:
    """The error for an image that moderation blocked in a response that reports success."""
    return BlockedError("blocked by the provider's moderation", hint=_HINT_BLOCKED)


_HINT_BLOCKED = "change the prompt or the input image; the provider's usage page shows whether it was billed"
_HINT_QUOTA = "top up or raise the limit on the provider's billing page, then run the same command again"
HINT_RATE = "run the same command again in a minute; in a batch, --rate N sends at most N requests per minute"
_HINT_KEY = "check the key, and that it belongs to this provider and project"
_HINT_POLICY = "change the prompt or the input image; nothing was generated"
HINT_BASE_URL = "check --base-url: the part before /images/generations, for example http://localhost:8080/v1"
_HINTS_NO_ENDPOINT = {
    "variations": "try vary --via edits, which uses the edits endpoint",
    "edits": "check --base-url, or choose a provider with an edits endpoint: imagecli providers",
}
HINT_PROXY_PASSWORD = "set HTTPS_PROXY or HTTP_PROXY to http://NAME:PASSWORD@HOST:PORT, or add the host to NO_PROXY"
_HINT_BILLED = "it may have been billed; check the provider's usage page before you run it again"
_HINT_REPEATED = (
    "the gateway may have repeated the request, and each one may have been billed; "
    "check the provider's usage page before you run it again"
)
_HINT_LATER = "nothing was generated, according to the response; run the same command again later"
_HINT_VERIFY = "verify your organization in the provider's settings; access can take up to 30 minutes"
_HINT_MODEL = "check the model name (on Azure, the deployment name), and that the key's project has access to it"
_HINT_RETIRED = "it is retired; imagecli models lists current models, and vary --via edits needs no variations endpoint"
_HINT_ENDPOINT = "check --base-url; imagecli providers lists what each provider offers"
_HINT_UPLOAD = "the upload is too large: use --input-size WxH to shrink it"


def _hint_for(status: int, detail: dict[str, str], reason: str) -> str | None:
    if status == 403 and _is_unverified(reason):
        return _HINT_VERIFY
    if detail["code"] == "unknown_parameter" or reason.startswith("Unknown parameter"):
        return f"omit {detail['param'] or 'that parameter'} for this model"
    if detail["code"] in ("model_not_found", "DeploymentNotFound") or re.search(_MODEL_SENTENCES, reason, re.I):
        return _HINT_MODEL
    return {404: _HINT_ENDPOINT, 405: _HINT_ENDPOINT, 410: _HINT_RETIRED, 413: _HINT_UPLOAD}.get(status)


def _with_details(reason: str, *details: str) -> str:
    """*reason*, and in parentheses those of *details* (code, parameter) that it does not contain."""
    text = ", ".join(detail for detail in details if detail and detail not in reason)
    return f"{reason} ({text})" if text else reason


def _without_status(reason: str, status: int) -> str:
    """*reason* without the *status* at its beginning, for a message that has it already: `502 Bad Gateway`."""
    return re.sub(rf"^(HTTP |error )*{status}\b[\s:.,-]*", "", reason, flags=re.IGNORECASE) or "no reason given"


def _is_unverified(reason: str) -> bool:
    return "must be verified" in reason


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
"""Code or type of an error → the HTTP status that it usually has (OpenAI error guide, read 2026-11-22)."""


def error_from_document(document: dict[str, Any]) -> ImagecliError:
    """The error inside a response with status 200, with its own message; its code decides the class of the error."""
    if not isinstance(document.get("error"), dict):
        document = {name: value for name, value in document.items() if name != "type"}  # that of the event
    detail = error_detail(document)
    code = detail["code"] or detail["type"]
    status = _ERROR_STATUSES.get(detail["code"]) or _ERROR_STATUSES.get(detail["type"]) or _find_status(document) or 400
    body = json.dumps(document).encode()
    like = error_from_response(status, {}, body, is_nothing_generated=not mentions_loss(body))
    message = error_text(document) or "the server reported an error with HTTP 200"
    about = f"{message} ({code})" if code and code not in message else message
    return type(like)(about, hint=like.hint, code=code or None, status=200)


def _find_status(document: dict[str, Any]) -> int | None:
    """An HTTP status in the error itself."""
    error = document.get("error") if isinstance(document.get("error"), dict) else document
    assert isinstance(error, dict)
    for name in ("http_code", "status", "code"):
        value = str(error.get(name))
        if re.fullmatch(r"[45]\d\d", value):
            return int(value)
    return None


_UNKNOWN_FIELD_STATUSES = (400, 406, 415, 422, 500)
"""FastAPI refuses with 422; a server whose code does not know an argument fails with 500."""
_CODES = ("unknown_parameter", "unsupported_parameter", "extra_forbidden", "value_error.extra")
_NAME = r"[`'\"]?([\w.\[\]-]+)[`'\"]?"
_QUOTED = r"[`'\"]([\w.\[\]-]+)[`'\"]"
# Text, as are the other patterns here and those of `retry_rules`: compiling them takes as long as a usual response,
# which needs none of them.
_SENTENCES = (
    r"(?:unknown|unrecogni[sz]ed|unsupported|unexpected)\s+(?:request\s+)?"
    rf"(?:parameter|param|argument|field|keyword argument|key)(?:s\b|\(s\)|\b)"
    rf"(?:\s+supplied|\s+in (?:the )?object)?\s*:?\s*{_NAME}"
    rf"|{_NAME}\s*:?\s+extra (?:fields|inputs) (?:are )?not permitted"
    rf"|{_QUOTED}\s+(?:is not supported|is not allowed|was unexpected|is an unknown)"
    rf"|does(?: not|n't) (?:support|accept|allow|know) (?:the )?(?:parameter|argument|field)s?:?\s*\[?{_NAME}"
    rf"|(?:parameter|argument|field|property) {_NAME} "
    r"(?:is (?:not |un)(?:supported|allowed|known|recogni[sz]ed)|should not exist)"
    rf"|(?:parameter|argument|field) not supported:? {_NAME}"  # xAI's
    rf"|setting {_NAME}\s*=\s*\S+ is not supported"  # LiteLLM's
    r"|\b([a-z]+(?:_[a-z]+)+) (?:is|are) not (?:supported|allowed)"
    rf"|unknown name \\*{_QUOTED}"
    rf"|(?:不支持|未知)(?:的)?参数\s*[:：]?\s*{_NAME}"
)
"""For example: Unknown parameter: 'style'. Unrecognized request argument supplied: style."""


def unknown_field(status: int, body: bytes, added: Iterable[str]) -> str | None:
    """The one field of *added* that the server refused as unknown; None if it refused anything else."""
    candidates = set(added)
    if status not in _UNKNOWN_FIELD_STATUSES or not candidates or holds_image(body):
        return None
    document = parse_json(body)
    if status >= 500 and (mentions_loss(body) or not isinstance(document, dict)):
        return None
    text = error_text(document) if document is not None else page_text(body)
    fields = {_plain_name(name) for name in _unknown_fields(document, text)}
    (field,) = fields if len(fields) == 1 else (None,)
    return field if field in candidates else None


def _unknown_fields(document: Any, text: str) -> set[str]:
    """Every field that is reported as unknown: by code and param, in FastAPI's list, or in a sentence of *text*."""
    details = document.get("detail") if isinstance(document, dict) else None
    if isinstance(details, list):
        return {name for entry in details for name in _field_of_entry(entry)}
    detail = error_detail(document)
    if detail["param"] and (detail["code"] in _CODES or detail["type"] in _CODES):
        return {detail["param"]}
    return {name for match in re.finditer(_SENTENCES, text, re.IGNORECASE) for name in match.groups() if name}


def _field_of_entry(entry: Any) -> set[str]:
    """The unknown field in an entry of FastAPI's list; "" if the entry is about another problem."""
    location = entry.get("loc") if isinstance(entry, dict) else None
    if not isinstance(location, list) or not location:
        return {""}
    return {str(location[-1]) if entry.get("type") in _CODES else ""}


def _plain_name(name: str) -> str:
    """The last part of a field name as the API writes it: `output_format` for body.outputFormat and output_format[]."""
    return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name.rpartition(".")[2].removesuffix("[]")).lower()
