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

from tests.batch.serving import image_of, serving
from tests.batch.test_batch import manifest
from tests.batch.test_waiting_responses import serving_urls
from tests.children import Children, wait_until
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
    assert imagecli("generate", "an owl", *SANDBOX).exit_code == 0
    with sqlite3.connect(state / "history.db") as connection:
        prompts = connection.execute("SELECT prompt FROM requests").fetchall()
    assert prompts == [("a cat",), ("an owl",)]  # an image does not remove older requests without one


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
    assert [warning["code"] for warning in done.json["warnings"]] == ["history_lost"]
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
    assert [warning["code"] for warning in json.loads(done.stdout)["warnings"]][-1] == "history_lost"


def kill_with_response(words: tuple[str, ...], prompt: str, folder: Path, state: Path, children: Children) -> None:
    """Runs a command that is killed when it has sent its request, and leaves its response in the spool."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "IMAGECLI_STATE_DIR": str(state)}
    process = children.start([sys.executable, "-m", "imagecli", *words], cwd=folder, env=environ)
    wait_until(lambda: any((state / "spool").glob("*.sent")))
    process.kill()
    process.wait(timeout=10)
    (body,) = (state / "spool").glob("*.body")
    body.write_bytes(image_of(prompt).partition(b"\r\n\r\n")[2])


def test_a_recovered_image_is_recorded_as_the_killed_command_would_have_recorded_it(
    imagecli: Run, folder: Path, state: Path, read_history: ReadHistory, children: Children
) -> None:
    photo(folder / "photo.png")
    digest = hashlib.sha256((folder / "photo.png").read_bytes()).hexdigest()
    with serving(latency=5) as server:
        words = ("edit", "photo.png", "a hat", "--quality", "low", "-o", "hat.png", "--base-url", server.base_url)
        kill_with_response(words, "a hat", folder, state, children)
        assert imagecli("recover").exit_code == 0
    (image,) = read_history()
    assert (image.command, image.operation, image.model, image.prompt) == ("edit", "edits", "gpt-image-2", "a hat")
    assert (image.path, image.base_url) == (folder / "hat.png", server.base_url)
    assert image.options == {"quality": "low", "output_format": "png", "format_of_name": True}
    assert [(file.name, file.path, file.sha256) for file in image.inputs] == [
        ("photo.png", folder / "photo.png", digest)
    ]
    assert imagecli("history", "show", "@last").stdout.splitlines()[1] == f"id: {image.id}"
    assert imagecli("info", "hat.png", "--json").json["images"][0]["creation"]["source"] == f"@{image.id}"


def test_a_recovered_image_belongs_to_the_request_that_was_recorded_without_it(
    imagecli: Run, read_history: ReadHistory, state: Path
) -> None:
    with serving_urls() as urls:
        done = imagecli("generate", "a cat", "-n", "2", "--base-url", urls.base_url, "--max-retries", "0")
        assert (done.exit_code, read_history()) == (7, [])
        urls.status = "200 OK"
        assert imagecli("recover").exit_code == 0
    assert [image.path and image.path.name for image in read_history()] == ["a-cat-1.png", "a-cat-2.png"]
    with sqlite3.connect(state / "history.db") as connection:
        assert connection.execute("SELECT count(*) FROM requests").fetchone() == (1,)


@pytest.mark.parametrize("again", [("batch", "assets.jsonl"), ("recover",)], ids=["batch", "recover"])
def test_an_image_of_a_killed_batch_is_recorded_when_it_is_saved(
    again: tuple[str, ...],
    imagecli: Run,
    folder: Path,
    state: Path,
    read_history: ReadHistory,
    children: Children,
) -> None:
    manifest(folder, {"prompt": "a cat", "output": "cat.png", "quality": "low"})
    with serving(latency=5) as server:
        address = ("--base-url", server.base_url)
        kill_with_response(("batch", "assets.jsonl", *address), "a cat", folder, state, children)
        assert imagecli(*again, *(address if again[0] == "batch" else ())).exit_code == 0
    (image,) = read_history()
    assert (image.command, image.manifest) == ("batch", folder / "assets.jsonl")
    assert (image.path, image.prompt, image.options["quality"]) == (folder / "cat.png", "a cat", "low")


def test_with_history_off_a_recovered_image_is_not_recorded(imagecli: Run, state: Path) -> None:
    with serving_urls() as urls:
        argv = ("generate", "a cat", "--base-url", urls.base_url, "--max-retries", "0")
        assert imagecli(*argv, env={"IMAGECLI_HISTORY": "false"}).exit_code == 7
        urls.status = "200 OK"
        assert imagecli("recover").exit_code == 0
    assert not (state / "history.db").exists()
