"""`batch --init`: a starter manifest in each format, whose rows can be tried as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imagecli.quoting import shell_quote
from tests.conftest import Run, mask_for, photo
from tests.pipeline.test_finish import small_files

SANDBOX = ("--provider", "sandbox")
NAMES = ["assets.toml", "assets.yaml", "my assets.yml", "assets.csv", "assets.jsonl", "assets.ndjson"]


@pytest.mark.parametrize("name", NAMES)
def test_a_starter_passes_a_dry_run_as_it_is(imagecli: Run, folder: Path, name: str) -> None:
    result = imagecli("batch", "--init", name)
    assert (result.exit_code, result.stdout) == (0, f"{name}\n"), result.stderr
    assert f"preview it with imagecli batch {shell_quote(name)} --dry-run" in result.stderr
    plan = imagecli("batch", name, "--dry-run", *SANDBOX)
    assert plan.exit_code == 0, plan.stderr
    assert "4, for 4 images in 4 files" in plan.stdout
    assert "warning" not in plan.stderr
    assert sorted(path.name for path in folder.iterdir()) == [name]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["assets.toml", "assets.csv"])
def test_a_starter_creates_its_images(imagecli: Run, folder: Path, name: str) -> None:
    imagecli("batch", "--init", name)
    assert imagecli("batch", name, *SANDBOX).exit_code == 0
    assert {path.suffix for path in (folder / "images").iterdir()} == {".png", ".webp"}


@pytest.mark.parametrize(
    ("name", "first"), [("assets.toml", r"# \[\[image\]\]"), ("assets.yaml", r"  # - command: edit")]
)
def test_the_row_in_comments_is_valid_too(imagecli: Run, folder: Path, name: str, first: str) -> None:
    imagecli("batch", "--init", name)
    text = (folder / name).read_text()
    place = re.search(first, text)
    assert place
    (folder / name).write_text(text[: place.start()] + re.sub(r"(?m)^( *)# ", r"\1", text[place.start() :]))
    photo(folder / "photo.jpg", 320, 320)
    mask_for(folder / "mask.png", 320, 320, (0, 0, 160, 160))
    plan = imagecli("batch", name, "--dry-run", *SANDBOX)
    assert plan.exit_code == 0, plan.stderr
    assert "5, for 5 images in 5 files" in plan.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["old.toml"], "old.toml already exists"),
        (["link.toml"], "link.toml already exists"),
        (["assets.txt"], "--init can't write text, expected toml, yaml, csv or jsonl"),
        (["assets.docx"], "assets.docx: unknown manifest extension, expected"),
        (["no/assets.toml"], "folder no does not exist"),
        (["-"], "can't write to stdout"),
        (["new.toml", "--check"], "--init and --check"),
    ],
)
def test_nothing_is_overwritten_or_written_elsewhere(
    imagecli: Run, folder: Path, arguments: list[str], words: str
) -> None:
    (folder / "old.toml").write_text("mine")
    (folder / "link.toml").symlink_to("elsewhere.toml")
    result = imagecli("batch", "--init", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
    assert (folder / "old.toml").read_text() == "mine"
    assert sorted(path.name for path in folder.iterdir()) == ["link.toml", "old.toml"]


def test_a_starter_that_can_not_be_written_leaves_no_empty_manifest(imagecli: Run, folder: Path) -> None:
    with small_files(100):
        result = imagecli("batch", "--init", "assets.toml")
    assert result.exit_code == 8
    assert "can't write assets.toml: file too large\nhint: raise the file size limit" in result.stderr
    assert list(folder.iterdir()) == []


def test_init_needs_no_settings_and_says_in_json_what_it_wrote(imagecli: Run, folder: Path) -> None:
    (folder / "imagecli.toml").write_text("not = [toml")
    result = imagecli("batch", "--init", "assets.unknown", "--format", "csv", "--json", "--quiet")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.json["manifest"] == "assets.unknown"
    assert (folder / "assets.unknown").read_text().startswith("prompt,output,")
