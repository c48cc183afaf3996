"""The Batch API's client on real sockets: uploads, downloads, what is retried and what never is."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from contextlib import suppress
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from imagecli.catalog.catalog import load_shipped_catalog
from imagecli.client.batch_api import BatchApiClient
from imagecli.client.exchange import MAX_REDIRECTS, Timeouts
from imagecli.client.file_and_batch_requests import ApiClient
from imagecli.domain import Secret
from imagecli.errors import (
    AuthenticationError,
    DiskError,
    ImagecliError,
    LimitError,
    NetworkError,
    QuotaError,
    RefusedError,
    UnsavedError,
    UsageError,
)
from imagecli.events import DownloadProgress, Event, RetryWait, UploadProgress
from tests.client.raw import RawResponse, drip, http, raw_server, reset, silence, then
from tests.client.sending import KEY, QUICK

pytestmark = pytest.mark.usefixtures("quick_tls_probe")

ROW = load_shipped_catalog().provider("openai").batch
assert ROW
BATCH: dict[str, Any] = {"id": "batch_1", "object": "batch", "status": "in_progress", "input_file_id": "file-in"}
ENDED = BATCH | {"status": "completed", "output_file_id": "file-out"}
CREATED: dict[str, Any] = {"input_file_id": "file-in", "endpoint": "/v1/images/generations", "metadata": {"a": "b"}}


def client(base_url: str, **more: Any) -> BatchApiClient:
    plain: dict[str, Any] = {
        "base_url": base_url,
        "key": Secret(KEY),
        "auth": "bearer",
        "headers": {},
        "query": {},
        "timeouts": QUICK,
        "max_retries": 2,
        "max_wait": 0.02,
        "direct": True,
    }
    assert ROW
    return BatchApiClient(ApiClient(**plain | more), ROW)


def deaf(event: Event) -> None:
    """Ignores events."""


def ok(document: Any) -> bytes:
    return http("200 OK", json.dumps(document).encode())


def error(status: str, *headers: str, **detail: Any) -> bytes:
    return http(status, json.dumps({"error": {"message": "no", **detail}}).encode(), *headers)


Act = Callable[[BatchApiClient], Any]
FREE: dict[str, tuple[Act, bytes]] = {
    "upload": (
        lambda jobs: jobs.upload_file(b"x", filename="a.png", media_type="image/png", purpose="vision", on_event=deaf),
        ok({"id": "file-1", "object": "file"}),
    ),
    "job": (lambda jobs: jobs.get_batch("batch_1", deaf), ok(BATCH)),
    "jobs": (lambda jobs: list(jobs.list_batches(deaf)), ok({"object": "list", "data": [BATCH], "has_more": False})),
    "cancel": (lambda jobs: jobs.cancel_batch("batch_1", deaf), ok(BATCH)),
    "content": (lambda jobs: jobs.download_file("file-1", io.BytesIO(), deaf), http("200 OK", b"a line\n")),
}


each_free = pytest.mark.parametrize("name", FREE)


def create(jobs: BatchApiClient) -> Any:
    return jobs.create_batch(**CREATED, on_event=deaf)


# --- requests --------------------------------------------------------------------------------------------------------


def heads(request: bytes) -> tuple[str, dict[str, str], bytes]:
    """Request line without HTTP's version, headers, body."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, _, fields = head.partition(b"\r\n")
    names = dict(message_from_bytes(fields).items())
    return line.decode().rpartition(" ")[0], {name.lower(): value for name, value in names.items()}, body


@pytest.mark.parametrize(
    ("act", "response", "line"),
    [
        (FREE["job"][0], ok(BATCH), "GET /v1/batches/batch_1"),
        (FREE["jobs"][0], FREE["jobs"][1], "GET /v1/batches?limit=100"),
        (FREE["cancel"][0], ok(BATCH), "POST /v1/batches/batch_1/cancel"),
        (FREE["content"][0], FREE["content"][1], "GET /v1/files/file-1/content"),
        (lambda jobs: jobs.delete_file("file-1", deaf), ok({}), "DELETE /v1/files/file-1"),
        (create, ok(BATCH), "POST /v1/batches"),
        (FREE["upload"][0], FREE["upload"][1], "POST /v1/files"),
    ],
)
def test_each_call_uses_the_documented_endpoint_with_the_key(act: Act, response: bytes, line: str) -> None:
    with raw_server(response) as server:
        act(client(server.base_url, headers={"OpenAI-Project": "proj_1"}))
    request_line, headers, _ = heads(*server.requests)
    assert request_line == line
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["openai-project"] == "proj_1"
    assert headers["user-agent"].startswith("imagecli/")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("name", ["job", "jobs", "content"])
def test_redirects_of_a_get_are_followed_within_the_origin(name: str, status: int) -> None:
    act, response = FREE[name]
    there, on = (http(f"{status} Go", b"<html>", f"Location: /v2/{place}") for place in ("there", "further"))
    with raw_server(there, on, response) as server, raw_server(response) as other:
        act(client(server.base_url))
        assert [heads(request)[0] for request in server.requests[1:]] == ["GET /v2/there", "GET /v2/further"]
        assert all(KEY.encode() in request for request in server.requests)
        moved = http(f"{status} Go", b"", f"Location: {other.base_url}")
        with raw_server(moved) as leading, pytest.raises(NetworkError):
            act(client(leading.base_url))
        assert not other.requests


def test_endless_redirects_are_not_followed_forever() -> None:
    def turn(connection: socket.socket) -> None:
        connection.sendall(http("302 Go", b"", f"Location: /v1/{len(server.requests)}"))

    with raw_server(turn) as server:
        with pytest.raises(NetworkError):
            client(server.base_url).get_batch("batch_1", deaf)
        assert len(server.requests) == MAX_REDIRECTS + 1


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_of_an_upload_is_followed_once_with_the_complete_file(status: int) -> None:
    act, response = FREE["upload"]
    move = http(f"{status} Go", b"", "Location: /v1/files/")
    with raw_server(move, response) as server:
        act(client(server.base_url))
        first, second = (heads(request) for request in server.requests)
        assert (first[0], second[0]) == ("POST /v1/files", "POST /v1/files/")
        assert len(first[2]) == len(second[2]) > 1
    with raw_server(move, move.replace(b"/v1/files/", b"/v1/other"), response) as server:
        with pytest.raises(NetworkError):
            act(client(server.base_url))
        assert len(server.requests) == 2


@pytest.mark.parametrize("status", [301, 302, 303])
@pytest.mark.parametrize("act", [create, FREE["upload"][0], FREE["cancel"][0]])
def test_a_post_is_not_sent_again_after_a_redirect_that_may_change_it(act: Act, status: int) -> None:
    with raw_server(http(f"{status} Go", b"", "Location: /v1/other"), ok(BATCH)) as server:
        with pytest.raises(NetworkError):
            act(client(server.base_url))
        assert len(server.requests) == 1


def test_a_batch_is_created_from_a_file_for_an_endpoint_and_a_day() -> None:
    with raw_server(ok(BATCH)) as server:
        assert create(client(server.base_url)).id == "batch_1"
    _, headers, body = heads(*server.requests)
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == {
        "input_file_id": "file-in",
        "endpoint": "/v1/images/generations",
        "completion_window": "24h",
        "metadata": {"a": "b"},
    }


@pytest.mark.parametrize("on_disk", [True, False])
@pytest.mark.parametrize("data", [b"", b"one\r\n--\ntwo\x00" * 5000])
def test_a_file_is_uploaded_completely_as_a_form_under_its_name(
    httpserver: HTTPServer, tmp_path: Path, data: bytes, on_disk: bool
) -> None:
    received: list[tuple[dict[str, str], str | None, str, bytes]] = []

    def respond(request: Request) -> Response:
        file = request.files["file"]
        received.append((dict(request.form), file.filename, file.mimetype, file.read()))
        return Response(json.dumps({"id": "file-9"}))

    httpserver.expect_request("/v1/files", method="POST").respond_with_handler(respond)
    source: Path | bytes = data
    if on_disk:
        source = tmp_path / "secret name.jsonl"
        source.write_bytes(data)
    events: list[Event] = []
    file_id = client(httpserver.url_for("/v1")).upload_file(
        source, filename="rows.jsonl", media_type="application/jsonl", purpose="batch", on_event=events.append
    )
    assert file_id == "file-9"
    assert received == [({"purpose": "batch"}, "rows.jsonl", "application/jsonl", data)]
    sent = [event for event in events if isinstance(event, UploadProgress)]
    assert sent[-1].sent == sent[-1].total > len(data)


def test_an_input_image_expires_with_the_file_of_its_batch(httpserver: HTTPServer) -> None:
    received: list[dict[str, str]] = []

    def respond(request: Request) -> Response:
        received.append(dict(request.form))
        return Response(json.dumps({"id": "file-9"}))

    httpserver.expect_request("/v1/files", method="POST").respond_with_handler(respond)
    client(httpserver.url_for("/v1")).upload_file(
        b"x", filename="a.png", media_type="image/png", purpose="vision", on_event=lambda event: None
    )
    assert received == [
        {"purpose": "vision", "expires_after[anchor]": "created_at", "expires_after[seconds]": "2592000"}
    ]


def test_the_key_is_in_no_event_or_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="imagecli")
    events: list[Event] = []
    with raw_server(FREE["upload"][1]) as server:
        client(server.base_url).upload_file(
            b"x", filename="a.png", media_type="image/png", purpose="vision", on_event=events.append
        )
    assert "file: image/png, 1 bytes" in caplog.text
    assert KEY not in repr(events) + caplog.text


def test_a_query_of_the_provider_row_is_part_of_every_url() -> None:
    with raw_server(FREE["jobs"][1]) as server:
        list(client(server.base_url, query={"api-version": "preview"}).list_batches(deaf))
    assert heads(*server.requests)[0] == "GET /v1/batches?api-version=preview&limit=100"


# --- ids -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("id", "path"),
    [
        ("a/../../models", "a%2F..%2F..%2Fmodels"),
        ("a?limit=1#x", "a%3Flimit%3D1%23x"),
        ("%2e%2e", "%252e%252e"),
        ("{model}", "%7Bmodel%7D"),
        ("...", "..."),
        ("x" * 1024, "x" * 1024),
    ],
)
def test_an_id_stays_one_segment_of_the_path(id: str, path: str) -> None:
    with raw_server(ok(BATCH)) as server:
        client(server.base_url).get_batch(id, deaf)
    assert heads(*server.requests)[0] == f"GET /v1/batches/{path}"


@pytest.mark.parametrize("id", ["", ".", "..", "a b", "a\r\nX: y", "é", "x" * 1025])
@pytest.mark.parametrize(
    "act",
    [
        lambda jobs, batch_id: jobs.get_batch(batch_id, deaf),
        lambda jobs, batch_id: jobs.cancel_batch(batch_id, deaf),
        lambda jobs, batch_id: jobs.download_file(batch_id, io.BytesIO(), deaf),
    ],
    ids=["job", "cancel", "content"],
)
def test_an_invalid_id_is_never_requested(act: Callable[[BatchApiClient, str], Any], id: str) -> None:
    with raw_server(ok(BATCH)) as server:
        with pytest.raises(UsageError):
            act(client(server.base_url), id)
        assert not server.requests


# --- retries ---------------------------------------------------------------------------------------------------------


RETRIED = [408, 409, 425, 429, 500, 502, 503, 504, 520, 524, 529]


@pytest.mark.parametrize(
    ("name", "status"),
    # 409 to a cancel means that the batch has ended.
    [(name, status) for status in RETRIED for name in FREE if (name, status) != ("cancel", 409)],
)
def test_free_requests_are_retried_after_a_failure(name: str, status: int) -> None:
    act, response = FREE[name]
    with raw_server(error(f"{status} No"), error(f"{status} No"), response) as server:
        act(client(server.base_url))
        assert len(server.requests) == 3


@each_free
@pytest.mark.parametrize("lost", [reset, silence(2), http("200 OK", b"", length=9), b"no HTTP\r\n\r\n"])
def test_free_requests_are_retried_after_a_lost_response(name: str, lost: RawResponse) -> None:
    act, response = FREE[name]
    with raw_server(lost, response) as server:
        act(client(server.base_url))
        assert len(server.requests) == 2


@each_free
@pytest.mark.parametrize("lost", [reset, error("504 Gateway Timeout"), error("408 Request Timeout")])
def test_a_lost_response_of_a_free_request_is_not_reported_as_billed(name: str, lost: RawResponse) -> None:
    with raw_server(lost) as server:
        with pytest.raises(ImagecliError) as caught:
            FREE[name][0](client(server.base_url))
        assert len(server.requests) == 3
    assert "may have been billed" not in (caught.value.hint or "")
    assert "the same command again" in (caught.value.hint or "")


@pytest.mark.parametrize("status", [429, 503, 529])
def test_creating_a_batch_is_retried_if_the_server_created_none(status: int) -> None:
    with raw_server(error(f"{status} No", "Retry-After: 0"), ok(BATCH)) as server:
        assert create(client(server.base_url)).id == "batch_1"
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    "lost",
    [
        reset,
        silence(2),
        http("200 OK", b'{"id": "ba', length=90),
        http("200 OK", b"<html>welcome</html>"),
        http("200 OK", b""),
        ok([]),
        ok({"object": "file", "id": "file-1", "status": "processed"}),
        ok({"id": "..", "status": "validating"}),
        http("200 OK", b"[" * 100_000),
        error("504 Gateway Timeout"),
        error("408 Request Timeout"),
        error("524 Timeout"),
        error("500 No"),
        error("502 Bad Gateway"),
        error("520 Unknown"),
    ],
)
def test_creating_a_batch_is_not_retried_if_it_may_exist(lost: RawResponse) -> None:
    with raw_server(lost, ok(BATCH)) as server:
        with pytest.raises(UnsavedError) as caught:
            create(client(server.base_url))
        assert len(server.requests) == 1
    assert caught.value.exit_code == 7
    assert (
        caught.value.hint
        == "the batch may have been created; check the provider's batches page before you run the command again"
    )


def test_creating_a_batch_is_retried_until_connected_and_sent_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    events: list[Event] = []
    with pytest.raises(NetworkError) as caught:
        client(base_url).create_batch(**CREATED, on_event=events.append)
    assert caught.value.code == "no_connection"
    assert len([event for event in events if isinstance(event, RetryWait)]) == 2


@pytest.mark.parametrize("act", [create, FREE["upload"][0], FREE["job"][0]])
def test_a_quota_error_is_never_retried(act: Act) -> None:
    with raw_server(error("429 Too Many Requests", code="insufficient_quota")) as server:
        with pytest.raises(QuotaError):
            act(client(server.base_url))
        assert len(server.requests) == 1


@pytest.mark.parametrize("act", [create, FREE["upload"][0], FREE["content"][0]])
def test_a_wait_that_is_too_long_is_an_error_with_the_time_to_retry(act: Act) -> None:
    with raw_server(error("429 Too Many Requests", "Retry-After: 90")) as server:
        with pytest.raises(LimitError, match=r"a wait of 90 s, more than --max-wait 0\.02") as caught:
            act(client(server.base_url))
        assert len(server.requests) == 1
    assert "run the same command again in 90 s" in (caught.value.hint or "")


@pytest.mark.parametrize("act", [FREE["upload"][0], FREE["jobs"][0]])
def test_a_server_can_forbid_a_retry(act: Act) -> None:
    with raw_server(error("500 No", "x-should-retry: false")) as server:
        with pytest.raises(NetworkError):
            act(client(server.base_url))
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("response", "error_class"),
    [
        (error("401 Unauthorized", code="invalid_api_key"), AuthenticationError),
        (error("403 Forbidden"), RefusedError),
        (error("400 Bad Request"), RefusedError),
    ],
)
@pytest.mark.parametrize("act", [create, FREE["upload"][0], FREE["job"][0], FREE["jobs"][0], FREE["content"][0]])
def test_a_rejected_request_is_not_retried(act: Act, response: bytes, error_class: type[ImagecliError]) -> None:
    with raw_server(response) as server:
        with pytest.raises(error_class):
            act(client(server.base_url))
        assert len(server.requests) == 1


# --- missing resources -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "response", [error("404 Not Found"), http("404 Not Found", b"<html>nginx</html>"), http("404 No")]
)
@pytest.mark.parametrize("act", [create, FREE["upload"][0], FREE["jobs"][0]])
def test_a_server_without_a_batch_api_is_reported_as_such(act: Act, response: bytes) -> None:
    with raw_server(response) as server, pytest.raises(UsageError) as caught:
        act(client(server.base_url.replace("http://", "http://me:secret@")))
    assert caught.value.message == f"no Batch API at {server.base_url} (HTTP 404); nothing was submitted"
    assert (caught.value.hint, caught.value.code) == ("run the command without --batch-api", "no_batch_api")


@pytest.mark.parametrize("status", ["405 Method Not Allowed", "501 Not Implemented"])
def test_a_404_of_another_endpoint_does_not_mean_a_missing_batch_api(status: str) -> None:
    with raw_server(error(status)) as server, pytest.raises(UsageError, match="no Batch API at"):
        create(client(server.base_url))


def test_a_deleted_input_file_does_not_mean_a_missing_batch_api() -> None:
    deleted = error("404 Not Found", message="No such File object: file-in")
    with raw_server(deleted) as server, pytest.raises(RefusedError, match="No such File object: file-in"):
        create(client(server.base_url))


@pytest.mark.parametrize("name", ["job", "cancel", "content"])
def test_a_deleted_batch_or_file_has_its_own_error_code(name: str) -> None:
    deleted = error("404 Not Found", "x-request-id: req_7", code="other")
    with raw_server(deleted) as server, pytest.raises(RefusedError) as caught:
        FREE[name][0](client(server.base_url))
    assert (caught.value.code, caught.value.status, caught.value.request_id) == ("not_found", 404, "req_7")


# --- the list --------------------------------------------------------------------------------------------------------


def test_the_list_is_requested_page_by_page_as_needed() -> None:
    def page(*ids: str, more: bool) -> bytes:
        return ok({"data": [BATCH | {"id": batch_id} for batch_id in ids], "has_more": more, "last_id": ids[-1]})

    with raw_server(page("a", "b/2", more=True), page("c", more=False)) as server:
        jobs = client(server.base_url).list_batches(deaf)
        assert [next(jobs).id, next(jobs).id] == ["a", "b/2"]
        assert len(server.requests) == 1
        assert [job.id for job in jobs] == ["c"]
    assert heads(server.requests[1])[0] == "GET /v1/batches?limit=100&after=b%2F2"


def test_a_list_that_never_ends_ends() -> None:
    with raw_server(ok({"data": [BATCH], "has_more": True, "last_id": "batch_1"})) as server:
        assert len(list(client(server.base_url).list_batches(deaf))) == 2
        assert len(server.requests) == 2


@pytest.mark.parametrize("response", [ok({}), http("200 OK", b"<html>"), http("200 OK", b"\xff\xfe"), ok({"data": 7})])
def test_an_invalid_list_is_an_error(response: bytes) -> None:
    with raw_server(response) as server, pytest.raises(UnsavedError, match="not a list of batches"):
        list(client(server.base_url).list_batches(deaf))


@pytest.mark.parametrize("response", [ok({}), ok([]), ok({"id": 7}), ok({"id": "a b"}), http("200 OK", b"<html>")])
def test_an_upload_without_an_id_is_an_error(response: bytes) -> None:
    with raw_server(response) as server, pytest.raises(NetworkError) as caught:
        FREE["upload"][0](client(server.base_url))
    assert caught.value.code == "no_file"


# --- end of a batch --------------------------------------------------------------------------------------------------


def test_cancelling_a_finished_batch_is_not_an_error() -> None:
    with raw_server(error("409 Conflict"), ok(ENDED)) as server:
        assert client(server.base_url).cancel_batch("batch_1", deaf).status == "completed"
    assert [heads(request)[0] for request in server.requests] == [
        "POST /v1/batches/batch_1/cancel",
        "GET /v1/batches/batch_1",
    ]


def test_a_refused_cancel_is_an_error_if_the_batch_is_running() -> None:
    never = error("400 Bad Request", message="never")
    with raw_server(never, ok(BATCH)) as server, pytest.raises(RefusedError, match="never"):
        client(server.base_url).cancel_batch("batch_1", deaf)
    with raw_server(error("400 Bad Request"), ok(ENDED)) as server:
        assert client(server.base_url).cancel_batch("batch_1", deaf).has_ended


@pytest.mark.parametrize("response", [ok({}), error("500 No"), reset, error("404 No"), silence(2)])
def test_deleting_a_file_is_tried_once_and_never_fails(response: RawResponse) -> None:
    with raw_server(response) as server:
        client(server.base_url).delete_file("file-1", deaf)
        client(server.base_url).delete_file("..", deaf)
        assert len(server.requests) == 1


# --- downloads -------------------------------------------------------------------------------------------------------


def test_a_file_is_passed_on_in_pieces_as_it_arrives() -> None:
    file = io.BytesIO()
    events: list[Event] = []
    with raw_server(then(http("200 OK", b"", length=12), drip(b'{"a"}\n{"b"}\n', 0.02))) as server:
        client(server.base_url).download_file("file-1", file, events.append)
    assert file.getvalue() == b'{"a"}\n{"b"}\n'
    assert len([event for event in events if isinstance(event, DownloadProgress)]) > 1
    assert [event.received for event in events if isinstance(event, DownloadProgress)][-1] == 12


def test_a_file_longer_than_any_response_is_downloaded_completely() -> None:
    size, piece = 700 * 2**20, b"x" * 2**20
    events: list[Event] = []

    def long(connection: socket.socket) -> None:
        connection.sendall(http("200 OK", b"", length=size))
        for _ in range(size // len(piece)):
            connection.sendall(piece)

    with raw_server(long) as server, Path(os.devnull).open("r+b", buffering=0) as file:
        quick = Timeouts(silence=20, total=60)
        client(server.base_url, timeouts=quick).download_file("file-1", file, events.append)
    assert [event.received for event in events if isinstance(event, DownloadProgress)][-1] == size


def test_a_file_download_has_no_total_limit_while_data_arrives() -> None:
    file = io.BytesIO()
    quick = Timeouts(connect=2, silence=0.5, total=0.2)
    with raw_server(then(http("200 OK", b"", length=20), drip(b"x" * 20, 0.02))) as server:
        client(server.base_url, timeouts=quick).download_file("file-1", file, deaf)
    assert file.getvalue() == b"x" * 20


@pytest.mark.parametrize("end", [reset, silence(2), lambda connection: None])
def test_a_broken_download_is_kept_and_not_requested_again(end: Any) -> None:
    file = io.BytesIO()
    with raw_server(then(http("200 OK", b"one\n", length=90), end), http("200 OK", b"one\ntwo\n")) as server:
        with pytest.raises(UnsavedError) as caught:
            client(server.base_url).download_file("file-1", file, deaf)
        assert len(server.requests) == 1
    assert file.getvalue() == b"one\n"
    assert "run the same command again to download them" in (caught.value.hint or "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device without room")
def test_a_full_disk_is_a_disk_error_and_the_file_is_not_requested_again() -> None:
    with raw_server(FREE["content"][1]) as server:
        with (
            Path("/dev/full").open("wb", buffering=0) as file,
            pytest.raises(DiskError, match="no space left on device"),
        ):
            client(server.base_url).download_file("file-1", file, deaf)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("response", "size"),
    [
        (ok({"id": "file-1", "bytes": 120}), 120),
        (ok({"id": "file-1"}), None),
        (ok({"bytes": "120"}), None),
        (ok([1]), None),
        (error("404 Not Found"), None),
    ],
)
def test_the_size_of_a_file_is_known_if_the_provider_states_it(response: bytes, size: int | None) -> None:
    with raw_server(response) as server:
        assert client(server.base_url).get_file_size("file-1", deaf) == size
        assert len(server.requests) == 1


# --- where the key goes, and what a server can do --------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("act", [create, *(FREE[name][0] for name in FREE)])
def test_no_redirect_to_another_origin_is_followed(act: Act, status: int) -> None:
    with raw_server(ok(BATCH)) as elsewhere:
        moved = http(f"{status} Moved", b"", f"Location: {elsewhere.base_url}/batches")
        with raw_server(moved) as server:
            with pytest.raises(NetworkError, match="does not send the key there"):
                act(client(server.base_url))
            assert len(server.requests) == 1
        assert not elsewhere.requests


def test_an_upload_that_is_refused_while_it_is_sent_fails_immediately(tmp_path: Path) -> None:
    big = tmp_path / "rows.jsonl"
    big.write_bytes(b"x" * 20_000_000)
    read = threading.Event()

    def refuse(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(error("413 Payload Too Large", message="too large"))
        read.wait(5)

    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                refuse(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        with pytest.raises(RefusedError, match="too large") as caught:
            client(f"http://127.0.0.1:{listener.getsockname()[1]}/v1").upload_file(
                big, filename="rows.jsonl", media_type="application/jsonl", purpose="batch", on_event=deaf
            )
    finally:
        read.set()
        listener.close()
        thread.join(5)
    assert caught.value.hint == "set a smaller batch.max_bytes in [providers.NAME]; it is 200,000,000"


def test_a_file_is_read_from_its_start_for_each_upload(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(b"one\n" * 100_000)
    with raw_server(error("500 No"), ok({"id": "file-1"})) as server:
        client(server.base_url).upload_file(
            rows, filename="rows.jsonl", media_type="application/jsonl", purpose="batch", on_event=deaf
        )
    assert [request.count(b"one\n") for request in server.requests] == [100_000, 100_000]


def test_a_missing_file_is_an_error_before_anything_is_sent(tmp_path: Path) -> None:
    with raw_server(ok({"id": "file-1"})) as server:
        with pytest.raises(UsageError, match=r"rows\.jsonl can't be read: no such file"):
            client(server.base_url).upload_file(
                tmp_path / "rows.jsonl",
                filename="rows.jsonl",
                media_type="application/jsonl",
                purpose="batch",
                on_event=deaf,
            )
        assert not server.requests


def test_a_file_that_shrinks_during_an_upload_is_an_error_and_one_that_grows_is_cut(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"

    def grow() -> None:
        with rows.open("ab") as file:
            file.write(b"Y" * 100_000)

    def upload(base_url: str, change: Callable[[], object]) -> str:
        rows.write_bytes(b"x" * 100_000)
        changes = iter([change])

        def on_event(event: Event) -> None:
            if isinstance(event, UploadProgress):
                for pending in changes:
                    pending()

        return client(base_url).upload_file(
            rows, filename="rows.jsonl", media_type="application/jsonl", purpose="batch", on_event=on_event
        )

    with raw_server(ok({"id": "file-1"})) as server:
        assert upload(server.base_url, grow) == "file-1"
        assert b"x" * 100_000 + b"\r\n--" in server.requests[0]
        with pytest.raises(UsageError, match="shrank while"):
            upload(server.base_url, lambda: rows.write_bytes(b"x" * 20_000))


MEASURED = """
    import json, socket, sys, threading, tracemalloc
    from pathlib import Path
    from tempfile import TemporaryFile
    from imagecli.client.file_and_batch_requests import ApiClient
    from imagecli.client.batch_api import BatchApiClient
    from imagecli.client.exchange import Timeouts
    from imagecli.catalog.catalog import load_shipped_catalog

    port, path = int(sys.argv[1]), Path(sys.argv[2])
    calls = ApiClient(base_url=f"http://127.0.0.1:{port}/v1", key=None, auth="bearer", headers={}, query={},
                  timeouts=Timeouts(), max_retries=0, max_wait=1, direct=True)
    jobs = BatchApiClient(calls, load_shipped_catalog().provider("openai").batch)
    tracemalloc.start()
    if path.exists():
        jobs.upload_file(
            path, filename="a", media_type="application/jsonl", purpose="batch", on_event=lambda event: None
        )
    else:
        with TemporaryFile() as file:
            jobs.download_file("file-1", file, lambda event: None)
    print(tracemalloc.get_traced_memory()[1])
"""
LARGE = 60 * 2**20


@pytest.mark.parametrize("way", ["up", "down"])
def test_memory_does_not_grow_with_a_file(tmp_path: Path, way: str) -> None:
    path = tmp_path / "rows.jsonl"
    if way == "up":
        with path.open("wb") as file:
            file.truncate(LARGE)
    counted = 0

    def respond(connection: socket.socket) -> None:
        nonlocal counted
        while way == "up" and counted < LARGE:
            counted += len(connection.recv(2**20))
        if way == "down":
            connection.recv(65536)
        connection.sendall(ok({"id": "file-1"}) if way == "up" else http("200 OK", b"", length=LARGE))
        while way == "down" and counted < LARGE:
            connection.sendall(b"x" * 2**20)
            counted += 2**20

    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                respond(connection)

    threading.Thread(target=serve, daemon=True).start()
    with listener:
        command = [sys.executable, "-c", textwrap.dedent(MEASURED), str(listener.getsockname()[1]), str(path)]
        request_line = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    assert counted >= LARGE
    assert int(request_line) < 8 * 2**20
