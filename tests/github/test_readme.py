"""The documents' manifests: read out of them, and run."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.conftest import Run, read_image
from tests.github.assets_folder import needs, saved
from tests.github.readme import FILES, MANIFEST, block


def test_the_manifest_creates_the_files_of_its_rows(imagecli: Run, assets: Path) -> None:
    result = imagecli("batch", "assets.toml", "--provider", "sandbox")
    assert (result.exit_code, saved(assets)) == (0, [*FILES]), result.stderr
    assert [read_image(assets / name).size for name in ("icons/bell-64.png", "icons/bell-512.png")] == [
        (64, 64),
        (512, 512),
    ]
    assert (read_image(assets / "img/hero.webp").format, read_image(assets / "img/hero.webp").size) == (
        "WEBP",
        (1536, 1024),
    )
    assert tomllib.loads(MANIFEST)["max_cost"] == 5


@pytest.mark.parametrize(
    ("kind", "ending", "files"),
    [
        ("csv", ".csv", ["hats/fox.webp", "hats/owl.webp"]),
        ("jsonl", ".jsonl", ["icons/key.png", "icons/ring-64.png", "icons/ring.png"]),
    ],
)
def test_the_other_manifests_create_theirs_too(
    imagecli: Run, folder: Path, kind: str, ending: str, files: list[str]
) -> None:
    (folder / f"rows{ending}").write_text(block(kind))
    result = imagecli("batch", f"rows{ending}", "--provider", "sandbox")
    assert (result.exit_code, sorted(result.stdout.split())) == (0, files), result.stderr


@needs("git")
def test_ignored_files_are_not_needed_by_a_rerun(imagecli: Run, assets: Path, sandbox: str) -> None:
    subprocess.run(["git", "init", "--quiet"], check=True, timeout=60)
    (assets / ".gitignore").write_text(block("gitignore"))
    assert len(imagecli("batch", "assets.toml", "--base-url", sandbox).paths) == len(FILES)
    names = {"assets.journal.lock", "assets.journal.1-3.lock", ".imagecli-x.part"}
    for name in names:
        (assets / name).write_text("")
    listing = ["git", "ls-files", "--others", "--ignored", "--exclude-standard"]
    ignored = set(subprocess.run(listing, check=True, capture_output=True, text=True, timeout=60).stdout.split())
    assert names < ignored
    assert all(".orig." in name for name in ignored - names)
    for name in ignored:
        (assets / name).unlink()
    again = imagecli("batch", "assets.toml", "--base-url", sandbox)
    assert (again.exit_code, again.stdout) == (0, "")
    assert imagecli("batch", "assets.toml", "--check", "--base-url", sandbox).exit_code == 0
