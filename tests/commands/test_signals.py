"""Ctrl-C and SIGTERM, sent to the command as a process: at its start, while it waits, while its output is not read."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from typing import IO

import pexpect
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.children import interruptible, wait_until
from tests.client.raw import png
from tests.commands.conftest import COMMAND, Start
from tests.conftest import Run, read_image

PIPE_BYTES = 65536
"""The number of bytes that a pipe holds on Linux before its writer blocks."""

READY = """
import os
from imagecli.__main__ import run
os.write(1, b".")
run()
"""
"""The installed command's function, with a marker at its start: what precedes it belongs to Python."""


PROMPT_SECONDS = 5
"""A second by promise; a loaded machine needs longer to end a process. The server is silent for longer."""


def wait_for_request(state: Path) -> None:
    """Returns when a request is in the spool, so that it is in flight."""
    wait_until(lambda: list(state.rglob("*.body")))
    time.sleep(0.3)


def wait_until_read(pipe: IO[bytes]) -> None:
    """Returns when the process has read all of *pipe*, and waits for more or for its end."""
    deadline = time.monotonic() + 20
    while int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def shell_code(process: subprocess.Popen[bytes]) -> int:
    """The exit code as a shell reports it: 128 plus the signal that ended the process."""
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_ends_it_within_a_second_and_reports_possible_costs(
    folder: Path, tmp_path: Path, start: Start, slow: str, number: signal.Signals, code: int
) -> None:
    process = start("generate", "a cat", "--base-url", slow, "--json")
    wait_for_request(tmp_path)
    process.send_signal(number)
    began = time.monotonic()
    stdout, stderr = process.communicate(timeout=10)
    assert time.monotonic() - began < PROMPT_SECONDS
    assert process.returncode == code
    assert b"0 of 1 images saved; 1 request in flight may be billed, up to $0." in stderr
    assert b"Traceback" not in stderr
    response = json.loads(stdout)
    assert (response["exit_code"], response["errors"][0]["code"]) == (code, "interrupted")
    assert response["cost"]["actual_usd"] is None
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("seconds", [0.02, 0.05, 0.1, 0.15, 0.2])
def test_ctrl_c_right_after_the_start_leaves_no_traceback(start: Start, slow: str, seconds: float) -> None:
    process = start("generate", "a cat", "--base-url", slow, command=[sys.executable, "-c", READY])
    assert process.stdout
    assert process.stdout.read(1) == b"."
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=10)
    assert (shell_code(process), stdout) == (130, b"")
    assert b"Traceback" not in stderr
    assert b"bug" not in stderr


DESTRUCTOR = """
import signal
from imagecli import cli
from imagecli.__main__ import run

main = cli.main

class Signals:
    def __del__(self):
        signal.raise_signal(NUMBER)

def main_after_a_destructor(*arguments):
    Signals()
    return main(*arguments)

cli.main = main_after_a_destructor
run()
"""
"""The command, with a signal that arrives inside a destructor: Python drops what its handler raises there."""


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_inside_a_destructor_is_not_lost(start: Start, slow: str, number: signal.Signals, code: int) -> None:
    program = DESTRUCTOR.replace("NUMBER", str(int(number)))
    process = start("generate", "a cat", "--base-url", slow, command=[sys.executable, "-c", program])
    stderr = process.communicate(timeout=PROMPT_SECONDS)[1]
    assert shell_code(process) == code
    assert b"ignored" not in stderr


@pytest.mark.skipif(not hasattr(select, "poll"), reason="no pipes that can be watched here")
def test_ctrl_c_while_stdout_is_not_read_keeps_the_image(folder: Path, start: Start) -> None:
    process = start("generate", "a cat", "-o", "-", "--provider", "sandbox")
    assert process.stdout
    assert process.stderr
    assert select.select([process.stdout], [], [], 30)[0]
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    process.wait(timeout=10)
    assert time.monotonic() - began < PROMPT_SECONDS
    stderr = process.stderr.read()
    assert process.returncode == 130
    assert b"Traceback" not in stderr
    assert b"a-cat.png" in stderr
    assert [path.name for path in folder.iterdir()] == ["a-cat.png"]
    assert read_image(folder / "a-cat.png").size == (1024, 1024)
    assert (folder / "a-cat.png").stat().st_size > PIPE_BYTES


def test_a_closed_terminal_leaves_a_recoverable_response(folder: Path, tmp_path: Path, slow: str) -> None:
    typed = ["-m", "imagecli", "generate", "a cat", "--base-url", slow]
    environ = {**os.environ, "TERM": "xterm", "IMAGECLI_STATE_DIR": str(tmp_path / "state")}
    with interruptible():
        child = pexpect.spawn(sys.executable, typed, cwd=str(folder), env=environ)
    wait_for_request(tmp_path)
    os.close(child.fileno())
    assert os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1]) == 129
    child.closed = child.terminated = child.flag_eof = True
    assert list(tmp_path.rglob("*.sent"))
    assert not list(folder.iterdir())


def test_an_ignored_sighup_stays_ignored(folder: Path, start: Start, slow: str, tmp_path: Path) -> None:
    process = start(
        "generate", "a cat", "--base-url", slow, command=["/bin/sh", "-c", 'trap "" HUP; exec "$@"', "sh", *COMMAND]
    )
    wait_for_request(tmp_path)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 143


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_while_stdin_is_read_prints_the_json_object_too(
    start: Start, number: signal.Signals, code: int
) -> None:
    process = start("generate", "-", "--json", "--provider", "sandbox", stdin=subprocess.PIPE)
    assert process.stdin
    process.stdin.write(b"a cat")
    process.stdin.flush()
    wait_until_read(process.stdin)
    process.send_signal(number)
    stdout, _ = process.communicate(timeout=10)
    response = json.loads(stdout)
    assert (process.returncode, response["exit_code"], response["errors"][0]["code"]) == (code, code, "interrupted")


SLOW_DISK = """
import time
from imagecli.storage import atomic_write
from imagecli.__main__ import run

atomic_write.sync_folder = lambda folder: time.sleep(0.15)
run()
"""
"""The command on a disk that takes long to make a new name permanent."""


@pytest.mark.parametrize("command", [COMMAND, [sys.executable, "-c", SLOW_DISK]], ids=["fast disk", "slow disk"])
def test_images_of_an_interrupted_run_are_in_the_history(
    folder: Path, state: Path, start: Start, imagecli: Run, httpserver: HTTPServer, command: list[str]
) -> None:
    is_over = threading.Event()

    def never_respond(request: Request) -> Response:
        is_over.wait(30)
        return Response(status=500)

    image = base64.b64encode(png()).decode()
    httpserver.expect_ordered_request("/v1/images/generations").respond_with_json({"data": [{"b64_json": image}]})
    httpserver.expect_ordered_request("/v1/images/generations").respond_with_handler(never_respond)
    address = ("--base-url", httpserver.url_for("/v1"))
    extra = {"IMAGECLI_STATE_DIR": str(state)}
    process = start("generate", "a cat", "-m", "dall-e-3", "-n", "2", *address, "--json", extra=extra, command=command)
    try:
        deadline = time.monotonic() + 20
        while not list(folder.glob("a-cat-*.png")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=10)
    finally:
        is_over.set()
    assert process.returncode == 130, stderr
    (saved,) = json.loads(stdout)["images"]
    (listed_image,) = imagecli("history", "list", "--json").json["images"]
    assert Path(listed_image["path"]).name == Path(saved["path"]).name
