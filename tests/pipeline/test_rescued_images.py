"""Images of generate, edit and vary whose folder failed after they were paid for: kept, and saved later without
cost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.batch.serving import Server, serving
from tests.conftest import Run, photo


def break_once(out: Path) -> Callable[[dict[str, object]], None]:
    """A file takes the place of *out* before the first response."""
    todo = [out]

    def reply(fields: dict[str, object]) -> None:
        if todo:
            todo.pop().rmdir()
            out.write_bytes(b"a file")

    return reply


def repair(out: Path) -> None:
    out.unlink()
    out.mkdir()


@pytest.fixture
def out(folder: Path) -> Path:
    return folder / "out"


COMMANDS = {
    "generate": ("generate", "a cat"),
    "edit": ("edit", "photo.png", "a cat with a hat"),
    "vary": ("vary", "photo.png"),
}


def fail(imagecli: Run, server: Server, *argv: str) -> str:
    """The output of the command, whose folder fails after it has paid."""
    photo(Path("photo.png"), 64, 64)
    failed = imagecli(*argv, "--base-url", server.base_url)
    assert (failed.exit_code, len(server.prompts)) == (8, 1), failed.stderr
    return failed.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_recover_saves_them_in_their_folder(name: str, imagecli: Run, out: Path, state: Path) -> None:
    with serving(break_once(out)) as server:
        text = fail(imagecli, server, *COMMANDS[name], "-o", "out/cat.png")
    (rescued,) = (state / "rescued").iterdir()
    (body,) = (state / "spool").glob("*.body")
    assert rescued.name == f"cat.{body.stem}-0.png"
    assert f"kept: {rescued}" in text
    assert "imagecli recover saves the image there" in text
    data = rescued.read_bytes()
    still = imagecli("recover")
    assert (still.exit_code, [*(state / "rescued").iterdir()]) == (2, [rescued])
    repair(out)
    assert imagecli("recover").paths == [Path("out/cat.png")]
    assert (out / "cat.png").read_bytes() == data
    assert not (state / "rescued").exists()
    assert not [*(state / "spool").glob("*")]


def test_recover_saves_them_elsewhere(imagecli: Run, out: Path, state: Path) -> None:
    with serving(break_once(out)) as server:
        fail(imagecli, server, *COMMANDS["generate"], "-o", "out/cat.png")
    assert imagecli("recover", "-o", "else/").paths == [Path("else/cat.png")]
    assert not (state / "rescued").exists()
    assert imagecli("recover", "--list").stdout == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_a_rerun_saves_them_first_and_does_not_pay_again(name: str, imagecli: Run, out: Path, state: Path) -> None:
    with serving(break_once(out)) as server:
        command = (*COMMANDS[name], "-o", "out/cat.png")
        fail(imagecli, server, *command)
        repair(out)
        again = imagecli(*command, "--base-url", server.base_url)
        # The name was typed, and exists now.
        assert (again.exit_code, len(server.prompts)) == (2, 1)
        assert "saved out/cat.png, which an earlier command could not write" in again.stderr
        skipped = imagecli(*command, "--base-url", server.base_url, "--if-exists", "skip")
        assert (skipped.exit_code, skipped.paths, len(server.prompts)) == (0, [Path("out/cat.png")], 1)
    assert not (state / "rescued").exists()
    assert not [*(state / "spool").glob("*")]


def test_a_rerun_that_may_number_has_both(imagecli: Run, out: Path) -> None:
    with serving(break_once(out)) as server:
        fail(imagecli, server, *COMMANDS["generate"], "-o", "out/")
        repair(out)
        again = imagecli(*COMMANDS["generate"], "-o", "out/", "--base-url", server.base_url, "--json")
    document = json.loads(again.stdout)
    assert [Path(image["path"]).name for image in document["images"]] == ["a-cat_2.png"]
    assert sorted(path.name for path in out.iterdir()) == ["a-cat.png", "a-cat_2.png"]


def test_a_dry_run_and_another_folder_leave_them(imagecli: Run, out: Path, state: Path) -> None:
    with serving(break_once(out)) as server:
        fail(imagecli, server, *COMMANDS["generate"], "-o", "out/cat.png")
        repair(out)
        imagecli(*COMMANDS["generate"], "-o", "out/cat.png", "--base-url", server.base_url, "--dry-run")
        imagecli(*COMMANDS["generate"], "-o", "other.png", "--base-url", server.base_url)
    assert [*out.iterdir()] == []
    assert len([*(state / "rescued").iterdir()]) == 1


def test_the_first_image_that_fails_stops_a_command(imagecli: Run, out: Path) -> None:
    values = [word for number in range(12) for word in ("--var", f"animal=cat {number}")]
    with serving(break_once(out), latency=0.05) as server:
        failed = imagecli("generate", "{animal}", *values, "-o", "out/{animal}.png", "--base-url", server.base_url)
        assert failed.exit_code == 8
        # At most those that were in flight.
        assert len(server.prompts) < 12
        assert "requests not sent" in failed.stderr
