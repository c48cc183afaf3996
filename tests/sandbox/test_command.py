"""`imagecli sandbox` as a process: its one line on stdout, its log on stderr, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
import requests

from imagecli.sandbox.server import Sandbox

PROGRAM = """
import sys, typer
from imagecli.commands.sandbox import sandbox
from imagecli.env import Env
from imagecli.errors import ImagecliError
app = typer.Typer()
app.command()(sandbox)
try:
    app(sys.argv[1:], obj=Env.real(), standalone_mode=False)
except ImagecliError as error:
    sys.exit(f"{error} / {error.hint}")
"""


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "100"},
    )


def test_url_is_printed_at_once_and_ctrl_c_ends_it_well() -> None:
    with start("--port", "0", "--rate-limit", "1") as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        answers = [
            requests.post(f"{url}/images/generations", json={"prompt": "x", "size": "256x256"}, timeout=20)
            for _ in range(2)
        ]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert [answer.status_code for answer in answers] == [200, 429]
    assert (process.returncode, out) == (0, "")
    assert err.splitlines() == ["POST /v1/images/generations 200 1 picture", "POST /v1/images/generations 429"]


def test_port_in_use_says_how_to_get_another(sandbox: Sandbox) -> None:
    port = sandbox.base_url.split(":")[2].removesuffix("/v1")
    with start("--port", port) as process:
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (1, "")
    assert f"port {port} can't be listened on" in err
    assert "--port 0 picks a free one" in err


@pytest.mark.parametrize("line", ["imagecli sandbox --port 0 --rate-limit 50 --url-ttl 60", "--require-key"])
def test_help_shows_lines_to_paste(line: str) -> None:
    with start("--help") as process:
        out, _ = process.communicate(timeout=20)
    assert line in out


def test_server_is_imported_without_pillow_and_requests() -> None:
    check = "import sys, imagecli.sandbox.server; sys.exit(bool({'PIL', 'requests', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
