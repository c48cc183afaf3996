"""Responses with URLs, from the command line to the files."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.client.raw import http, images_body, png, raw_server
from tests.conftest import Run

KEY = "sk-test-0123456789"
WITH_KEY = {"OPENAI_API_KEY": KEY}
RED, BLUE = png(), png(color="blue")
QUICK = ("--max-wait", "0.05", "--timeout", "2")
OK = http("200 OK", images_body(RED), "x-request-id: req_7")


@pytest.fixture
def threaded() -> Iterator[HTTPServer]:
    """A server that handles several requests at the same time."""
    with HTTPServer(threaded=True) as server:
        yield server


class TestUrls:
    """Responses with URLs."""

    def serve(self, server: HTTPServer, *paths: str) -> list[Request]:
        """Responds to a generation with these URLs, and returns the list of its requests."""
        requests: list[Request] = []
        data = [{"url": path if "://" in path else server.url_for(path)} for path in paths]

        def respond(request: Request) -> Response:
            requests.append(request)
            return Response(json.dumps({"data": data}))

        server.expect_request("/v1/images/generations").respond_with_handler(respond)
        return requests

    def run(self, imagecli: Run, server: HTTPServer, n: int = 1) -> tuple[int, Any, str]:
        result = imagecli(
            "generate", "a cat", "-n", n, "--json", "--base-url", server.url_for("/v1"), *QUICK, env=WITH_KEY
        )
        return result.exit_code, result.json, result.stderr

    def test_urls_are_downloaded_in_parallel_and_without_the_key(
        self, imagecli: Run, threaded: HTTPServer, folder: Path
    ) -> None:
        posts = self.serve(threaded, "/a", "/b", "/c")
        together = threading.Barrier(3, timeout=5)
        keys: list[str | None] = []

        def image(request: Request) -> Response:
            together.wait()
            keys.append(request.headers.get("Authorization"))
            return Response(RED, content_type="text/plain")

        for path in "abc":
            threaded.expect_request(f"/{path}").respond_with_handler(image)
        assert self.run(imagecli, threaded, 3)[0] == 0
        assert keys == [None] * 3
        assert [request.headers["Authorization"] for request in posts] == [f"Bearer {KEY}"]
        assert sorted(path.name for path in folder.iterdir()) == ["a-cat-1.png", "a-cat-2.png", "a-cat-3.png"]

    def test_a_failed_download_is_retried_and_the_paid_request_is_not(
        self, imagecli: Run, httpserver: HTTPServer
    ) -> None:
        posts = self.serve(httpserver, "/a")
        httpserver.expect_oneshot_request("/a").respond_with_data(b"", 503)
        httpserver.expect_request("/a").respond_with_data(RED)
        assert self.run(imagecli, httpserver)[0] == 0
        assert len(posts) == 1

    def test_an_expired_url_is_reported_and_the_response_is_kept(
        self, imagecli: Run, httpserver: HTTPServer, folder: Path
    ) -> None:
        posts = self.serve(httpserver, "/a?se=2020&sig=hush")
        httpserver.expect_request("/a").respond_with_data(b"<Error><Code>AuthenticationFailed</Code></Error>", 403)
        exit_code, report, stderr = self.run(imagecli, httpserver)
        assert (exit_code, len(posts)) == (7, 1)
        (error,) = report["errors"]
        assert error["code"] == "result_expired"
        assert b"hush" in Path(error["rescued_path"]).read_bytes()
        assert "hush" not in stderr
        assert list(folder.iterdir()) == []

    def test_a_page_with_an_image_content_type_leaves_its_url_in_the_spool(
        self, imagecli: Run, httpserver: HTTPServer, folder: Path
    ) -> None:
        self.serve(httpserver, "/a.png")
        httpserver.expect_request("/a.png").respond_with_data(b"<html>sorry</html>", content_type="image/png")
        exit_code, report, _ = self.run(imagecli, httpserver)
        (error,) = report["errors"]
        assert (exit_code, error["code"], "an HTML page" in error["message"]) == (7, "result_url", True)
        assert b"/a.png" in Path(error["rescued_path"]).read_bytes()
        assert list(folder.iterdir()) == []

    def test_a_failed_download_does_not_affect_the_other(
        self, imagecli: Run, httpserver: HTTPServer, folder: Path, state: Path
    ) -> None:
        self.serve(httpserver, "/a", "/b")
        httpserver.expect_request("/a").respond_with_data(RED)
        httpserver.expect_request("/b").respond_with_data(b"", 404)
        exit_code, report, _ = self.run(imagecli, httpserver, 2)
        assert (exit_code, report["status"]) == (9, "partial")
        assert [path.name for path in folder.iterdir()] == ["a-cat-1.png"]
        assert len(list(state.rglob("*.body"))) == 1
        # For `recover`: where the request was sent to.
        assert [path.read_text() for path in state.rglob("*.sent")] == ["127.0.0.1"]

    def test_excess_urls_stay_in_the_response_until_it_is_removed(
        self, imagecli: Run, threaded: HTTPServer, folder: Path, state: Path
    ) -> None:
        self.serve(threaded, *(f"/{number}" for number in range(30)))
        fetched: list[str] = []

        def image(request: Request) -> Response:
            fetched.append(request.path)
            return Response(png(color=f"#0000{int(request.path[1:]):02x}"))

        threaded.expect_request(re.compile(r"/\d+")).respond_with_handler(image)
        exit_code, report, _ = self.run(imagecli, threaded, 2)
        (body,) = state.rglob("*.body")
        assert (exit_code, len(fetched), len(list(folder.iterdir()))) == (0, 6, 6)
        (warning,) = (one for one in report["warnings"] if one["code"] == "urls_not_fetched")
        assert (warning["level"], str(body) in warning["message"]) == ("warning", True)
        assert "24 not downloaded" in warning["message"]
        # A second recover downloads and saves nothing more, and keeps the response.
        assert imagecli("recover").exit_code == 0
        assert (len(fetched), len(list(folder.iterdir())), body.exists()) == (12, 6, True)
        assert imagecli("recover", "--delete", body.stem).exit_code == 0
        assert not body.exists()

    @pytest.mark.parametrize("scheme", ["file", "ftp"])
    def test_no_other_scheme_is_followed(
        self, imagecli: Run, httpserver: HTTPServer, folder: Path, tmp_path: Path, scheme: str
    ) -> None:
        (tmp_path / "own.png").write_bytes(BLUE)
        self.serve(httpserver, f"{scheme}://{tmp_path}/own.png")
        assert self.run(imagecli, httpserver)[0] == 7
        assert list(folder.iterdir()) == []


def test_a_relative_url_is_downloaded_without_the_password_of_the_base_url(
    imagecli: Run, httpserver: HTTPServer, folder: Path, state: Path
) -> None:
    """The user's own secret: it goes to the API, not to results, and into no file that is kept."""
    httpserver.expect_request("/v1/images/generations").respond_with_json({"data": [{"url": "/pic.png"}]})
    httpserver.expect_request("/pic.png").respond_with_data(RED)
    base_url = httpserver.url_for("/v1").replace("http://", "http://user:hunter2@")
    assert imagecli("generate", "a cat", "--base-url", base_url, *QUICK, env=WITH_KEY).exit_code == 0
    assert (folder / "a-cat.png").read_bytes() == RED
    httpserver.clear()
    httpserver.expect_request("/v1/images/generations").respond_with_json({"data": [{"url": "/gone.png"}]})
    assert imagecli("generate", "a dog", "--base-url", base_url, *QUICK, env=WITH_KEY).exit_code == 7
    contents = [path.read_bytes() for path in state.rglob("*") if path.is_file()]
    assert contents
    assert not [text for text in contents if b"hunter2" in text]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("-m", "dall-e-2"), True),
        (("-m", "unknown-model"), True),
        (("--provider", "local", "--response-format", "url"), True),
        (("-m", "dall-e-2", "--response-format", "b64_json"), False),
        (("--provider", "local"), False),  # requests it by itself
        (("-m", "gpt-image-2"), False),  # does not accept it
        (("--provider", "zhipu", "-m", "cogview-4-250304"), False),
    ],
)
@pytest.mark.parametrize("url", ["http://127.0.0.1:{other}/x.png", "http://10.0.0.1/x.png", "/v1/missing.png"])
def test_a_failed_result_url_names_the_option_that_avoids_it_if_it_is_accepted(
    imagecli: Run, arguments: tuple[str, ...], named: bool, url: str
) -> None:
    def respond(connection: socket.socket) -> None:
        location = url.format(other=connection.getsockname()[1] + 1)
        connection.sendall(http("200 OK", json.dumps({"data": [{"url": location}]}).encode()))

    variables = {"OPENAI_API_KEY": "sk-x", "ZHIPUAI_API_KEY": "x"}
    with raw_server(respond, http("404 No")) as server:
        result = imagecli("generate", "a cat", *arguments, "--base-url", server.base_url, env=variables)
    assert result.exit_code == 7, result.stderr
    assert ("--response-format b64_json" in result.stderr) is named
    assert "its URL is in the saved response" in result.stderr or "instead of a URL" in result.stderr
