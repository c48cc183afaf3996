"""`history gallery`: a page with the images of the history."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.children import wait_until
from tests.conftest import Run, photo
from tests.history.conftest import ReadHistory
from tests.web.test_gallery_files import gallery_images

SANDBOX = ("--provider", "sandbox")


@pytest.fixture
def three_generations(imagecli: Run, folder: Path) -> None:
    photo(folder / "photo.png", 64, 64)
    for argv in (
        ("generate", "a cat", "-o", "cat.png"),
        ("edit", "@last", "with a hat", "-o", "hat.png"),
        ("edit", "@last", "at night", "-o", "night.png"),
        ("edit", "photo.png", "in winter", "-o", "winter.png"),
    ):
        result = imagecli(*argv, *SANDBOX)
        assert result.exit_code == 0, result.stderr


@pytest.mark.usefixtures("three_generations")
def test_it_shows_each_image_with_its_origin(imagecli: Run, folder: Path, read_history: ReadHistory) -> None:
    result = imagecli("history", "gallery")
    assert (result.exit_code, result.stdout) == (0, "gallery/index.html\n"), result.stderr
    assert "links to files on this machine" in result.stderr
    winter, night, hat, cat = gallery_images(folder / "gallery" / "index.html")
    assert [image["prompt"] for image in (winter, night, hat, cat)] == ["in winter", "at night", "with a hat", "a cat"]
    assert [image["id"] for image in (cat, hat, night, winter)] == [image.id for image in read_history()]
    assert [image["id"] for image in night["inputs"]] == [hat["id"]]
    assert [image["id"] for image in hat["inputs"]] == [cat["id"]]
    assert (winter["inputs"][0]["name"], winter["inputs"][0]["id"]) == ("photo.png", None)
    assert winter["inputs"][0]["thumb"].startswith("thumbnails/")
    assert cat["file"] == (folder / "cat.png").as_uri()
    assert cat["created"]


@pytest.mark.usefixtures("three_generations")
@pytest.mark.slow
def test_its_commands_create_the_images_again(imagecli: Run, folder: Path) -> None:
    imagecli("history", "gallery", "-o", "gallery.html")
    for image in gallery_images(folder / "gallery.html"):
        result = imagecli(*shlex.split(image["command"])[1:])
        assert result.exit_code == 0, result.stderr


@pytest.mark.usefixtures("three_generations")
def test_it_has_the_filters_of_the_list(imagecli: Run, folder: Path) -> None:
    imagecli("history", "gallery", "hat", "-o", "gallery.html")
    assert [image["prompt"] for image in gallery_images(folder / "gallery.html")] == ["with a hat"]
    # Its parent is not in this gallery, and is shown as a file.
    assert gallery_images(folder / "gallery.html")[0]["inputs"][0]["thumb"].startswith("data:")
    imagecli("history", "gallery", "--limit", "2", "-o", "gallery.html")
    assert [image["prompt"] for image in gallery_images(folder / "gallery.html")] == ["in winter", "at night"]


@pytest.mark.usefixtures("three_generations")
def test_an_image_on_stdout_and_a_deleted_one_have_placeholders(imagecli: Run, folder: Path) -> None:
    imagecli("generate", "a dog", "-o", "-", *SANDBOX)
    (folder / "cat.png").unlink()
    imagecli("history", "gallery", "-o", "gallery.html")
    dog, *_, cat = gallery_images(folder / "gallery.html")
    assert (dog["thumb"], dog["path"], dog["state"]) == (None, None, "written to stdout")
    assert (cat["thumb"], cat["note"]) == (None, "file not found: moved or deleted since")


def test_files_of_other_programs_are_not_replaced(imagecli: Run, folder: Path) -> None:
    (folder / "gallery").mkdir()
    (folder / "gallery" / "index.html").write_text("mine")
    result = imagecli("history", "gallery")
    assert result.exit_code == 2
    assert "gallery/index.html exists and does not belong to an earlier gallery" in result.stderr
    assert (folder / "gallery" / "index.html").read_text() == "mine"


def test_open_without_a_browser_is_noted(imagecli: Run) -> None:
    result = imagecli("history", "gallery", "--open")
    assert (result.exit_code, result.stdout) == (0, "gallery/index.html\n")
    assert result.stderr.splitlines() == [
        "imagecli: note: the history has no images",
        "imagecli: note: there is no browser to open it in",
    ]


def test_open_starts_the_browser(folder: Path, state: Path) -> None:
    opened = folder / "opened.txt"
    browser = folder / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}.part && mv {opened}.part {opened}\n')
    browser.chmod(0o755)
    # As a process of its own: it ends while the browser is running.
    environ = {**os.environ, "BROWSER": str(browser), "IMAGECLI_STATE_DIR": str(state)}
    subprocess.run([sys.executable, "-m", "imagecli", "history", "gallery", "--open"], check=True, env=environ)
    wait_until(opened.exists)
    assert opened.read_text() == (folder / "gallery" / "index.html").as_uri()


def test_a_prompt_with_control_characters_is_safe_to_paste(imagecli: Run, folder: Path) -> None:
    imagecli("generate", "a cat \x1b[201~\nrm -rf", *SANDBOX)
    imagecli("history", "gallery", "-o", "gallery.html")
    (image,) = gallery_images(folder / "gallery.html")
    assert "\x1b" not in image["command"]
    assert "$'a cat \\x1b[201~" in json.dumps(image["command"]).replace("\\\\", "\\")


def test_a_filter_without_a_match_leaves_an_earlier_page(imagecli: Run, folder: Path) -> None:
    imagecli("generate", "a cat", "-m", "dall-e-2", "-s", "256x256", "--provider", "sandbox")
    imagecli("history", "gallery", "-o", "gallery.html")
    before = (folder / "gallery.html").read_bytes()
    done = imagecli("history", "gallery", "zebra", "-o", "gallery.html")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "no image matches; no page was written" in done.stderr
    assert (folder / "gallery.html").read_bytes() == before
