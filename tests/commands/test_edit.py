"""`imagecli edit`, from the command line to the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import ImageChops

from tests.conftest import Run, mask_for, photo, read_image

SANDBOX = ("--provider", "sandbox")
HOLE = (64, 64, 160, 160)


@pytest.mark.parametrize("model", ["gpt-image-2", "dall-e-2"])
def test_every_pixel_outside_the_mask_stays_and_inside_it_changes(imagecli: Run, folder: Path, model: str) -> None:
    photo(folder / "in.png", 256, 256)
    mask_for(folder / "mask.png", 256, 256, HOLE)
    result = imagecli("edit", "in.png", "a cat", "--mask", "mask.png", "-m", model, *SANDBOX)
    assert result.exit_code == 0, result.stderr
    before, after = read_image("in.png").convert("RGB"), read_image(result.paths[0]).convert("RGB")
    assert after.size == (256, 256)
    changed = ImageChops.difference(before, after).getbbox()
    assert changed is not None
    assert (changed[0] >= HOLE[0], changed[1] >= HOLE[1], changed[2] <= HOLE[2], changed[3] <= HOLE[3]) == (True,) * 4


def test_an_image_goes_through_a_pipe_from_stdin_to_stdout(imagecli: Run, folder: Path) -> None:
    data = photo(folder / "in.jpg").read_bytes()
    result = imagecli("edit", "-", "a watercolour", "-o", "-", *SANDBOX, stdin=data)
    assert result.exit_code == 0, result.stderr
    assert result.raw_stdout.startswith(b"\x89PNG")


def test_several_images_are_sent(imagecli: Run, folder: Path) -> None:
    for name in ("a.jpg", "b.webp", "c.png"):
        photo(folder / name)
    result = imagecli("edit", "a.jpg", "all of them", "--image", "b.webp", "--image", "c.png", *SANDBOX)
    assert result.stdout == "a-all-of-them.png\n"


def test_the_mask_takes_its_images_transform(imagecli: Run, folder: Path) -> None:
    photo(folder / "wide.jpg", 400, 200)
    mask_for(folder / "mask.png", 400, 200, (150, 50, 250, 150))
    result = imagecli("edit", "wide.jpg", "a cat", "--mask", "mask.png", "-m", "dall-e-2", *SANDBOX)
    assert result.exit_code == 0, result.stderr
    assert "wide.jpg: cropped to the center 200x200 square" in result.stderr
    assert "mask.png: cropped like its image" in result.stderr
    assert "25.0% of the image may change" in result.stderr


@pytest.mark.parametrize(
    ("size", "hole", "message"),
    [
        ((256, 256), (0, 0, 128, 256), "50.0% of the image may change"),
        ((256, 256), (0, 0, 0, 0), "allows no edits"),
        ((256, 256), (0, 0, 256, 256), "all of it may change"),
    ],
)
def test_the_masks_coverage_is_printed(
    imagecli: Run, folder: Path, size: tuple[int, int], hole: tuple[int, int, int, int], message: str
) -> None:
    photo(folder / "in.png", *size)
    mask_for(folder / "mask.png", *size, hole)
    assert message in imagecli("edit", "in.png", "x", "--mask", "mask.png", *SANDBOX).stderr


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["in.png", "x", "--mask", "other.png"], "other.png is 100x80, in.png is 320x200", "--mask-fit scales it"),
        (["in.png", "x", "--mask", "in.png"], "in.png is a color image, not a mask", "--select-color"),
        (["in.png", "x", "-m", "dall-e-2"], "no transparent area", "--mask FILE"),
        (["in.png", "x", "-m", "dall-e-3"], "dall-e-3 does not support edits", "it supports generate"),
        (
            ["in.png", "x", "--image", "in.png", "-m", "dall-e-2"],
            "2 input images; dall-e-2 accepts at most 1",
            "use fewer",
        ),
        (["in.png", "x", "--crop", "none", "--mask", "mask.png", "-m", "dall-e-2"], "320x200", ""),
        (["missing.png", "x"], "missing.png does not exist", ""),
        (["text.png", "x"], "text.png", ""),
        (["in.png"], "missing prompt", "imagecli edit in.png"),
        (
            ["make it night", "in.png"],
            "'make it night' must be the last argument",
            'did you swap them? imagecli edit in.png "make it night"',
        ),
        (["in.png", "b.jpg"], "'b.jpg' is an image file name", "as text: --prompt b.jpg"),
        (["-", "-"], "(stdin) can be used only once", "use a file"),
        (["-", "x"], "error: stdin is empty (0 bytes)", ""),
        (["a watercolour"], "missing image: 'a watercolour' is not a file", 'imagecli edit photo.jpg "a watercolour"'),
        (["my photo.png"], "missing prompt", 'imagecli edit "my photo.png" "what'),
        (["in.png", "x", "--input-size", "3"], "invalid --input-size '3'", "for example 1024x1024"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused_before_anything_is_sent(
    imagecli: Run, folder: Path, arguments: list[str], message: str, hint: str
) -> None:
    photo(folder / "in.png")
    mask_for(folder / "other.png", 100, 80, (0, 0, 50, 50))
    mask_for(folder / "mask.png", 320, 200, (0, 0, 50, 50))
    (folder / "text.png").write_text("not a picture")
    before = sorted(folder.iterdir())
    result = imagecli("edit", *arguments, "--base-url", "http://127.0.0.1:1/v1")
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert hint in result.stderr
    assert sorted(folder.iterdir()) == before
