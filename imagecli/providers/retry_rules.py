"""What a response that is not 2xx proves about a paid request: whether it is retried, and whether it may be billed.

The table is the retry rule. A 4xx that is not in it is a refusal; a 5xx that is not in it proves nothing, because an
intermediary may have sent it. Sources: RFC 9110 and 6585; OpenAI error guide, read 2026-11-22; documentation of
Cloudflare (520 to 526) and Anthropic (529), read 2026-11-23; the errors of LiteLLM, one-api, new-api, Envoy and nginx
about responses that they lost, read 2026-11-29.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

Proof = Literal["status", "error or wait", "trusted error", "none"]
"""What a response must have to prove that nothing was generated: no more than its status; the API's own error object
or a Retry-After; the API's own error object, at a provider whose `retry_500` is set; nothing that it has is enough."""


class StatusRule(NamedTuple):
    """One row of the table."""

    status: int
    proof: Proof
    is_temporary: bool
    """A later attempt may succeed, so the request is retried if nothing was generated."""
    because: str


STATUSES: Final = (
    StatusRule(408, "none", False, "gateways return it when the model took too long"),
    StatusRule(409, "status", False, "refused because of another request"),
    StatusRule(425, "status", False, "refused before it was processed"),
    StatusRule(429, "status", True, "a rate limit; a quota error is never retried"),
    StatusRule(500, "trusted error", True, "the server failed; gateways also return it for lost responses"),
    StatusRule(501, "status", False, "not implemented"),
    StatusRule(502, "none", False, "the gateway has no valid response from the server"),
    StatusRule(503, "error or wait", True, "overloaded; gateways also return it for lost responses"),
    StatusRule(504, "none", False, "the gateway stopped waiting, the server did not"),
    StatusRule(505, "status", False, "the HTTP version is not supported"),
    StatusRule(511, "status", False, "the network requires a login"),
    StatusRule(520, "none", False, "the gateway has an empty or broken response from the server"),
    StatusRule(521, "none", False, "the gateway could not reach the server, or lost it"),
    StatusRule(522, "none", False, "the gateway's connection to the server timed out"),
    StatusRule(523, "none", False, "the gateway could not reach the server, or lost it"),
    StatusRule(524, "none", False, "the gateway stopped waiting, the server did not"),
    StatusRule(525, "status", False, "the gateway made no TLS connection to the server"),
    StatusRule(526, "status", False, "the gateway refused the server's certificate"),
    StatusRule(529, "error or wait", True, "overloaded"),
)

_RULES: Final = {rule.status: rule for rule in STATUSES}
_UNKNOWN_FAILURE: Final = StatusRule(500, "none", False, "an undocumented status")
_REFUSAL: Final = StatusRule(400, "status", False, "refused")

_MENTIONS_LOSS: Final = (
    r"(?<!have been )time[ds]?[ _-]?out|deadline[ _]exceeded|\bEOF\b|unexpected end|end of file|premature"
    r"|time (?:limit )?exceeded|exceeded the (?:\w+ ){0,3}time|took too long"
    r"|(?:failed to|not|n't) respond|no (?:reply|response)|NoHttpResponse"
    r"|\bECONN|\bEPIPE\b|reset by peer|broken pipe|hung? up|GOAWAY|RST_STREAM|disconnect|UND_ERR|fetch failed"
    r"|connection[ _](?:was |has been )?(?:reset|aborted|closed|lost|terminat|broken|err)"
    r"|reset (?:reason|before headers|while|stream)|stream (?:was )?reset|stream error|not closed cleanly"
    r"|closed (?:(?:the )?connection|without|idle|network)|(?:socket|side|forcibly|transfer) closed"
    r"|(?:request|operation|task|call|context|worker)\b.{0,20}\b(?:abort|cancell?ed|died|killed|crash)"
    r"|incomplete ?(?:read|chunk)|not completed|outstanding read|empty (?:reply|response|body)"
    r"|(?:Read|RemoteProtocol|ServerDisconnected|ClientPayload|ChunkedEncoding)Error|read(?:ing)?:? (?:tcp|response)"
    r"|(?:decod|read|pars|unmarshal|deserializ)\w* (?:the )?(?:\S+ )?response|malformed (?:HTTP )?response"
    r"|content-encoding|copying content to a stream|invalid character .{1,8} looking for|Expecting value: line"
    r"|response (?:was )?(?:lost|truncated)|lost (?:the )?(?:connection|response)"
    r"|超时|连接(?:被|已)?(?:重置|断开|关闭|中断)|响应(?:为空|时间过长)|空响应|(?:读取|解析)(?:上游)?响应|网络(?:异常|错误|中断)"
    r"|请求(?:被|已)?(?:中断|取消|终止)|タイムアウト|시간이? ?초과"
)
"""Phrases by which an error's body says that another server's response was lost: those of Go, Node, Python, Java, .NET,
curl, and of gateways. "You have been timed out" is a rate limit (Stability's). Text, as the patterns in `errors`."""
_INTERMEDIARIES: Final = r"litellm|upstream|bad_response|do_request_failed|\bproxy\b|gateway|(?:new|one)_?api_error"
"""Names of an error, or in its message, by which an intermediary is recognized."""
_IMAGE: Final = (
    rb"iVBORw0KGgo|[\"']/9j/4|UklGR[A-Za-z0-9+/]{4}|data:image/[\w.+-]+;base64|\x89PNG\r\n|\xff\xd8\xff"
    rb"|AAAA[A-Za-z0-9+/]{2}Z0eXB(?:hdm|oZ|taWYx|tc2Yx)|ftyp(?:avi[fs]|hei[cx]|mif1)"
    rb"|(?:image_generation|image_edit|response)\.completed|\"b64_json\\?\"\s*:\s*\\?\"[A-Za-z0-9+/_-]{40}"
)
"""How image data, or the event that completes an image, begins in a body."""


def proves_nothing_generated(status: int, headers: Mapping[str, str], body: bytes, *, retry_500: bool = False) -> bool:
    """Whether the response proves that the request generated nothing. *headers* have lower-case names.

    *retry_500*: the provider's field; its 500 with an error object is trusted.
    """
    proof = _rule(status).proof
    if proof == "status" and status < 500 and status != 429:
        return True  # a refusal may repeat the request: timeouts and images in it are those of an input
    if proof == "none" or holds_image(body) or mentions_loss(body):
        return False
    if proof == "status":
        return True
    if proof == "error or wait" and (headers.get("retry-after") or headers.get("retry-after-ms")):
        return True
    return (proof == "error or wait" or retry_500) and _has_own_error(body)


def is_retried(
    status: int, headers: Mapping[str, str], body: bytes, *, free: bool = False, retry_500: bool = False
) -> bool:
    """Whether the same request may be sent again after this response; *free*: a request that costs nothing.

    `x-should-retry: false` forbids it. `true` allows no more than the table does: a retry could be billed twice.
    """
    if headers.get("x-should-retry", "").strip().lower() == "false":
        return False
    if free:
        return status in (408, 409, 425, 429, 500) or 501 < status < 600
    return _rule(status).is_temporary and proves_nothing_generated(status, headers, body, retry_500=retry_500)


def holds_image(body: bytes) -> bool:
    """Whether an error's *body* has image data in it, or the event that completes an image."""
    return re.search(_IMAGE, body) is not None


def _rule(status: int) -> StatusRule:
    return _RULES.get(status) or (_UNKNOWN_FAILURE if status >= 500 else _REFUSAL)


def mentions_loss(body: bytes) -> bool:
    """Whether an error's *body* says that the response of another server was lost."""
    return re.search(_MENTIONS_LOSS, unescaped(body.decode("utf-8", "replace")), re.IGNORECASE) is not None


def unescaped(text: str) -> str:
    """*text* with the characters that JSON may write as escapes; unchanged if it is not JSON."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _has_own_error(body: bytes) -> bool:
    """Whether *body* is the API's own error object: a message with a type, code or status that is a word, and no sign
    of an intermediary that made the error of its own failure."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return False
    error: Any = document.get("error") if isinstance(document, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return False
    names = [str(error.get(key)) for key in ("type", "code", "status")]
    is_named = any(re.fullmatch(r"(?!None$|null$)[A-Za-z].*", name) for name in names)
    return is_named and not names_intermediary(" ".join([*names, error["message"]]))


def names_intermediary(text: str) -> bool:
    """Whether the *text* of an error says that a server between imagecli and the API made it."""
    return re.search(_INTERMEDIARIES, text, re.IGNORECASE) is not None
