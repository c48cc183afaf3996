"""An unrecorded spool entry beside an output can stop a batch, but can't make it spend, write or download."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imagecli.domain import OutputName
from imagecli.prepared_call import ManifestRef, prepared_to_json
from tests.batch.serving import Server, image_of, serving
from tests.batch.test_batch import journal, manifest
from tests.batch.test_batch_runs import COMMAND
from tests.children import Children, wait_until
from tests.conftest import Run
from tests.pipeline.test_recover import prepared_for

ROW = {"prompt": "a cat", "output": "out/cat.png"}
BODY = image_of("a cat").partition(b"\r\n\r\n")[2]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def request_hash(imagecli: Run, folder: Path, server: Server) -> str:
    """The hash of ROW at *server*, which anyone can compute. Only the manifest is in the folder."""
    path = manifest(folder, ROW)
    imagecli("batch", "assets.jsonl", "--base-url", server.base_url)
    found = journal(folder)[-1]["hash"]
    (folder / "assets.journal.jsonl").unlink()
    shutil.rmtree(folder / "out")
    server.prompts.clear()
    assert [path_.name for path_ in folder.iterdir()] == [path.name]
    return str(found)


def forge(folder: Path, hash: str, body: bytes = BODY, **more: Any) -> Path:
    """An unrecorded response for ROW. Returns its folder."""
    spool = folder / "out" / ".imagecli-spool"
    spool.mkdir(parents=True)
    part = ManifestRef(manifest=str(folder / "assets.jsonl"), id="out/cat.png", hash=hash, planned=(("out/cat.png",),))
    (spool / "run-0000.json").write_text(prepared_to_json(prepared_for(folder / "out", "run-0000", part=part, **more)))
    (spool / "run-0000.body").write_bytes(body)
    return spool


@pytest.mark.parametrize("arguments", [[], ["--dry-run"], ["--json"]])
def test_a_forged_entry_that_names_a_row_stops_the_run_before_anything_is_sent(
    imagecli: Run, folder: Path, tmp_path: Path, server: Server, request_hash: str, arguments: list[str]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "cat.png").write_bytes(b"mine")
    names = (OutputName(folder=home, stem="cat"),)
    spool = forge(folder, request_hash, names=names, replaces=((home / "cat.png", None),), base_url=server.base_url)
    manifest(folder, ROW, {"prompt": "an owl", "output": "owl.png"})
    before = sorted(spool.iterdir())
    result = imagecli("batch", "assets.jsonl", "--base-url", server.base_url, *arguments)
    assert (result.exit_code, server.prompts) == (10, [])
    assert "out/.imagecli-spool contains a response for out/cat.png that this machine did not record" in result.stderr
    assert "save its images with imagecli recover --from out" in result.stderr
    if "--json" in arguments:
        assert [error["code"] for error in result.json["errors"]] == ["unrecorded"]
    assert [path.name for path in home.iterdir()] == ["cat.png"]
    assert (home / "cat.png").read_bytes() == b"mine"
    assert sorted(spool.iterdir()) == before
    assert not (folder / "out" / "cat.png").exists()


@pytest.mark.parametrize("case", ["another request", "no response", "link", "damaged", "deep"])
def test_an_entry_without_a_response_for_a_row_is_ignored(
    imagecli: Run, folder: Path, tmp_path: Path, server: Server, request_hash: str, case: str
) -> None:
    named = "0" * 64 if case == "another request" else request_hash
    spool = forge(folder, named, b"" if case == "no response" else BODY)
    if case == "link":
        spool.rename(tmp_path / "real")
        spool.symlink_to(tmp_path / "real")
    elif case in ("damaged", "deep"):
        (spool / "run-0000.json").write_text("{" if case == "damaged" else "[" * 100_000)
    result = imagecli("batch", "assets.jsonl", "--base-url", server.base_url)
    assert (result.exit_code, server.prompts) == (0, ["a cat"]), result.stderr
    assert len(list(spool.iterdir())) == 2


def test_a_row_whose_image_exists_is_not_stopped(
    imagecli: Run, folder: Path, server: Server, request_hash: str
) -> None:
    command = ("batch", "assets.jsonl", "--base-url", server.base_url)
    assert imagecli(*command).exit_code == 0
    spool = folder / "out" / ".imagecli-spool"
    assert not spool.exists()
    shutil.copytree(forge(folder.parent / "other", request_hash), spool)
    assert imagecli(*command).exit_code == 0


@pytest.mark.parametrize("recorded", [True, False])
def test_a_killed_run_whose_response_is_beside_the_output_is_resumed_without_paying_twice(
    imagecli: Run,
    folder: Path,
    state: Path,
    tmp_path: Path,
    environ: dict[str, str],
    children: Children,
    recorded: bool,
) -> None:
    state.write_text("not a folder")
    temporary = {"TMPDIR": str(tmp_path) if recorded else "/dev/null"}
    manifest(folder, ROW)
    with serving(latency=5) as server:
        command = [*COMMAND, "--base-url", server.base_url]
        process = children.start(command, cwd=folder, env={**environ, **temporary})
        wait_until(lambda: (folder / "assets.journal.jsonl").exists() and bool(server.prompts))
        process.kill()
        process.wait(timeout=10)
        spool = folder / "out" / ".imagecli-spool"
        # As if the kill had come between the last byte of the response and the file.
        (body,) = spool.glob("*.body")
        body.write_bytes(BODY)
        result = imagecli("batch", "assets.jsonl", "--base-url", server.base_url, env=temporary)
        assert len(server.prompts) == 1
        if not recorded:
            assert result.exit_code == 10
            saved = imagecli("recover", "--from", "out", env=temporary)
            assert saved.exit_code == 0, saved.stderr
            (folder / saved.stdout.strip()).rename(folder / "out" / "cat.png")
            result = imagecli("batch", "assets.jsonl", "--adopt", "--base-url", server.base_url, env=temporary)
            assert len(server.prompts) == 1
    assert result.exit_code == 0, result.stderr
    assert (folder / "out" / "cat.png").exists()
    assert spool.exists() is not recorded
