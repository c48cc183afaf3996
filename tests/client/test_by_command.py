"""Promises about requests as a user sees them: the real command, bare sockets, exit codes, and what was sent where."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.client.raw import RawResponse, drip, http, images_body, linking, png, raw_server, reset, then
from tests.client.test_rate_limits import deaf_server, waits
from tests.client.test_tls import tls_server
from tests.client.test_url_policy import listening
from tests.conftest import Result, Run

KEY = "sk-test-0123456789abcdef"
WITH_KEY = {"OPENAI_API_KEY": KEY}
OK = http("200 OK", images_body(png()))
LIMIT = b'{"error": {"message": "Rate limit reached", "type": "images", "code": "rate_limit_exceeded"}}'
Generate = Callable[..., Result]


@pytest.fixture
def generate(imagecli: Run, state: Path, folder: Path) -> Iterator[Generate]:
    """Runs `generate`; afterwards neither key nor traceback is anywhere."""
    results: list[Result] = []

    def run(base_url: str, *options: object) -> Result:
        command = ("generate", "a cat", "-m", "dall-e-2", "--base-url", base_url, "--max-retries", 1, *options)
        results.append(imagecli(*command, env=WITH_KEY))
        return results[-1]

    yield run
    for result in results:
        assert KEY not in result.stderr + result.stdout
        assert "Traceback" not in result.stderr
    for place in (state, folder):
        assert not [path for path in place.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("response", "exit_code", "posts"),
    [
        (b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK, 0, 1),
        (then(b"HTTP/1.1 200 OK\r\nX: ", drip(b"x" * 2000, 0.02)), 7, 1),
        (drip(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50, 0.02), 7, 1),
        (then(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", drip(b"e" * 2000, 0.02)), 7, 1),
        (reset, 7, 1),
        (http("408 No"), 7, 1),
        (http("409 No"), 4, 1),
        (http("425 No"), 4, 1),
        (http("504 No"), 7, 1),
        (http("524 No"), 7, 1),
        (http("400 No", b"{}", "x-should-retry: true"), 4, 1),
        (http("504 No", b"{}", "x-should-retry: true"), 7, 1),
        (http("503 No", b"{}", "x-should-retry: false"), 7, 1),
        (http("503 No", b"{}", "Retry-After: 0"), 6, 2),
        (http("429 No", LIMIT, "Retry-After: 0"), 5, 2),
        (http("429 No", b'{"error": {"code": "insufficient_quota"}}', "Retry-After: 0"), 5, 1),
    ],
)
def test_each_response_has_its_exit_code_and_its_posts(
    generate: Generate, quick_tls_probe: None, response: RawResponse, exit_code: int, posts: int
) -> None:
    started = time.monotonic()
    with raw_server(response) as server:
        result = generate(server.base_url, "--timeout", 0.6)
        assert len(server.requests) == posts
    assert result.exit_code == exit_code, result.stderr
    assert len(result.paths) == (exit_code == 0)
    assert time.monotonic() - started < 6


def test_the_wrong_scheme_is_named_and_nothing_is_billed(generate: Generate) -> None:
    with tls_server(lambda line: None) as (base_url, requests):
        result = generate(base_url.replace("https:", "http:"))
        assert requests == []
    assert result.exit_code == 6
    assert "hint: start --base-url with https://" in result.stderr
    with raw_server(OK) as server:
        result = generate(server.base_url.replace("http:", "https:"), "--timeout", 0.6, "--max-retries", 0)
        assert server.requests == []
    assert result.exit_code == 6
    assert "http://" in result.stderr


def test_a_bundle_without_certificates_names_its_variable(
    generate: Generate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("these are not certificates")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    result = generate("https://127.0.0.1:1/v1")
    assert result.exit_code == 2
    assert "REQUESTS_CA_BUNDLE" in result.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "localhost", "[::ffff:127.0.0.1]"])
@pytest.mark.parametrize("direct", [True, False])
def test_a_public_server_can_not_link_to_this_machine(
    generate: Generate, folder: Path, monkeypatch: pytest.MonkeyPatch, host: str, direct: bool
) -> None:
    """The API is a public name behind a proxy; its images are said to lie here, and are asked for by us or by it."""
    with listening() as here:
        response = http("200 OK", json.dumps({"data": [{"url": f"http://{host}:{here.port}/a.png?sig=hush"}]}).encode())
        with raw_server(response) as proxy:
            for name in ("http_proxy", "no_proxy", "NO_PROXY"):
                monkeypatch.delenv(name, raising=False)
            monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
            if direct:
                monkeypatch.setenv("NO_PROXY", f"{host.strip('[]')},localhost")
            result = generate("http://api.example.test/v1", "--insecure-http", "--verbose")
            assert [request[:4] for request in proxy.requests] == [b"POST"]
        assert here.connections == []
    assert result.exit_code == 7
    assert "http://" in result.stderr
    assert "hush" not in result.stderr
    assert list(folder.iterdir()) == []


def test_a_server_on_this_machine_can_link_to_it_and_gets_no_key(generate: Generate, folder: Path) -> None:
    def respond(base_url: str) -> bytes:
        body = json.dumps({"data": [{"url": f"{base_url}/a"}]}).encode()
        return http("200 OK", body, "Set-Cookie: session=crumbs; Path=/")

    with raw_server(linking(respond), http("200 OK", png(), "Set-Cookie: a=b")) as server:
        assert generate(server.base_url).exit_code == 0
        post, get = server.requests
    assert KEY.encode() in post
    assert KEY.encode() not in get
    assert b"crumbs" not in get
    assert b"authorization" not in get.lower()
    assert [path.name for path in folder.iterdir()] == ["a-cat.png"]


@pytest.mark.parametrize(("status", "exit_code"), [(401, 3), (413, 4), (400, 4)])
def test_an_upload_that_is_refused_half_way_has_the_servers_error(
    imagecli: Run, folder: Path, status: int, exit_code: int
) -> None:
    Image.effect_noise((2000, 2000), 100).convert("RGBA").save(folder / "photo.png", compress_level=0)
    refusal = http(f"{status} No", b'{"error": {"message": "not this one"}}')
    with deaf_server(refusal, reads=2000, then=waits) as base_url:
        result = imagecli(
            *("edit", "photo.png", "a cat", "-m", "gpt-image-1", "--base-url", base_url), env=WITH_KEY
        )  # fmt: skip
    assert result.exit_code == exit_code, result.stderr
    assert "not this one" in result.stderr


@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_that_is_too_long_ends_all_requests_with_the_time_to_retry(generate: Generate, status: int) -> None:
    with raw_server(http(f"{status} No", LIMIT, "Retry-After: 86400")) as server:
        result = generate(server.base_url, "-n", 100)
        # The requests in flight when the first response arrived; ten were planned.
        assert len(server.requests) <= 4
    assert result.exit_code == 5
    assert "in 86400 s, after 20" in result.stderr


@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_that_the_server_states_is_reported_once(generate: Generate, status: int) -> None:
    """It is longer than the second from which the rate limiter reports a wait by itself."""
    with raw_server(http(f"{status} No", LIMIT, "Retry-After: 1.05"), OK) as server:
        result = generate(server.base_url)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("waiting 1.") == 1, result.stderr


def test_an_endless_rate_limit_costs_few_attempts(generate: Generate) -> None:
    """One request, so that no figure depends on the machine; test_rate_limiter has many at the same time."""
    with raw_server(http("429 No", LIMIT, "Retry-After: 0")) as server:
        result = generate(server.base_url, "-n", 10, "--max-retries", 2)
        assert len(server.requests) == 1 + 2
    assert result.exit_code == 5


def unknown(field: str) -> bytes:
    refusal = {"message": f"Unknown parameter: '{field}'.", "code": "unknown_parameter", "param": field}
    return http("400 No", json.dumps({"error": refusal}).encode())


def test_an_unknown_field_that_the_user_did_not_set_is_omitted_in_one_retry(imagecli: Run, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.mkdir()
    refusal = unknown("steps")
    for options, responses, exit_code, posts in (
        ((), (refusal, OK), 0, 2),
        ((), (refusal.replace(b"400 No", b"500 No"), OK), 0, 2),
        ((), (refusal, refusal), 4, 2),
        ((), (refusal, unknown("cfg"), OK), 4, 2),
        (("--param", "steps=3"), (refusal, OK), 4, 1),
    ):
        with raw_server(*responses) as server:
            (config / "config.toml").write_text(
                f'[providers.mine]\nlike = "local"\nbase_url = "{server.base_url}"\nextra = {{ steps = 4, cfg = 1 }}\n'
            )
            result = imagecli("generate", "a cat", "--provider", "mine", "--json", *options)
            bodies = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.requests]
        assert (result.exit_code, len(bodies)) == (exit_code, posts), result.stderr
        assert bodies[0]["steps"] in (3, 4)
        if posts == 2:
            assert "steps" not in bodies[1]
            assert bodies[1]["prompt"] == "a cat"
            assert [warning["code"] for warning in result.json["warnings"]].count("field_dropped") == 1
            assert "sent again without it" in result.stderr


def test_debug_output_can_be_pasted(generate: Generate) -> None:
    echo = http(
        "503 No",
        f"the key {KEY} is fine".encode(),
        "Retry-After: 0",
        f"x-echo: Bearer {KEY}",
        f"Location: https://x/?{KEY}",
    )
    with raw_server(echo, http("302 Go", b"", "Location: http://127.0.0.1:1/?token=hush")) as server:
        result = generate(f"http://me:hush@127.0.0.1:{server.port}/v1?key=hush", "--debug")
        assert len(server.requests) == 2
    assert "hush" not in result.stderr
    assert "x-echo: Bearer [key]" in result.stderr


def test_a_silent_server_is_not_waited_for(generate: Generate) -> None:
    over = threading.Event()

    def mute(connection: socket.socket) -> None:
        over.wait(5)

    started = time.monotonic()
    with raw_server(mute) as server:
        result = generate(server.base_url, "--timeout", 0.5)
        over.set()
    assert result.exit_code == 7
    assert time.monotonic() - started < 4
