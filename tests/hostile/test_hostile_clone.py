"""Whatever a clone holds under the names that imagecli looks for: nothing outside it changes or is sent, and nothing
hangs."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from imagecli.storage import read
from tests.conftest import Run
from tests.hostile.clone import CANARY, FORGED, KINDS, make_clone, make_home, make_image, plant, snapshot

ALWAYS: Final = ("batch m.jsonl", "recover")
"""What every name of every kind meets, first or last: the commands that write."""
COMMANDS: Final = (
    "generate x -o out/",
    "batch m.jsonl --check",
    "batch m.jsonl --adopt",
    "edit typed.png x -o out/",
    "batch m.jsonl --dry-run",
    "batch m.jsonl --prune --yes",
    "recover --list",
    "batch m.jsonl --shard 1/3",
    "vary typed.png -o out/",
    "batch m.jsonl --if-exists overwrite",
    "config list",
    "batch m.jsonl --provider sandbox --batch-api --wait",
    "doctor",
    "recover --delete 20261129-000000-aaaa-1",
    "models",
    "providers",
)
MORE: Final = {
    "m.journal.jsonl": ("batch m.jsonl --prune --yes",),
    "m.jsonl": ("batch m.jsonl --allow-outside --check",),
}
"""Further commands for one name."""
A_CELL: Final = 2
"""Further commands for each name of each kind; over all kinds a name meets every command, and so does a kind."""
SECONDS: Final = 15
"""The longest that a command may take on a loaded machine."""
EXIT_CODES: Final = (0, 2, 3, 4, 6, 7, 8, 9, 10)
"""Every exit code except those of a bug (1) and of signals."""
RUN_COMMANDS: Final = Path(__file__).with_name("run_commands.py")
AS_USER: Final = (
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
)
"""A user who isn't root, but can read the Python that runs the tests."""


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Ends what hangs in an `open` or `read` of the main thread."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"still running after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def api(httpserver: HTTPServer, tmp_path: Path) -> HTTPServer:
    """An API that returns the same image for every request."""
    image = base64.b64encode(make_image(tmp_path / "result.png", (0, 0, 250)).read_bytes()).decode()

    def respond(request: Request) -> Response:
        if request.method != "POST":
            return Response('{"data": []}', 200, content_type="application/json")
        body = f'{{"created": 1, "data": [{{"b64_json": "{image}"}}], "usage": {{"total_tokens": 3}}}}'
        return Response(body, 200, content_type="application/json")

    for path in ("/v1/images/generations", "/v1/images/edits", "/v1/images/variations", "/v1/models"):
        httpserver.expect_request(path).respond_with_handler(respond)
    return httpserver


def commands_for(name: str, kind: str) -> list[str]:
    """The commands of this cell, rotated so that names and kinds meet all of them."""
    start = list(FORGED).index(name) + A_CELL * KINDS.index(kind)
    rotated = [*MORE.get(name, ())] + [COMMANDS[(start + offset) % len(COMMANDS)] for offset in range(A_CELL)]
    return [*ALWAYS, *rotated] if start % 2 else [*rotated, *ALWAYS]


def sent_bytes(api: HTTPServer) -> bytes:
    return b"".join(request.get_data() + repr(list(request.headers)).encode() for request, _ in api.log)


def check_nothing_of_home_was_sent(api: HTTPServer, home: Path) -> None:
    bodies = sent_bytes(api)
    pixels = (home / "secret.png").read_bytes()
    assert CANARY.encode() not in bodies
    assert pixels[pixels.index(b"IDAT") :][:40] not in bodies


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "another user's"])
@pytest.mark.parametrize("name", FORGED)
def test_nothing_outside_a_clone_changes_or_is_sent(
    imagecli: Run,
    api: HTTPServer,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    kind: str,
) -> None:
    monkeypatch.setattr(read, "NO_WRITER_SECONDS", 0.5)
    home = make_home(tmp_path / "home")
    make_clone(folder)
    plant(kind, name, folder, home)
    before = snapshot(home)
    world = {"HOME": str(home), "OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": api.url_for("/v1")}
    for command in commands_for(name, kind):
        with time_limit(SECONDS):
            result = imagecli(*command.split(), env=world)
        assert result.exit_code in EXIT_CODES, (command, result.stderr)
        assert "Traceback" not in result.stderr
        assert snapshot(home) == before, command
        check_nothing_of_home_was_sent(api, home)
        assert not (folder / "pwned").exists()


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv to change owners")
@pytest.mark.parametrize("name", FORGED)
def test_nothing_outside_changes_for_files_of_another_user(api: HTTPServer, tmp_path: Path, name: str) -> None:
    home, clone, private = make_home(tmp_path / "home"), make_clone(tmp_path / "clone"), tmp_path / "private"
    private.mkdir(mode=0o700)
    for place in (tmp_path, private, home, clone, *home.rglob("*"), *clone.rglob("*")):
        os.chown(place, 65534, 65534)
    plant("another user's", name, clone, home)
    before = snapshot(home)
    world = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "IMAGECLI_CONFIG_DIR": str(private / "config"),
        "IMAGECLI_STATE_DIR": str(private / "state"),
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": api.url_for("/v1"),
    }
    commands = commands_for(name, "another user's")
    run = [*AS_USER, sys.executable, "-P", str(RUN_COMMANDS), json.dumps(commands)]
    limit = SECONDS * len(commands)
    done = subprocess.run(run, cwd=clone, env=world, capture_output=True, text=True, timeout=limit, check=False)
    assert done.returncode == 0, done.stderr
    for command, (code, stderr) in zip(commands, json.loads(done.stdout), strict=True):
        assert code in EXIT_CODES, (command, stderr)
        assert "Traceback" not in stderr
    assert snapshot(home) == before, commands
    check_nothing_of_home_was_sent(api, home)


def test_a_clone_without_forged_files_works(imagecli: Run, api: HTTPServer, folder: Path, tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    make_clone(folder)
    world = {"HOME": str(home), "OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": api.url_for("/v1")}
    assert imagecli("batch", "m.jsonl", "--check", env=world).exit_code == 10
    result = imagecli("batch", "m.jsonl", env=world)
    assert result.exit_code == 0, result.stderr
    assert sorted(result.stdout.split()) == ["art/one.png", "art/two.png"]  # in the order of arrival
    assert imagecli("batch", "m.jsonl", env=world).exit_code == 0
    assert imagecli("batch", "m.jsonl", "--check", env=world).exit_code == 0
    assert len([request for request, _ in api.log if request.method == "POST"]) == 2
