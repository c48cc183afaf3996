"""The installed command as a process: signals, closed streams, full disks behind a pipe, terminals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pyte
import pytest

from imagecli.sandbox.server import Options, Sandbox

COMMAND = [sys.executable, "-m", "imagecli"]
SANDBOX = ["--provider", "sandbox"]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Nothing but what a process needs."""
    return {"PATH": os.defpath, "HOME": str(tmp_path / "home"), "OPENAI_API_KEY": "sk-test", "NO_PROXY": "*"}


@pytest.fixture
def slow() -> Iterator[str]:
    """The base URL of a sandbox that takes its time."""
    with Sandbox(Options(latency=20)) as server:
        yield server.base_url


def start(arguments: list[str], folder: Path, environ: dict[str, str], **streams: Any) -> subprocess.Popen[bytes]:
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.Popen([*COMMAND, *arguments], cwd=folder, env=environ, **streams)


def wait_for_request(state: Path) -> None:
    """Until a request is in the spool, so that it is under way."""
    deadline = time.monotonic() + 20
    while not list(state.rglob("*.body")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.3)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_within_a_second_and_says_what_may_be_paid(
    folder: Path, tmp_path: Path, environ: dict[str, str], slow: str, number: signal.Signals, code: int
) -> None:
    process = start(["generate", "a cat", "--base-url", slow, "--json"], folder, environ)
    wait_for_request(tmp_path)
    process.send_signal(number)
    began = time.monotonic()
    stdout, stderr = process.communicate(timeout=10)
    assert time.monotonic() - began < 2  # a second by promise; a loaded machine needs some more to end a process
    assert process.returncode == code
    assert b"0 of 1 pictures saved; 1 request under way may be billed" in stderr
    assert b"Traceback" not in stderr
    answer = json.loads(stdout)
    assert (answer["exit_code"], answer["errors"][0]["code"]) == (code, "interrupted")
    assert list(folder.iterdir()) == []


def test_a_reader_that_went_away_is_no_failure(folder: Path, environ: dict[str, str]) -> None:
    process = start(["generate", "a cat", *SANDBOX], folder, environ)
    assert process.stdout
    process.stdout.close()
    assert process.wait(timeout=30) == 0
    assert process.stderr
    assert process.stderr.read() == b""
    process.stderr.close()
    assert (folder / "a-cat.png").exists()


def test_a_picture_that_a_closed_pipe_did_not_take_becomes_a_file(folder: Path, environ: dict[str, str]) -> None:
    process = start(["generate", "a cat", "-o", "-", *SANDBOX], folder, environ)
    assert process.stdout
    process.stdout.close()
    assert process.wait(timeout=30) == 0
    assert process.stderr
    assert b"the picture is saved as a-cat.png" in process.stderr.read()
    process.stderr.close()
    assert (folder / "a-cat.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize(("output", "kept"), [([], "a-cat.png"), (["-o", "-"], "a-cat.png")])
def test_a_full_disk_behind_stdout_exits_8_and_the_picture_is_a_file(
    folder: Path, environ: dict[str, str], output: list[str], kept: str
) -> None:
    with Path("/dev/full").open("wb") as full:
        process = start(["generate", "a cat", *output, *SANDBOX], folder, environ, stdout=full)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == 8
    assert b"No space left on device" in stderr
    assert b"Exception ignored" not in stderr
    assert (folder / kept).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_closed_streams_do_not_matter(folder: Path, environ: dict[str, str], closed: str) -> None:
    line = f'exec "$@" {closed}'
    done = subprocess.run(
        ["/bin/sh", "-c", line, "sh", *COMMAND, "generate", "a cat", *SANDBOX],
        cwd=folder,
        env=environ,
        capture_output=True,
        timeout=30,
    )
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    assert (folder / "a-cat.png").exists()


@pytest.mark.parametrize(
    "extra",
    [
        {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        {"TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "1"},
        {"HOME": "/nonexistent"},
        {"HTTP_PROXY": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": ""},
    ],
    ids=["ascii", "dumb", "no home", "dead proxy"],
)
def test_odd_environments_make_the_picture_all_the_same(
    folder: Path, tmp_path: Path, environ: dict[str, str], extra: dict[str, str]
) -> None:
    process = start(["generate", "a cät 猫", "-o", "cat.png", "-v", *SANDBOX], folder, environ | extra)
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (0, b"cat.png\n"), stderr
    assert b"Traceback" not in stderr


def screen_of(arguments: list[str], folder: Path, environ: dict[str, str], columns: int, until: str) -> pyte.Screen:
    """What a person sees in a terminal of *columns* once *until* has been shown, with Ctrl-C pressed then."""
    screen = pyte.Screen(columns, 24)
    stream = pyte.ByteStream(screen)
    child = pexpect.spawn(
        COMMAND[0], [*COMMAND[1:], *arguments], cwd=str(folder), env=environ, dimensions=(24, columns), timeout=20
    )
    child.expect(until)
    stream.feed(child.before + child.after)
    time.sleep(0.5)
    child.sendintr()
    child.expect(pexpect.EOF)
    stream.feed(child.before)
    child.close()
    assert child.exitstatus == 130
    return screen


@pytest.mark.parametrize("columns", [40, 80])
def test_a_terminal_shows_what_is_waited_for_and_is_left_clean(
    folder: Path, environ: dict[str, str], slow: str, columns: int
) -> None:
    terminal = environ | {"TERM": "xterm-256color", "NO_COLOR": "1"}
    screen = screen_of(["generate", "a cat", "--base-url", slow], folder, terminal, columns, "waiting for the")
    lines = [line.rstrip() for line in screen.display if line.strip()]
    assert "".join(lines).startswith("imagecli: error: interrupted: 0 of 1 pictures saved")
    assert not any("waiting" in line for line in lines)
    assert not screen.cursor.hidden


def test_nothing_moves_in_a_pipe(folder: Path, environ: dict[str, str]) -> None:
    process = start(["generate", "a cat", *SANDBOX], folder, environ)
    assert process.communicate(timeout=30) == (b"a-cat.png\n", b"")


def test_help_and_version_come_from_the_command_itself(folder: Path, environ: dict[str, str]) -> None:
    outputs = {}
    for flag in ("--version", "--help", "-h"):
        stdout, stderr = start([flag], folder, environ).communicate(timeout=30)
        assert stderr == b""
        outputs[flag] = stdout
    assert outputs["--version"].startswith(b"imagecli ")
    assert outputs["--help"] == outputs["-h"]
    assert b"generate" in outputs["--help"]
