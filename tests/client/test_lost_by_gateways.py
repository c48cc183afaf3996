"""A gateway that reports a response it lost is never sent the request again; a server that generated nothing is."""

from __future__ import annotations

import base64
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imagecli.catalog.catalog import load_shipped_catalog
from imagecli.client.paid_requests import Transport
from imagecli.errors import NetworkError, UnsavedError
from imagecli.events import Event, WarningEvent
from imagecli.http_request import HttpRequest
from imagecli.providers.response import parse_response
from imagecli.providers.retry_rules import holds_image, is_retried, proves_nothing_generated
from tests.client.raw import http, images_body, png, raw_server
from tests.client.sending import OK, QUICK, send
from tests.conftest import Run
from tests.images.sample_images import large_png


def error(message: str, type: Any = None, code: Any = None, **more: Any) -> bytes:
    return json.dumps({"error": {"message": message, "type": type, "param": None, "code": code, **more}}).encode()


NGINX = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n<hr><center>nginx</center>"
)
RESET = "upstream connect error or disconnect/reset before headers. reset reason: connection termination"
CLIENT = "An error occurred while processing your request. Read timed out."

LOST = {
    "LiteLLM, timeout": (500, error("litellm.Timeout: APITimeoutError - Request timed out.", None, "500")),
    "LiteLLM, connection": (500, error("litellm.InternalServerError: Connection error.", None, "500")),
    "LiteLLM, no reason": (500, error("litellm.InternalServerError: OpenAIException - unknown", "None", "500")),
    "LiteLLM, unavailable": (503, error("litellm.ServiceUnavailableError: Server disconnected", None, "503")),
    "LiteLLM, text": (500, b"Internal Server Error"),
    "Cloudflare, 520": (520, b"error code: 520"),
    "Cloudflare, 520 page": (520, b"<!DOCTYPE html><title>example.com | 520: Web server is returning an unknown error"),
    "Cloudflare, 520 in JSON": (520, error("Web server is returning an unknown error", "server_error", "origin")),
    "Cloudflare, 502": (502, b"error code: 502"),
    "nginx, 502": (502, NGINX.format("502 Bad Gateway").encode()),
    "nginx, 503": (503, NGINX.format("503 Service Temporarily Unavailable").encode()),
    "nginx, 500": (500, NGINX.format("500 Internal Server Error").encode()),
    "Envoy, 503": (503, RESET.encode()),
    "Envoy, 503 in JSON": (503, error(RESET, "server_error", "unavailable")),
    "Envoy, 500": (500, b"upstream request timeout"),
    "vLLM's router, 502": (502, error("Failed to read the worker's response", "Bad Gateway", "upstream")),
    "vLLM's router, 500": (500, error("error decoding response body: end of file", "Internal Server Error", 500)),
    "vLLM's router, 503": (503, error("hyper: connection closed before message completed", "server_error", "x")),
    "one-api, EOF": (500, error('Post "https://a.example/v1": unexpected EOF', "one_api_error", "do_request_failed")),
    "new-api, reset": (500, error("read tcp 10.0.0.1:1->1.1.1.1:443: connection reset by peer", "server_error", "x")),
    "new-api, bad response": (500, error("bad response status code 502", "new_api_error", "bad_response_status_code")),
    "new-api, Chinese": (500, error("上游请求超时，请稍后重试", "server_error", "request_failed")),
    "new-api, escaped": (503, json.dumps({"error": {"message": "连接被重置", "type": "server_error"}}).encode()),
    "a proxy with the API's shape": (500, error(CLIENT, "server_error", "server_error")),
    "a proxy, socket": (503, error("socket hang up", "server_error", "ECONNRESET")),
    "a proxy, deadline": (503, error("context deadline exceeded", "server_error", "internal")),
    "nothing": (503, b""),
}


@pytest.mark.parametrize(("status", "body"), LOST.values(), ids=LOST)
@pytest.mark.parametrize("retry_500", [True, False])
def test_a_response_that_a_gateway_lost_is_never_requested_again(status: int, body: bytes, *, retry_500: bool) -> None:
    with raw_server(http(f"{status} No", body), OK) as server:
        with pytest.raises(UnsavedError) as caught:
            send(server.base_url, transport(retry_500=retry_500))
        assert len(server.requests) == 1
    assert caught.value.exit_code == 7
    assert "may have been billed" in (caught.value.hint or "")


LOSS_PHRASES = """
fetch failed
TypeError: terminated (other side closed)
UND_ERR_SOCKET
stream error: stream ID 3; INTERNAL_ERROR; received from peer
HTTP/2 stream 1 was not closed cleanly: INTERNAL_ERROR (err 2)
http: server closed idle connection
use of closed network connection
malformed HTTP response
The operation was canceled.
This operation was aborted
cURL error 18: transfer closed with outstanding read data remaining
NoHttpResponseException: api.example:443 failed to respond
An existing connection was forcibly closed by the remote host.
Error while copying content to a stream
invalid character '<' looking for beginning of value
Expecting value: line 1 column 1 (char 0)
failed to unmarshal response body
Response payload is not completed
The server took too long to respond
the request exceeded the maximum execution time
Worker process was killed
上游返回空响应
读取响应失败
网络异常，请稍后重试
タイムアウト
요청 시간이 초과되었습니다
""".strip().splitlines()


@pytest.mark.parametrize("phrase", LOSS_PHRASES)
@pytest.mark.parametrize("status", [429, 500, 503, 529])
def test_every_library_s_message_for_a_lost_response_forbids_a_retry(status: int, phrase: str) -> None:
    body = error(phrase, "server_error", "server_error")
    assert not is_retried(status, {"retry-after": "1"}, body, retry_500=True)
    assert not proves_nothing_generated(status, {"retry-after": "1"}, body, retry_500=True)


@pytest.mark.parametrize(
    "message",
    [
        "You have exceeded the rate limit of 150 requests within a 10 second period, and have been timed out for 60 s.",
        "Requests to the Images_Create Operation have exceeded the call rate limit. Please retry after 6 seconds.",
        "The engine is currently overloaded, please try again later",
        "시간당 요청 한도를 초과했습니다",
        "请求过于频繁，请稍后再试",
    ],
)
def test_a_rate_limit_is_not_mistaken_for_a_lost_response(message: str) -> None:
    assert is_retried(429, {}, error(message, "rate_limit_error", "rate_limit"))


def test_a_loss_forbids_a_retry_even_beside_a_stated_wait() -> None:
    with raw_server(http("503 No", RESET.encode(), "Retry-After: 0"), OK) as server:
        with pytest.raises(UnsavedError):
            send(server.base_url, transport())
        assert len(server.requests) == 1


OWN = error("The server had an error while processing your request.", "server_error")
NOTHING_GENERATED = {
    "OpenAI, 500": (500, OWN),
    "OpenAI, 503": (503, error("The engine is currently overloaded", "service_unavailable_error", "overloaded")),
    "Anthropic, 529": (529, error("Overloaded", "overloaded_error")),
    "Gemini, 503": (503, error("The model is overloaded.", None, 503, status="UNAVAILABLE")),
}


@pytest.mark.parametrize(("status", "body"), NOTHING_GENERATED.values(), ids=NOTHING_GENERATED)
def test_an_api_that_reports_that_it_generated_nothing_is_retried(status: int, body: bytes) -> None:
    with raw_server(http(f"{status} No", body), OK) as server:
        assert send(server.base_url, transport(retry_500=True))[0].status == 200
        assert len(server.requests) == 2


def test_a_500_is_retried_only_if_the_provider_row_allows_it() -> None:
    with raw_server(http("500 No", OWN), OK) as server:
        with pytest.raises(UnsavedError):
            send(server.base_url, transport())
        assert len(server.requests) == 1


IMAGE = images_body(png())
B64 = base64.b64encode(png()).decode()
WITH_IMAGE = {
    "a complete response": (500, IMAGE),
    "an error beside it": (502, IMAGE[:-1] + b', "error": {"message": "late", "type": "server_error"}}'),
    "an overloaded server": (503, IMAGE[:-1] + b', "error": {"message": "late", "type": "server_error"}}'),
    "a completed event": (
        500,
        b'event: image_generation.completed\ndata: {"type": "image_generation.completed", '
        + IMAGE.removeprefix(b'{"data": [{').removesuffix(b"]}")
        + b"\n\n",
    ),
}


@pytest.mark.parametrize(("status", "body"), WITH_IMAGE.values(), ids=WITH_IMAGE)
def test_an_image_in_an_error_is_returned_and_not_requested_again(status: int, body: bytes) -> None:
    events: list[Event] = []
    with raw_server(http(f"{status} No", body, "Retry-After: 0"), OK) as server:
        response, received = send(server.base_url, transport(retry_500=True), events)
        assert len(server.requests) == 1
    assert (response.status, received) == (status, body)
    assert len(parse_response(received, server.base_url).images) == 1
    assert [event.code for event in events if isinstance(event, WarningEvent)] == ["image_in_error"]


NOISE = large_png(30_000, random.Random(12))
LARGE = base64.b64encode(NOISE).decode()
"""Longer than the strings that are cut out of a response while it is parsed."""
USAGE = {"input_tokens": 10, "output_tokens": 196, "total_tokens": 206}


def event(kind: str, b64_json: str, **more: Any) -> str:
    data = {"type": f"image_edit.{kind}", "b64_json": b64_json, **more}
    return f"event: image_edit.{kind}\ndata: {json.dumps(data)}\n\n"


STREAM = event("partial_image", B64, partial_image_index=0) + event("completed", LARGE, usage=USAGE)
QUOTES = {
    "LiteLLM, a stream": f"litellm.APIError: OpenAIException - {STREAM}\n\nLiteLLM: model group 'x' failed.",
    "a stream without names": f"can't parse {STREAM.replace('event: image_edit.completed', '')}",
    "JSON": f"Failed to parse response: {json.dumps({'created': 1, 'data': [{'b64_json': LARGE}]})}",
    "JSON in JSON": f"Failed to parse response: {json.dumps(json.dumps({'data': [{'b64_json': LARGE}]}))}",
    "a Python object": f"ValidationError: input_value={ {'data': [{'b64_json': LARGE, 'url': None}]} }",
}
ERRORS = {
    "error.message": lambda text: {"error": {"message": text, "type": "internal_server_error", "code": "500"}},
    "error": lambda text: {"error": text},
    "detail": lambda text: {"detail": [{"msg": text}]},
}


@pytest.mark.parametrize("quote", QUOTES.values(), ids=QUOTES)
@pytest.mark.parametrize("wrap", ERRORS.values(), ids=ERRORS)
def test_an_image_in_the_message_of_an_error_is_saved(
    imagecli: Run, folder: Path, quote: str, wrap: Callable[[str], Any]
) -> None:
    """LiteLLM quotes the event stream that it could not read."""
    with raw_server(http("500 No", json.dumps(wrap(quote)).encode()), OK) as server:
        done = imagecli("generate", "a cat", "--base-url", server.base_url, "-o", "a.png", "--stream")
        assert len(server.requests) == 1
    assert "ignored the request for a stream" not in done.stderr
    assert (done.exit_code, (folder / "a.png").read_bytes()) == (0, NOISE)
    assert "returned image data with HTTP 500" in done.stderr


def test_what_a_quoted_stream_cost_is_printed(imagecli: Run) -> None:
    body = error(QUOTES["LiteLLM, a stream"], "internal_server_error", "500")
    with raw_server(http("500 No", body)) as server:
        done = imagecli("generate", "a cat", "--base-url", server.base_url, "--json")
    assert done.json["requests"][0]["usage"] == USAGE


def test_a_quoted_stream_without_a_complete_image_is_an_error(imagecli: Run, folder: Path) -> None:
    body = error(f"litellm.APIError: {event('partial_image', LARGE, partial_image_index=0)}", None, "500")
    with raw_server(http("500 No", body)) as server:
        done = imagecli("generate", "a cat", "--base-url", server.base_url)
    assert done.exit_code == 7
    assert "litellm.APIError" in done.stderr
    assert not list(folder.iterdir())


def test_image_data_in_an_error_that_can_not_be_read_may_be_billed(imagecli: Run, folder: Path) -> None:
    body = error(f"litellm.APIError: {B64}", "internal_server_error", "500")
    with raw_server(http("500 No", body), OK) as server:
        done = imagecli("generate", "a cat", "--base-url", server.base_url, "-o", "a.png")
        assert len(server.requests) == 1
    assert done.exit_code == 7
    assert "may have been billed" in done.stderr
    assert not list(folder.iterdir())


def test_a_large_image_in_an_error_is_read_to_its_end() -> None:
    body = b'{"data": [{"b64_json": "iVBORw0KGgo' + b"A" * 3_000_000 + b'"}]}'
    with raw_server(http("500 No", body)) as server:
        assert send(server.base_url, transport())[1] == body


@pytest.mark.parametrize("status", [400, 422])
def test_a_refusal_that_repeats_an_input_is_a_refusal(status: int) -> None:
    body = json.dumps({"detail": [{"loc": ["body", "image"], "msg": "too large", "input": IMAGE.decode()}]}).encode()
    assert holds_image(body)
    with raw_server(http(f"{status} No", body)) as server, pytest.raises(Exception, match="too large") as caught:
        send(server.base_url, transport())
    assert getattr(caught.value, "exit_code", None) == 4


@pytest.mark.parametrize("response", [http("502 No", b"error code: 502"), b""])
def test_a_provider_that_bills_nothing_is_not_reported_as_billing(response: bytes) -> None:
    with raw_server(response, OK) as server:
        with pytest.raises(NetworkError) as caught:
            send(server.base_url, transport(free=True))
        assert len(server.requests) == 1
    assert "billed" not in (caught.value.hint or "")


def test_responses_of_a_provider_that_bills_nothing_are_still_kept() -> None:
    into = io.BytesIO()
    with raw_server(http("200 OK", b'{"data": [', length=500)) as server, pytest.raises(UnsavedError):
        request = HttpRequest(method="POST", url=f"{server.base_url}/images/generations", json={})
        transport(free=True).send(request, into, 0, lambda event: None)
    assert into.getvalue() == b'{"data": ['


@pytest.mark.parametrize("provider", ["openai", "litellm", "local", "localai"])
def test_a_gateway_is_asked_not_to_repeat_a_request(imagecli: Run, provider: str) -> None:
    """LiteLLM sends a failing one nine times on its own."""
    with raw_server(OK) as server:
        imagecli("generate", "a cat", "--provider", provider, "-m", "gpt-image-2", "--base-url", server.base_url)
    assert b"\r\nx-litellm-num-retries: 0\r\n" in server.requests[0]


def test_a_header_of_the_settings_replaces_that_of_the_row(imagecli: Run, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir(exist_ok=True)
    (tmp_path / "config" / "config.toml").write_text('[providers.openai]\nheaders = { X-LiteLLM-Num-Retries = "1" }\n')
    with raw_server(OK) as server:
        imagecli("generate", "a cat", "--base-url", server.base_url)
    assert [line for line in server.requests[0].split(b"\r\n") if b"litellm" in line.lower()] == [
        b"X-LiteLLM-Num-Retries: 1"
    ]


def test_the_api_s_own_address_gets_no_header_for_gateways() -> None:
    row = load_shipped_catalog().provider("openai")
    assert row.base_url
    assert not row.headers_at(f"{row.base_url}/")
    assert row.headers_at("https://gateway.example/v1")


def transport(*, retry_500: bool = False, free: bool = False) -> Transport:
    return Transport(
        key=None,
        headers={},
        timeouts=QUICK,
        max_retries=2,
        max_wait=0.02,
        direct=True,
        retry_500=retry_500,
        free=free,
    )
