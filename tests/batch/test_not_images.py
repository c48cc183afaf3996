"""Files under a row's name that are not images are never accepted, neither by --check nor by --adopt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.batch.serving import serving
from tests.batch.test_batch import journal, manifest
from tests.client.raw import png
from tests.conftest import Run

CAT = {"prompt": "a cat", "output": "cat.png"}
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 12345\n"
NOISE: dict[str, Callable[[bytes], bytes]] = {
    "a Git LFS pointer": lambda image: POINTER,
    "a git-annex pointer": lambda image: b"/annex/objects/SHA256E-s123--abc.png\n",
    "a PNG through autocrlf": lambda image: image.replace(b"\r\n", b"\n"),
    "a text": lambda image: b"404: Not Found\n",
    "an HTML page": lambda image: b"<!doctype html><title>Sign in</title>",
    "an empty file": lambda image: b"",
    "a cut image": lambda image: image[: len(image) // 2],
    "zeros of a crashed disk": lambda image: bytes(len(image) - 1),
}
WAYS_TO_IMAGE = {
    "a Git LFS pointer": "git lfs pull",
    "a git-annex pointer": "git annex get",
    "a PNG through autocrlf": "*.png binary to .gitattributes",
}


@pytest.mark.parametrize("kind", NOISE)
@pytest.mark.parametrize("flags", [["--adopt"], ["--check"], ["--dry-run"], [], ["--if-exists", "skip"]])
def test_a_file_that_is_not_an_image_is_not_accepted(kind: str, flags: list[str], imagecli: Run, folder: Path) -> None:
    manifest(folder, CAT)
    (folder / "cat.png").write_bytes(NOISE[kind](png(64, 64, "#123456")))
    with serving() as server:
        result = imagecli("batch", "assets.jsonl", "--base-url", server.base_url, *flags)
        assert (result.exit_code, server.prompts) == (2, [])
    assert not (folder / "assets.journal.jsonl").exists()
    assert WAYS_TO_IMAGE.get(kind, "rm cat.png") in result.stderr


@pytest.mark.parametrize("kind", NOISE)
def test_a_saved_image_that_was_damaged_is_noticed(kind: str, imagecli: Run, folder: Path) -> None:
    """A checkout without LFS, or a truncated synchronised file: --check must not report that everything is up to
    date."""
    manifest(folder, CAT)
    with serving() as server:
        command = ("batch", "assets.jsonl", "--base-url", server.base_url)
        assert imagecli(*command).exit_code == 0
        image, lines = (folder / "cat.png").read_bytes(), journal(folder)
        (folder / "cat.png").write_bytes(NOISE[kind](image))
        for flags in (["--check"], [], ["--adopt"]):
            result = imagecli(*command, *flags)
            assert (result.exit_code, "cat.png is " in result.stderr) == (2, True), result.stderr
        assert (len(server.prompts), journal(folder)) == (1, lines)
        (folder / "cat.png").write_bytes(image)
        assert imagecli(*command, "--check").exit_code == 0
        (folder / "cat.png").write_bytes(NOISE[kind](image))
        assert imagecli(*command, "--if-exists", "overwrite").exit_code == 0
        assert len(server.prompts) == 2


def test_an_edited_image_still_belongs_to_the_user(imagecli: Run, folder: Path) -> None:
    manifest(folder, CAT)
    with serving() as server:
        command = ("batch", "assets.jsonl", "--base-url", server.base_url)
        assert imagecli(*command).exit_code == 0
        (folder / "cat.png").write_bytes(png(32, 32, "#abcdef"))
        assert imagecli(*command, "--check").exit_code == 0
