"""Result URLs: downloaded without the key, retried, and never paid for again."""

from __future__ import annotations

import io
import threading
from contextlib import nullcontext
from pathlib import Path

import pytest

from imagecli.client.download import OriginAccess, ResultDownloader
from imagecli.client.exchange import Timeouts
from imagecli.client.session import Authorization
from imagecli.domain import Secret
from imagecli.errors import DiskError, UnsavedError
from tests.client.raw import RawResponse, drip, http, raw_server, reset, silence, then
from tests.client.sending import Download

OK = http("200 OK", b"picture")
AZURE = b"<?xml version='1.0'?><Error><Code>AuthenticationFailed</Code></Error>"


QUICK = Timeouts(connect=2, silence=0.3, total=2)


def fetch(url: str, timeouts: Timeouts = QUICK, direct: bool = True) -> bytes:
    """The content of *url*, for a response from the same server."""
    into = Download()
    for _ in ResultDownloader(timeouts=timeouts, direct=direct, max_wait=0.02).fetch(url, into, base_url=url):
        if b"half" not in into.getvalue():
            break
    return into.getvalue()


@pytest.mark.parametrize(
    "first",
    [
        http("503 No"),
        http("500 No"),
        http("429 No"),
        http("408 No"),
        reset,
        lambda connection: None,
        http("200 OK", b"pict", length=7),
        then(http("200 OK", b"pict", length=7), reset),
        silence(2),
    ],
)
def test_a_failed_download_is_retried_from_the_start(first: RawResponse) -> None:
    with raw_server(first, OK) as server:
        assert fetch(f"{server.base_url}/a.png?sig=1") == b"picture"
        assert [request.split()[:2] for request in server.requests] == [[b"GET", b"/v1/a.png?sig=1"]] * 2


HEADERS = {"x-gateway-key": "hush"}


def fetch_with_key(url: str, base_url: str, scheme: str = "bearer") -> bytes:
    """The content of *url*, for a key and a header that belong to the API at *base_url*."""
    access = OriginAccess(base_url, Authorization(Secret("sk-own-0123456789"), scheme), HEADERS)
    into = Download()
    next(
        ResultDownloader(timeouts=QUICK, direct=True, max_wait=0.02, access=access).fetch(url, into, base_url=base_url)
    )
    return into.getvalue()


def has_key(request: bytes) -> bool:
    return any(word in request.lower() for word in (b"sk-own", b"authorization", b"x-gateway-key"))


@pytest.mark.parametrize("scheme", ["bearer", "api-key"])
@pytest.mark.parametrize("refusal", [http("401 No"), http("403 No", b'{"detail": "Not authenticated"}')])
def test_a_result_on_the_api_s_own_origin_is_requested_with_the_key_after_a_401(refusal: bytes, scheme: str) -> None:
    with raw_server(refusal, OK) as server:
        assert fetch_with_key(f"{server.base_url}/files/a?x=1", server.base_url, scheme) == b"picture"
        assert [has_key(request) for request in server.requests] == [False, True]
        assert b"x-gateway-key: hush" in server.requests[1].lower()


@pytest.mark.parametrize("response", [OK, http("404 No"), http("403 No", AZURE)])
def test_a_result_that_needs_no_key_gets_none(response: bytes) -> None:
    with raw_server(response) as server:
        with nullcontext() if response == OK else pytest.raises(UnsavedError):
            fetch_with_key(f"{server.base_url}/a", server.base_url)
        assert [has_key(request) for request in server.requests] == [False]


def test_a_key_that_a_result_refuses_is_sent_once() -> None:
    with raw_server(http("401 No")) as server:
        with pytest.raises(UnsavedError, match="HTTP 401"):
            fetch_with_key(f"{server.base_url}/a", server.base_url)
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    "base_url",
    ["http://127.0.0.1:1/v1", "https://127.0.0.1:{port}/v1", "http://localhost:{port}/v1", "http://127.0.0.1./v1", ""],
)
def test_no_other_origin_is_sent_the_key_for_a_result(base_url: str) -> None:
    with raw_server(http("401 No")) as server:
        access = OriginAccess(base_url.format(port=server.port), Authorization(Secret("sk-own-0123456789")), HEADERS)
        results = ResultDownloader(timeouts=QUICK, direct=True, max_wait=0.02, access=access)
        with pytest.raises(UnsavedError, match="HTTP 401"):
            next(results.fetch(f"{server.base_url}/a", Download(), base_url=server.base_url))
        assert [has_key(request) for request in server.requests] == [False]


def test_no_redirect_of_a_result_is_followed_with_the_key() -> None:
    """Neither one that the request with the key returned, nor one that led to the API's own origin."""
    with raw_server(http("401 No"), http("302 Go", b"", "Location: /b"), OK) as server:
        assert fetch_with_key(f"{server.base_url}/a", server.base_url) == b"picture"
        assert [has_key(request) for request in server.requests] == [False, True, False]
    with raw_server(http("302 Go", b"", "Location: /b"), http("401 No")) as server:
        with pytest.raises(UnsavedError, match="HTTP 401"):
            fetch_with_key(f"{server.base_url}/a", server.base_url)
        assert not any(map(has_key, server.requests))


@pytest.mark.parametrize(
    "target",
    [
        "/a%7eb.png?sig=%2fx%2Fy",
        "/a/./b/../c.png",
        "/a//b.png?",
        "/a[1]{2}|^`.png?a=[b]&c=%",
        "/a.png?x='\"<>",
        "/a.png?sig=a+b%20c;d=%e2%9C%93&&=",
        "?sig=1",
    ],
)
def test_a_result_url_is_sent_exactly_as_it_was_given(target: str) -> None:
    with raw_server(OK) as server:
        assert fetch(f"http://127.0.0.1:{server.port}{target}#part") == b"picture"
        expected = target if target.startswith("/") else f"/{target}"
        assert server.requests[0].split(b"\r\n")[0] == f"GET {expected} HTTP/1.1".encode()


def test_only_invalid_characters_of_a_url_are_encoded() -> None:
    with raw_server(OK) as server:
        fetch(f"{server.base_url}/a b\u00e4.png?c=d e%7E")
        assert server.requests[0].split(b"\r\n")[0] == b"GET /v1/a%20b%C3%A4.png?c=d%20e%7E HTTP/1.1"


def test_a_proxy_is_sent_the_result_url_exactly_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_server(OK) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        assert fetch("http://cdn.invalid/a%7eb.png?sig=%2f", direct=False) == b"picture"
        assert proxy.requests[0].split(b"\r\n")[0] == b"GET http://cdn.invalid/a%7eb.png?sig=%2f HTTP/1.1"


@pytest.mark.parametrize(
    ("response", "code", "fetches"),
    [
        (http("403 No", AZURE), "result_expired", 1),
        (http("403 No", b"", "x-ms-error-code: AuthenticationFailed"), "result_expired", 1),
        (http("403 No", b"go away"), "result_url", 1),
        (http("404 No"), "result_url", 1),
        (http("410 No"), "result_url", 1),
        (http("304 Not Modified"), "result_url", 1),
        (http("300 Multiple Choices"), "result_url", 1),
        (http("302 Found"), "result_url", 1),
        (http("503 No"), "result_url", 3),
        (reset, "result_url", 3),
    ],
)
def test_a_failed_download_is_reported_as_paid(response: RawResponse, code: str, fetches: int) -> None:
    with raw_server(response) as server:
        with pytest.raises(UnsavedError) as caught:
            fetch(f"{server.base_url}/a.png?sig=secret")
        assert len(server.requests) == fetches
    assert (caught.value.exit_code, caught.value.code) == (7, code)
    assert "may have been billed" in (caught.value.hint or "")
    assert "secret" not in caught.value.message
    assert ("a redirect" in caught.value.message) == (300 <= (caught.value.status or 0) < 400)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/a.png",
        "gopher://127.0.0.1/",
        "/etc/passwd",
        "a.png",
        "",
        "http://[bad/a.png",
        "http://",
        "http:///a.png",
        "http://x:99999/a.png",
        "http://x:0/a.png",
        "http://x:-1/a.png",
        "http://x:8o/a.png",
        "http://exa mple/a.png",
    ],
)
def test_a_url_that_is_not_http_is_refused(url: str) -> None:
    with pytest.raises(UnsavedError) as caught:
        fetch(url)
    assert caught.value.code == "result_refused"
    assert "lost" not in caught.value.message


def test_a_redirect_is_followed_and_a_loop_ends() -> None:
    with raw_server(http("302 Go", b"", "Location: /b.png"), OK) as server:
        assert fetch(f"{server.base_url}/a.png") == b"picture"
        assert server.requests[1].startswith(b"GET /b.png ")
        with raw_server(http("302 Go", b"", "Location: /again")) as loop, pytest.raises(UnsavedError):
            fetch(f"{loop.base_url}/a.png")
        assert len(loop.requests) < 30


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_every_kind_of_redirect_is_followed(status: int) -> None:
    with raw_server(http(f"{status} Go", b"", "Location: /b.png"), OK) as server:
        assert fetch(f"{server.base_url}/a.png") == b"picture"
        assert [request.split()[1] for request in server.requests] == [b"/v1/a.png", b"/b.png"]


def test_five_redirects_are_followed_and_no_sixth() -> None:
    go = http("302 Go", b"", "Location: /again")
    with raw_server(*[go] * 5, OK) as server:
        assert fetch(f"{server.base_url}/a.png") == b"picture"
    with raw_server(*[go] * 6, OK) as server, pytest.raises(UnsavedError, match="too many redirects"):
        fetch(f"{server.base_url}/a.png")


def test_a_redirect_to_an_invalid_url_is_refused() -> None:
    with raw_server(http("302 Go", b"", "Location: http://[bad/b.png")) as server:
        with pytest.raises(UnsavedError) as caught:
            fetch(f"{server.base_url}/a.png")
        assert (caught.value.code, len(server.requests)) == ("result_refused", 1)


@pytest.mark.parametrize("target", ["http://a%b/b.png", "http://[v1.a]/b.png"])
def test_a_redirect_to_an_impossible_url_is_followed_once(target: str) -> None:
    with raw_server(http("302 Go", b"", f"Location: {target}")) as server:
        with pytest.raises(UnsavedError, match="can't send a request"):
            fetch(f"{server.base_url}/a.png")
        assert len(server.requests) == 1


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://127.0.0.1:1/x"])
def test_a_redirect_to_a_missing_page_fails(target: str) -> None:
    with raw_server(http("302 Go", b"", f"Location: {target}")) as server, pytest.raises(UnsavedError):
        fetch(f"{server.base_url}/a.png")


def test_netrc_is_not_used_for_result_urls_or_their_redirects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with raw_server(http("302 Go", b"", "Location: /b.png"), OK) as server:
        fetch(f"{server.base_url}/a.png", direct=False)
        for request in server.requests:
            assert b"authorization" not in request.lower()
            assert b"user-agent: imagecli/" in request.lower()
        assert len(server.requests) == 2


def test_a_steady_drip_ends_at_the_total_time() -> None:
    dripping = then(http("200 OK", length=500), drip(b" " * 100, 0.01))
    with raw_server(dripping) as server, pytest.raises(UnsavedError) as caught:
        fetch(f"{server.base_url}/a.png", Timeouts(connect=2, silence=2, total=0.1))
    assert "took too long" in caught.value.message


def test_threads_share_one_session() -> None:
    results = ResultDownloader(timeouts=Timeouts(), direct=True)
    found = [Download() for _ in range(8)]
    with raw_server(OK) as server:

        def fetch_into(into: Download) -> None:
            next(results.fetch(f"{server.base_url}/a", into, base_url=server.base_url))

        threads = [threading.Thread(target=fetch_into, args=(into,)) for into in found]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [into.getvalue() for into in found] == [b"picture"] * 8


def test_an_incomplete_result_is_downloaded_again_and_kept_at_the_last_attempt() -> None:
    half = http("200 OK", b"half a picture")
    with raw_server(half, OK) as server:
        assert fetch(f"{server.base_url}/a.png") == b"picture"
    with raw_server(half) as server:
        assert fetch(f"{server.base_url}/a.png") == b"half a picture"
        assert len(server.requests) == 3


def test_a_download_waits_as_long_as_the_server_says() -> None:
    busy = http("503 No", b"", "Retry-After: 3600")
    with raw_server(busy) as server, pytest.raises(UnsavedError) as caught:
        fetch(f"{server.base_url}/a.png")
    assert "HTTP 503" in caught.value.message
    assert len(server.requests) == 1


def test_a_second_attempt_leaves_nothing_of_the_first_in_the_file() -> None:
    with raw_server(http("200 OK", b"half of a longer picture"), OK) as server:
        assert fetch(f"{server.base_url}/a.png") == b"picture"


def test_a_full_disk_is_not_retried() -> None:
    results = ResultDownloader(timeouts=QUICK, direct=True, max_wait=0.02)
    with raw_server(OK) as server, Full("/dev/full", "wb") as full:
        with pytest.raises(DiskError):
            next(results.fetch(f"{server.base_url}/a.png", full, base_url=server.base_url))
        assert len(server.requests) == 1


class Full(io.FileIO):
    """A full device."""

    def restart(self) -> None:
        return
