"""kill -9 at any moment: no partial file under a final name, and complete responses are saved by `recover`."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from imagecli.images.integrity import inspect_image
from tests.children import Children
from tests.client.raw import http, images_body, read_request
from tests.conftest import Result, Run
from tests.images.sample_images import saved, scene
from tests.listening import listening

COMMAND = [sys.executable, "-m", "imagecli"]
IMAGES = [saved(scene(200 + k, 100).convert("RGB"), "PNG", compress_level=0) for k in range(3)]
"""Some 60 kB each, all different."""
BODY = images_body(*IMAGES)
PIECES = 24
START_SECONDS = 0.8
"""Until the command sends its request, about; a fifth of the kills fall into it."""
RESPONSE_SECONDS = 1.2
"""From the request until all is saved, about."""
KILLS_A_SEED = 5


@dataclass
class Slow:
    """A server that sends its response in pieces with pauses, and records when the client has received all of it."""

    base_url: str
    requested_at: float | None = None
    had_all: float | None = None
    """The time at which the client disconnected after the last byte."""


@contextmanager
def slow_server(dice: random.Random) -> Iterator[Slow]:
    slow = Slow(base_url="")

    def respond(connection: socket.socket) -> None:
        read_request(connection)
        slow.requested_at = time.monotonic()
        response = http("200 OK", BODY)
        step = len(response) // PIECES + 1
        for at in range(0, len(response), step):
            time.sleep(dice.uniform(0, 2 * 0.4 / PIECES))
            connection.sendall(response[at : at + step])
        connection.settimeout(5)
        if connection.recv(1) == b"":
            slow.had_all = time.monotonic()

    with listening(respond) as slow.base_url:
        yield slow


WAYS = {
    "files": ["-n", "3"],
    "converted": ["-n", "3", "-o", "cat.webp"],
    "folder": ["-n", "3", "-o", "deep/out/"],
    "skipped": ["-n", "3", "-o", "cat.png", "--if-exists", "overwrite"],
    "stdout": ["-n", "1", "-o", "-"],
}


@dataclass(frozen=True)
class Life:
    """One command, from its start to its kill."""

    place: Path
    server: Slow
    process: subprocess.Popen[bytes]
    early: bool
    """It is killed this many *seconds* after its start, otherwise after its request."""
    seconds: float


def environ_of(place: Path) -> dict[str, str]:
    return {"PATH": os.defpath, "HOME": str(place), "IMAGECLI_STATE_DIR": str(place / "state"), "NO_PROXY": "*"}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.nightly)])
def test_a_kill_at_any_moment_leaves_no_partial_file_and_loses_no_response(
    tmp_path: Path, children: Children, imagecli: Run, monkeypatch: pytest.MonkeyPatch, way: str, seed: int
) -> None:
    dice = random.Random(f"{way} {seed}")
    with ExitStack() as stack:
        lives = []
        for turn in range(KILLS_A_SEED):
            place = tmp_path / str(turn)
            (place / "work").mkdir(parents=True)
            server = stack.enter_context(slow_server(random.Random(f"{way} {seed} {turn}")))
            arguments = ["generate", "cat", *WAYS[way], "--base-url", server.base_url]
            process = children.start([*COMMAND, *arguments], cwd=place / "work", env=environ_of(place))
            seconds = dice.uniform(0, RESPONSE_SECONDS if turn else START_SECONDS)
            lives.append(Life(place=place, server=server, process=process, early=not turn, seconds=seconds))
        with ThreadPoolExecutor(KILLS_A_SEED) as pool:
            outcomes = list(pool.map(killed, lives))
    for life, had_all in zip(lives, outcomes, strict=True):
        monkeypatch.chdir(life.place / "work")
        check(life, had_all, imagecli("recover", "--json", env=environ_of(life.place)))


def killed(life: Life) -> bool:
    """Kills it when its time has come; returns whether it had received the complete response."""
    give_up = time.monotonic() + 30
    while not life.early and not life.server.requested_at and time.monotonic() < give_up:
        time.sleep(0.005)
    time.sleep(life.seconds)
    life.process.kill()
    now = time.monotonic()
    life.process.wait(timeout=10)
    check_names(life.place / "work")
    return life.server.had_all is not None and life.server.had_all < now


def check(life: Life, had_all: bool, recovered: Result) -> None:
    """Checks the result of `recover`."""
    assert recovered.exit_code in (0, 7, 9), recovered.stderr
    assert "bug" not in recovered.stderr
    check_names(life.place / "work")
    # The test file that is written before anything is sent is removed by the next command in that folder.
    assert not [path for path in life.place.rglob("*.part") if "-check-" not in path.name]
    if had_all:
        assert recovered.exit_code == 0, recovered.stderr
        assert life.process.stdout
        there = {path.read_bytes() for path in (life.place / "work").rglob("*.*") if path.is_file()}
        assert {*IMAGES} <= there | {life.process.stdout.read()}, recovered.stderr
        assert not list((life.place / "state").rglob("*.body"))


def check_names(folder: Path) -> None:
    """Every file with an image's name is a complete image."""
    for path in folder.rglob("*.*"):
        if path.suffix in (".png", ".webp", ".jpg"):
            found = inspect_image(path.read_bytes())
            assert found.is_complete, (path, found)
            assert path.suffix[1:] == found.format
