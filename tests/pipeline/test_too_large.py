"""Responses that are larger than any with images: of what was received, the images and a megabyte are kept."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from imagecli.client.spool import KEPT_BYTES, keep_beginning
from imagecli.providers.large_json import MAX_REST_BYTES
from tests.client.raw import RawResponse, http, images_body, png, raw_server
from tests.conftest import Run
from tests.pipeline.test_recover import Leave
from tests.pipeline.test_recover import leave as leave
from tests.pipeline.test_streams import completed, partial, stream

RED, BLUE = png(), png(color="blue")
MB = 2**20
PLAIN_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
LIST = PLAIN_HEAD + b'{"data": ['
ITEM = json.dumps({"b64_json": base64.b64encode(RED).decode()}).encode()


def long(head: bytes, piece: bytes, count: int, end: bytes = b"") -> Callable[[socket.socket], None]:
    """*head*, *piece* repeated *count* times, *end*."""

    def respond(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(count):
            connection.sendall(piece)
        connection.sendall(end)

    return respond


def spooled_bytes(state: Path) -> int:
    return sum(path.stat().st_size for path in state.rglob("*.body"))


MEASURE = """
import os, sys
child = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-m", "imagecli", *sys.argv[1:]])
_, status, used = os.wait4(child, 0)
print(os.waitstatus_to_exitcode(status), used.ru_maxrss * 1024)
"""
"""In a process of its own: a child inherits the peak of what it was forked from, and that of pytest is large."""


def run_measured(server: str, folder: Path, state: Path, *arguments: str) -> tuple[int, int, str]:
    """Exit code, peak memory in bytes and stderr of `generate` in a separate process."""
    argv: Sequence[str] = (sys.executable, "-c", MEASURE, "generate", "a cat", "--base-url", server, *arguments)
    environ = {**os.environ, "HOME": str(folder), "IMAGECLI_STATE_DIR": str(state), "OPENAI_API_KEY": "sk-x"}
    done = subprocess.run(argv, cwd=folder, env=environ, capture_output=True, timeout=120, check=False)
    exit_code, peak = done.stdout.split()[-2:]
    return int(exit_code), int(peak), done.stderr.decode()


STREAMED = ("--stream", "--partial-images", "1")
MALFORMED = [
    pytest.param(long(PLAIN_HEAD, b" " * MB, 20), 0, (), id="20 MB of spaces"),
    pytest.param(long(PLAIN_HEAD, b" " * MB, 900), 0, (), id="blanks without end"),
    pytest.param(long(PLAIN_HEAD, b"x" * MB, 20), 0, (), id="20 MB of text"),
    pytest.param(long(LIST + ITEM + b', {"b64_json": "', b"A" * MB, 900), 1, (), id="endless base64"),
    pytest.param(long(LIST + ITEM + b', {"b": "', b"A" * MB, 900), 1, (), id="endless JSON"),
    pytest.param(long(LIST + ITEM + b"]", b" " * MB, 20), 1, (), id="blanks instead of its end"),
    pytest.param(long(stream(completed()) + b"data: ", b"x" * MB, 900), 1, STREAMED, id="an event after an image"),
    pytest.param(long(stream() + b"data: ", b"x" * MB, 900), 0, STREAMED, id="an endless event"),
    pytest.param(long(stream(), b"data:\n" * 10_000, 9_000), 0, STREAMED, id="an event of endless lines"),
    pytest.param(long(PLAIN_HEAD + RED[:50], bytes(MB), 900), 0, (), id="an endless image"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("response", "images", "arguments"), MALFORMED)
def test_the_images_and_a_megabyte_of_an_oversized_response_are_kept(
    folder: Path, state: Path, response: RawResponse, images: int, arguments: tuple[str, ...]
) -> None:
    with raw_server(response) as server:
        exit_code, peak, stderr = run_measured(server.base_url, folder, state, "-n", "2", *arguments)
    saved = [path for path in folder.glob("*.png") if "damaged" not in path.name]
    assert exit_code == (9 if images else 7), stderr
    assert [path.read_bytes() for path in saved] == [RED] * images
    assert spooled_bytes(state) <= KEPT_BYTES
    assert sum(path.stat().st_size for path in [*folder.rglob("*"), *state.rglob("*")] if path.is_file()) < 3 * MB
    assert peak < 150 * MB


@pytest.mark.slow
@pytest.mark.parametrize("blank", [b" ", b"\n", b"\r\n", b" \n"])
def test_blanks_before_a_complete_response_do_not_matter(imagecli: Run, state: Path, blank: bytes) -> None:
    """Gateways send them to keep the connection open."""
    with raw_server(long(PLAIN_HEAD, blank * (MB // len(blank)), 5, images_body(RED))) as server:
        result = imagecli("generate", "a cat", "--base-url", server.base_url)
    assert (result.exit_code, [path.read_bytes() for path in result.paths]) == (0, [RED])
    assert not spooled_bytes(state)


def test_the_images_that_could_not_be_saved_keep_their_response(imagecli: Run, folder: Path, state: Path) -> None:
    """All of it, however large: they are in it, and `recover` saves them."""
    text = b'{"data": [{"url": "http://127.0.0.1:1/x.png"}]' + b"x" * (MAX_REST_BYTES + MB)
    with raw_server(http("200 OK", text)) as server:
        result = imagecli("generate", "a cat", "--base-url", server.base_url, "--max-wait", "0.01")
    assert result.exit_code == 7
    assert spooled_bytes(state) == len(text)


def test_bytes_that_may_be_an_unknown_image_are_kept_completely(imagecli: Run, state: Path) -> None:
    data = b"\xff\x0a" + os.urandom(MAX_REST_BYTES + MB)
    with raw_server(http("200 OK", data)) as server:
        result = imagecli("generate", "a cat", "--base-url", server.base_url)
    assert (result.exit_code, spooled_bytes(state)) == (7, len(data))


def test_partial_images_of_a_stream_that_is_too_large_are_saved(imagecli: Run, folder: Path, state: Path) -> None:
    body = stream(partial(data=BLUE)).partition(b"\r\n\r\n")[2] + b"data: " + b"x" * (MAX_REST_BYTES + MB)
    with raw_server(http("200 OK", body)) as server:
        result = imagecli("generate", "a cat", "--base-url", server.base_url)
    assert result.exit_code == 7
    assert [path.read_bytes() for path in folder.glob("*.partial-0.png")] == [BLUE]
    assert spooled_bytes(state) == KEPT_BYTES


def test_recover_keeps_a_megabyte_of_responses_of_earlier_versions(imagecli: Run, leave: Leave, state: Path) -> None:
    leave(b'{"data": [' + ITEM + b"," + b" " * (MAX_REST_BYTES + MB), n=2)
    result = imagecli("recover")
    assert [path.read_bytes() for path in result.paths] == [RED]
    assert spooled_bytes(state) <= KEPT_BYTES
    leave(b" " * (MAX_REST_BYTES + MB), id="run-0001")
    assert imagecli("recover").exit_code == 7
    assert spooled_bytes(state) == KEPT_BYTES


def test_the_last_line_of_a_kept_response_states_its_length(tmp_path: Path) -> None:
    path = tmp_path / "x.body"
    path.write_bytes(b"x" * 3_000_000)
    with path.open("r+b") as file:
        keep_beginning(file)
        keep_beginning(file)
    data = path.read_bytes()
    assert len(data) == KEPT_BYTES
    assert re.fullmatch(rb"x+\n\[imagecli kept only the beginning of this response, which was 3000000 bytes\]\n", data)
