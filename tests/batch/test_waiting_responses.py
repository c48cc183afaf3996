"""Paid responses that can't be saved yet: their rows are finished from the spool, and not requested again."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.batch.serving import fields_of, image_of, serving
from tests.batch.test_batch import journal, manifest, objects
from tests.children import Children, wait_until
from tests.client.raw import http, png, read_request
from tests.conftest import Run
from tests.listening import listening

CAT = {"prompt": "a cat", "output": "out/cat.png"}


@dataclass
class Urls:
    """A server that responds with result URLs, and the responses to those."""

    base_url: str = ""
    posts: int = 0
    gets: int = 0
    status: str = "503 Service Unavailable"
    on_post: Callable[[], object] | None = None
    """Called before a paid request gets its response."""
    page: bytes | None = None
    """The content of the URLs instead of the image."""


@contextmanager
def serving_urls() -> Iterator[Urls]:
    server = Urls()

    def respond(connection: socket.socket) -> None:
        head, _, body = read_request(connection).partition(b"\r\n\r\n")
        if head.startswith(b"POST"):
            server.posts += 1
            if server.on_post:
                server.on_post()
            count = int(fields_of(body).get("n", 1))
            urls = [{"url": f"{server.base_url.removesuffix('/v1')}/{number}.png"} for number in range(count)]
            connection.sendall(http("200 OK", json.dumps({"created": 1, "data": urls}).encode()))
        else:
            server.gets += 1
            is_up = server.status.startswith("200")
            image = png(64, 64, "#123456") if server.page is None else server.page
            connection.sendall(http(server.status, image if is_up else b"no"))

    with listening(respond, backlog=64) as server.base_url:
        yield server


@pytest.fixture
def urls() -> Iterator[Urls]:
    with serving_urls() as server:
        yield server


def spooled(state: Path) -> list[Path]:
    return sorted((state / "spool").glob("*.body"))


def test_an_unavailable_result_url_is_retried_and_its_row_is_not_requested(
    imagecli: Run, folder: Path, state: Path, urls: Urls
) -> None:
    manifest(folder, CAT)
    command = ("batch", "assets.jsonl", "--base-url", urls.base_url)
    assert imagecli(*command).exit_code == 7
    again = imagecli(*command)
    (body,) = spooled(state)
    assert (again.exit_code, urls.posts) == (7, 1)
    assert f"imagecli recover --delete {body.stem}" in again.stderr
    assert "1 received but not saved yet" in again.stderr
    lines = journal(folder)
    assert imagecli(*command).exit_code == 7
    assert journal(folder) == lines  # no line a run
    urls.status = "200 OK"
    last = imagecli(*command)
    assert (last.exit_code, urls.posts, spooled(state)) == (0, 1, [])
    assert (folder / "out/cat.png").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [b"<!doctype html><title>Sign in</title>", b"", b'{"status": "processing"}', b"<?xml version='1.0'?><Error/>"],
    ids=["login", "empty", "JSON", "XML"],
)
def test_a_result_url_that_returns_a_page_is_retried_too(
    page: bytes, imagecli: Run, folder: Path, state: Path, urls: Urls
) -> None:
    manifest(folder, CAT)
    command = ("batch", "assets.jsonl", "--base-url", urls.base_url, "--max-wait", "0.01")
    urls.status, urls.page = "200 OK", page
    assert imagecli(*command).exit_code == 7
    again = imagecli(*command)
    assert (again.exit_code, urls.posts, "not an image" in again.stderr) == (7, 1, True)
    assert not (folder / "out").exists() or list((folder / "out").iterdir()) == []
    urls.page = None
    assert (imagecli(*command).exit_code, urls.posts, spooled(state)) == (0, 1, [])


def test_a_dry_run_and_a_check_count_a_waiting_response_neither_as_missing_nor_as_done(
    imagecli: Run, folder: Path, urls: Urls
) -> None:
    manifest(folder, CAT)
    command = ("batch", "assets.jsonl", "--base-url", urls.base_url)
    imagecli(*command)
    check = imagecli(*command, "--check")
    assert (check.exit_code, check.stdout) == (10, "waiting  out/cat.png\n")
    assert check.stderr.endswith("1 of 1 missing or stale, 1 of them received by an earlier run\n")
    assert "0 to create, 0 up to date, 1 received by an earlier run\n" in imagecli(*command, "--dry-run").stdout
    summary = objects(imagecli(*command, "--dry-run", "--json").stdout)[-1]["summary"]
    assert (summary["requests"], urls.posts) == (0, 1)
    row, last = objects(imagecli(*command, "--json").stdout)
    assert (row["state"], row["exit_code"], row["errors"][0]["code"]) == ("waiting", 7, "waiting")
    assert (last["summary"]["waiting"], last["exit_code"]) == (1, 7)


@pytest.mark.parametrize("status", ["403 Forbidden", "404 Not Found", "410 Gone"])
def test_an_expired_result_url_is_removed_and_its_row_requested_again(
    status: str, imagecli: Run, folder: Path, state: Path, urls: Urls
) -> None:
    manifest(folder, CAT)
    command = ("batch", "assets.jsonl", "--base-url", urls.base_url)
    urls.status = status
    assert imagecli(*command).exit_code == 7
    with serving() as other:  # while the old URL stays gone
        again = imagecli("batch", "assets.jsonl", "--base-url", other.base_url)
        assert (again.exit_code, len(other.prompts), spooled(state)) == (0, 1, [])
    assert "you may be charged twice" in again.stderr or "may be billed twice" in again.stderr
    assert again.stderr.count("of earlier attempts from the spool") == 1
    gets = urls.gets
    assert imagecli(*command).exit_code == 0
    assert imagecli("recover").exit_code == 0
    assert urls.gets == gets


def test_a_result_url_that_is_unavailable_for_twice_its_life_counts_as_expired(
    imagecli: Run, folder: Path, state: Path, urls: Urls
) -> None:
    manifest(folder, CAT)
    command = ("batch", "assets.jsonl", "--base-url", urls.base_url)
    imagecli(*command)
    (body,) = spooled(state)
    os.utime(body.with_suffix(".json"), (time.time() - 7300,) * 2)
    imagecli(*command)
    assert urls.posts == 2


def test_a_row_whose_response_is_deleted_is_requested_again(
    imagecli: Run, folder: Path, state: Path, urls: Urls
) -> None:
    manifest(folder, CAT)
    command = ("batch", "assets.jsonl", "--base-url", urls.base_url)
    imagecli(*command)
    (body,) = spooled(state)
    assert imagecli("recover", "--delete", body.stem).exit_code == 0
    imagecli(*command)
    assert urls.posts == 2


def test_many_rows_that_wait_are_listed(imagecli: Run, folder: Path, urls: Urls) -> None:
    manifest(folder, *({"prompt": f"cat {number}", "output": f"{number}.png"} for number in range(5)))
    command = ("batch", "assets.jsonl", "--base-url", urls.base_url, "--max-retries", "0")
    imagecli(*command)
    again = imagecli(*command)
    assert urls.posts == 5
    assert "5 rows have paid responses that can't be saved yet" in again.stderr
    assert [f"{number}.png: " in again.stderr for number in range(5)] == [True] * 5


def killed_with_response(
    folder: Path, state: Path, environ: dict[str, str], children: Children, base_url: str, prompt: str
) -> None:
    """A run that is killed when its complete response is in the spool."""
    known = set(spooled(state))
    command = [sys.executable, "-m", "imagecli", "batch", "assets.jsonl", "--base-url", base_url]
    process = children.start(command, cwd=folder, env=environ)
    wait_until(lambda: any(body.with_suffix(".sent").exists() for body in {*spooled(state)} - known))
    process.kill()
    process.wait(timeout=10)
    (body,) = {*spooled(state)} - known
    body.write_bytes(image_of(prompt).partition(b"\r\n\r\n")[2])


def test_an_obstructed_output_keeps_its_response_until_the_obstacle_is_removed(
    imagecli: Run, folder: Path, state: Path, environ: dict[str, str], children: Children
) -> None:
    manifest(folder, CAT)
    with serving(latency=5) as server:
        killed_with_response(folder, state, environ, children, server.base_url, "a cat")
        (folder / "out").rmdir()
        (folder / "out").write_bytes(b"a file")
        command = ("batch", "assets.jsonl", "--base-url", server.base_url)
        assert (imagecli(*command).exit_code, len(server.prompts)) == (7, 1)
        (folder / "out").unlink()
        (folder / "out").mkdir()
        assert (imagecli(*command).exit_code, len(server.prompts)) == (0, 1)


def test_a_late_response_leaves_a_settled_row_its_file(
    imagecli: Run, folder: Path, state: Path, environ: dict[str, str], children: Children
) -> None:
    """Created again in another clone, whose journal and image were merged."""
    manifest(folder, CAT)
    with serving(latency=5) as slow:
        killed_with_response(folder, state, environ, children, slow.base_url, "a late cat")
    (body,) = spooled(state)
    aside = {path: path.read_bytes() for path in body.parent.iterdir()}
    for path in aside:
        path.unlink()
    with serving() as server:
        command = ("batch", "assets.jsonl", "--base-url", server.base_url)
        assert imagecli(*command).exit_code == 0
        body.parent.mkdir(exist_ok=True, mode=0o700)
        for path, data in aside.items():
            path.write_bytes(data)
        before, lines = (folder / "out/cat.png").read_bytes(), journal(folder)
        late = imagecli(*command)
        assert (late.exit_code, len(server.prompts)) == (0, 1)
        assert (journal(folder), (folder / "out/cat.png").read_bytes()) == (lines, before)
        assert [path.name for path in (folder / "out").iterdir()] == ["cat.png"]
        assert [path.name for path in (state / "rescued").iterdir()] == [f"cat.{body.stem}-0.png"]
        assert "saved as" in late.stderr
        assert spooled(state) == []
        manifest(folder, {**CAT, "prompt": "another cat"})
        assert imagecli(*command).exit_code == 0
        assert [path.name for path in (folder / "out").iterdir()] == ["cat.png"]
        assert imagecli(*command, "--check").exit_code == 0


@pytest.fixture
def aside(folder: Path, state: Path, environ: dict[str, str], children: Children) -> Iterator[Callable[[], None]]:
    """The response of a killed run, moved away. The function restores it."""
    manifest(folder, CAT)
    with serving(latency=5) as slow:
        killed_with_response(folder, state, environ, children, slow.base_url, "a late cat")
    (body,) = spooled(state)
    files = {path: path.read_bytes() for path in body.parent.iterdir()}
    for path in files:
        path.unlink()

    def restore() -> None:
        body.parent.mkdir(exist_ok=True, mode=0o700)
        for path, data in files.items():
            path.write_bytes(data)

    yield restore


@pytest.mark.parametrize("when", ["before --adopt", "after --adopt", "for recover"])
def test_a_late_response_leaves_a_row_its_file_if_the_journal_is_lost(
    when: str, aside: Callable[[], None], imagecli: Run, folder: Path, state: Path
) -> None:
    def leave_response() -> None:
        """The state after a kill right after the file got its name."""
        aside()
        (body,) = spooled(state)
        (folder / "out" / f".imagecli-{body.stem}-0123.part").write_bytes(b"staged")

    with serving() as server:
        command = ("batch", "assets.jsonl", "--base-url", server.base_url)
        assert imagecli(*command).exit_code == 0
        before = (folder / "out/cat.png").read_bytes()
        (folder / "assets.journal.jsonl").unlink()
        if when == "before --adopt":
            leave_response()
        assert imagecli(*command, "--adopt").exit_code == 0
        if when != "before --adopt":
            leave_response()
        last = imagecli("recover") if when == "for recover" else imagecli(*command)
        assert (last.exit_code, len(server.prompts)) == (0, 1), last.stderr
        assert imagecli(*command, "--check").exit_code == 0
    assert [(path.name, path.read_bytes()) for path in (folder / "out").iterdir()] == [("cat.png", before)]
    (extra,) = (state / "rescued").iterdir()
    assert extra.name.startswith("cat.")
    assert spooled(state) == []
    assert [file["path"] for line in journal(folder) for file in line.get("files", ())] == ["out/cat.png"]


def test_a_row_takes_only_its_missing_image_from_a_late_response(
    imagecli: Run, folder: Path, state: Path, environ: dict[str, str], children: Children
) -> None:
    """One of its two files was deleted, and an earlier response has both images."""
    manifest(folder, {**CAT, "n": 2})
    with serving(latency=5) as slow:
        killed_with_response(folder, state, environ, children, slow.base_url, "a late cat")
    (body,) = spooled(state)
    body.write_bytes(image_of("a late cat", 2).partition(b"\r\n\r\n")[2])
    files = {path: path.read_bytes() for path in body.parent.iterdir()}
    for path in files:
        path.unlink()
    with serving() as server:
        command = ("batch", "assets.jsonl", "--base-url", server.base_url)
        assert imagecli(*command).exit_code == 0
        first = (folder / "out/cat-1.png").read_bytes()
        (folder / "out/cat-2.png").unlink()
        body.parent.mkdir(exist_ok=True, mode=0o700)
        for path, data in files.items():
            path.write_bytes(data)
        assert imagecli(*command).exit_code == 0
        assert len(server.prompts) == 1
        assert sorted(path.name for path in (folder / "out").iterdir()) == ["cat-1.png", "cat-2.png"]
        assert (folder / "out/cat-1.png").read_bytes() == first
        assert [path.name for path in (state / "rescued").iterdir()] == [f"cat-1.{body.stem}-0.png"]
        assert imagecli(*command, "--check").exit_code == 0


def test_a_rescued_image_is_used_although_its_url_has_expired(
    imagecli: Run, folder: Path, state: Path, urls: Urls
) -> None:
    manifest(folder, CAT)
    urls.status = "200 OK"

    def break_folder() -> None:
        (folder / "out").rmdir()
        (folder / "out").write_bytes(b"a file")

    urls.on_post = break_folder
    command = ("batch", "assets.jsonl", "--base-url", urls.base_url)
    assert imagecli(*command).exit_code == 8
    (rescued,) = (state / "rescued").iterdir()
    assert rescued.name == f"cat.{spooled(state)[0].stem}-0.png"
    urls.status, urls.on_post = "403 Forbidden", None
    assert imagecli(*command).exit_code == 7  # the folder still fails: no second copy
    assert [*(state / "rescued").iterdir()] == [rescued]
    data = rescued.read_bytes()
    (folder / "out").unlink()
    again = imagecli(*command)
    assert (again.exit_code, urls.posts) == (0, 1), again.stderr
    assert (folder / "out/cat.png").read_bytes() == data
    assert not (state / "rescued").exists()
    assert spooled(state) == []


def test_a_late_response_of_an_edited_row_does_not_use_its_name(
    imagecli: Run, folder: Path, state: Path, environ: dict[str, str], children: Children
) -> None:
    manifest(folder, CAT)
    with serving(latency=5) as slow:
        killed_with_response(folder, state, environ, children, slow.base_url, "a cat")
        manifest(folder, {**CAT, "prompt": "a tiger"})
        killed_with_response(folder, state, environ, children, slow.base_url, "a tiger")
        done = imagecli("batch", "assets.jsonl", "--base-url", slow.base_url)
    assert done.exit_code == 0
    assert [path.name for path in (folder / "out").iterdir()] == ["cat.png"]
    assert imagecli("batch", "assets.jsonl", "--check", "--base-url", slow.base_url).exit_code == 0


def test_the_response_of_a_saved_row_that_a_kill_left_is_no_second_image(
    imagecli: Run, folder: Path, state: Path, environ: dict[str, str], children: Children
) -> None:
    manifest(folder, CAT)
    with serving(latency=5) as slow:
        killed_with_response(folder, state, environ, children, slow.base_url, "a cat")
        (body,) = spooled(state)
        aside = {path: path.read_bytes() for path in body.parent.iterdir()}
        command = ("batch", "assets.jsonl", "--base-url", slow.base_url)
        assert imagecli(*command).exit_code == 0
        body.parent.mkdir(exist_ok=True, mode=0o700)
        for path, data in aside.items():
            path.write_bytes(data)
        assert imagecli(*command).exit_code == 0
    assert [path.name for path in (folder / "out").iterdir()] == ["cat.png"]
    assert not list((state / "rescued").glob("*"))
    assert spooled(state) == []


@pytest.mark.parametrize("jobs", [1, 2, 4])
@pytest.mark.parametrize("in_the_way", ["a file", "a dangling link", "a link out of the folder"])
def test_a_failing_output_folder_stops_the_run_and_rescued_images_are_used_later(
    jobs: int, in_the_way: str, imagecli: Run, folder: Path, state: Path, tmp_path: Path
) -> None:
    count = 12
    manifest(folder, *({"prompt": f"cat {number}", "output": f"out/{number}.png"} for number in range(count)))
    out = folder / "out"
    break_it = iter([True])

    def reply(fields: dict[str, object]) -> None:
        if next(break_it, False):
            out.rmdir()
            if in_the_way == "a file":
                out.write_bytes(b"a file")
            else:
                out.symlink_to("nowhere" if in_the_way == "a dangling link" else tmp_path)

    with serving(reply, latency=0.05) as server:
        command = ("batch", "assets.jsonl", "--base-url", server.base_url, "-j", str(jobs))
        failed = imagecli(*command)
        sent = len(server.prompts)
        # A folder that looks as if it could be written is noticed when the first image fails: by then each of the
        # responses may have let another request go.
        most = jobs if in_the_way != "a link out of the folder" or jobs == 1 else 2 * jobs
        assert (failed.exit_code, sent <= most) == (8, True), (sent, failed.stderr)
        assert "-o" not in failed.stderr.split()
        assert list((state / "rescued").iterdir())
        out.unlink()
        again = imagecli(*command)
        assert (again.exit_code, len(server.prompts)) == (0, count), again.stderr
    assert sorted(path.name for path in out.iterdir()) == sorted(f"{number}.png" for number in range(count))
    assert not (state / "rescued").exists()
    assert spooled(state) == []
