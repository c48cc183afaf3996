"""The request bytes of openai 0.28.1, which can't share an environment with today's, sent over a raw socket."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from imagecli.sandbox.sandbox import Sandbox

RECORDED = Path(__file__).parents[1] / "data" / "openai-0.28.1"


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("create", ["url", "url"]),
        ("create_b64", ["b64_json"]),
        ("create_edit", ["url"]),
        ("create_edit_own_alpha", ["url"]),
        ("create_variation", ["url", "url"]),
    ],
)
def test_recorded_request_gets_its_images(sandbox: Sandbox, name: str, kinds: list[str]) -> None:
    port = urlsplit(sandbox.base_url).port or 0
    # The port that was recorded is not the one of this server.
    recorded = re.sub(rb"\r\nHost: [^\r]*", b"\r\nHost: 127.0.0.1:%d" % port, (RECORDED / f"{name}.http").read_bytes())
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(recorded)
        with connection.makefile("rb") as response:
            assert response.readline() == b"HTTP/1.1 200 OK\r\n"
            headers = dict(line.decode().split(": ", 1) for line in iter(response.readline, b"\r\n"))
            body = json.loads(response.read(int(headers["Content-Length"])))
    assert [next(iter(one)) for one in body["data"]] == kinds
