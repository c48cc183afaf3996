"""A small game's images, from its first run on one machine to three, by the real `main`: `tests/data/assets`."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imagecli.sandbox.sandbox import Options, Sandbox
from tests.batch.front import fronting
from tests.batch.serving import Server, serving
from tests.children import Children, wait_until
from tests.conftest import Result, Run, read_image

SAMPLE = Path(__file__).parent.parent / "data" / "assets"
REQUESTS = 22
"""20 rows; one of them is three requests, by its variable."""
FILES = 30
UPLOADS = 4
"""Different images that are uploaded to a Batch API."""
NO_KEY = "no API key for openai"

Batch = Callable[..., Result]
Files = dict[str, bytes]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def assets(folder: Path) -> Path:
    """The repository as a user has cloned it and works in it."""
    return Path(shutil.copytree(SAMPLE, folder, dirs_exist_ok=True))


@pytest.fixture
def batch(imagecli: Run, server: Server) -> Batch:
    """Runs `imagecli batch assets.toml` for *server*; a clone has the path of its own manifest."""

    def run(*arguments: str, of: str = "assets.toml") -> Result:
        return imagecli("batch", of, *arguments, "--base-url", server.base_url)

    return run


def saved_files(assets: Path) -> Files:
    """Every image of the manifest, with the originals beside some of them."""
    there = (path for path in assets.rglob("*.*") if path.suffix in (".png", ".jpg", ".webp"))
    return {
        path.relative_to(assets).as_posix(): path.read_bytes()
        for path in there
        if path.parent.name != "inputs" and ".orig." not in path.name
    }


def edit(assets: Path, old: str, new: str) -> None:
    manifest = assets / "assets.toml"
    assert old in manifest.read_text()
    manifest.write_text(manifest.read_text().replace(old, new))


def changed(before: Files, after: Files) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def test_a_first_run_creates_every_file_as_its_row_says(batch: Batch, assets: Path, server: Server) -> None:
    result = batch()
    assert (result.exit_code, len(server.prompts)) == (0, REQUESTS), result.stderr
    files = saved_files(assets)
    assert sorted(files) == sorted(str(path) for path in result.paths)
    assert len(files) == FILES
    formats = {".png": "PNG", ".jpg": "JPEG", ".webp": "WEBP"}
    assert all(read_image(assets / name).format == formats[Path(name).suffix] for name in files)
    assert [read_image(assets / "icons" / f"key-{size}").size for size in ("32.png", "64.png", "128.webp")] == [
        (32, 32),
        (64, 64),
        (128, 128),
    ]
    assert read_image(assets / "backgrounds" / "pass.png").size == (960, 540)
    assert "a game icon of a scroll, flat colours, thick outline" in server.prompts
    assert (assets / "prompts" / "harbour.txt").read_text().strip() in [text.strip() for text in server.prompts]


def test_a_second_run_sends_nothing_and_touches_nothing(batch: Batch, assets: Path, server: Server) -> None:
    batch()
    before, journal = saved_files(assets), (assets / "assets.journal.jsonl").read_bytes()
    again = batch()
    assert (again.exit_code, again.stdout, len(server.prompts)) == (0, "", REQUESTS)
    assert again.stderr.endswith(f"imagecli: {REQUESTS} up to date\n")
    assert (saved_files(assets), (assets / "assets.journal.jsonl").read_bytes()) == (before, journal)


def test_an_edited_prompt_requests_its_row_alone(batch: Batch, assets: Path, server: Server) -> None:
    batch()
    before = saved_files(assets)
    edit(assets, "in winter clothes", "in summer clothes")
    result = batch()
    assert (result.exit_code, result.stdout) == (0, "heroes/winter.png\n")
    assert server.prompts[REQUESTS:] == ["the same hero in summer clothes"]
    assert changed(before, saved_files(assets)) == {"heroes/winter.png"}


@pytest.mark.parametrize(
    ("deleted", "source"),
    [
        ("loot/coins-02.png", "coins on a table, flat colours"),
        ("icons/a scroll.png", "a game icon of a scroll, flat colours, thick outline"),
        ("icons/key-64.png", "a game icon of a key, flat colours, thick outline"),
        ("tiles/tile-1.png", None),
    ],
)
def test_a_deleted_file_is_requested_again_and_no_other(
    batch: Batch, assets: Path, server: Server, deleted: str, source: str | None
) -> None:
    batch()
    before = saved_files(assets)
    (assets / deleted).unlink()
    result = batch()
    assert (result.exit_code, len(server.prompts)) == (0, REQUESTS + 1)
    assert source in (None, server.prompts[-1])
    after = saved_files(assets)
    assert after.keys() == before.keys()
    # Files of one image are created together: those of another one stay.
    row = {"icons/key-32.png", "icons/key-64.png", "icons/key-128.webp"} if "key" in deleted else {deleted}
    assert changed(before, after) <= row


def test_a_kill_costs_the_requests_in_flight_at_most(
    imagecli: Run, assets: Path, state: Path, tmp_path: Path, children: Children
) -> None:
    jobs = 3
    ours = {"IMAGECLI_CONFIG_DIR": str(tmp_path / "config"), "IMAGECLI_STATE_DIR": str(state)}
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "IMAGECLI"))}
    with serving(latency=0.15) as server:
        command = ["batch", "assets.toml", "--base-url", server.base_url]
        typed = [sys.executable, "-m", "imagecli", *command, "-j", str(jobs)]
        process = children.start(typed, cwd=assets, env=clean | ours)
        wait_until(lambda: len(saved_files(assets)) >= 9)
        process.kill()
        process.wait(timeout=10)
        before, sent = saved_files(assets), len(server.prompts)
        assert len(before) < FILES, "killed too late to tell"
        result = imagecli(*command)
        assert result.exit_code == 0, result.stderr
        assert sorted(saved_files(assets)) == sorted(
            {*before, *(str(path) for path in result.paths)} | recovered(result)
        )
        assert len(saved_files(assets)) == FILES
        assert REQUESTS <= len(server.prompts) <= REQUESTS + jobs
        assert sent < REQUESTS
        assert changed(before, saved_files(assets)).isdisjoint(before)
        assert imagecli(*command, "--check").exit_code == 0
        again = len(server.prompts)
        assert (imagecli(*command).exit_code, len(server.prompts)) == (0, again)
    assert not [*assets.rglob("*.part"), *assets.rglob("*.lock")]
    assert not [path for path in state.rglob("*.body") if path.stat().st_size]


def recovered(result: Result) -> set[str]:
    """The images that the killed run received and the next one saved."""
    notes = (line.partition(", which an earlier run received") for line in result.stderr.splitlines())
    return {before.rpartition("note: saved ")[2] for before, found, _ in notes if found}


def test_a_check_in_ci_needs_no_key_and_reports_by_its_exit_code(batch: Batch, assets: Path, server: Server) -> None:
    before = batch("--check")
    assert (before.exit_code, len(before.stdout.splitlines())) == (10, FILES)
    assert not (assets / "assets.journal.jsonl").exists()
    batch()
    after = batch("--check")
    assert (after.exit_code, after.stdout) == (0, "")
    edit(assets, "a night forest", "a dark forest")
    assert batch("--check").stdout == "stale    backgrounds/forest.jpg\n"
    (assets / "tiles" / "wet.png").unlink()
    gaps = batch("--check")
    assert (gaps.exit_code, gaps.stdout.splitlines()) == (
        10,
        ["stale    backgrounds/forest.jpg", "missing  tiles/wet.png"],
    )
    assert len(server.prompts) == REQUESTS


# --- a fork, which has no key ----------------------------------------------------------------------------------------

EDITED = '[[image]]\ncommand = "edit"\nimage = "inputs/hero.png"\nprompt'
HOUSE_ROW = '[[image]]\nprompt = "a house"\nsize = "816x816"\noutput = "loot/house.png"\n\n'


def test_a_fork_without_a_key_is_an_error_and_never_uses_the_sandbox_by_itself(imagecli: Run, assets: Path) -> None:
    refused = imagecli("batch", "assets.toml")
    assert (refused.exit_code, refused.stdout) == (3, "")
    assert NO_KEY in refused.stderr
    assert "--provider sandbox" in refused.stderr
    assert saved_files(assets) == {}
    assert not (assets / "assets.journal.jsonl").exists()


def test_a_fork_with_the_sandbox_fills_missing_images_and_the_owner_requests_only_those(
    imagecli: Run, batch: Batch, assets: Path, server: Server
) -> None:
    batch()
    before = saved_files(assets)
    edit(assets, "in winter clothes", "in summer clothes")
    edit(assets, EDITED, HOUSE_ROW + EDITED)
    sandbox_run = imagecli("batch", "assets.toml", env={"IMAGECLI_PROVIDER": "sandbox"})
    assert (sandbox_run.exit_code, sandbox_run.stdout) == (0, "loot/house.png\n")
    assert (
        "heroes/winter.png is stale (its row or an input has changed), but the sandbox never overwrites paid images"
        in sandbox_run.stderr
    )
    assert changed(before, saved_files(assets)) == {"loot/house.png"}
    assert len(server.prompts) == REQUESTS
    assert batch("--check").stdout == "stale    loot/house.png\nstale    heroes/winter.png\n"
    real_run = batch()
    assert (real_run.exit_code, sorted(real_run.stdout.split())) == (0, ["heroes/winter.png", "loot/house.png"])
    assert sorted(server.prompts[REQUESTS:]) == ["a house", "the same hero in summer clothes"]


# --- three machines --------------------------------------------------------------------------------------------------


def test_three_shards_on_three_machines_are_merged_into_one_result(
    imagecli: Run, batch: Batch, assets: Path, folder: Path, server: Server
) -> None:
    machines = [Path(shutil.copytree(assets, folder / f"machine-{index}")) for index in (1, 2, 3)]
    parts = []
    for index, machine in enumerate(machines, start=1):
        began = len(server.prompts)
        part = batch("--shard", f"{index}/3", of=f"{machine.name}/assets.toml")
        assert (part.exit_code, len(part.paths)) == (0, len(saved_files(machine))), part.stderr
        journal = [
            json.loads(line)["state"] for line in (machine / f"assets.journal.{index}-3.jsonl").read_text().splitlines()
        ]
        assert (journal.count("saved"), len(journal)) == (
            len(server.prompts) - began,
            2 * (len(server.prompts) - began),
        )
        parts.append(saved_files(machine))
    assert all(parts)
    assert [sum(map(len, parts)), len(server.prompts)] == [FILES, REQUESTS]
    for machine in machines:
        shutil.copytree(machine, assets, dirs_exist_ok=True)
        shutil.rmtree(machine)
    complete = saved_files(assets)
    assert complete == parts[0] | parts[1] | parts[2]
    assert (batch("--check").exit_code, batch().exit_code) == (0, 0)
    assert (len(server.prompts), saved_files(assets)) == (REQUESTS, complete)
    # The number of machines may change between runs.
    assert [batch("--shard", f"{index}/2").exit_code for index in (1, 2)] == [0, 0]
    assert len(server.prompts) == REQUESTS


# --- the provider's Batch API ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_everything_is_submitted_and_downloaded_and_the_next_run_sends_nothing(imagecli: Run, assets: Path) -> None:
    command = ("batch", "assets.toml", "--batch-api")
    with Sandbox(Options(speed=20_000)) as sandbox, fronting(sandbox.base_url) as front:
        submitted = imagecli(*command, "--base-url", front.base_url)
        assert (submitted.exit_code, submitted.stdout, saved_files(assets)) == (10, "", {}), submitted.stderr
        assert sorted(batch["endpoint"] for batch in front.batches) == ["/v1/images/edits", "/v1/images/generations"]
        assert sum(batch["request_counts"]["total"] for batch in front.batches) == REQUESTS
        # An image is uploaded once for all rows that send the same bytes; one row shrinks it first, and one has a mask.
        assert (
            len([request for request in front.requests_like("POST /v1/files") if b"\r\nvision\r\n" in request.body])
            == UPLOADS
        )
        front.settle()
        fetched = imagecli(*command, "--base-url", front.base_url)
        assert (fetched.exit_code, len(saved_files(assets))) == (0, FILES), fetched.stderr
        assert sorted(saved_files(assets)) == sorted(str(path) for path in fetched.paths)
        assert read_image(assets / "icons" / "key-128.webp").size == (128, 128)
        before, asked = saved_files(assets), len(front.requests)
        again = imagecli(*command, "--base-url", front.base_url)
        assert (again.exit_code, again.stdout, saved_files(assets)) == (0, "", before)
        assert again.stderr.endswith(f"imagecli: {REQUESTS} up to date\n")
        live = imagecli("batch", "assets.toml", "--base-url", front.base_url)
        assert (live.exit_code, len(front.requests), saved_files(assets)) == (0, asked, before)
