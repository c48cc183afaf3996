"""Errors in every shape that servers send, and the exit code of each."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagecli.providers.errors import error_from_response, is_quota

WORDS = "the prompt is too long"


def openai(code: str | None = None, type: str = "invalid_request_error", message: str = WORDS, **more: Any) -> bytes:
    return json.dumps({"error": {"message": message, "type": type, "param": None, "code": code} | more}).encode()


def litellm(kind: str, message: str, status: int, type: str = "throttling_error") -> bytes:
    """A provider's error as LiteLLM 1.108 passes it on: the provider's code is lost (tried 2026-11-30)."""
    return openai(str(status), type, f"litellm.{kind}: {kind}: OpenAIException - {message}\n\nLiteLLM: model group")


@pytest.mark.parametrize(
    "body",
    [
        openai(),
        json.dumps({"error": WORDS}).encode(),
        json.dumps({"error": [{"message": WORDS}]}).encode(),
        json.dumps({"errors": [{"message": WORDS}, {"message": "and more"}]}).encode(),
        json.dumps({"detail": WORDS}).encode(),
        json.dumps({"detail": [{"loc": ["body", "prompt"], "msg": WORDS, "type": "x"}]}).encode(),
        json.dumps({"code": 1234, "message": WORDS}).encode(),
        json.dumps({"type": "about:blank", "title": WORDS, "status": 400}).encode(),
        json.dumps(WORDS).encode(),
        json.dumps([{"error": {"message": WORDS}}]).encode(),
        WORDS.encode(),
        f"<html><head><title>\n {WORDS} </title></head></html>".encode(),
        f"<?xml version='1.0'?><Error><Message>{WORDS}</Message></Error>".encode(),
        b"\xef\xbb\xbf" + openai(),
        openai(message=WORDS.replace(" ", "\n\t  ")),
    ],
)
def test_the_servers_message_is_found_in_every_shape(body: bytes) -> None:
    assert WORDS in error_from_response(400, {}, body).message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<title>502 Bad Gateway</title>", "(HTTP 502): Bad Gateway"),
        (openai(message="HTTP error 502: upstream failed"), "(HTTP 502): upstream failed (invalid_request_error)"),
        (openai(message="5020 tokens"), "(HTTP 502): 5020 tokens (invalid_request_error)"),
        (b"502", "(HTTP 502): no reason given"),
    ],
)
def test_the_status_is_in_the_message_only_once(body: bytes, words: str) -> None:
    assert error_from_response(502, {}, body).message.endswith(words)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"detail": [{"loc": ["body", "size"], "msg": "field required", "type": "x"}]}, "body.size: field required"),
    ],
)
def test_the_field_of_a_validation_error_is_named(body: Any, words: str) -> None:
    assert words in error_from_response(422, {}, json.dumps(body).encode()).message


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"error": {"code": 402, "message": WORDS}}, "402"),
        (
            {"error": {"code": "InvalidParameter", "message": WORDS, "param": "size", "type": "BadRequest"}},
            "InvalidParameter",
        ),
        ({"error": {"code": "1214", "message": WORDS}}, "1214"),
        ({"error": "server_error", "message": WORDS}, "server_error"),
        ({"error": WORDS}, "refused"),
        ({"error": [{"code": "bad", "message": WORDS}]}, "bad"),
        ([{"error": {"code": 400, "message": WORDS, "status": "INVALID_ARGUMENT"}}], "400"),
        ({"detail": {"error": {"code": "bad", "message": WORDS}}}, "bad"),
        ({"code": 20012, "message": WORDS, "data": None}, "20012"),
        ({"detail": [{"loc": ["body"], "msg": WORDS, "type": "missing"}]}, "missing"),
        ({"detail": WORDS}, "refused"),
    ],
)
def test_the_code_is_found_in_every_shape(body: Any, code: str) -> None:
    error = error_from_response(400, {}, json.dumps(body).encode())
    assert (error.code, WORDS in error.message) == (code, True)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (openai("invalid_value", param="size"), f"{WORDS} (invalid_value, size)"),
        (openai("invalid_value", param="prompt"), f"{WORDS} (invalid_value)"),
        (openai(type="", param="size"), f"{WORDS} (size)"),
        (openai(type="", param=None), WORDS),
    ],
)
def test_the_parameter_that_is_meant_is_named(body: bytes, words: str) -> None:
    assert error_from_response(400, {}, body).message == f"the API refused the request (HTTP 400): {words}"


DETAILS = {"moderation_stage": "output", "categories": ["violence", "self-harm"]}
AZURE = {"violence": {"filtered": True, "severity": "medium"}, "hate": {"filtered": False, "severity": "safe"}}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            openai("moderation_blocked", moderation_details=DETAILS),
            "(moderation_blocked) (output: violence, self-harm)",
        ),
        (
            openai("moderation_blocked", message="safety_violations=[violence]", moderation_details=DETAILS),
            " (output: violence, self-harm)",
        ),
        (
            openai("moderation_blocked", moderation_details={**DETAILS, "moderation_stage": "unknown"}),
            "(moderation_blocked); categories: violence, self-harm",
        ),
        (
            openai("moderation_blocked", moderation_details={**DETAILS, "moderation_stage": ["x"]}),
            "violence, self-harm",
        ),
        (openai("moderation_blocked", moderation_details={"moderation_stage": "input"}), "(moderation_blocked)"),
        (
            openai("contentFilter", inner_error={"content_filter_results": AZURE}),
            "(contentFilter); categories: violence",
        ),
        (
            openai("contentFilter", innererror={"content_filter_result": {"hate": {"filtered": False}}}),
            "(contentFilter)",
        ),
        (openai("moderation_blocked", moderation_details={"categories": "x"}), "(moderation_blocked)"),
        (openai("moderation_blocked", moderation_details={"categories": [1, None, ""]}), "(moderation_blocked)"),
    ],
)
def test_the_findings_of_a_filter_are_printed(body: bytes, message: str) -> None:
    assert error_from_response(400, {}, body).message.endswith(message)


PAGE = b"<!doctype html><html><title>Not here</title></html>"


@pytest.mark.parametrize(
    ("status", "body", "exit_code", "code", "words"),
    [
        (400, openai("invalid_value"), 4, "invalid_value", "HTTP 400"),
        (400, openai("moderation_blocked"), 4, "moderation_blocked", "policy"),
        (400, openai("content_policy_violation"), 4, "content_policy_violation", "policy"),
        (400, openai("contentFilter"), 4, "contentFilter", "policy"),
        (400, openai("content_filter"), 4, "content_filter", "policy"),
        (400, openai("billing_hard_limit_reached"), 5, "billing_hard_limit_reached", "out of credit"),
        (401, openai("invalid_api_key"), 3, "invalid_api_key", "key was refused"),
        (401, b"", 3, "authentication", "key was refused"),
        (402, b"pay first", 5, "insufficient_quota", "out of credit"),
        (403, openai("unsupported_country"), 4, "unsupported_country", "HTTP 403"),
        (404, openai("model_not_found"), 4, "model_not_found", "HTTP 404"),
        (404, PAGE, 4, "refused", "no Images API at this URL"),
        (404, b"", 4, "refused", "no Images API at this URL"),
        (405, PAGE, 4, "refused", "no Images API at this URL"),
        (407, PAGE, 6, "network", "proxy"),
        (408, b"", 7, "unsaved", "HTTP 408"),
        (409, b"", 4, "refused", "HTTP 409"),
        (410, openai(), 4, "invalid_request_error", "HTTP 410"),
        (413, b"<html><title>413 Request Entity Too Large</title>", 4, "refused", "Too Large"),
        (418, b"teapot", 4, "refused", "teapot"),
        (422, b'{"detail": "no"}', 4, "refused", "HTTP 422"),
        (429, openai("rate_limit_exceeded", "requests"), 5, "rate_limit_exceeded", "rate limit"),
        (429, openai(None, "rate_limit_error"), 5, "rate_limit_error", "rate limit"),
        (429, b"", 5, "rate_limited", "rate limit"),
        (429, openai("insufficient_quota"), 5, "insufficient_quota", "out of credit"),
        (429, openai("credit_balance_exhausted", "insufficient_quota"), 5, "credit_balance_exhausted", "credit"),
        (429, openai(None, "insufficient_quota"), 5, "insufficient_quota", "out of credit"),
        (500, openai(None, "server_error"), 7, "server_error", "HTTP 500"),
        (503, openai(None, "server_error"), 6, "server_error", "HTTP 503"),
        (502, PAGE, 7, "unsaved", "Not here"),
        (503, b"", 7, "unsaved", "HTTP 503"),
        (504, PAGE, 7, "unsaved", "may have generated"),
        (520, b"", 7, "unsaved", "HTTP 520"),
        (524, PAGE, 7, "unsaved", "may have generated"),
        (529, b"", 7, "unsaved", "HTTP 529"),
        (600, b"", 7, "unsaved", "HTTP 600"),
        (103, b"", 7, "unsaved", "an interim status"),
        (302, b"", 6, "network", "redirects to another address"),
        (303, b"", 6, "network", "redirects to another address"),
    ],
)
def test_each_refusal_has_its_exit_code(status: int, body: bytes, exit_code: int, code: str, words: str) -> None:
    error = error_from_response(status, {"x-request-id": "req_1"}, body)
    assert (error.exit_code, error.code) == (exit_code, code)
    assert (error.status, error.request_id) == (status, "req_1")
    assert words in error.message


@pytest.mark.parametrize(
    ("status", "body", "hint"),
    [
        (401, openai("invalid_api_key"), "check the key"),
        (401, openai(message="Your organization must be verified to use the model"), "verify your organization"),
        (403, openai(message="Your organization must be verified to use the model"), "verify your organization"),
        (400, openai("unknown_parameter", param="style"), "omit style"),
        (400, openai(message="Unknown parameter: 'style'."), "omit that parameter"),
        (404, openai("model_not_found"), "model name"),
        (404, openai("DeploymentNotFound"), "deployment name"),
        (404, b'{"detail": "Not Found"}', "imagecli providers"),
        (405, b'{"detail": "Method Not Allowed"}', "imagecli providers"),
        (410, openai(), "imagecli models lists current models"),
        (413, b"", "--input-size"),
        (404, PAGE, "--base-url"),
        (429, openai("insufficient_quota"), "top up"),
        (504, b"", "may have been billed"),
        (503, openai(None, "server_error"), "nothing was generated"),
    ],
)
def test_the_hint_names_the_fix(status: int, body: bytes, hint: str) -> None:
    assert hint in (error_from_response(status, {}, body).hint or "")


SAFETY = "Your request was rejected by the safety system. If you believe this is an error, contact us."
INVALID_MODEL = "400: {'error': '/image/generations: Invalid model name passed in model=x. Call `/v1/models` to view'}"


@pytest.mark.parametrize(
    ("status", "body", "exit_code", "hint"),
    [
        (400, litellm("BadRequestError", SAFETY, 400, "image_generation_user_error"), 4, "change the prompt"),
        (400, litellm("ContentPolicyViolationError", "violates our content policy", 400), 4, "change the prompt"),
        (400, openai("400", "no_db_connection", "No connected db."), 3, "check the key"),
        (400, openai("400", "None", INVALID_MODEL), 4, "check the model name"),
        (404, openai("404", "NotFoundError", "The model `x` does not exist."), 4, "check the model name"),
        (404, openai(None, "not_found", "Model 'x' not found"), 4, "check the model name"),
        (500, litellm("APIConnectionError", "Connection error.", 500), 7, "may have repeated the request"),
        (408, litellm("Timeout", "Request timed out.", 408), 7, "may have repeated the request"),
        (502, b"<title>502 Bad Gateway</title>", 7, "may have been billed"),
    ],
)
def test_an_error_that_a_gateway_passes_on_without_its_code_has_the_same_hint(
    status: int, body: bytes, exit_code: int, hint: str
) -> None:
    error = error_from_response(status, {}, body)
    assert error.exit_code == exit_code
    assert hint in (error.hint or "")
    assert f"({status})" not in error.message


@pytest.mark.parametrize(
    ("status", "body", "is_about_money"),
    [
        (429, openai("insufficient_quota"), True),
        (429, openai(None, "insufficient_quota"), True),
        (429, openai("project_spend_limit_exceeded", "insufficient_quota"), True),
        (400, openai("billing_hard_limit_reached", "billing_limit_user_error"), True),
        (402, b"", True),
        (403, openai("insufficient_user_quota", "new_api_error"), True),
        (400, openai("400", "budget_exceeded"), True),
        (429, litellm("RateLimitError", "You exceeded your current quota, please check your plan", 429), True),
        (400, litellm("BadRequestError", "Billing hard limit has been reached", 400), True),
        (403, openai(message="用户额度不足"), True),
        (429, litellm("RateLimitError", "Rate limit reached for images. Please try again in 2s.", 429), False),
        (429, openai(message="You exceeded your current quota. * Quota exceeded for metric: x, limit: 10"), False),
        (429, openai(message="You exceeded your current quota", details=[{"retryDelay": "3600s"}]), False),
        (500, litellm("InternalServerError", "You exceeded your current quota", 500), False),
        (429, openai("rate_limit_exceeded"), False),
        (429, b"insufficient_quota", False),
        (429, b"", False),
        (503, openai("server_is_overloaded"), False),
    ],
)
def test_quota_errors_are_distinguished_from_rate_limits(status: int, body: bytes, is_about_money: bool) -> None:
    assert is_quota(status, body) is is_about_money


@pytest.mark.parametrize(
    "body",
    [
        lambda: b"x" * 3_000_000,
        lambda: openai(message="x" * 3_000_000),
        lambda: PAGE + b"x" * 3_000_000,
        lambda: b"<title>" + b"x" * 3_000_000,
        lambda: json.dumps({"errors": [{"message": "x" * 300_000}] * 50}).encode(),
        lambda: openai("moderation_blocked", moderation_details={"categories": [f"{k}" * 3_000 for k in range(50)]}),
        lambda: bytes(range(256)) * 4000,
        lambda: b'{"error":' * 900 + b"1" + b"}" * 900,
        lambda: b'{"error":' * 20_000 + b'"x"' + b"}" * 20_000,
        lambda: b"[" * 900 + b"]" * 900,
        lambda: b'{"code": ' + b"9" * 4000 + b"}",
        lambda: b'{"code": "' + b"c" * 100_000 + b'"}',
        lambda: "caf\xe9".encode("latin-1"),
    ],
)
def test_no_body_floods_or_breaks_the_message(body: Callable[[], bytes]) -> None:
    error = error_from_response(500, {}, body())
    assert len(error.message) < 700
    assert len(error.code) < 200


ENCODED = base64.b64encode(bytes(range(256)) * 20).decode()


@pytest.mark.parametrize(
    "encoded", [ENCODED, ENCODED.rstrip("="), base64.encodebytes(bytes(600)).decode(), ENCODED.replace("/", "\\/")]
)
@pytest.mark.parametrize("status", [429, 500, 400])
def test_an_image_in_an_error_message_is_not_printed(encoded: str, status: int) -> None:
    for body in (f"no: {encoded} is too large".encode(), openai(message=f"no: {encoded} is too large", code=encoded)):
        message = error_from_response(status, {}, body).message
        assert "no: [encoded data] is too large" in message
        assert not re.search("[A-Za-z0-9+/=]{40}", message)


def test_a_url_in_an_error_message_is_kept() -> None:
    address = "https://platform.openai.com/docs/guides/error-codes/api-errors-and-what-they-mean-for-you"
    assert address in error_from_response(400, {}, openai(message=f"see {address}")).message


@pytest.mark.parametrize(
    ("status", "words"),
    [(300, "HTTP 300"), (304, "HTTP 304"), (306, "HTTP 306"), (302, "to another address")],
)
def test_a_redirect_is_distinguished_from_a_similar_url(status: int, words: str) -> None:
    error = error_from_response(status, {}, b"")
    assert words in error.message
    assert (error.exit_code, error.status) == (6, status)


def test_messages_hold_no_surrogates() -> None:
    error = error_from_response(400, {}, b'{"error": {"message": "a \\ud800 b", "code": "\\ud800"}}')
    (error.message + error.code).encode()


@settings(max_examples=150)
@given(
    st.integers(300, 700),
    st.binary(max_size=60) | st.sampled_from([b"{}", b"[]", b"null", b'{"error":null}', b'{"error":[[1]]}', b"1"]),
)
def test_every_error_response_becomes_an_imagecli_error(status: int, body: bytes) -> None:
    error = error_from_response(status, {}, body)
    assert error.exit_code in (3, 4, 5, 6, 7)
    assert error.message


@pytest.mark.parametrize("path", ["/v1/images/variations", "/images/variations", "/v1/images/edits"])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, PAGE),
        (404, b""),
        (405, b""),
        (404, b'{"detail": "Not Found"}'),
        (405, b'{"detail":"Method Not Allowed"}'),
        (404, b"404 page not found"),
        (501, b""),
    ],
)
def test_an_endpoint_that_is_missing_is_named(path: str, status: int, body: bytes) -> None:
    error = error_from_response(status, {}, body, path=path)
    assert f"the server has no {path.rpartition('/')[2]} endpoint (HTTP {status})" in error.message
    assert error.exit_code == 4
    assert ("vary --via edits" in (error.hint or "")) == path.endswith("variations")


def test_a_missing_model_is_not_mistaken_for_a_missing_endpoint() -> None:
    error = error_from_response(404, {}, openai("model_not_found"), path="/v1/images/variations")
    assert "endpoint" not in error.message
    assert "no Images API at this URL" in error_from_response(404, {}, PAGE, path="/v1/images/generations").message


@pytest.mark.parametrize(
    ("status", "document", "expected"),
    [
        (400, {"error": {"message": "API key not valid. Please pass a valid API key.", "code": 400}}, 3),
        (400, {"code": "Client specified an invalid argument", "error": "Incorrect API key provided: xa***."}, 3),
        (403, {"detail": "Not authenticated"}, 3),
        (403, {"detail": "Authentication credentials were not provided."}, 3),
        (403, {"error": {"message": "无效的令牌", "type": "new_api_error"}}, 3),
        (403, {"error": {"message": "用户额度不足", "code": "insufficient_user_quota"}}, 5),
        (403, {"code": 30001, "message": "Sorry, your account balance is insufficient", "data": None}, 5),
        (403, {"error": {"message": "not active", "code": "billing_not_active"}}, 5),
        (429, {"error": {"message": "Insufficient credits. Add more."}}, 5),
        (403, {"error": {"message": "You have insufficient permissions for this operation."}}, 4),
        (400, {"error": {"message": "size must be 1024x1024"}}, 4),
    ],
)
def test_a_refused_key_and_an_empty_account_are_known_by_other_statuses_too(
    status: int, document: object, expected: int
) -> None:
    body = json.dumps(document).encode()
    error = error_from_response(status, {}, body)
    assert error.exit_code == expected
    assert is_quota(status, body) is (expected == 5)


@pytest.mark.parametrize(
    ("status", "message"),
    [(404, "Invalid URL (POST /v1/images/variations)"), (404, "Cannot POST /v1/images/variations"), (404, "No route")],
)
def test_a_missing_endpoint_is_known_in_the_words_of_other_servers(status: int, message: str) -> None:
    body = json.dumps({"error": {"message": message}}).encode()
    error = error_from_response(status, {}, body, path="/v1/images/variations")
    assert "has no variations endpoint" in error.message
