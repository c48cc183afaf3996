"""Paid requests from the command line over real sockets to files and exit codes."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.client.raw import RawResponse, drip, http, images_body, png, raw_server, reset, silence, then
from tests.conftest import Run

pytestmark = pytest.mark.usefixtures("quick_tls_probe")

KEY = "sk-test-0123456789"
WITH_KEY = {"OPENAI_API_KEY": KEY}
RED, BLUE = png(), png(color="blue")
QUICK = ("--max-wait", "0.05", "--timeout", "2")
OVERLOADED = b'{"error": {"message": "overloaded", "type": "server_error"}}'
OK = http("200 OK", images_body(RED), "x-request-id: req_7")


@pytest.mark.parametrize(
    ("arguments", "counts"),
    [
        (["-n", "25"], [10, 10, 5]),
        (["-n", "10"], [10]),
        (["-n", "11"], [10, 1]),
        (["-n", "3", "-m", "dall-e-3"], [1, 1, 1]),
        (["-n", "1"], [1]),
    ],
)
def test_more_images_than_one_request_allows_are_several_requests(
    imagecli: Run, httpserver: HTTPServer, arguments: list[str], counts: list[int]
) -> None:
    bodies: list[dict[str, Any]] = []

    def respond(request: Request) -> Response:
        bodies.append(json.loads(request.get_data()))
        return Response(images_body(*[RED] * bodies[-1].get("n", 1)))

    httpserver.expect_request("/v1/images/generations").respond_with_handler(respond)
    result = imagecli("generate", "a cat", *arguments, "--base-url", httpserver.url_for("/v1"))
    assert (result.exit_code, len(set(result.paths))) == (0, sum(counts))
    assert all(path.read_bytes() == RED for path in result.paths)
    assert sorted((body.get("n", 1) for body in bodies), reverse=True) == counts
    assert all("n" not in body or body["n"] != 1 for body in bodies)


@pytest.mark.parametrize(
    ("response", "exit_code", "posts", "code"),
    [
        (OK, 0, 1, None),
        (http("400 No", b'{"error": {"message": "no", "code": "moderation_blocked"}}'), 4, 1, "moderation_blocked"),
        (http("401 No"), 3, 1, "authentication"),
        (http("402 No"), 5, 1, "insufficient_quota"),
        (http("404 No", b"<html>"), 4, 1, "refused"),
        (http("429 No", b'{"error": {"code": "insufficient_quota"}}'), 5, 1, "insufficient_quota"),
        (http("429 No"), 5, 3, "rate_limited"),
        (http("429 No", b"", "Retry-After: 99"), 5, 1, "rate_limited"),
        (http("503 No", OVERLOADED), 6, 3, "server_error"),
        (http("503 No"), 7, 1, "unsaved"),
        (http("500 No", OVERLOADED), 7, 1, "server_error"),
        (http("504 No"), 7, 1, "unsaved"),
        (http("302 Go", b"", "Location: /"), 6, 1, "network"),
        (http("200 OK", b"<html>log in</html>"), 6, 1, "network"),
        (http("200 OK", b'{"error": {"message": "no"}}'), 4, 1, "refused"),
        (http("200 OK", b'{"data": []}'), 7, 1, "unsaved"),
        (http("202 Accepted", b'{"id": "job"}'), 7, 1, "unsaved"),
        (http("204 No Content"), 7, 1, "unsaved"),
        (http("200 OK", images_body(RED[:-9])), 7, 1, "damaged"),
        (http("200 OK", images_body(RED), length=99_999), 7, 1, "answer_lost"),
        (reset, 7, 1, "answer_lost"),
        (lambda connection: None, 7, 1, "answer_lost"),
    ],
)
def test_each_response_has_its_exit_code_and_its_number_of_posts(
    imagecli: Run, response: RawResponse, exit_code: int, posts: int, code: str | None
) -> None:
    with raw_server(response) as server:
        result = imagecli("generate", "a cat", "--json", "--base-url", server.base_url, *QUICK, env=WITH_KEY)
        assert len(server.requests) == posts
    report = result.json
    assert (result.exit_code, report["exit_code"]) == (exit_code, exit_code)
    assert [error["code"] for error in report["errors"]] == ([code] if code else [])
    assert KEY not in result.stdout + result.stderr
    assert "bug" not in result.stderr


def test_silence_ends_at_the_timeout(imagecli: Run) -> None:
    with raw_server(silence(3)) as server:
        result = imagecli("generate", "a cat", "--base-url", server.base_url, "--timeout", "0.2")
        assert (result.exit_code, len(server.requests)) == (7, 1)
    assert "sent no data for too long" in result.stderr


def test_a_drip_ends_at_the_timeout_too(imagecli: Run) -> None:
    with raw_server(then(http("200 OK", length=900), drip(b" " * 60, 0.02))) as server:
        result = imagecli("generate", "a cat", "--base-url", server.base_url, "--timeout", "0.3")
    assert result.exit_code == 7
    assert "took too long" in result.stderr


def test_an_unreachable_server_is_an_error_without_cost(imagecli: Run, state: Path) -> None:
    result = imagecli("generate", "a cat", "--base-url", "http://127.0.0.1:1/v1", *QUICK)
    assert (result.exit_code, result.stdout) == (6, "")
    assert result.stderr.count("waiting") == 2
    assert not list(state.rglob("*.body"))


def test_the_received_part_of_a_truncated_response_is_kept_and_named(imagecli: Run, state: Path) -> None:
    cut = images_body(RED)[:-30]
    with raw_server(http("200 OK", cut, length=9999)) as server:
        result = imagecli("generate", "a cat", "--json", "--base-url", server.base_url, env=WITH_KEY)
    (error,) = result.json["errors"]
    rescued = Path(error["rescued_path"])
    assert rescued.read_bytes() == cut
    assert rescued.parent == state / "spool"
    assert str(rescued) in result.stderr
    assert "it ended too early" in result.stderr
    description = rescued.with_suffix(".json")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (rescued, description, rescued.parent)] == [
        0o600,
        0o600,
        0o700,
    ]
    assert KEY not in description.read_text()
    assert json.loads(description.read_text())["prompt"] == "a cat"


def test_a_response_without_an_image_names_its_request(imagecli: Run) -> None:
    with raw_server(http("200 OK", b'{"data": []}', "x-request-id: req_7")) as server:
        result = imagecli("generate", "a cat", "--json", "--base-url", server.base_url)
    assert "req_7" in result.stderr
    assert result.json["requests"][0]["request_id"] == "req_7"
    assert result.json["errors"][0]["status"] == 200


def test_the_spool_is_empty_when_all_is_saved(imagecli: Run, state: Path, folder: Path) -> None:
    with raw_server(OK) as server:
        assert imagecli("generate", "a cat", "--base-url", server.base_url).exit_code == 0
    assert [path.name for path in state.rglob("*.*")] == ["history.db"]
    assert [path.name for path in folder.iterdir()] == ["a-cat.png"]


def test_the_response_is_kept_beside_the_output_when_there_is_no_state_folder(
    imagecli: Run, state: Path, folder: Path
) -> None:
    state.write_text("a file where the folder should be")
    with raw_server(http("200 OK", b'{"data": ['), OK) as server:
        unsaved = imagecli("generate", "a cat", "--base-url", server.base_url)
        saved = imagecli("generate", "a cat", "-o", "out/", "--base-url", server.base_url)
    assert (unsaved.exit_code, saved.exit_code) == (7, 0)
    assert len(list((folder / ".imagecli-spool").glob("*.body"))) == 1
    assert [path.name for path in (folder / "out").iterdir()] == ["a-cat.png"]


def test_netrc_does_not_replace_the_key(imagecli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("default login somebody password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with raw_server(OK) as server:
        imagecli("generate", "a cat", "--base-url", server.base_url, env=WITH_KEY)
        imagecli("generate", "a dog", "--base-url", server.base_url)
        with_key, without = (request.partition(b"\r\n\r\n")[0].lower() for request in server.requests)
    assert f"authorization: bearer {KEY}".encode() in with_key
    assert b"authorization" not in without


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_the_embedded_sandbox_is_reached_without_the_proxy(
    imagecli: Run, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    result = imagecli("generate", "a cat", "--provider", "sandbox", "-m", "dall-e-2", "-s", "256x256")
    assert (result.exit_code, result.stdout) == (0, "a-cat.png\n"), result.stderr


def test_another_server_is_reached_through_the_proxy_and_its_password_is_not_printed(
    imagecli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://me:hush@127.0.0.1:1")
    result = imagecli("generate", "a cat", "--base-url", "http://127.0.0.2:9/v1", *QUICK)
    assert result.exit_code == 6
    assert "proxy" in result.stderr
    assert "hush" not in result.stderr


def test_stdout_gets_only_the_complete_image(imagecli: Run, folder: Path) -> None:
    with raw_server(OK) as server:
        result = imagecli("generate", "a cat", "-o", "-", "--base-url", server.base_url)
    assert (result.exit_code, result.raw_stdout, list(folder.iterdir())) == (0, RED, [])


@pytest.mark.parametrize(
    ("response", "exit_code"),
    [(http("503 No", OVERLOADED), 6), (http("200 OK", images_body(RED[:-9])), 7), (http("200 OK", b"{}"), 7)],
)
def test_stdout_stays_empty_when_there_is_no_image(imagecli: Run, response: RawResponse, exit_code: int) -> None:
    with raw_server(response) as server:
        result = imagecli("generate", "a cat", "-o", "-", "--base-url", server.base_url, *QUICK)
    assert (result.exit_code, result.raw_stdout) == (exit_code, b"")


def test_untrusted_text_is_harmless_everywhere(imagecli: Run) -> None:
    message = '{"error": {"message": "a\\u001b[31m\\u202e\\ud800 b", "code": "\\u0007x"}}'
    with raw_server(http("400 No", message.encode(), "x-request-id: r\x1b[2J")) as server:
        result = imagecli("generate", "a cat", "--json", "--base-url", server.base_url)
    assert result.exit_code == 4
    assert not any(sign in result.stderr for sign in "\x1b\x07\u202e\ud800")


@pytest.mark.parametrize("status", [401, 429])
def test_no_further_request_is_sent_after_a_fatal_error(imagecli: Run, status: int) -> None:
    body = b'{"error": {"code": "insufficient_quota"}}' if status == 429 else b""
    with raw_server(http(f"{status} No", body)) as server:
        result = imagecli("generate", "a cat", "-m", "dall-e-3", "-n", 40, "--base-url", server.base_url, env=WITH_KEY)
        assert len(server.requests) < 40
    assert result.exit_code == (5 if status == 429 else 3)


@pytest.mark.parametrize(
    "response",
    [
        http("200 OK", b'{"data": []}'),
        http("502 No"),
        http("500 No", b'{"error": "out of memory"}'),
        http("200 OK", b'{"data": [', length=999),
        reset,
    ],
)
def test_a_provider_that_bills_nothing_is_never_reported_as_billing(imagecli: Run, response: RawResponse) -> None:
    with raw_server(response) as server:
        result = imagecli("generate", "a cat", "--provider", "local", "--base-url", server.base_url, *QUICK)
        assert len(server.requests) == 1
    assert result.exit_code in (6, 7)
    assert "billed" not in result.stderr
    assert "usage page" not in result.stderr
