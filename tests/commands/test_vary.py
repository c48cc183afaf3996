"""`imagecli vary`: which endpoint it uses, and its results."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from tests.conftest import Run, photo, read_image

SANDBOX = ("--provider", "sandbox")


def test_a_rotated_24_megapixel_jpeg_is_varied_by_the_classic_model(imagecli: Run, folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo(folder / "big.jpg", 6000, 4000, exif=exif)
    result = imagecli("vary", "big.jpg", "-m", "dall-e-2", *SANDBOX)
    assert (result.exit_code, result.stdout) == (0, "big-variation.png\n")
    assert "using the variations endpoint of dall-e-2" in result.stderr
    assert "rotated upright, cropped to the center 4000x4000 square, shrunk to 1024x1024" in result.stderr
    assert read_image("big-variation.png").size == (1024, 1024)


def test_a_variation_resembles_its_source_and_differs_from_it_and_the_others(imagecli: Run, folder: Path) -> None:
    photo(folder / "in.png", 256, 256)
    result = imagecli("vary", "in.png", "-n", 2, "-m", "dall-e-2", "-s", "256x256", *SANDBOX)
    source, *takes = (read_image(path).convert("RGB") for path in (Path("in.png"), *result.paths))
    for take in (takes[0], takes[1]):
        difference = sum(ImageStat.Stat(ImageChops.difference(source, take)).mean) / 3
        assert 1 < difference < 90
    assert takes[0].tobytes() != takes[1].tobytes()


@pytest.mark.parametrize(
    ("arguments", "note"),
    [
        (["-m", "dall-e-2"], "using the variations endpoint"),
        (["-m", "dall-e-2", "--via", "variations"], "using the variations endpoint"),
        ([], "using an edit: gpt-image-2 has no"),
        (["a cat in its place"], "using an edit"),
        (["--strength", "strong"], "using an edit"),
    ],
)
def test_it_notes_which_endpoint_it_uses(imagecli: Run, folder: Path, arguments: list[str], note: str) -> None:
    photo(folder / "in.png")
    result = imagecli("vary", "in.png", *arguments, *SANDBOX)
    assert result.exit_code == 0, result.stderr
    assert note in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["in.png", "--via", "variations", "--strength", "strong"], "endpoint does not accept a strength"),
        (["in.png", "blue", "--via", "variations"], "endpoint does not accept a prompt"),
        (["in.png", "blue", "-m", "dall-e-2"], "hint: omit the prompt"),
        (["in.png", "--strength", "strong", "-m", "dall-e-2"], "hint: omit the strength"),
        (["in.png", "--via", "edits", "-m", "dall-e-2"], "hint: omit --via"),
        (["in.png", "blue", "--strength", "strong"], "can't be combined"),
        (["in.png", "--via", "variations"], "gpt-image-2 does not support variations"),
        (["in.png", "other.png"], "other.png does not exist"),
        (["nope.png"], "nope.png does not exist"),
    ],
)
def test_inputs_that_can_not_be_varied_are_refused(
    imagecli: Run, folder: Path, arguments: list[str], message: str
) -> None:
    photo(folder / "in.png")
    result = imagecli("vary", *arguments, *SANDBOX)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


@pytest.mark.parametrize("command", ["vary", "edit"])
def test_an_image_on_stdin_is_not_taken_for_the_prompt(command: str, imagecli: Run, folder: Path) -> None:
    data = photo(folder / "in.png").read_bytes()
    result = imagecli(command, "in.png", "-", *SANDBOX, stdin=data)
    assert result.exit_code == 2
    assert "stdin is an image; expected the prompt" in result.stderr
    assert f"hint: to {command} it, put - before other images: imagecli {command} - …" in result.stderr
