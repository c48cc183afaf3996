"""What threads and requests share, and what they never share: connections, cookies, keys."""

from __future__ import annotations

import io
import json
import re
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from urllib3.filepost import encode_multipart_formdata

from imagecli.client.exchange import MultipartUpload, Timeouts, send_once
from imagecli.client.paid_requests import Transport
from imagecli.client.session import Authorization, open_session
from imagecli.domain import Secret
from imagecli.errors import ImagecliError
from imagecli.http_request import HttpFile, HttpRequest
from tests.client.raw import http, raw_server, read_request
from tests.client.sending import KEY, OK, QUICK, send, transport


def test_no_connection_is_used_twice() -> None:
    """A server may close an idle connection while the next request is in flight: was it billed or not?"""
    lines: list[list[bytes]] = []

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                lines.append([])
                with connection, suppress(OSError):
                    while True:
                        lines[-1].append(read_request(connection))
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        shared = transport()
        for _ in range(3):
            send(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", shared)
        listener.shutdown(socket.SHUT_RDWR)
    assert [len(line) for line in lines] == [1, 1, 1]
    assert all(b"connection: close" in line[0].lower() for line in lines)


def test_no_cookie_is_sent_back() -> None:
    baked = http("200 OK", b"{}", "Set-Cookie: session=crumbs; Path=/")
    with raw_server(baked) as server:
        shared = transport()
        for _ in range(2):
            send(server.base_url, shared)
        assert not any(b"crumbs" in request for request in server.requests)
        assert len(server.requests) == 2


def test_each_request_has_its_own_body_url_and_headers_at_its_own_server() -> None:
    """What requests have in common is prepared once, for the last one."""
    session = open_session(direct=True)
    with raw_server(OK) as first, raw_server(OK) as second:
        for server, path, key, body in [(first, "a", "k1", "x"), (second, "a", "k2", "xyz"), (first, "b", "k1", "yz")]:
            for extra in ("one", "two"):
                send_once(
                    session,
                    HttpRequest(method="POST", url=f"{server.base_url}/{path}", json={"prompt": body + extra}),
                    auth=Authorization(Secret(key)),
                    headers={"X-Extra": extra},
                    timeouts=QUICK,
                    into=io.BytesIO(),
                )
    seen = [
        [
            (
                request.split(b" ")[1],
                re.findall(rb"(?im)^(?:authorization|x-extra|host): (.*?)\r$", request),
                json.loads(request.partition(b"\r\n\r\n")[2])["prompt"],
            )
            for request in server.requests
        ]
        for server in (first, second)
    ]

    def expected(port: int, path: bytes, key: bytes, body: str) -> list[tuple[bytes, list[bytes], str]]:
        host = f"127.0.0.1:{port}".encode()
        return [(b"/v1/" + path, [host, extra.encode(), b"Bearer " + key], body + extra) for extra in ("one", "two")]

    assert seen == [
        expected(first.port, b"a", b"k1", "x") + expected(first.port, b"b", b"k1", "yz"),
        expected(second.port, b"a", b"k2", "xyz"),
    ]


@pytest.mark.parametrize(
    ("scheme", "header"), [("bearer", f"authorization: bearer {KEY}"), ("api-key", f"api-key: {KEY}")]
)
@pytest.mark.parametrize("entries", ["default login me password hush\n", "machine 127.0.0.1 login me password hush\n"])
def test_netrc_neither_replaces_the_key_nor_is_sent_with_it(
    scheme: str, header: str, entries: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(entries)
    monkeypatch.setenv("NETRC", str(netrc))
    with raw_server(OK) as server:
        send(server.base_url, with_key(scheme))
        head = server.requests[0].partition(b"\r\n\r\n")[0].decode().lower()
    assert header.lower() in head
    assert head.count("authorization:") == (scheme == "bearer")
    assert "basic" not in head


def with_key(scheme: str = "bearer") -> Transport:
    return Transport(
        key=Secret(KEY), auth=scheme, headers={}, timeouts=QUICK, max_retries=0, max_wait=0.02, direct=False
    )


@contextmanager
def trap(response: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that only records what it receives."""
    with raw_server(response) as server:
        yield f"http://user:hush@127.0.0.1:{server.port}", server.requests


@pytest.mark.parametrize("response", [http("200 OK"), http("407 No"), http("502 No"), b""])
def test_a_connect_proxy_gets_no_key(response: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with trap(response) as (proxy, requests):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        with pytest.raises(ImagecliError) as caught:
            send("https://api.example.test/v1", with_key())
        assert requests
        assert all(request.startswith(b"CONNECT api.example.test:443") for request in requests)
        assert not any(KEY.encode() in request for request in requests)
    assert caught.value.exit_code == 6
    assert "hush" not in f"{caught.value.message} {caught.value.hint}"
    assert KEY not in f"{caught.value.message} {caught.value.hint}"


def test_threads_share_a_transport() -> None:
    shared = transport(timeouts=Timeouts(connect=20, silence=20, total=40))
    found: list[bytes] = []

    def work(number: int) -> None:
        request = HttpRequest(method="POST", url=f"{server.base_url}/{number}", json={"prompt": str(number)})
        into = io.BytesIO()
        shared.send(request, into, number, lambda event: None)
        found.append(into.getvalue())

    with raw_server(OK) as server:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.requests) == 16
    assert found == [b'{"data": []}'] * 16


def test_a_form_is_the_one_that_urllib3_encodes() -> None:
    """Fields and files in their order, in any spelling, from parts that are never joined."""
    fields = (("prompt", 'a "cat"\r\n--x 猫'), ("n", "2"))
    files = [("image[]", "a.png", b"\x89PNG\r\n--"), ("image[]", "b.png", b""), ("mask", "mask.png", b"\0" * 100_000)]
    parts = [HttpFile(name, filename, data, "image/png") for name, filename, data in files]
    upload = MultipartUpload(fields, parts)
    boundary = upload.content_type.partition("boundary=")[2]
    expected, content_type = encode_multipart_formdata(
        [*fields, *((name, (filename, data, "image/png")) for name, filename, data in files)], boundary
    )
    received = b"".join(iter(lambda: upload.read(16_384), b""))
    assert (received, upload.length, upload.content_type) == (expected, len(expected), content_type)


def test_photos_are_sent_without_a_copy_of_them() -> None:
    size = 20_000_000
    photo = HttpFile(name="image", filename="image.png", data=bytes(size), media_type="image/png")
    received = []

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            head, _, rest = connection.recv(65_536).partition(b"\r\n\r\n")
            length = int(re.search(rb"content-length: (\d+)", head.lower())[1])  # type: ignore[index]
            count, buffer = len(rest), bytearray(65_536)
            while count < length and (arrived := connection.recv_into(buffer)):
                count += arrived
            received.append(count == length)
            connection.sendall(OK)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1/images/edits"
        request = HttpRequest(method="POST", url=url, form=(("prompt", "a cat"),), files=(photo,))
        tracemalloc.start()
        try:
            response = transport().send(request, io.BytesIO(), 0, lambda event: None)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        thread.join(5)
    assert (response.status, received) == (200, [True])
    assert peak < size / 4
