"""`imagecli sandbox` as a process: its one line on stdout, its log on stderr, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
import requests

from imagecli.sandbox.sandbox import Sandbox
from tests.children import Children
from tests.conftest import Run

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(children: Children) -> Start:
    """Starts `imagecli sandbox` with the arguments it is given."""
    environ = {**os.environ, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "100"}
    command = [sys.executable, "-m", "imagecli", "sandbox"]
    return lambda *arguments, **options: children.start([*command, *arguments], env=environ, **options)


def test_url_is_printed_immediately_and_ctrl_c_ends_it_cleanly(start: Start) -> None:
    process = start("--port", "0", "--rate-limit", "1")
    assert process.stdout is not None
    url = process.stdout.readline().decode().strip()
    responses = [
        requests.post(f"{url}/images/generations", json={"prompt": "x", "size": "256x256"}, timeout=20)
        for _ in range(2)
    ]
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert [response.status_code for response in responses] == [200, 429]
    assert (process.returncode, out) == (0, b"")
    assert err.splitlines() == [b"POST /v1/images/generations 200 1 image", b"POST /v1/images/generations 429"]


def test_port_in_use_is_an_error_with_a_hint(sandbox: Sandbox, start: Start) -> None:
    port = sandbox.base_url.split(":")[2].removesuffix("/v1")
    process = start("--port", port)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (2, b"")
    assert f"port {port} is in use".encode() in err
    assert b"use --port 0 to pick a free port" in err


@pytest.mark.parametrize("option", ["--latency", "--url-ttl"])
@pytest.mark.parametrize("value", ["nan", "NaN", "inf", "-inf", "-1", "long"])
def test_invalid_seconds_are_refused(imagecli: Run, option: str, value: str) -> None:
    done = imagecli("sandbox", "--port", "0", option, value)
    assert (done.exit_code, done.stdout) == (2, "")
    assert option in done.stderr


@pytest.mark.parametrize(("key", "status"), [("sk-right", 200), ("sk-wrong", 401)])
def test_the_required_key_is_read_from_stdin(start: Start, key: str, status: int) -> None:
    process = start("--port", "0", "--require-key", "-", stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"sk-right\n")
    process.stdin.close()
    url = process.stdout.readline().decode().strip()
    response = requests.get(f"{url}/models", headers={"Authorization": f"Bearer {key}"}, timeout=20)
    assert response.status_code == status
    assert requests.get(f"{url}/models", timeout=20).status_code == 401


@pytest.mark.parametrize("stdin", [b"", b"\n", b"two\nlines\n", "schlüssel".encode(), b"\xff"])
def test_a_key_that_stdin_does_not_have_starts_nothing(imagecli: Run, stdin: bytes) -> None:
    done = imagecli("sandbox", "--port", "0", "--require-key", "-", stdin=stdin)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "stdin" in done.stderr


@pytest.mark.parametrize("line", ["imagecli sandbox --port 0 --rate-limit 50 --url-ttl 60", "--require-key"])
def test_help_shows_lines_to_paste(start: Start, line: str) -> None:
    out, _ = start("--help").communicate(timeout=20)
    assert line in out.decode()


def test_server_is_imported_without_pillow_and_requests() -> None:
    check = "import sys, imagecli.sandbox.sandbox; sys.exit(bool({'PIL', 'requests', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
