"""`@last`, `@last~1` and `@ID` as inputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagecli.history.reference import is_reference
from tests.client.raw import http, images_body, png, raw_server
from tests.conftest import Run, mask_for, photo
from tests.history.conftest import ReadHistory

SANDBOX = ("--provider", "sandbox")


@pytest.mark.parametrize("word", ["@last", "@LAST", "@last~1", "@last~12", "@k3f9x2", "@k"])
def test_a_reference(word: str) -> None:
    assert is_reference(word)


@pytest.mark.parametrize(
    "word", ["./@last", "@2x.png", "@", "last", "a@b", "@last~", "@last~x", "@a/b", "@a b", "@last.png"]
)
def test_a_file_name_is_not_a_reference(word: str) -> None:
    assert not is_reference(word)


def test_earlier_images_are_inputs(imagecli: Run, folder: Path, read_history: ReadHistory) -> None:
    imagecli("generate", "a cat", *SANDBOX, "-o", "cat.png")
    imagecli("generate", "an owl", *SANDBOX, "-o", "owl.png")
    cat, owl = read_history()
    done = imagecli("edit", "@last", "at night", *SANDBOX)
    assert done.paths == [Path("owl-at-night.png")]
    assert "note: @last is owl.png" in done.stderr
    assert imagecli("vary", "@last~2", *SANDBOX).paths == [Path("cat-variation.png")]
    mask_for(folder / "mask.png", 1024, 1024, (0, 0, 500, 500))
    argv = ("edit", f"@{cat.id.upper()}", "with a friend", "--image", f"@{owl.id[:4]}", "--mask", "mask.png")
    assert imagecli(*argv, *SANDBOX, "-o", "both.png").exit_code == 0
    assert read_history()[-1].parents == (cat.id, owl.id)
    assert read_history()[-1].inputs[0].name == "cat.png"


def test_from_another_folder_the_path_is_absolute(imagecli: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imagecli("generate", "a cat", *SANDBOX, "-o", "cat.png")
    (folder / "sub").mkdir()
    monkeypatch.chdir(folder / "sub")
    done = imagecli("edit", "@last", "at night", *SANDBOX)
    assert done.exit_code == 0
    assert f"note: @last is {folder / 'cat.png'}" in done.stderr


def test_a_file_of_that_name_needs_a_dot(imagecli: Run, folder: Path, read_history: ReadHistory) -> None:
    photo(folder / "photo.png").rename(folder / "@last")
    done = imagecli("edit", "@last", "at night", *SANDBOX)
    assert done.exit_code == 2
    assert "error: @last: the history has no images" in done.stderr
    assert "write ./@last for a file of that name" in done.stderr
    assert imagecli("edit", "./@last", "at night", *SANDBOX, "-o", "x.png").exit_code == 0


def test_an_unknown_reference_names_the_newest_images(imagecli: Run, read_history: ReadHistory) -> None:
    imagecli("generate", "a cat", *SANDBOX)
    (cat,) = read_history()
    done = imagecli("edit", "@none", "at night", *SANDBOX)
    assert done.exit_code == 2
    assert "error: the history has no image '@none'" in done.stderr
    assert f"the newest are @{cat.id}" in done.stderr
    assert "error: @last~1: the history has 1 image" in imagecli("vary", "@last~1", *SANDBOX).stderr


def test_a_missing_or_changed_file_is_refused(imagecli: Run, folder: Path) -> None:
    imagecli("generate", "a cat", *SANDBOX, "-o", "cat.png")
    photo(folder / "cat.png")
    done = imagecli("edit", "@last", "at night", *SANDBOX)
    assert done.exit_code == 2
    assert "error: cat.png has changed since the history recorded it as @last" in done.stderr
    assert "hint: to use it as it is now, name the file: cat.png" in done.stderr
    (folder / "cat.png").unlink()
    done = imagecli("edit", "@last", "at night", *SANDBOX)
    assert done.exit_code == 2
    assert "error: cat.png does not exist; the history has it as @last" in done.stderr


def test_last_is_an_image_in_a_file(imagecli: Run) -> None:
    imagecli("generate", "a cat", *SANDBOX, "-o", "cat.png")
    imagecli("generate", "an owl", *SANDBOX, "-o", "-")
    assert "@last is cat.png" in imagecli("edit", "@last", "at night", *SANDBOX).stderr


def test_the_hint_for_the_rest_names_the_file(imagecli: Run, folder: Path) -> None:
    """After the command, `@last` is one of its own images."""
    imagecli("generate", "a cat", *SANDBOX, "-o", "cat.png")
    refusal = http("503 No", b'{"error": {"message": "overloaded", "type": "server_error"}}')
    with raw_server(http("200 OK", images_body(png())), refusal) as server:
        argv = ("edit", "@last", "a {thing}", "--var", "thing=hat", "--var", "thing=coat")
        done = imagecli(*argv, "--base-url", server.base_url, "--max-retries", "0", "-o", "{thing}.png")
    assert done.exit_code == 9, done.stderr
    assert "1 of 2 images are saved; to request only the rest: imagecli edit cat.png" in done.stderr
