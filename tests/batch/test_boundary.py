"""A manifest of a cloned repository: what it reads and saves stays inside, wherever its names and links lead."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imagecli.batch.file_state import DiskState
from imagecli.batch.journal.entry import FileRecord, JournalEntry, entry_to_line
from imagecli.domain import OutputName, Size
from imagecli.errors import DiskError
from imagecli.pipeline.save import ImageSaver
from imagecli.pipeline.staged_image import ImageWriter
from imagecli.prepared_call import ManifestRef, PreparedCall
from imagecli.safe_open import is_below
from imagecli.storage.atomic_write import open_staged
from imagecli.storage.boundary import find_repository_root
from tests.batch.serving import Server, image_of, serving
from tests.batch.test_batch import journal, manifest, objects
from tests.client.raw import png
from tests.conftest import Run, mask_for, photo

EDIT = {"command": "edit", "prompt": "make it red", "size": "1024x1024", "output": "red.png"}
BAD_INPUTS = [
    ("outside.png", "is outside"),
    ("../outside.png", "is outside"),
    ("link.png", "is outside"),
    ("linked/outside.png", "is outside"),
    (".git/config", "is in a .git folder"),
    (".GIT/config", "is in a .git folder"),
    ("sub/.git/config", "is in a .git folder"),
    ("git-link/config", "is in a .git folder"),
]
"""An input of a manifest in the root of a clone, and its error; the first is made absolute."""


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def clone(folder: Path) -> Path:
    """The current folder as a clone with links that lead out of it, and a private image beside it."""
    photo(folder.parent / "outside.png", 64, 64)
    for place in (".git", "sub/.git", ".GIT"):
        (folder / place).mkdir(parents=True, exist_ok=True)
        photo(folder / place / "config", 64, 64, format="PNG")
    (folder / "link.png").symlink_to(folder.parent / "outside.png")
    (folder / "linked").symlink_to(folder.parent)
    (folder / "git-link").symlink_to(".git")
    return folder


def absolute(name: str, folder: Path) -> str:
    return str(folder.parent / name) if name == "outside.png" else name


def outside_files(folder: Path) -> dict[str, bytes]:
    """Everything in *folder* that is not part of the test's own state."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


# --- inputs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], ["--check"], ["--dry-run"], ["--adopt"], ["--prune"]])
def test_every_row_with_a_forbidden_input_is_reported_with_its_line(
    imagecli: Run, clone: Path, server: Server, arguments: list[str]
) -> None:
    rows: list[dict[str, Any]] = []
    for field in ("image", "mask", "markup", "prompt_file"):
        for name, _ in BAD_INPUTS:
            row = {key: value for key, value in EDIT.items() if (key, field) != ("prompt", "prompt_file")}
            rows.append({**row, "image": "good.png", "output": f"{len(rows)}.png", field: absolute(name, clone)})
    photo(clone / "good.png", 64, 64)
    manifest(clone, *rows)
    result = imagecli("batch", "assets.jsonl", "--base-url", server.base_url, *arguments)
    assert (result.exit_code, result.stdout, server.prompts) == (2, "", [])
    for line, (row, (_, message)) in enumerate(zip(rows, BAD_INPUTS * 4, strict=True), start=1):
        field = next(name for name in ("prompt_file", "mask", "markup", "image") if name in row)
        (problem,) = [text for text in result.stderr.splitlines() if text.startswith(f"assets.jsonl:{line}: ")]
        assert problem.startswith(f"assets.jsonl:{line}: {field}: ")
        assert message in problem
    assert "--allow-outside" in result.stderr
    assert f"{len(rows)} problems" in result.stderr


def test_inputs_below_the_repository_root_are_read(imagecli: Run, clone: Path, server: Server) -> None:
    photo(clone / "shared.png", 64, 64)
    (clone / "words.txt").write_text("make it red")
    (clone / "art").mkdir()
    (clone / "art" / "same.png").symlink_to("../shared.png")
    row = {"command": "edit", "prompt_file": "../words.txt", "image": "../shared.png", "output": "a.png"}
    manifest(clone / "art", row, {**row, "image": "same.png", "output": "b.png"})
    result = imagecli("batch", "art/assets.jsonl", "--base-url", server.base_url)
    assert result.exit_code == 0, result.stderr
    assert len(server.prompts) == 2


def test_without_a_repository_inputs_stay_below_the_manifests_folder(
    imagecli: Run, folder: Path, server: Server
) -> None:
    photo(folder / "shared.png", 64, 64)
    (folder / "art").mkdir()
    manifest(folder / "art", {**EDIT, "image": "../shared.png"})
    result = imagecli("batch", "art/assets.jsonl", "--base-url", server.base_url)
    assert (result.exit_code, server.prompts) == (2, [])
    assert "art/../shared.png is outside the manifest's folder" in result.stderr


def test_a_gitdir_file_marks_the_root_of_a_repository_too(tmp_path: Path) -> None:
    (tmp_path / "worktree" / "deep").mkdir(parents=True)
    (tmp_path / "worktree" / ".git").write_text("gitdir: elsewhere\n")
    assert find_repository_root(tmp_path / "worktree" / "deep") == (tmp_path / "worktree").resolve()
    assert is_below(tmp_path / "worktree" / "a" / ".." / "b", tmp_path / "worktree")
    assert not is_below(tmp_path / "worktree-2", tmp_path / "worktree")


def test_the_flag_allows_all_but_git(imagecli: Run, clone: Path, server: Server) -> None:
    command = ("batch", "assets.jsonl", "--base-url", server.base_url, "--allow-outside")
    manifest(clone, {**EDIT, "image": "../outside.png"}, {**EDIT, "image": ".git/config", "output": "b.png"})
    refused = imagecli(*command)
    assert (refused.exit_code, server.prompts) == (2, [])
    assert [line for line in refused.stderr.splitlines() if line.startswith("assets.jsonl:")] == [
        "assets.jsonl:2: image: .git/config is in a .git folder, which rows can't read; copy the file elsewhere"
    ]
    manifest(clone, {**EDIT, "image": "../outside.png"})
    assert imagecli(*command).exit_code == 0


def test_no_manifest_and_no_settings_file_allows_it(imagecli: Run, clone: Path) -> None:
    photo(clone.parent / "outside.png", 64, 64)
    (clone / "a.toml").write_text(
        'allow_outside = true\n[[image]]\ncommand = "edit"\nprompt = "red"\nimage = "link.png"\n'
    )
    assert imagecli("batch", "a.toml", "--provider", "sandbox").exit_code == 2
    (clone / "a.toml").write_text('[[image]]\ncommand = "edit"\nprompt = "red"\nimage = "link.png"\n')
    (clone / "imagecli.toml").write_text("allow_outside = true\n")
    assert imagecli("batch", "a.toml", "--provider", "sandbox").exit_code == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
@pytest.mark.parametrize("field", ["image", "mask", "prompt_file"])
def test_a_pipe_or_a_huge_file_is_rejected_without_waiting(imagecli: Run, clone: Path, field: str) -> None:
    photo(clone / "good.png", 64, 64)
    os.mkfifo(clone / "pipe")
    with (clone / "huge").open("wb") as file:
        file.truncate(1 << 40)
    row = {name: value for name, value in EDIT.items() if not (name == "prompt" and field == "prompt_file")}
    manifest(clone, *({**row, "image": "good.png", "output": f"{name}.png", field: name} for name in ("pipe", "huge")))
    begin = time.monotonic()
    result = imagecli("batch", "assets.jsonl", "--provider", "sandbox", "--check")
    assert time.monotonic() - begin < 4
    assert result.exit_code == 2
    assert f"assets.jsonl:1: {field}: pipe is a pipe, not a file" in result.stderr
    assert f"assets.jsonl:2: {field}: huge is too large" in result.stderr


def test_typed_paths_are_not_restricted(imagecli: Run, clone: Path) -> None:
    result = imagecli("edit", "link.png", "make it red", "-o", "linked/red.png", "--provider", "sandbox")
    assert result.exit_code == 0, result.stderr
    assert (clone.parent / "red.png").exists()


# --- listed inputs ---------------------------------------------------------------------------------------------------


def test_a_dry_run_lists_every_file_that_is_read(imagecli: Run, clone: Path) -> None:
    photo(clone / "good.png", 64, 64)
    mask_for(clone / "mask.png", 64, 64, (0, 0, 9, 9))
    (clone / "words.txt").write_text("make it red")
    (clone / "alias.png").symlink_to("good.png")
    rows: list[dict[str, Any]] = [
        {"command": "edit", "prompt_file": "words.txt", "image": ["good.png", "alias.png"], "mask": "mask.png"},
        {"command": "edit", "prompt": "blue", "image": "good.png"},
    ]
    manifest(clone, *({**row, "output": f"{number}.png"} for number, row in enumerate(rows)))
    text = imagecli("batch", "assets.jsonl", "--provider", "sandbox", "--dry-run").stdout
    assert sorted(line.split(maxsplit=1)[1] for line in text.splitlines() if line.startswith("reads ")) == [
        f"alias.png, a link to {(clone / 'good.png').resolve()}",
        "good.png",
        "mask.png",
        "words.txt",
    ]
    *_, summary = objects(imagecli("batch", "assets.jsonl", "--provider", "sandbox", "--dry-run", "--json").stdout)
    read = {str((clone / name).resolve()) for name in ("good.png", "mask.png", "words.txt")}
    assert set(summary["summary"]["reads"]) == read


# --- outputs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], ["--check"], ["--dry-run"], ["--adopt"], ["--if-exists", "overwrite"]])
def test_an_output_folder_that_leads_out_is_refused(
    imagecli: Run, clone: Path, server: Server, arguments: list[str]
) -> None:
    (clone / "dangling").symlink_to(clone.parent / "nowhere")
    before = outside_files(clone.parent)
    outputs = ["linked/a.png", "linked/new/b.png", "dangling/c.png", "linked/{slug}-{n}.png", "../d.png", "/e.png"]
    manifest(clone, *({"prompt": "a cat", "output": output} for output in outputs))
    result = imagecli("batch", "assets.jsonl", "--base-url", server.base_url, *arguments)
    assert (result.exit_code, server.prompts) == (2, [])
    lines = [line for line in result.stderr.splitlines() if line.startswith("assets.jsonl:")]
    assert [line.split(" ")[0] for line in lines] == [f"assets.jsonl:{number}:" for number in range(1, 7)]
    assert all("side the manifest's folder" in line for line in lines)
    assert outside_files(clone.parent) == before
    assert not (clone.parent / "nowhere").exists()


def test_an_output_folder_that_is_a_link_inside_is_fine(imagecli: Run, clone: Path, server: Server) -> None:
    (clone / "real").mkdir()
    (clone / "pictures").symlink_to("real")
    manifest(clone, {"prompt": "a cat", "output": "pictures/cat.png"})
    for _ in range(2):
        assert imagecli("batch", "assets.jsonl", "--base-url", server.base_url).exit_code == 0
    assert len(server.prompts) == 1
    assert (clone / "real" / "cat.png").exists()


def test_the_flag_allows_an_output_folder_elsewhere(imagecli: Run, clone: Path, server: Server) -> None:
    manifest(clone, {"prompt": "a cat", "output": "linked/cat.png"})
    command = ("batch", "assets.jsonl", "--base-url", server.base_url, "--allow-outside")
    for _ in range(2):
        assert imagecli(*command).exit_code == 0
    assert len(server.prompts) == 1
    assert (clone.parent / "cat.png").exists()


@pytest.mark.parametrize("arguments", [[], ["--adopt"], ["--if-exists", "overwrite"], ["--if-exists", "skip"]])
def test_a_file_that_is_a_link_out_is_neither_read_nor_replaced(
    imagecli: Run, clone: Path, server: Server, arguments: list[str]
) -> None:
    before = outside_files(clone.parent)
    manifest(clone, {"prompt": "a cat", "output": "link.png"})
    for look in ([], ["--check"], ["--dry-run"]):
        result = imagecli("batch", "assets.jsonl", "--base-url", server.base_url, *arguments, *look)
        assert (result.exit_code, server.prompts) == (2, [])
        assert "link.png exists, but is not a file that imagecli can replace" in result.stderr
    assert outside_files(clone.parent) == before
    assert not (clone / "assets.journal.jsonl").exists()


@pytest.mark.parametrize(
    "more", [{}, {"fit": "64x64"}, {"outputs": ["out/cat.png", {"output": "out/s.png", "fit": "64x64"}]}]
)
def test_a_folder_that_leads_out_when_the_image_arrives_gets_nothing(
    imagecli: Run, clone: Path, state: Path, more: dict[str, Any]
) -> None:
    elsewhere = clone.parent / "elsewhere"
    elsewhere.mkdir()

    def swap(fields: dict[str, Any]) -> None:
        shutil.rmtree(clone / "out")
        (clone / "out").symlink_to(elsewhere)

    row = {"prompt": "a cat", "size": "1024x1024", **({"output": "out/cat.png"} if "outputs" not in more else {})}
    manifest(clone, {**row, **more})
    with serving(swap) as server:
        result = imagecli("batch", "assets.jsonl", "--base-url", server.base_url)
    assert result.exit_code == 8, result.stderr
    assert "now points outside the manifest's folder" in result.stderr
    assert list(elsewhere.iterdir()) == []
    assert [path.name for path in (state / "rescued").iterdir()] != []


@pytest.mark.parametrize("fit", [None, Size(2, 2)])
def test_the_folder_is_checked_again_right_before_a_file_gets_its_name(
    clone: Path, tmp_path: Path, fit: Size | None
) -> None:
    name = OutputName(folder=clone / "linked", stem="cat")
    prepared = PreparedCall(
        id="run-0000",
        request=0,
        command="batch",
        provider="openai",
        base_url="",
        model="gpt-image-2",
        n=1,
        names=(name,),
        if_exists=None,
        stdout=False,
        prompt=None,
        output_format=None,
        size=None,
        fit=fit,
        part=ManifestRef(manifest=str(clone / "assets.jsonl"), id="cat.png", hash="", planned=(("linked/cat.png",),)),
    )
    before = outside_files(clone.parent)
    with open_staged(clone, label=prepared.id) as file:
        writer = ImageWriter(file)
        writer.write(png())
        staged = writer.describe(writer.inspect())
    delivery = ImageSaver(prepared=prepared, rescue_folder=tmp_path / "rescued", on_event=lambda event: None)
    with pytest.raises(DiskError, match="now points outside the manifest's folder") as caught:
        list(delivery.save(0, staged, None))
    assert Path(caught.value.rescued_path or "").parent == tmp_path / "rescued"
    assert outside_files(clone.parent) == before


def test_recovered_images_do_not_follow_a_link_out_either(imagecli: Run, clone: Path, state: Path) -> None:
    elsewhere = clone.parent / "elsewhere"
    elsewhere.mkdir()
    manifest(clone, {"prompt": "a cat", "output": "out/cat.png"})

    def ruin(fields: dict[str, Any]) -> bytes:
        # A response that can't be saved stays in the spool.
        shutil.rmtree(clone / "out")
        (clone / "out").symlink_to(elsewhere)
        (state / "rescued").write_text("not a folder")
        return image_of(fields["prompt"])

    with serving(ruin) as server:
        assert imagecli("batch", "assets.jsonl", "--base-url", server.base_url).exit_code == 8
    (state / "rescued").unlink()
    imagecli("recover")
    assert list(elsewhere.iterdir()) == []
    # A folder that is typed may be anywhere.
    assert imagecli("recover", "-o", elsewhere).exit_code == 0
    assert [path.suffix for path in elsewhere.iterdir()] == [".png"]


# --- pruning with a foreign journal ----------------------------------------------------------------------------------


def forged(folder: Path, *paths: str, **more: Any) -> None:
    """A journal that claims the files at *paths* as they are."""
    lines = []
    for path in paths:
        content = (folder / path).read_bytes()
        record = FileRecord(path=path, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
        entry = JournalEntry(
            id=path, hash="0" * 64, state="saved", provider="openai", model="gpt-image-2", files=(record,)
        )
        lines.append(entry_to_line(entry))
    (folder / "assets.journal.jsonl").write_bytes(b"".join(lines))


def test_a_forged_journal_removes_nothing_outside_and_nothing_but_images(imagecli: Run, clone: Path) -> None:
    photo(clone / "old.png", 64, 64)
    (clone / "notes.txt").write_text("mine")
    (clone / "text.png").write_text("no picture")
    absolute_path = str(clone.parent / "outside.png")
    forged(clone, "old.png", "notes.txt", "text.png", "link.png", "linked/outside.png", "../outside.png", absolute_path)
    manifest(clone, {"prompt": "a cat", "output": "cat.png"})
    before = outside_files(clone.parent)
    result = imagecli("batch", "assets.jsonl", "--provider", "sandbox", "--prune", "--yes", "--allow-outside")
    assert result.exit_code == 0
    assert "1 removed" in result.stderr
    assert result.stderr.count("skipped an unreadable line: invalid path") == 2
    assert not (clone / "old.png").exists()
    assert {"notes.txt", "text.png", "link.png", "linked"} <= {path.name for path in clone.iterdir()}
    assert outside_files(clone.parent) == before


@pytest.mark.parametrize(("name", "content"), [("notes.png", b"mine"), ("picture.bin", png())])
def test_a_forged_journal_removes_nothing_but_images_when_a_row_is_created_again(
    imagecli: Run, clone: Path, server: Server, name: str, content: bytes
) -> None:
    (clone / name).write_bytes(content)
    manifest(clone, {"prompt": "a cat", "output": "cat.png"})
    forged(clone, name)
    (line,) = journal(clone)
    line["files"][0]["planned"] = "cat.png"
    (clone / "assets.journal.jsonl").write_text(json.dumps({**line, "id": "cat.png"}) + "\n")
    assert imagecli("batch", "assets.jsonl", "--base-url", server.base_url).exit_code == 0
    assert (clone / name).read_bytes() == content


def test_nothing_behind_a_link_out_is_read(clone: Path) -> None:
    inside, anywhere = DiskState(clone), DiskState(clone, allow_outside=True)
    for path in ("link.png", "linked/outside.png"):
        (look,) = [inside.stat(path)]
        assert look and look.bytes is None
        assert inside.sha256(path) == ""
        allowed = anywhere.stat(path)
        assert allowed and allowed.bytes


# --- money -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "limit", "source"),
    [
        (None, 100, "the cost limit of $5 (max_cost in assets.toml, which can't raise the built-in limit)"),
        ("0.5", 100, "the cost limit of $0.5 (IMAGECLI_MAX_COST)"),
        ("100", 0.5, "the cost limit of $0.5 (max_cost in assets.toml)"),
    ],
)
def test_a_manifest_lowers_the_limit_and_never_raises_it(
    imagecli: Run, folder: Path, server: Server, own: str | None, limit: float, source: str
) -> None:
    rows = "".join(
        f'[[image]]\nprompt = "cat {number}"\noutput = "{number}.png"\nquality = "high"\nsize = "1024x1024"\n'
        for number in range(40)
    )
    (folder / "assets.toml").write_text(f"max_cost = {limit}\n{rows}")
    command = ("batch", "assets.toml", "--base-url", server.base_url)
    env = {"IMAGECLI_MAX_COST": own} if own else {}
    for arguments in ([], ["--dry-run"]):
        result = imagecli(*command, *arguments, env=env)
        assert (result.exit_code, server.prompts) == (5, [])
        assert f"more than {source}" in result.stderr
        assert ("a manifest can only lower the limit" in result.stderr) == (limit == 100)
    assert imagecli(*command, "--max-cost", "100", "--dry-run", env=env).exit_code == 0
