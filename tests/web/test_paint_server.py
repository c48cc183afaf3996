"""The server of the paint page serves only its own page, in bounded memory, and notices when that page is closed."""

from __future__ import annotations

import http.client
import zlib
from collections.abc import Mapping

import pytest

from imagecli.web.paint_server import PaintServer
from imagecli.web.paint_session import PaintSession, PaintTimes
from tests.web.conftest import HEIGHT, WIDTH, Serve

AREA = bytes(WIDTH * HEIGHT - 1) + b"\xff"


def request(
    server: PaintServer, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    connection.request(method, path, body, dict(headers or {}))
    response = connection.getresponse()
    response.body = response.read()  # type: ignore[attr-defined]
    connection.close()
    return response


def page_path(server: PaintServer, name: str = "") -> str:
    return server.url.partition(f":{server.server_port}")[2] + name


@pytest.mark.parametrize("name", ["", "info", "image", "area"])
def test_the_page_is_only_at_its_token(serve: Serve, name: str) -> None:
    server = serve()
    response = request(server, "GET", page_path(server, name))
    assert response.status == 200
    assert response.headers["Cache-Control"] == "no-store" and response.headers["Referrer-Policy"] == "no-referrer"
    assert "Access-Control-Allow-Origin" not in response.headers
    other = serve()
    assert request(server, "GET", page_path(other, name)).status == 404
    assert request(server, "GET", f"/{name}").status == 404
    assert request(server, "GET", page_path(server).rstrip("/")).status == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost:9000"}, 200),  # ssh -L 9000:…
        ({"Host": "[::1]:9000"}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "attacker.example:9000"}, 403),
        ({"Host": "127.0.0.1.attacker.example"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "localhost:9000", "Origin": "http://localhost:9000"}, 200),
        ({"Host": "localhost:9000", "Origin": "http://localhost:9001"}, 403),
        ({"Host": "localhost:9000", "Origin": "https://attacker.example"}, 403),
        ({"Host": "localhost:9000", "Origin": "null"}, 403),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_requests_of_another_site_are_refused(serve: Serve, method: str, headers: dict[str, str], status: int) -> None:
    server = serve()
    path = page_path(server, "info" if method == "GET" else "alive?a")
    response = request(server, method, path, headers=headers)
    assert response.status == (204 if method == "POST" and status == 200 else status)


def test_the_url_in_the_browser_s_command_line_works_once(serve: Serve) -> None:
    server = serve()
    path = server.entry_url.partition(f":{server.server_port}")[2]
    response = request(server, "GET", path)
    assert (response.status, response.headers["Location"]) == (303, page_path(server))
    assert request(server, "GET", path).status == 404


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (AREA, {}, 204),
        (zlib.compress(AREA, wbits=31), {"Content-Encoding": "gzip"}, 204),
        (AREA[1:], {}, 400),
        (b"", {}, 400),
        (b"no gzip", {"Content-Encoding": "gzip"}, 400),
        (zlib.compress(bytes(100_000_000), wbits=31), {"Content-Encoding": "gzip"}, 413),
        (zlib.compress(bytes(10_000_000), wbits=31), {"Content-Encoding": "gzip"}, 400),
        (bytes(WIDTH * HEIGHT), {}, 422),
    ],
    ids=["plain", "gzip", "short", "empty", "damaged", "too-large", "bomb", "unpainted"],
)
def test_only_an_area_of_the_image_is_accepted(serve: Serve, body: bytes, headers: dict[str, str], status: int) -> None:
    server = serve()
    assert request(server, "POST", page_path(server, "save"), body, headers).status == status
    if status == 204:
        assert server.session.wait() == "saved"
    assert server.session.has_ended == (status == 204)
    assert server.session.area == (AREA if status == 204 else bytes(WIDTH * HEIGHT))


def test_a_draft_that_arrives_after_the_saved_area_changes_nothing(serve: Serve) -> None:
    server = serve()
    for name, area in (("draft", b"\x01" * len(AREA)), ("save", AREA), ("draft", b"\x02" * len(AREA))):
        assert request(server, "POST", page_path(server, name), area).status == 204
    assert server.session.wait() == "saved"
    assert server.session.area == AREA


@pytest.mark.parametrize("name", ["", "other", "alive", "leave", "info"])
def test_other_posts_are_not_found(serve: Serve, name: str) -> None:
    server = serve()
    assert request(server, "POST", page_path(server, name), b"").status == 404
    assert request(server, "PUT", page_path(server, name), b"").status == 501


def test_a_body_without_a_length_is_refused(serve: Serve) -> None:
    server = serve()
    headers = {"Transfer-Encoding": "chunked"}
    assert request(server, "POST", page_path(server, "draft"), b"1\r\n0\r\n0\r\n\r\n", headers).status == 411


@pytest.mark.parametrize(
    ("events", "end"),
    [
        ("", "unopened"),
        ("alive a", "silent"),
        ("alive a, leave a", "closed"),
        ("alive a, leave a, alive a", "closed"),  # a late message of the closed page
        ("alive a, alive b, leave a", "silent"),
        ("alive a, leave a, alive b, leave b", "closed"),
    ],
)
def test_the_wait_ends_when_no_page_is_left(events: str, end: str) -> None:
    session = PaintSession(AREA, PaintTimes(open=0.3, leave=0.2, silence=0.4))
    for event in filter(None, events.split(", ")):
        name, page = event.split()
        session.note_open_page(page) if name == "alive" else session.note_closed_page(page)
    assert session.wait() == end


def test_a_reload_within_the_time_is_not_a_close() -> None:
    session = PaintSession(AREA, PaintTimes(leave=0))
    session.note_open_page("a")
    session.note_open_page("b")
    session.note_closed_page("a")
    assert not session.has_ended
