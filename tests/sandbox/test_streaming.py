"""`stream: true`: events as they are created, partial images that become the complete one, and clients that
disconnect."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from PIL import ImageChops, ImageStat

from imagecli.sandbox.app import SandboxApp
from imagecli.sandbox.http_message import ServerRequest
from imagecli.sandbox.sandbox import Options, Sandbox
from tests.sandbox.requests_and_images import GPT, decoded, encoded, events, hole, photo, post

SMALL = {**GPT, "prompt": "a cat", "size": "1024x656", "output_format": "jpeg"}
LIVE = {**SMALL, "stream": True}


def test_partial_images_come_first_and_the_complete_image_last(sandbox: Sandbox) -> None:
    response = post(sandbox, "generations", {**LIVE, "partial_images": 2})
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["transfer-encoding"] == "chunked"
    names = [name for name, _ in events(response)]
    assert names == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    for place, (name, payload) in enumerate(events(response)):
        assert payload["type"] == name
        assert payload.get("partial_image_index") == (place if place < 2 else None)
        assert decoded(base64.b64decode(payload["b64_json"])).size == (1024, 656)


def test_events_report_the_used_values(sandbox: Sandbox) -> None:
    fields = {**LIVE, "partial_images": 1, "safety_identifier": "hashed"}
    (_, partial), (_, full) = events(post(sandbox, "generations", fields))
    for payload in (partial, full):
        assert isinstance(payload.pop("created_at"), int)
        assert payload.pop("b64_json")
    used = {"background": "opaque", "output_format": "jpeg", "quality": "medium", "size": "1024x656"}
    assert partial == {"type": "image_generation.partial_image", "partial_image_index": 0, **used}
    usage = full.pop("usage")
    assert full == {"type": "image_generation.completed", "safety_identifier": "hashed", **used}
    assert set(usage) == {"input_tokens", "input_tokens_details", "output_tokens", "total_tokens"}


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_each_partial_image_is_closer_to_the_result(sandbox: Sandbox, count: int) -> None:
    fields = {**LIVE, "output_format": "png", "partial_images": count}
    *earlier, full = [
        decoded(base64.b64decode(payload["b64_json"])) for _, payload in events(post(sandbox, "generations", fields))
    ]
    apart = [sum(ImageStat.Stat(ImageChops.difference(one, full)).mean) for one in earlier]
    assert len(apart) == count
    assert apart == sorted(set(apart), reverse=True)
    assert all(apart)


def test_stream_and_body_hold_the_same_image(sandbox: Sandbox) -> None:
    ((_, live),) = events(post(sandbox, "generations", LIVE))
    with Sandbox() as other:
        assert post(other, "generations", SMALL).json()["data"] == [{"b64_json": live["b64_json"]}]


def test_edit_with_text_fields_streams(sandbox: Sandbox) -> None:
    fields = {**GPT, "prompt": "a pool", "stream": "true", "partial_images": "1"}
    response = post(sandbox, "edits", fields, image=encoded(photo()), mask=encoded(hole()))
    assert [name for name, _ in events(response)] == ["image_edit.partial_image", "image_edit.completed"]


def test_several_images_are_completed_one_by_one(sandbox: Sandbox) -> None:
    stream_events = events(post(sandbox, "generations", {**LIVE, "n": 2, "partial_images": 1}))
    assert [name.rpartition(".")[2] for name, _ in stream_events] == ["partial_image", "completed"] * 2
    assert len({payload["b64_json"] for _, payload in stream_events}) == 4
    assert [payload["partial_image_index"] for name, payload in stream_events if name.endswith("partial_image")] == [
        0,
        0,
    ]


def test_usage_of_all_events_is_that_of_the_body(sandbox: Sandbox) -> None:
    stream_events = events(post(sandbox, "generations", {**LIVE, "n": 2}))
    streamed = [payload["usage"] for _, payload in stream_events]
    full = post(sandbox, "generations", {**SMALL, "n": 2}).json()["usage"]
    for name in ("input_tokens", "output_tokens", "total_tokens"):
        assert sum(usage[name] for usage in streamed) == full[name]


def test_refusal_before_the_stream_is_json(sandbox: Sandbox) -> None:
    response = post(sandbox, "generations", {**LIVE, "size": "100x100"})
    assert (response.status_code, response.headers["content-type"]) == (400, "application/json")
    assert response.json()["error"]["param"] == "size"


class Waits(threading.Event):
    """Records the requested waits without waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout)
        return False


def test_latency_is_spread_over_the_events() -> None:
    waits = Waits()
    app = SandboxApp(Options(latency=1.2), waits)
    body = json.dumps({**LIVE, "partial_images": 3}).encode()
    response = app.respond(ServerRequest(method="POST", target="/v1/images/generations", headers={}, body=body))
    assert response.parts is not None
    for number, _ in enumerate(response.parts, 1):
        assert waits.seconds == pytest.approx([0.3] * number)
    assert len(waits.seconds) == 4


def test_events_arrive_while_the_image_is_created() -> None:
    with Sandbox(Options(latency=8)) as server, raw(server, b"1.1", {**LIVE, "partial_images": 3}) as connection:
        started = time.monotonic()
        received = b""
        while b"partial_image_index" not in received:
            received += connection.recv(65536)
        assert time.monotonic() - started < 8


def raw(sandbox: Sandbox, version: bytes, fields: dict[str, Any]) -> socket.socket:
    body = json.dumps(fields).encode()
    port = urlsplit(sandbox.base_url).port or 0
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    lines = (b"POST /v1/images/generations HTTP/%s" % version, b"Host: localhost:%d" % port)
    head = b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", b""])
    connection.sendall(head + body)
    return connection


def test_old_client_gets_no_chunks_and_a_closed_connection(sandbox: Sandbox) -> None:
    with raw(sandbox, b"1.0", LIVE) as connection, connection.makefile("rb") as response:
        head, _, body = response.read().partition(b"\r\n\r\n")
    assert b"Transfer-Encoding" not in head
    assert b"Connection: close" in head
    assert body.startswith(b"event: image_generation.completed\ndata: {")
    assert body.endswith(b"}\n\n")


def test_connection_serves_the_next_request_after_a_stream(sandbox: Sandbox) -> None:
    with requests.Session() as session:
        url = f"{sandbox.base_url}/images/generations"
        assert len(events(session.post(url, json=LIVE, timeout=20))) == 1
        assert session.get(f"{sandbox.base_url}/models", timeout=20).status_code == 200


def test_client_that_disconnects_in_the_middle_affects_no_other(capfd: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []
    with Sandbox(Options(latency=1), log=lines.append) as server:
        with raw(server, b"1.1", {**LIVE, "output_format": "png", "partial_images": 3}) as connection:
            connection.recv(100)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        until = time.monotonic() + 10
        while not lines and time.monotonic() < until:
            time.sleep(0.05)
        assert post(server, "generations", {"prompt": "x", "size": "256x256"}).status_code == 200
    assert lines[0] == "POST /v1/images/generations 200 1 image (the client disconnected)"
    assert capfd.readouterr() == ("", "")


def test_stopping_does_not_wait_for_a_stream() -> None:
    with Sandbox(Options(latency=60)) as server:
        connection = raw(server, b"1.1", {**LIVE, "partial_images": 3})
        assert connection.recv(12) == b"HTTP/1.1 200"
        started = time.monotonic()
    assert time.monotonic() - started < 10
    connection.close()
