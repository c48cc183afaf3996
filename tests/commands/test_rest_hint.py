"""After a partial failure the hint says how many images are saved, and its command requests only the others."""

from __future__ import annotations

import json
import shlex
import socket
from pathlib import Path

import pytest

from tests.client.raw import Raw, http, images_body, png, raw_server
from tests.conftest import Run

OVERLOADED = http("503 No", b'{"error": {"message": "overloaded", "type": "server_error"}}')
WITH_KEY = {"OPENAI_API_KEY": "sk-test-0123456789"}


class FailingOnce:
    """The first request for *count* images fails; all others succeed."""

    def __init__(self, count: int) -> None:
        self.count, self.server = count, Raw(port=0)
        self.failed = False

    def __call__(self, connection: socket.socket) -> None:
        (*_, requested) = counts(self.server)
        if requested == self.count and not self.failed:
            self.failed = True
            connection.sendall(OVERLOADED)
        else:
            connection.sendall(http("200 OK", images_body(*[png()] * requested)))


def counts(server: Raw) -> list[int]:
    """The number of images of each request."""
    return [json.loads(request.partition(b"\r\n\r\n")[2]).get("n", 1) for request in server.requests]


def run_and_paste(imagecli: Run, argv: list[str], refused: int) -> tuple[str, list[int]]:
    """The hint of a command whose request of *refused* images fails, and what the hint's command requests."""
    act = FailingOnce(refused)
    with raw_server(act) as server:
        act.server = server
        first = [*argv[:1], "--max-retries", "0", "--base-url", server.base_url, *argv[1:]]
        result = imagecli(*first, env=WITH_KEY)
        assert result.exit_code == 9, result.stderr
        (hint,) = (line for line in result.stderr.splitlines() if line.startswith("hint: "))
        before = len(server.requests)
        if "imagecli" not in hint:
            return hint, []
        command = hint.partition("to request only the rest: imagecli ")[2]
        assert imagecli(*shlex.split(command), env=WITH_KEY).exit_code == 0
        return hint, counts(server)[before:]


@pytest.mark.parametrize(
    ("argv", "refused", "saved", "files"),
    [
        (["generate", "a cat", "-n", "25"], 5, "20 of 25", 25),
        (["generate", 'a cat\'s $5 "hat"', "-n", "12"], 10, "2 of 12", 12),
        (["generate", "-n", "11", "--", "-a dash"], 1, "10 of 11", 11),
        (["generate", "a {what}", "--var", "what=cat", "--var", "what=dog"], 1, "1 of 2", 2),
        (["generate", "a cat", "-n", "11", "-o", "out/{hash}.png", "--if-exists", "number"], 1, "10 of 11", 11),
    ],
)
def test_the_command_of_the_hint_requests_only_the_rest(
    imagecli: Run, folder: Path, argv: list[str], refused: int, saved: str, files: int
) -> None:
    hint, requested = run_and_paste(imagecli, argv, refused)
    assert f"{saved} images are saved" in hint
    assert requested == [refused]
    assert len(list(folder.rglob("*.png"))) == files


@pytest.mark.parametrize(
    ("argv", "before"), [(["-o", "{date}.png"], None), (["-o", "{time}.png"], None), ([], "a-cat-3.png")]
)
def test_names_that_a_second_run_can_not_find_get_no_command(
    imagecli: Run, folder: Path, argv: list[str], before: str | None
) -> None:
    if before:
        (folder / before).write_bytes(png(9, 9))
    hint, _ = run_and_paste(imagecli, ["generate", "a cat", "-n", "11", *argv], 1)
    assert hint == "hint: 10 of 11 images are saved; the same command requests all of them again; lower -n first"


def test_a_command_that_saved_nothing_keeps_its_hint(imagecli: Run) -> None:
    with raw_server(OVERLOADED) as server:
        result = imagecli("generate", "a cat", "--max-retries", "0", "--base-url", server.base_url)
    assert result.exit_code == 6
    assert "run the same command again later" in result.stderr
