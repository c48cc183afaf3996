"""The installed command as a process: closed streams, full disks behind a pipe, odd environments, terminals."""

from __future__ import annotations

import time
from pathlib import Path

import pexpect
import pyte
import pytest

from imagecli.sandbox.sandbox import Sandbox
from tests.children import interruptible
from tests.commands.conftest import COMMAND, Start

SANDBOX = ["--provider", "sandbox", "-m", "dall-e-2", "-s", "256x256"]
"""With its smallest image, because each process paints it."""
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")


def closing(streams: str) -> list[str]:
    """The command as a shell starts it with those *streams* closed, for example `1>&-`."""
    return ["/bin/sh", "-c", f'exec "$@" {streams}', "sh", *COMMAND]


def test_a_reader_that_exits_early_is_not_a_failure(folder: Path, start: Start) -> None:
    process = start("generate", "a cat", *SANDBOX)
    assert process.stdout
    process.stdout.close()
    assert process.wait(timeout=30) == 0
    assert process.stderr
    assert process.stderr.read() == b""
    assert (folder / "a-cat.png").exists()


def test_an_image_for_a_closed_pipe_becomes_a_file(folder: Path, start: Start) -> None:
    process = start("generate", "a cat", "-o", "-", *SANDBOX)
    assert process.stdout
    process.stdout.close()
    assert process.wait(timeout=30) == 0
    assert process.stderr
    assert b"the image is saved as a-cat.png" in process.stderr.read()
    assert (folder / "a-cat.png").read_bytes().startswith(b"\x89PNG")


@needs_full
@pytest.mark.parametrize(("output", "saved_name"), [([], "a-cat.png"), (["-o", "-"], "a-cat.png")])
def test_a_full_disk_behind_stdout_exits_8_and_the_image_is_a_file(
    folder: Path, start: Start, output: list[str], saved_name: str
) -> None:
    with FULL.open("wb") as full:
        process = start("generate", "a cat", *output, *SANDBOX, stdout=full)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == 8
    assert b"no space left on device" in stderr
    assert b"Exception ignored" not in stderr
    assert (folder / saved_name).read_bytes().startswith(b"\x89PNG")


@needs_full
@pytest.mark.parametrize("arguments", [[], ["--json"], ["-o", "-"]], ids=str)
def test_a_full_disk_behind_both_streams_exits_8_too(folder: Path, start: Start, arguments: list[str]) -> None:
    process = start("generate", "a cat", *arguments, *SANDBOX, command=closing(">/dev/full 2>&1"))
    process.communicate(timeout=30)
    assert process.returncode == 8
    assert (folder / "a-cat.png").read_bytes().startswith(b"\x89PNG")


@needs_full
def test_a_full_disk_behind_stderr_alone_loses_only_messages(folder: Path, start: Start) -> None:
    process = start("generate", "a cat", "-v", *SANDBOX, command=closing("2>/dev/full"))
    stdout, _ = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (0, b"a-cat.png\n")


@needs_full
@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["generate", "--help"]], ids=" ".join)
def test_a_full_disk_behind_help_and_version_exits_8(start: Start, arguments: list[str]) -> None:
    with FULL.open("wb") as full:
        process = start(*arguments, stdout=full)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == 8, stderr
    assert b"no space left on device" in stderr
    for word in (b"Exception ignored", b"Traceback", b"bug"):
        assert word not in stderr


@pytest.mark.parametrize("streams", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_closed_streams_do_not_matter(folder: Path, start: Start, streams: str) -> None:
    process = start("generate", "a cat", *SANDBOX, command=closing(streams))
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 0
    assert b"Traceback" not in stderr
    assert (folder / "a-cat.png").exists()


@pytest.mark.parametrize("streams", ["1>&-", "2>&-", "0<&- 1>&- 2>&-"])
@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_help_and_version_work_with_closed_streams(start: Start, argument: str, streams: str) -> None:
    process = start(argument, command=closing(streams))
    _, stderr = process.communicate(timeout=30)
    assert process.returncode != 1, stderr
    for word in (b"Exception ignored", b"Traceback", b"bug"):
        assert word not in stderr


def test_an_image_for_a_closed_stdout_is_not_requested(folder: Path, start: Start) -> None:
    requests: list[str] = []
    with Sandbox(log=requests.append) as server:
        process = start("generate", "a cat", "-o", "-", "--base-url", server.base_url, command=closing("1>&-"))
        _, stderr = process.communicate(timeout=30)
    assert (process.returncode, requests, list(folder.iterdir())) == (2, [], []), stderr
    assert b"stdout" in stderr
    assert b"Traceback" not in stderr


@pytest.mark.parametrize(
    "extra",
    [
        {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        {"TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "1"},
        {"HOME": "{tmp_path}/missing/home"},
        {"HOME": "{tmp_path}/file/home"},
        {"HOME": "/dev/null"},
        {"HTTP_PROXY": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": ""},
    ],
    ids=["ascii", "dumb", "home is missing", "home is below a file", "home is no folder", "dead proxy"],
)
def test_the_image_is_saved_in_unusual_environments(tmp_path: Path, start: Start, extra: dict[str, str]) -> None:
    (tmp_path / "file").write_text("no folder")
    extra = {name: value.replace("{tmp_path}", str(tmp_path)) for name, value in extra.items()}
    process = start("generate", "a cät 猫", "-o", "cat.png", "-v", *SANDBOX, extra=extra)
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (0, b"cat.png\n"), stderr
    assert b"Traceback" not in stderr


def screen_of(arguments: list[str], folder: Path, environ: dict[str, str], columns: int, until: str) -> pyte.Screen:
    """The screen of a terminal of *columns* once *until* has been shown; then Ctrl-C is pressed."""
    screen = pyte.Screen(columns, 24)
    stream = pyte.ByteStream(screen)
    with interruptible():
        child = pexpect.spawn(
            COMMAND[0], [*COMMAND[1:], *arguments], cwd=str(folder), env=environ, dimensions=(24, columns), timeout=20
        )
    try:
        child.expect(until)
        stream.feed(child.before + child.after)
        time.sleep(0.5)
        child.sendintr()
        child.expect(pexpect.EOF)
        stream.feed(child.before)
    finally:
        child.close(force=True)
    assert child.exitstatus == 130
    return screen


@pytest.mark.parametrize("columns", [40, 80])
def test_a_terminal_shows_the_progress_and_is_clean_afterwards(
    folder: Path, environ: dict[str, str], slow: str, columns: int
) -> None:
    terminal = environ | {"TERM": "xterm-256color", "NO_COLOR": "1"}
    screen = screen_of(["generate", "a cat", "--base-url", slow], folder, terminal, columns, "waiting for the")
    lines = [line.rstrip() for line in screen.display if line.strip()]
    assert lines[0].startswith("imagecli: price: about ")
    (start,) = [number for number, line in enumerate(lines) if line.startswith("imagecli: error: ")]
    assert "".join(lines[start:]).startswith("imagecli: error: interrupted: 0 of 1 images saved")
    assert not any("waiting" in line for line in lines)
    assert not screen.cursor.hidden


def test_nothing_moves_in_a_pipe(start: Start) -> None:
    process = start("generate", "a cat", *SANDBOX)
    assert process.communicate(timeout=30) == (b"a-cat.png\n", b"")


def test_help_and_version_come_from_the_command_itself(start: Start) -> None:
    outputs = {}
    for flag in ("--version", "--help", "-h"):
        stdout, stderr = start(flag).communicate(timeout=30)
        assert stderr == b""
        outputs[flag] = stdout
    assert outputs["--version"].startswith(b"imagecli ")
    assert b"exit-codes" in outputs["--help"]
    assert b"generate" in outputs["-h"]
