"""Rows whose results are pasted into their original: the same fields as the options of `edit`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from tests.conftest import Run, photo, read_image

HOLE = (100, 50, 180, 110)
EDIT = {"command": "edit", "image": "in.png", "prompt": "a cat", "mask_rect": "100,50,80,60", "model": "dall-e-2"}


def write(folder: Path, *rows: dict[str, Any]) -> Path:
    photo(folder / "in.png")
    path = folder / "m.jsonl"
    path.write_text("".join(json.dumps({**row, "output": f"{number}.png"}) + "\n" for number, row in enumerate(rows)))
    return path


def is_unchanged_outside(path: Path, hole: tuple[int, int, int, int] = HOLE) -> bool:
    changed = ImageChops.difference(read_image("in.png").convert("RGB"), read_image(path).convert("RGB"))
    is_edited = changed.getbbox() is not None
    changed.paste((0, 0, 0), hole)
    return is_edited and changed.getbbox() is None


ROWS = (
    {**EDIT, "keep_outside": True},
    {**EDIT, "crop_to_mask": True, "crop_padding": 30},
    {"command": "edit", "image": "in.png", "extend": "16:9", "anchor": "left", "model": "dall-e-2"},
)


@pytest.mark.parametrize("options", [(), ("--batch-api", "--wait")], ids=["live", "Batch API"])
def test_rows_are_composed_once(imagecli: Run, folder: Path, options: tuple[str, ...]) -> None:
    path = write(folder, *ROWS)
    result = imagecli("batch", path, "--provider", "sandbox", *options)
    assert result.exit_code == 0, result.stderr
    assert is_unchanged_outside(folder / "0.png")
    assert is_unchanged_outside(folder / "1.png")
    assert read_image("2.png").size == (356, 200)
    assert sorted(file.name for file in folder.glob("*.orig.png")) == ["0.orig.png", "1.orig.png", "2.orig.png"]
    again = imagecli("batch", path, "--provider", "sandbox", *options)
    assert again.exit_code == 0, again.stderr
    assert "3 up to date" in again.stderr
    assert "requesting" in result.stderr
    assert "requesting" not in again.stderr


@pytest.mark.parametrize(
    "change", [{"crop_padding": "10%"}, {"crop_to_mask": None, "crop_padding": None, "keep_outside": True}]
)
def test_the_fields_are_part_of_the_request(imagecli: Run, folder: Path, change: dict[str, Any]) -> None:
    path = write(folder, ROWS[1])
    assert imagecli("batch", path, "--provider", "sandbox").exit_code == 0
    assert imagecli("batch", path, "--check", "--provider", "sandbox").exit_code == 0
    write(folder, ROWS[1] | change)
    assert imagecli("batch", path, "--check", "--provider", "sandbox").exit_code == 10


def test_a_table_has_the_fields_too(imagecli: Run, folder: Path) -> None:
    photo(folder / "in.png")
    rows = "command,image,extend,anchor,model,output\nedit,in.png,right=20%,,dall-e-2,a.png\n"
    (folder / "m.csv").write_text(rows + "edit,in.png,16:9,right,dall-e-2,b.png\n")
    result = imagecli("batch", "m.csv", "--provider", "sandbox")
    assert result.exit_code == 0, result.stderr
    assert [read_image(f"{name}.png").size for name in "ab"] == [(384, 200), (356, 200)]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({**EDIT, "mask_rect": None, "keep_outside": True}, "keep_outside requires a mask"),
        ({**EDIT, "crop_padding": "5"}, "crop_padding requires crop_to_mask"),
        ({**EDIT, "extend": "5:x"}, "'5:x' is neither an aspect ratio nor sides"),
        ({**EDIT, "extend": "left=5", "anchor": "left"}, "anchor requires an aspect ratio"),
        ({**EDIT, "extend": "16:9", "anchor": "middle"}, "expected center, top"),
        ({**EDIT, "crop_to_mask": True, "crop_padding": 1.5}, "found 1.5"),
        ({**EDIT, "keep_outside": True, "input_size": "64x64"}, "input_size can't be used with"),
        ({**EDIT, "command": "vary", "prompt": None, "mask_rect": None, "extend": "16:9"}, "not available for vary"),
    ],
)
def test_a_mistake_is_reported_with_its_line(imagecli: Run, folder: Path, row: dict[str, Any], message: str) -> None:
    path = write(folder, row)
    result = imagecli("batch", path, "--provider", "sandbox")
    assert result.exit_code == 2
    assert result.stderr.count(message) == 1
    assert "m.jsonl:1" in result.stderr
    assert "--" not in "".join(line for line in result.stderr.splitlines() if "m.jsonl:1" in line)


def test_an_image_that_can_not_be_sent_is_reported_before_anything_is_sent(imagecli: Run, folder: Path) -> None:
    path = write(folder, {**EDIT, "extend": "8:5"}, {**EDIT, "keep_outside": True})
    result = imagecli("batch", path, "--provider", "sandbox")
    assert result.exit_code == 2
    assert "in.png is already 8:5 (320x200)" in result.stderr
    assert not list(folder.glob("[01]*.png"))


def test_the_size_that_is_requested_is_in_names_and_dry_run(imagecli: Run, folder: Path) -> None:
    Image.new("RGB", (1200, 900)).save(folder / "in.png")
    (folder / "m.jsonl").write_text(
        json.dumps({**EDIT, "model": "gpt-image-2", "keep_outside": True, "output": "x-{size}.png"}) + "\n"
    )
    result = imagecli("batch", "m.jsonl", "--provider", "sandbox", "--dry-run")
    assert result.exit_code == 0, result.stderr
    assert "1216x912" in result.stdout + result.stderr
