"""Responses that are event streams: complete images are numbered by arrival, partial ones are never taken for them."""

from __future__ import annotations

import base64
import io
import json
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagecli.domain import OutputName
from imagecli.errors import UnsavedError
from imagecli.events import Event, PartialImage
from imagecli.pipeline import partial_images
from imagecli.pipeline.partial_images import GRACE_SECONDS, PartialImageHandler, StreamTee
from imagecli.prepared_call import PreparedCall, prepared_to_json
from tests.client.raw import RawResponse, http, images_body, linking, png, raw_server, reset, silence, then
from tests.conftest import Run

RED, BLUE, GREEN = png(), png(color="blue"), png(color="green")
JPEG = png(format="JPEG")
QUICK = ("--timeout", "1", "--max-wait", "0.05")
DONE = b"data: [DONE]\n\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nx-request-id: req_7\r\n"


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def partial(index: int = 0, data: bytes = BLUE, of: str = "image_generation") -> bytes:
    return event(f"{of}.partial_image", b64_json=b64(data), partial_image_index=index)


def completed(data: bytes = RED, of: str = "image_generation", **fields: Any) -> bytes:
    return event(f"{of}.completed", b64_json=b64(data), **fields)


def stream(*events: bytes) -> bytes:
    """A complete event stream, which ends with the connection."""
    return HEAD + b"Connection: close\r\n\r\n" + b"".join(events)


def chunked(*events: bytes, end: bool = True) -> bytes:
    """The same in chunks of one event each; without *end* the client can detect that more was to come."""
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in events)
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n" * end


def broken(*events: bytes) -> RawResponse:
    return then(chunked(*events, end=False), reset)


def stalled(*events: bytes) -> RawResponse:
    return then(chunked(*events, end=False), silence(9))


def endless(piece: bytes, pause: float = 0.0) -> Callable[[socket.socket], None]:
    """*piece* again and again, until the client disconnects."""

    def respond(connection: socket.socket) -> None:
        connection.sendall(stream())
        while True:
            connection.sendall(piece)
            time.sleep(pause)

    return respond


def drip7(data: bytes) -> Callable[[socket.socket], None]:
    """Seven bytes at a time."""

    def respond(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(data), 7):
            connection.sendall(data[at : at + 7])
            time.sleep(0.001)

    return respond


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


ODD = (
    b"\xef\xbb\xbf: hello\r\nretry: 100\r\nid: 1\r\n\r\n\r\n"
    + partial().replace(b"data: ", b"data:").replace(b"\n", b"\r")
    + b'event:image_generation.completed\r\nid\r\ndata:{"type":\r\ndata: "image_generation.completed",\r\n'
    + b'data:"b64_json": "%s"}\r\n\r\n' % base64.b64encode(RED)
    + DONE.replace(b"\n", b"\r\n")
)
UNKNOWN = (
    b"event: image_generation.in_progress\ndata: 5 %\n\n"
    + event("image_generation.queued", b64_json=b64(BLUE))
    + b"data: null\n\n"
)
SERVER_ERROR = event("error", error={"message": "the painter fell", "type": "server_error", "code": None})
REFUSAL = event("error", error={"message": "no such cats", "code": "moderation_blocked"})
BAD_JSON = b'event: image_generation.completed\ndata: {"b64_json": \n\n'


@pytest.mark.parametrize(
    ("responses", "argv", "exit_code", "posts", "left"),
    [
        pytest.param([stream(partial(), completed(), DONE)], [], 0, 1, {"cat.png": RED}, id="complete"),
        pytest.param([chunked(partial(), completed(), DONE)], [], 0, 1, {"cat.png": RED}, id="complete, in chunks"),
        pytest.param([stream(completed())], [], 0, 1, {"cat.png": RED}, id="without its end"),
        pytest.param(
            [stream(completed(RED), partial(), completed(BLUE))],
            ["-n", 2],
            0,
            1,
            {"cat-1.png": RED, "cat-2.png": BLUE},
            id="two, by arrival",
        ),
        pytest.param(
            [stream(completed(RED), completed(BLUE))], [], 0, 1, {"cat.png": RED, "cat_2.png": BLUE}, id="one too many"
        ),
        pytest.param([stream(partial(), partial(1))], [], 7, 1, {}, id="S1 cut after partials"),
        pytest.param([broken(partial(), partial(1))], [], 7, 1, {}, id="S1 reset after partials"),
        pytest.param([stream(partial(), completed()[:-40])], [], 7, 1, {}, id="S1 cut in the last event"),
        pytest.param([broken(completed())], [], 0, 1, {"cat.png": RED}, id="S2 reset after it"),
        pytest.param([broken(completed().rstrip(b"\n"))], [], 0, 1, {"cat.png": RED}, id="S2 reset before the blank"),
        pytest.param([stalled(completed())], QUICK, 0, 1, {"cat.png": RED}, id="S2 stall after it"),
        pytest.param([stalled(completed(), DONE)], [], 0, 1, {"cat.png": RED}, id="S2 stall after the end"),
        pytest.param([broken(completed(), partial())], ["-n", 2], 9, 1, {"cat-1.png": RED}, id="S2 reset after one"),
        pytest.param([stalled(completed())], ["-n", 2, *QUICK], 9, 1, {"cat-1.png": RED}, id="S2 stall after one"),
        pytest.param([then(stream(), drip7(ODD))], [], 0, 1, {"cat.png": RED}, id="S3 odd lines"),
        pytest.param([stream(UNKNOWN, completed(), UNKNOWN)], [], 0, 1, {"cat.png": RED}, id="S4 unknown events"),
        pytest.param([stream(UNKNOWN)], [], 7, 1, {}, id="S4 nothing but unknown events"),
        pytest.param([stream(SERVER_ERROR)], [], 6, 1, {}, id="S5 failure"),
        pytest.param([stream(partial(), SERVER_ERROR)], [], 7, 1, {}, id="S5 failure after a partial"),
        pytest.param([stream(partial(), REFUSAL)], [], 7, 1, {}, id="S5 refusal after a partial"),
        pytest.param([stream(REFUSAL)], [], 4, 1, {}, id="S5 refusal"),
        pytest.param([stream(completed(), REFUSAL)], ["-n", 2], 9, 1, {"cat-1.png": RED}, id="S5 refusal of one"),
        pytest.param([stream(completed(), REFUSAL)], [], 0, 1, {"cat.png": RED}, id="S5 after every image"),
        pytest.param([stream(DONE)], [], 7, 1, {}, id="S6 the end alone"),
        pytest.param([stream()], [], 7, 1, {}, id="S6 empty"),
        pytest.param([stream(b": ping\n\n" * 9)], [], 7, 1, {}, id="S6 comments alone"),
        pytest.param([stream(BAD_JSON, DONE)], [], 7, 1, {}, id="S7 bad JSON"),
        pytest.param([stream(event("image_generation.completed", b64_json="no!"))], [], 7, 1, {}, id="S7 bad base64"),
        pytest.param([stream(BAD_JSON, completed())], ["-n", 2], 9, 1, {"cat-2.png": RED}, id="S7 bad JSON in one"),
        pytest.param([stream(completed(RED[:-9]))], [], 7, 1, {"cat.damaged.png.bin": RED[:-9]}, id="S7 damaged image"),
        pytest.param([stalled(partial())], QUICK, 7, 1, {}, id="S8 stall"),
        pytest.param([endless(b": ping\n\n", 0.05)], QUICK, 7, 1, {}, id="S8 heartbeats for ever"),
        pytest.param([http("200 OK", images_body(RED))], [], 0, 1, {"cat.png": RED}, id="S9 plain JSON"),
        pytest.param([http("429 No"), stream(completed())], QUICK, 0, 2, {"cat.png": RED}, id="S12 429 before it"),
        pytest.param(
            [http("503 No", b"", "Retry-After: 0"), stream(completed())],
            QUICK,
            0,
            2,
            {"cat.png": RED},
            id="S12 503 before it",
        ),
        pytest.param([http("400 No", b'{"error": "no"}')], [], 4, 1, {}, id="S12 400 before it"),
    ],
)
def test_each_stream_has_its_exit_code_its_posts_and_its_files(
    imagecli: Run,
    folder: Path,
    responses: Sequence[RawResponse],
    argv: Sequence[object],
    exit_code: int,
    posts: int,
    left: dict[str, bytes],
) -> None:
    begin = time.monotonic()
    with raw_server(*responses) as server:
        result = imagecli("generate", "cat", "--stream", *argv, "--base-url", server.base_url)
        assert (result.exit_code, len(server.requests)) == (exit_code, posts)
    assert files(folder) == left
    assert result.paths == [Path(name) for name in left if not name.endswith(".bin")]
    assert "bug" not in result.stderr
    assert time.monotonic() - begin < 8


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (partial() + partial(1), "no_picture", "ended after 2 partial images"),
        (partial() + completed()[:-40], "no_picture", "broke off in the middle"),
        (DONE, "no_picture", "had no image"),
        (BAD_JSON, "no_picture", "not valid JSON"),
        (event("image_generation.completed", b64_json="no!"), "not_base64", "not valid base64"),
    ],
)
@pytest.mark.parametrize("cut", [True, False])
def test_a_stream_without_an_image_is_kept_and_named(
    imagecli: Run, state: Path, body: bytes, code: str, words: str, cut: bool
) -> None:
    with raw_server(broken(body) if cut else stream(body)) as server:
        result = imagecli("generate", "cat", "--stream", "--json", "--base-url", server.base_url)
    (error,) = result.json["errors"]
    if cut and code == "no_picture" and body != DONE:
        code = "answer_lost"
    assert (result.exit_code, error["code"], words in error["message"]) == (7, code, True)
    assert Path(error["rescued_path"]).read_bytes() == body
    assert state in Path(error["rescued_path"]).parents
    assert not result.json["images"]


def test_an_error_after_the_last_image_is_ignored(imagecli: Run) -> None:
    with raw_server(broken(completed(usage={"total_tokens": 7}))) as server:
        result = imagecli("generate", "cat", "--stream", "--json", "--base-url", server.base_url)
    report = result.json
    assert (report["status"], report["errors"], report["warnings"], len(report["images"])) == ("ok", [], [], 1)
    (request,) = report["requests"]
    assert (request["request_id"], request["status"], request["usage"]["total_tokens"]) == ("req_7", 200, 7)


def test_the_error_of_a_broken_stream_is_reported_with_its_saved_images(imagecli: Run, state: Path) -> None:
    with raw_server(broken(completed())) as server:
        result = imagecli("generate", "cat", "-n", 2, "--stream", "--json", "--base-url", server.base_url)
    report = result.json
    assert [one["code"] for one in report["warnings"]] == ["answer_lost"]
    assert [(one["code"], one["message"]) for one in report["errors"]] == [("fewer_pictures", "received 1 of 2 images")]
    assert not list(state.rglob("*.body"))


def test_a_stream_is_closed_after_its_last_image(imagecli: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without data the client would wait for five minutes; a stream that states its end is not waited for at all."""
    monkeypatch.setattr(partial_images, "GRACE_SECONDS", 1.5)
    for events in ([completed(), DONE], [completed()]):
        begin = time.monotonic()
        with raw_server(stalled(*events)) as server:
            result = imagecli("generate", "cat", "--stream", "--base-url", server.base_url)
        assert result.exit_code == 0
        assert time.monotonic() - begin < (1.4 if DONE in events else 8)
    assert files(folder) == {"cat.png": RED, "cat_2.png": RED}


def test_an_edit_is_streamed_by_its_own_events(imagecli: Run, folder: Path) -> None:
    (folder / "in.png").write_bytes(png(64, 64))
    body = stream(partial(of="image_edit"), completed(GREEN, of="image_edit"))
    with raw_server(body) as server:
        result = imagecli("edit", "in.png", "cat", "--keep-partials", "--base-url", server.base_url)
        assert b'name="stream"\r\n\r\ntrue' in server.requests[0]
    assert (result.exit_code, result.stdout) == (0, "in-cat.png\n")
    assert files(folder) == {"in.png": png(64, 64), "in-cat.png": GREEN, "in-cat.partial-0.png": BLUE}


@pytest.mark.parametrize("response", [stream(partial(), completed()), broken(completed()), broken(completed()[:-2])])
def test_an_unrequested_stream_is_read_as_a_stream(imagecli: Run, folder: Path, response: RawResponse) -> None:
    with raw_server(response) as server:
        result = imagecli("generate", "cat", "--base-url", server.base_url)
    assert (result.exit_code, files(folder)) == (0, {"cat.png": RED})


def test_an_image_behind_a_url_is_fetched(imagecli: Run, folder: Path) -> None:
    response = linking(lambda base_url: stream(event("image_generation.completed", url=f"{base_url}/a")))
    with raw_server(response, http("200 OK", RED)) as server:
        result = imagecli("generate", "cat", "--stream", "--base-url", server.base_url)
        assert [request[:4] for request in server.requests] == [b"POST", b"GET "]
    assert (result.exit_code, files(folder)) == (0, {"cat.png": RED})


@pytest.mark.parametrize(
    ("flags", "fields"),
    [
        ([], {}),
        (["--stream"], {"stream": True}),
        (["--partial-images", 2], {"stream": True, "partial_images": 2}),
        (["--partial-images", 0], {"stream": True, "partial_images": 0}),
        (["--keep-partials"], {"stream": True, "partial_images": 3}),
    ],
)
def test_each_flag_sets_its_fields(imagecli: Run, flags: list[object], fields: dict[str, object]) -> None:
    with raw_server(stream(completed())) as server:
        imagecli("generate", "cat", *flags, "--base-url", server.base_url)
        body = json.loads(server.requests[0].partition(b"\r\n\r\n")[2])
    assert {name: value for name, value in body.items() if name in ("stream", "partial_images")} == fields


def prepared(folder: Path, n: int = 1) -> PreparedCall:
    names = tuple(OutputName(folder=folder, stem=f"cat-{k}" if n > 1 else "cat") for k in range(n))
    return PreparedCall(
        id="run-0000",
        request=0,
        command="generate",
        provider="openai",
        base_url="http://127.0.0.1:1/v1",
        model="m",
        n=n,
        names=names,
        if_exists=None,
        stdout=False,
        prompt="cat",
        output_format=None,
        size=None,
    )


def ear(folder: Path, limit: int = 10_000, n: int = 1) -> tuple[StreamTee, io.BytesIO, list[Event]]:
    events: list[Event] = []
    file = io.BytesIO()
    return (
        StreamTee(
            file, PartialImageHandler(prepared=prepared(folder, n), requested=None, on_event=events.append), limit
        ),
        file,
        events,
    )


def test_an_endless_event_is_cut_and_its_beginning_kept(tmp_path: Path) -> None:
    """S11. The real limit is beyond what a test sends."""
    hearing, file, _ = ear(tmp_path)
    with pytest.raises(UnsavedError, match="larger than"):
        for _ in range(99):
            hearing.write(b"data: " + b"A" * 999)
    assert file.tell() > 10_000


@pytest.mark.parametrize("start", [b'{"data": "', b" \r\n", b"\xef\xbb\xbf{", b"[", b"<html>"])
def test_a_response_that_is_not_a_stream_has_no_event_limit(tmp_path: Path, start: bytes) -> None:
    hearing, file, events = ear(tmp_path)
    hearing.write(start)
    for _ in range(99):
        hearing.write(b"{" + b"A" * 999)
    assert (file.tell(), events, hearing.enough()) == (len(start) + 99_000, [], None)


@pytest.mark.parametrize(
    ("events", "enough"),
    [
        ([], None),
        ([partial()], None),
        ([completed(), partial()], None),
        ([completed(), completed(BLUE)], GRACE_SECONDS),
        ([completed(), completed(BLUE), DONE], 0),
        ([DONE], 0),
        # other things are completed too, long before the image
        ([event("prompt.completed"), event("image_generation.completed", usage={}), completed()], None),
        ([event("image_generation.completed", b64_json=""), completed()], None),
    ],
)
def test_a_stream_is_read_until_every_image_has_arrived(
    tmp_path: Path, events: list[bytes], enough: float | None
) -> None:
    hearing, _, _ = ear(tmp_path, n=2)
    for one in events:
        hearing.write(one)
    assert hearing.enough() == enough


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 400), min_size=1))
def test_a_stream_in_any_pieces_gives_the_same_events(tmp_path: Path, lengths: list[int]) -> None:
    body = partial(0, BLUE) + ODD + partial(1, JPEG)
    hearing, file, events = ear(tmp_path)
    at = 0
    while at < len(body):
        length = lengths[at % len(lengths)]
        hearing.write(body[at : at + length])
        at += length
    assert file.getvalue() == body
    assert [(one.partial_image_index, one.data) for one in events if isinstance(one, PartialImage)] == [
        (0, BLUE),
        (0, BLUE),
        (1, JPEG),
    ]


@pytest.mark.parametrize(
    ("events", "exit_code", "left"),
    [
        ([partial(), completed()], 0, {"cat.png": RED}),
        ([completed(), partial()[:-20]], 0, {"cat.png": RED}),
        ([partial()], 7, {"cat.partial-0.png": BLUE}),
        ([partial(), partial(1, GREEN), REFUSAL], 7, {"cat.partial-0.png": BLUE, "cat.partial-1.png": GREEN}),
        ([DONE], 7, {}),
    ],
)
def test_the_stream_of_a_killed_process_is_recovered_like_any_response(
    imagecli: Run, folder: Path, state: Path, events: list[bytes], exit_code: int, left: dict[str, bytes]
) -> None:
    spool = state / "spool"
    spool.mkdir(mode=0o700, parents=True)
    (spool / "run-0000.json").write_text(prepared_to_json(prepared(folder)))
    (spool / "run-0000.body").write_bytes(b"".join(events))
    result = imagecli("recover")
    assert (result.exit_code, files(folder)) == (exit_code, left)
    assert len(list(spool.glob("*.body"))) == (0 if left else 1)


@pytest.mark.parametrize(
    ("response", "argv", "warning"),
    [
        (http("200 OK", images_body(RED)), ["--stream"], "no_stream"),
        (http("200 OK", images_body(RED)), ["--partial-images", 2], "no_stream"),
        (stream(completed()), ["--partial-images", 2], "no_partials"),
        (stream(completed()), ["--stream"], None),
        (stream(completed()), ["--partial-images", 0], None),
        (stream(partial(), completed()), ["--partial-images", 2], None),
        (stream(partial(data=RED[:-9]), completed()), ["--partial-images", 2], None),
        (http("200 OK", images_body(RED)), [], None),
    ],
)
def test_a_missing_stream_is_one_warning(
    imagecli: Run, response: RawResponse, argv: Sequence[object], warning: str | None
) -> None:
    with raw_server(response) as server:
        result = imagecli("generate", "cat", "-n", 25, "--json", *argv, "--base-url", server.base_url)
        assert len(server.requests) == 3
    missing = [one["code"] for one in result.json["warnings"] if one["code"] in ("no_stream", "no_partials")]
    assert missing == ([warning] if warning else [])
