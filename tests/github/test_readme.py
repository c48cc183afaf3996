"""README's manifests, its Makefile and its line for GNU parallel: read out of it, and run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.batch.serving import Server, serving
from tests.conftest import Run, photo, picture
from tests.github.readme import FILES, MANIFEST, block

MAKEFILE = block("make", "# Makefile\n")
PARALLEL = block("sh parallel").strip()


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not shutil.which(tool), reason=f"{tool} is not installed")


@pytest.fixture
def assets(folder: Path) -> Path:
    (folder / "assets.toml").write_text(MANIFEST)
    (folder / "Makefile").write_text(MAKEFILE)
    photo(folder / "photo.jpg")
    return folder


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def shell(assets: Path, server: Server, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs *words* in the folder of the manifest, where OpenAI is *server*."""
    environ = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HOME": str(assets.parent),
        "OPENAI_BASE_URL": server.base_url,
        "OPENAI_API_KEY": "any",
    }
    return subprocess.run(words, cwd=assets, env=environ, capture_output=True, text=True, timeout=120)


def made(assets: Path) -> list[str]:
    return [name for name in FILES if (assets / name).is_file()]


def is_whole(assets: Path, server: Server) -> bool:
    """Whether all is there by `make check`, which asks nobody."""
    sent = len(server.prompts)
    done = shell(assets, server, "make", "check")
    assert len(server.prompts) == sent
    return done.returncode == 0 and made(assets) == [*FILES]


# --- manifests -------------------------------------------------------------------------------------------------------


def test_the_manifest_makes_what_its_rows_say(imagecli: Run, assets: Path) -> None:
    result = imagecli("batch", "assets.toml", "--provider", "sandbox")
    assert (result.exit_code, made(assets)) == (0, [*FILES]), result.stderr
    assert [picture(assets / name).size for name in ("icons/bell-64.png", "icons/bell-512.png")] == [
        (64, 64),
        (512, 512),
    ]
    assert (picture(assets / "img/hero.webp").format, picture(assets / "img/hero.webp").size) == ("WEBP", (1536, 1024))
    assert tomllib.loads(MANIFEST)["max_cost"] == 5


@pytest.mark.parametrize(
    ("kind", "ending", "files"),
    [
        ("csv", ".csv", ["hats/fox.webp", "hats/owl.webp"]),
        ("jsonl", ".jsonl", ["icons/key.png", "icons/ring-64.png", "icons/ring.png"]),
    ],
)
def test_the_other_manifests_do_too(imagecli: Run, folder: Path, kind: str, ending: str, files: list[str]) -> None:
    (folder / f"rows{ending}").write_text(block(kind))
    result = imagecli("batch", f"rows{ending}", "--provider", "sandbox")
    assert (result.exit_code, sorted(result.stdout.split())) == (0, files), result.stderr


@needs("git")
def test_what_need_not_be_committed_is_what_a_rerun_does_not_want(imagecli: Run, assets: Path, sandbox: str) -> None:
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


# --- make and parallel -----------------------------------------------------------------------------------------------


@pytest.mark.slow
@needs("make")
def test_make_buys_what_is_missing_and_check_says_when_something_is(assets: Path, server: Server) -> None:
    before = shell(assets, server, "make", "check")
    assert (before.returncode, server.prompts) == (2, [])
    assert "5 of 5 missing or stale" in before.stderr
    assert shell(assets, server, "make", "assets").returncode == 0
    assert (len(server.prompts), is_whole(assets, server)) == (5, True)
    assert shell(assets, server, "make", "assets").returncode == 0
    assert len(server.prompts) == 5


@pytest.mark.slow
@needs("make")
def test_make_shares_a_manifest_between_processes(assets: Path, server: Server) -> None:
    done = shell(assets, server, "make", "-j3", "parts")
    assert done.returncode == 0, done.stderr
    assert (len(server.prompts), is_whole(assets, server)) == (5, True)
    assert len(list(assets.glob("assets.journal.?-3.jsonl"))) == 3


@needs("make")
@needs("parallel")
def test_parallel_shares_a_manifest_between_processes(assets: Path, server: Server) -> None:
    done = shell(assets, server, "bash", "-c", PARALLEL)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split()) == [*FILES]
    assert (len(server.prompts), is_whole(assets, server)) == (5, True)
    again = shell(assets, server, "bash", "-c", PARALLEL)
    assert (again.returncode, again.stdout, len(server.prompts)) == (0, "", 5)
