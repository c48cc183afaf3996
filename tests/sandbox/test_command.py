"""`imagecli sandbox` as a process: its one line on stdout, its log on stderr, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
import requests

from imagecli.sandbox.server import Sandbox
from tests.children import Children
from tests.conftest import Run

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(children: Children) -> Start:
    """Starts `imagecli sandbox` with the arguments it is given."""
    environ = {**os.environ, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "100"}
    return lambda *arguments: children.start([sys.executable, "-m", "imagecli", "sandbox", *arguments], env=environ)


def test_url_is_printed_at_once_and_ctrl_c_ends_it_well(start: Start) -> None:
    process = start("--port", "0", "--rate-limit", "1")
    assert process.stdout is not None
    url = process.stdout.readline().decode().strip()
    answers = [
        requests.post(f"{url}/images/generations", json={"prompt": "x", "size": "256x256"}, timeout=20)
        for _ in range(2)
    ]
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert [answer.status_code for answer in answers] == [200, 429]
    assert (process.returncode, out) == (0, b"")
    assert err.splitlines() == [b"POST /v1/images/generations 200 1 picture", b"POST /v1/images/generations 429"]


def test_port_in_use_says_how_to_get_another(sandbox: Sandbox, start: Start) -> None:
    port = sandbox.base_url.split(":")[2].removesuffix("/v1")
    process = start("--port", port)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (2, b"")
    assert f"port {port} can't be listened on".encode() in err
    assert b"--port 0 picks a free one" in err


@pytest.mark.parametrize("option", ["--latency", "--url-ttl"])
@pytest.mark.parametrize("value", ["nan", "NaN", "inf", "-inf", "-1", "long"])
def test_seconds_that_are_no_number_are_refused(imagecli: Run, option: str, value: str) -> None:
    done = imagecli("sandbox", "--port", "0", option, value)
    assert (done.exit_code, done.stdout) == (2, "")
    assert option in done.stderr


@pytest.mark.parametrize("line", ["imagecli sandbox --port 0 --rate-limit 50 --url-ttl 60", "--require-key"])
def test_help_shows_lines_to_paste(start: Start, line: str) -> None:
    out, _ = start("--help").communicate(timeout=20)
    assert line in out.decode()


def test_server_is_imported_without_pillow_and_requests() -> None:
    check = "import sys, imagecli.sandbox.server; sys.exit(bool({'PIL', 'requests', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
