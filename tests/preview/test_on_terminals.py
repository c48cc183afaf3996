"""The installed command in tmux and on terminals that don't respond, don't read, or are interrupted."""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from tests.children import Children, command_environ, wait_until
from tests.conftest import photo, read_image
from tests.images.sample_images import large_png
from tests.preview.decoding import decode_blocks
from tests.pseudo_terminal import Terminal

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="terminals of Unix")]

IMAGECLI = (sys.executable, "-m", "imagecli")
GENERATE = "generate 'a cat' --provider sandbox -m dall-e-2 -s 256x256"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {**command_environ(tmp_path), "IMAGECLI_HISTORY": "false"}


class Tmux:
    """A tmux server with one window."""

    def __init__(self, folder: Path, socket: Path, environ: dict[str, str]) -> None:
        self._command = ("tmux", "-S", str(socket), "-f", "/dev/null")
        self._environ = environ
        self._lines = 0
        shell = "PS1='> ' exec bash --norc --noprofile"
        self("new-session", "-d", "-x", "100", "-y", "30", "-c", str(folder), shell)
        self._wait_for("\n>")

    def __call__(self, *words: str) -> str:
        command = [*self._command, *words]
        return subprocess.run(command, env=self._environ, check=True, capture_output=True, text=True).stdout

    def run(self, line: str) -> str:
        """The pane, with colors, after *line* has been carried out."""
        self._lines += 1
        self("send-keys", "-l", f"{line}; echo 'e''nd' {self._lines}")
        self("send-keys", "Enter")
        self._wait_for(f"\nend {self._lines}\n")
        return self("capture-pane", "-p", "-e")

    def _wait_for(self, text: str) -> None:
        deadline = time.monotonic() + 60
        while text not in "\n" + self("capture-pane", "-p"):
            assert time.monotonic() < deadline
            time.sleep(0.2)


@pytest.fixture
def tmux(folder: Path, tmp_path: Path, environ: dict[str, str]) -> Iterator[Tmux]:
    if not shutil.which("tmux"):
        pytest.skip("needs tmux")
    # As if tmux were started inside kitty, whose variables are visible in it.
    server = Tmux(folder, tmp_path / "socket", {**environ, "KITTY_WINDOW_ID": "1", "TERM_PROGRAM": "ghostty"})
    yield server
    server("kill-server")


def test_in_tmux_the_image_is_half_blocks_and_the_pane_is_clean(tmux: Tmux, folder: Path) -> None:
    pane = tmux.run(f"imagecli {GENERATE}")
    plain = tmux("capture-pane", "-p").splitlines()
    rows = [line for line in plain if "▀" in line]
    assert rows == ["▀" * 48] * 24
    others = [line for line in plain if line and line not in rows]
    assert [line for line in others if not line.startswith(">")] == ["a-cat.png", "end 1"]
    displayed = decode_blocks("".join(line + "\n" for line in pane.splitlines() if "▀" in line), 48, 24)
    expected = read_image(folder / "a-cat.png").convert("RGB").resize(displayed.size)
    pairs = zip(displayed.convert("RGB").tobytes(), expected.tobytes(), strict=True)
    assert sum(abs(one - other) for one, other in pairs) / (48 * 48 * 3) < 6
    assert tmux("display-message", "-p", "#{pane_title}") == tmux("display-message", "-p", "#{host}")
    # The next input is read as typed: nothing remains in the terminal's input.
    assert tmux.run("clear; echo $((3 * 4))").startswith("12\nend 2\n")


def test_in_a_low_pane_nothing_is_shown(tmux: Tmux) -> None:
    tmux("resize-window", "-y", "8")
    tmux.run("clear")
    assert "▀" not in tmux.run(f"imagecli {GENERATE} -o x.png")
    tmux("resize-window", "-y", "1")
    tmux("send-keys", "-l", f"imagecli {GENERATE} -o y.png; touch done")
    tmux("send-keys", "Enter")
    folder = Path(tmux("display-message", "-p", "#{pane_current_path}").strip())
    wait_until((folder / "done").exists)
    assert (folder / "y.png").exists()


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    pair = Terminal()
    yield pair
    pair.close()


@pytest.mark.parametrize("term", ["xterm-kitty", "xterm-256color", "foot"])
def test_a_terminal_gets_no_queries(
    term: str, terminal: Terminal, children: Children, folder: Path, environ: dict[str, str]
) -> None:
    photo(folder / "a.png", 400, 400)
    process = terminal.start(children, f"imagecli {GENERATE}", env={**environ, "TERM": term}, cwd=folder)
    data = terminal.read_to_end(process)
    assert process.returncode == 0
    drawing = re.sub(rb"\x1b(_G|P)[^\x1b]*\x1b\\", b"", data)
    # Device attributes, cursor position, colors, sizes, kitty's query: all would get a response.
    assert not re.findall(rb"\x1b\[[?>=]?[0-9;]*[cnqx]|\x1b\][0-9;]*;\?|\x1b\[1[4568]t|a=q|\x1bP\+q", drawing)
    assert b"a-cat.png" in data


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_drawing_is_closed_and_the_path_is_printed(
    number: signal.Signals, terminal: Terminal, children: Children, folder: Path, environ: dict[str, str]
) -> None:
    """The terminal does not read, so that the command is in the middle of its drawing."""
    env = {**environ, "TERM": "xterm-kitty"}
    process = terminal.start(
        children, "imagecli generate 'a cat' --provider sandbox", env=env, cwd=folder, start_new_session=True
    )
    data = b""
    while b"\x1b_G" not in data:
        data += os.read(terminal.controller, 256)
    time.sleep(0.5)
    process.send_signal(number)
    data += terminal.read_to_end(process)
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
    assert re.search(rb"\x1b\\\x1b\[0m\r\n.*a-cat\.png", data)
    assert data.count(b"m=0") == 0
    assert (folder / "a-cat.png").exists()


def test_a_closed_terminal_does_not_change_the_exit_code(
    terminal: Terminal, children: Children, folder: Path, environ: dict[str, str]
) -> None:
    process = children.start(
        ["sh", "-c", f"exec imagecli {GENERATE}"],
        env={**environ, "TERM": "xterm-kitty"},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=terminal.terminal,
    )
    os.read(terminal.controller, 1)  # the progress has begun
    os.close(terminal.controller)
    terminal.controller = os.open(os.devnull, os.O_RDONLY)
    assert process.wait(20) == 0
    assert (folder / "a-cat.png").exists()


IMPORTING = """
import importlib.abc, os, sys
class Watch(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name in ("PIL", "imagecli.preview"):
            os.write(1, f"<{name} {os.path.exists('a-cat.png')}>".encode())
sys.meta_path.insert(0, Watch())
from imagecli.__main__ import run
run()
"""
"""Reports the first import of each, and whether the image is saved by then."""


def test_preview_modules_are_loaded_after_the_image_is_saved(
    terminal: Terminal, children: Children, folder: Path, environ: dict[str, str], httpserver: HTTPServer
) -> None:
    image = base64.b64encode(large_png(2_000)).decode()
    httpserver.expect_request("/v1/images/generations").respond_with_json({"data": [{"b64_json": image}]})
    (folder / "watch.py").write_text(IMPORTING)
    line = f"{sys.executable} watch.py generate 'a cat' --base-url {httpserver.url_for('/v1')}"
    process = terminal.start(children, line, env={**environ, "TERM": "xterm-kitty"}, cwd=folder)
    data = terminal.read_to_end(process)
    assert process.returncode == 0
    assert set(re.findall(rb"<([\w.]+) (\w+)>", data)) == {(b"imagecli.preview", b"True"), (b"PIL", b"True")}
