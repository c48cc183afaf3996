"""What is recorded of each command, and that a failure to record loses nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from tests.conftest import NOW, Run, mask_for, photo
from tests.faults.running import SMALL_DISK, can_mount
from tests.history.conftest import ReadHistory

SANDBOX = ("--provider", "sandbox")


def test_an_image_is_recorded_with_its_request(imagecli: Run, folder: Path, read_history: ReadHistory) -> None:
    imagecli("generate", "a cat", *SANDBOX, "-o", "cat.webp", "--quality", "high", "-s", "1024x1536")
    (image,) = read_history()
    assert image.path == folder / "cat.webp"
    assert image.sha256 == hashlib.sha256((folder / "cat.webp").read_bytes()).hexdigest()
    assert image.created == NOW.astimezone(UTC) == datetime(2026, 11, 23, 14, 22, 33, tzinfo=UTC)
    assert (image.command, image.provider, image.model, image.prompt) == ("generate", "sandbox", "gpt-image-2", "a cat")
    assert image.options == {
        "quality": "high",
        "size": "1024x1536",
        "output_format": "webp",
        "format_of_name": True,
    }
    assert image.cost_usd == image.estimated_usd == 0
    assert image.usage and image.usage["output_tokens"]
    assert image.request_id
    assert str(image.size) == "1024x1536"
    assert len(image.id) == 6


def test_inputs_are_recorded_as_they_were_read(imagecli: Run, folder: Path, read_history: ReadHistory) -> None:
    photo(folder / "photo.png")
    mask_for(folder / "mask.png", 320, 200, (10, 10, 60, 60))
    digest = hashlib.sha256((folder / "photo.png").read_bytes()).hexdigest()
    argv = ("edit", "photo.png", "a hat", *SANDBOX, "--mask", "mask.png", "--mask-rect", "50%,50%,10%,10%")
    done = imagecli(*argv, "-o", "photo.png", "--if-exists", "overwrite")
    assert done.exit_code == 0, done.stderr
    (image,) = read_history()
    first, second = image.inputs
    # The output has replaced the input since.
    assert (first.role, first.name, first.path, first.sha256) == ("image", "photo.png", folder / "photo.png", digest)
    assert (second.role, second.name, second.path) == ("mask", "mask.png", folder / "mask.png")
    assert image.options["mask_rect"] == ["50%,50%,10%,10%"]
    assert image.parents == ()


def test_an_input_that_the_history_knows_is_the_parent(imagecli: Run, folder: Path, read_history: ReadHistory) -> None:
    imagecli("generate", "a cat", *SANDBOX, "-o", "cat.png")
    imagecli("edit", "cat.png", "at night", *SANDBOX, "-o", "night.png")
    imagecli("vary", "night.png", *SANDBOX, "-o", "other.png")
    cat, night, other = read_history()
    assert (night.parents, other.parents) == ((cat.id,), (night.id,))
    assert other.command == "vary"


def test_every_image_of_several_requests_is_recorded(imagecli: Run, read_history: ReadHistory) -> None:
    argv = ("generate", "a {animal}", "--var", "animal=cat", "--var", "animal=owl", "-n", "2", *SANDBOX)
    imagecli(*argv, "-o", "{animal}.png")
    images = read_history()
    assert [(image.prompt, image.template, image.variables["animal"]) for image in images] == [
        ("a cat", "a {animal}", "cat"),
        ("a cat", "a {animal}", "cat"),
        ("a owl", "a {animal}", "owl"),
        ("a owl", "a {animal}", "owl"),
    ]
    assert [image.path and image.path.name for image in images] == ["cat-1.png", "cat-2.png", "owl-1.png", "owl-2.png"]


def test_an_image_for_stdout_is_recorded_without_a_file(imagecli: Run, read_history: ReadHistory) -> None:
    done = imagecli("generate", "a cat", *SANDBOX, "-o", "-")
    (image,) = read_history()
    assert image.path is None
    assert image.sha256 == hashlib.sha256(done.raw_stdout).hexdigest()


@pytest.mark.parametrize("argv", [("--dry-run",), ("--provider", "nonesuch")], ids=["dry run", "usage error"])
def test_what_was_not_requested_is_not_recorded(argv: tuple[str, ...], imagecli: Run, state: Path) -> None:
    imagecli("generate", "a cat", *SANDBOX, *argv)
    assert not (state / "history.db").exists()


def test_with_history_off_nothing_is_recorded(imagecli: Run, state: Path) -> None:
    done = imagecli("generate", "a cat", *SANDBOX, env={"IMAGECLI_HISTORY": "false"})
    assert done.exit_code == 0
    assert not (state / "history.db").exists()


def test_cost_and_base_url_are_recorded_without_secrets(
    imagecli: Run, httpserver: HTTPServer, read_history: ReadHistory, state: Path
) -> None:
    png = photo(Path("x.png")).read_bytes()
    usage = {"input_tokens": 10, "output_tokens": 1000, "total_tokens": 1010, "input_tokens_details": {}}
    document = {"data": [{"b64_json": base64.b64encode(png).decode()}], "usage": usage}
    httpserver.expect_request("/v1/images/generations").respond_with_json(document)
    base_url = httpserver.url_for("/v1").replace("http://", "http://user:secret-word@") + "?token=secret-word"
    done = imagecli("generate", "a cat", "--base-url", base_url, env={"OPENAI_API_KEY": "sk-secret-word"})
    assert done.exit_code == 0, done.stderr
    (image,) = read_history()
    assert image.base_url == httpserver.url_for("/v1")
    assert image.cost_usd and 0.01 < image.cost_usd < 0.1
    assert b"secret-word" not in (state / "history.db").read_bytes()


def test_a_billed_request_without_an_image_counts_in_the_costs(
    imagecli: Run, httpserver: HTTPServer, read_history: ReadHistory, state: Path
) -> None:
    httpserver.expect_request("/v1/images/generations").respond_with_data("cut off", status=200)
    done = imagecli("generate", "a cat", "--base-url", httpserver.url_for("/v1"))
    assert done.exit_code == 7
    assert read_history() == []
    with sqlite3.connect(state / "history.db") as connection:
        assert connection.execute("SELECT prompt, cost_usd FROM requests").fetchall() == [("a cat", None)]


def test_only_the_user_can_read_it(imagecli: Run, state: Path) -> None:
    imagecli("generate", "a cat", *SANDBOX)
    files = list(state.glob("history*"))
    assert files == [state / "history.db"]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600


def test_hostile_names_and_prompts_are_recorded(imagecli: Run, folder: Path, read_history: ReadHistory) -> None:
    name = os.fsdecode(b"\xff\xfe.png")
    photo(folder / "plain.png").rename(folder / name)
    done = imagecli("edit", name, "'); DROP TABLE images; --\x1b[31m %_!", *SANDBOX, "-o", f"{name}.png")
    assert done.exit_code == 0, done.stderr
    (image,) = read_history()
    assert image.path == folder / f"{name}.png"
    assert image.inputs[0].path == folder / name
    assert image.prompt == "'); DROP TABLE images; --\x1b[31m %_!"


def test_a_database_that_cannot_be_written_costs_only_the_entry(imagecli: Run, folder: Path, state: Path) -> None:
    state.mkdir()
    (state / "history.db").mkdir()
    done = imagecli("generate", "a cat", *SANDBOX, "-o", "cat.png", "--json")
    assert done.exit_code == 0
    assert (folder / "cat.png").exists()
    assert [one["code"] for one in done.json["warnings"]] == ["history_lost"]
    assert "the history entry was lost" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("size", ["40k", "100k"])
def test_on_a_full_disk_the_image_is_saved_and_a_warning_printed(size: str, folder: Path, tmp_path: Path) -> None:
    """The disk of the state folder has no room for the tables, or for an entry with a long prompt."""
    if not can_mount():
        pytest.skip("needs unprivileged mounts")
    (tmp_path / "small").mkdir()
    argv = ("generate", "a cat " + "x" * 31_000, *SANDBOX, "-s", "1024x640", "-o", "cat.jpg", "--json")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "IMAGECLI_STATE_DIR": str(tmp_path / "small")}
    command = [*SMALL_DISK, size, str(tmp_path / "small"), sys.executable, "-m", "imagecli", *argv]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (folder / "cat.jpg").exists()
    assert "warning: the history entry was lost: can't use" in done.stderr
    assert "full" in done.stderr
    assert [one["code"] for one in json.loads(done.stdout)["warnings"]][-1] == "history_lost"
