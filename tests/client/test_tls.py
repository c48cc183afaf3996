"""TLS that fails before the request bills nothing; TLS that fails after it may have billed."""

from __future__ import annotations

import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from imagecli.client.download import ResultDownloader
from imagecli.client.exchange import Timeouts
from imagecli.client.paid_requests import Transport
from imagecli.domain import Secret
from imagecli.errors import ImagecliError, UnsavedError
from imagecli.http_request import HttpRequest
from tests.client.raw import http, raw_server, read_request
from tests.client.sending import Download

OWN = Path(__file__).parent / "own.pem"
"""A certificate for 127.0.0.1 and its key, created for these tests and trusted by no one."""


@contextmanager
def tls_server(response: Callable[[ssl.SSLSocket], None]) -> Iterator[tuple[str, list[bytes]]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(OWN)
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with suppress(OSError), context.wrap_socket(connection, server_side=True) as line:
                        requests.append(read_request(line))
                        response(line)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/v1", requests
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)


PATIENCE = Timeouts(connect=0.4, silence=0.4, total=5)


def send(base_url: str, prompt: str = "", timeouts: Timeouts = PATIENCE) -> bytes:
    into = io.BytesIO()
    transport = Transport(
        key=Secret("sk-test-0123456789"),
        headers={},
        timeouts=timeouts,
        max_retries=1,
        max_wait=0.02,
        direct=False,
    )
    transport.send(HttpRequest(method="POST", url=base_url, json={"prompt": prompt}), into, 0, lambda event: None)
    return into.getvalue()


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(OWN))


def garbage(line: ssl.SSLSocket) -> None:
    """Bytes that are not TLS, bypassing the TLS layer."""
    with socket.socket(fileno=line.detach()) as bare:
        bare.sendall(b"garbage" * 100)


def half_then_gone(line: ssl.SSLSocket) -> None:
    line.sendall(http("200 OK", b'{"da', length=100))
    with socket.socket(fileno=line.detach()):
        pass


@pytest.mark.usefixtures("trusted")
def test_a_trusted_certificate_is_read_from_its_variable() -> None:
    with tls_server(lambda line: line.sendall(http("200 OK", b"{}"))) as (base_url, _):
        assert send(base_url) == b"{}"


def test_an_untrusted_certificate_gets_no_request() -> None:
    with tls_server(lambda line: line.sendall(http("200 OK", b"{}"))) as (base_url, requests):
        with pytest.raises(ImagecliError) as caught:
            send(base_url)
        assert requests == []
    assert (caught.value.exit_code, caught.value.code) == (6, "tls")
    assert "REQUESTS_CA_BUNDLE" in (caught.value.hint or "")


def test_an_untrusted_result_host_gets_no_request_and_the_hint_names_the_fix() -> None:
    into = Download()
    results = ResultDownloader(timeouts=PATIENCE, direct=False, max_wait=0.02)
    with tls_server(lambda line: line.sendall(http("200 OK", b"picture"))) as (url, requests):
        with pytest.raises(UnsavedError) as caught:
            next(results.fetch(url, into, base_url=url))
        assert requests == []
    assert (caught.value.exit_code, caught.value.code) == (7, "result_url")
    assert "certificate verify failed" in caught.value.message
    assert "lost" not in caught.value.message
    assert "may have been billed" in (caught.value.hint or "")
    assert "REQUESTS_CA_BUNDLE" in (caught.value.hint or "")


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("response", [garbage, half_then_gone])
def test_a_connection_that_breaks_after_the_request_may_be_billed(response: Callable[[ssl.SSLSocket], None]) -> None:
    with tls_server(response) as (base_url, requests):
        with pytest.raises(ImagecliError) as caught:
            send(base_url)
        assert len(requests) == 1
    assert (caught.value.exit_code, caught.value.code) == (7, "answer_lost")


def test_tls_to_a_plain_server_sends_nothing() -> None:
    # It waits for a request that can't come, so the silence is before anything was sent.
    with raw_server(b"") as server, pytest.raises(ImagecliError) as caught:
        send(server.base_url.replace("http:", "https:"))
    assert caught.value.exit_code == 6


@pytest.mark.usefixtures("trusted")
def test_a_large_upload_is_sent_completely_through_tls() -> None:
    with tls_server(lambda line: line.sendall(http("200 OK", b"{}"))) as (base_url, requests):
        assert send(base_url, "x" * 8_000_000, Timeouts(connect=5, silence=5, total=20)) == b"{}"
    assert requests[0].endswith(b'x"}')


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("prelude", [b"", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_response_before_the_upload_is_read_is_used_through_tls_too(prelude: bytes) -> None:
    started = time.monotonic()
    response = prelude + http("413 No", b'{"error": "too large"}')
    with deaf_tls_server(response) as base_url, pytest.raises(ImagecliError) as caught:
        send(base_url, "x" * 20_000_000, Timeouts(connect=5, silence=20, total=20))
    assert (caught.value.exit_code, caught.value.status) == (4, 413)
    assert time.monotonic() - started < 8


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("timeouts", [Timeouts(connect=5, silence=0.8), Timeouts(connect=5, total=2)])
def test_an_upload_through_tls_that_is_not_read_times_out(timeouts: Timeouts) -> None:
    with deaf_tls_server(b"") as base_url, pytest.raises(ImagecliError) as caught:
        send(base_url, "x" * 20_000_000, timeouts)
    assert (caught.value.exit_code, caught.value.code) == (7, "timeout")


@contextmanager
def deaf_tls_server(response: bytes) -> Iterator[str]:
    """Reads the beginning of a request, responds, and reads nothing more until the test is over."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(OWN)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with suppress(OSError), context.wrap_socket(connection, server_side=True) as line:
                line.recv(1000)
                line.sendall(response)
                over.wait(20)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}/v1"
        finally:
            over.set()
    thread.join(timeout=5)


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_a_plain_request_to_a_tls_port_bills_nothing(size: int) -> None:
    with tls_server(lambda line: None) as (base_url, requests):
        with pytest.raises(ImagecliError) as caught:
            send(base_url.replace("https:", "http:"), "x" * size)
        assert requests == []
    assert (caught.value.exit_code, caught.value.code) == (6, "tls")
    assert "https://" in (caught.value.hint or "")


def test_an_alert_is_recognized_as_tls() -> None:
    alert = b"\x15\x03\x01\x00\x02\x02\x46"
    with raw_server(alert) as server, pytest.raises(ImagecliError) as caught:
        send(server.base_url)
    assert (caught.value.exit_code, caught.value.code) == (6, "tls")


@pytest.mark.parametrize("content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n", b"\x00\xff" * 500])
def test_a_bundle_that_holds_no_certificate_is_a_settings_error(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with tls_server(lambda line: None) as (base_url, requests):
        with pytest.raises(ImagecliError) as caught:
            send(base_url)
        assert requests == []
    assert (caught.value.exit_code, caught.value.code) == (2, "settings")
    assert str(bundle) in caught.value.message
    assert "REQUESTS_CA_BUNDLE" in (caught.value.hint or "")


def test_a_missing_bundle_is_a_settings_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nope/ca.pem")
    with pytest.raises(ImagecliError) as caught:
        send("https://127.0.0.1:1/v1")
    assert (caught.value.exit_code, caught.value.code) == (2, "settings")
    assert "REQUESTS_CA_BUNDLE" in (caught.value.hint or "")
