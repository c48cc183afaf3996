"""A batch on a terminal: the table below the paths and errors, whatever their names, the width and the end."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyte
import pytest

from imagecli.env import Env
from imagecli.events import BatchProgress, RetryWait
from imagecli.output.batch_live import BatchLiveProgress, items_per_second
from imagecli.output.terminal import DisplayOptions
from tests.batch.serving import refusal, serving
from tests.batch.test_batch import manifest
from tests.children import Children, command_environ
from tests.conftest import NOW, Stream

if sys.platform == "win32":
    pytest.skip("terminals of Unix", allow_module_level=True)

from tests.pseudo_terminal import Terminal

REDRAW = b"\x1b[1A\x1b[2K"


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    pair = Terminal(40, 24)
    yield pair
    pair.close()


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {**command_environ(tmp_path), "TERM": "xterm-256color"}


def rows(count: int, **changed: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"prompt": f"cat {k}", "output": f"cat-{k}.png", **changed.get(f"_{k}", {})} for k in range(count)]


def refuse_bad(fields: dict[str, Any]) -> bytes | None:
    return refusal("400 Bad Request", "x") if fields["prompt"] == "bad" else None


def shown(data: bytes, columns: int) -> list[str]:
    """The lines that remain on a high screen of *columns*."""
    screen = pyte.Screen(columns, 400)
    pyte.ByteStream(screen).feed(data)
    return [line.rstrip() for line in screen.display if line.strip()]


@pytest.mark.slow
@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}], ids=["color", "NO_COLOR"])
def test_each_line_is_there_once_however_long_and_the_table_is_gone(
    environment: dict[str, str], terminal: Terminal, children: Children, folder: Path, environ: dict[str, str]
) -> None:
    long, wide = f"{'long-name-' * 12}.png", f"{'白い猫の絵' * 12}.png"
    manifest(folder, *rows(60, _7={"output": long}, _20={"output": wide}, _30={"prompt": "bad"}))
    with serving(refuse_bad, latency=0.1) as server:
        line = f"imagecli batch assets.jsonl --base-url {server.base_url} -j 4"
        process = terminal.start(children, line, env=environ | environment, cwd=folder)
        started = time.monotonic()
        data = terminal.read_to_end(process)
        seconds = time.monotonic() - started
    assert process.returncode == 9
    text = "".join(shown(data, 40))
    assert [k for k in range(60) if text.count(f"cat-{k}.png") != 1] == [7, 20, 30]
    assert [data.count(name.encode()) for name in (long, wide)] == [1, 1]  # in one piece, which can be copied
    assert text.count("imagecli: error: assets.jsonl:31: ") == 1
    assert "time left" not in text
    assert "imagecli: failed: assets.jsonl:31imagecli: 59 created, 1 failed" in text
    assert b"time left" in data
    assert 2 <= data.count(REDRAW) <= 2 * seconds + 4
    assert b"\x1b[?25l" not in data  # a hidden cursor would stay hidden after Ctrl-Z


def test_a_terminal_that_can_not_redraw_gets_lines_alone(
    terminal: Terminal, children: Children, folder: Path, environ: dict[str, str]
) -> None:
    manifest(folder, *rows(3))
    with serving() as server:
        line = f"imagecli batch assets.jsonl --base-url {server.base_url}"
        process = terminal.start(children, line, env=environ | {"TERM": "dumb"}, cwd=folder)
        data = terminal.read_to_end(process)
    assert process.returncode == 0
    assert b"\x1b" not in data
    assert sorted(re.findall(rb"^cat-(\d)\.png\r", data, re.MULTILINE)) == [b"0", b"1", b"2"]


@pytest.mark.slow
def test_ctrl_c_leaves_what_to_do_next(
    terminal: Terminal, children: Children, folder: Path, environ: dict[str, str]
) -> None:
    manifest(folder, *rows(60, _0={"prompt": "bad"}))
    with serving(refuse_bad, latency=0.2) as server:
        line = f"imagecli batch assets.jsonl --base-url {server.base_url} -j 4"
        process = terminal.start(children, line, env=environ, cwd=folder)
        data = b""
        while b"cat-9.png" not in data:
            data += os.read(terminal.controller, 65536)
            terminal.resize(40 + len(data) % 60)
        process.send_signal(signal.SIGINT)
        data += terminal.read_to_end(process)
    assert process.returncode == 130
    lines = data.decode().replace("\r", "").splitlines()[-4:]
    patterns = (
        r".*imagecli: failed: assets\.jsonl:1",
        r"imagecli: error: interrupted: saved \d+ of 60; \d requests? in flight may be billed, up to \$[\d.]+",
        r"hint: run the same command to resume; it first saves the responses received so far, from .*",
        r"imagecli: \d+ created, 1 failed, \d+ unfinished; cost: \$[\d.]+, unknown for \d",
    )
    assert [bool(re.fullmatch(pattern, text)) for pattern, text in zip(patterns, lines, strict=True)] == [True] * 4


def progress_on_a_screen(stderr: Stream, columns: int = 80) -> BatchLiveProgress:
    env = Env(stdin=Stream(), stdout=Stream(), stderr=stderr, environ={}, now=lambda: NOW)
    progress = BatchLiveProgress(env, DisplayOptions(live=True))
    progress._console.width = columns
    return progress


def table_of(progress: BatchLiveProgress) -> list[str]:
    return progress.__rich__().plain.splitlines()


def test_the_table_says_why_requests_wait() -> None:
    progress = progress_on_a_screen(Stream(tty=True), columns=56)
    progress(BatchProgress(done=0, failed=0, total=1200, billed_usd=0.0, unknown=False))
    assert table_of(progress)[1:] == ["0/1,200   0        0         $0     ?"]
    progress(RetryWait(request=3, seconds=9.5, why=f"can't connect to http://127.0.0.1:1: \x1b[2J{'拒绝连接' * 9}"))
    progress(RetryWait(request=4, seconds=0.0, why=f"can't connect to http://127.0.0.1:1: \x1b[2J{'拒绝连接' * 9}"))
    heads, values, reason = table_of(progress)
    assert "rate" not in heads
    assert "1, 10 s" in values
    assert reason == "waiting: can't connect to http://127.0.0.1:1: \\x1b[…"


def test_a_price_that_is_not_known_is_not_zero() -> None:
    progress = progress_on_a_screen(Stream(tty=True))
    for billed, cell in ((0.0, "unknown"), (0.25, "$0.25+")):
        progress(BatchProgress(done=1, failed=0, total=9, billed_usd=billed, unknown=True))
        assert f" {cell} " in table_of(progress)[1]


@pytest.mark.parametrize(
    ("ends", "now", "rate"),
    [
        ([], 100, 0),
        ([10], 10, 0.1),
        ([0.01, 0.01], 0.01, 2),
        ([k / 2 for k in range(1, 601)], 300, 2),
        ([k / 2 for k in range(1, 601)], 5300, 10 / 5005),
        ([*range(1, 1001), *(1000 + 10 * k for k in range(1, 61))], 1600, 0.1),
        ([600 * k for k in range(1, 31)], 18_000, 1 / 600),
    ],
    ids=["none", "one", "at once", "steady", "a long pause", "slower", "slow"],
)
def test_the_rate_is_that_of_the_latest_items(ends: list[float], now: float, rate: float) -> None:
    assert items_per_second(ends, 0.0, now) == pytest.approx(rate, rel=0.02)
