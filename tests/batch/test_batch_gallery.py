"""`batch --gallery`: a page with the images of a manifest, after a run or with `--check`."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.batch.test_batch import manifest
from tests.conftest import Run, photo
from tests.file_permissions import file_permissions_enforced
from tests.web.test_gallery_files import gallery_images

ROWS: list[dict[str, Any]] = [
    {"prompt": "a cat", "output": "art/cat.png", "quality": "low"},
    {
        "command": "edit",
        "image": "photo.png",
        "prompt": "at night",
        "output": "art/night.png",
        "mask_rect": "0,0,50%,50%",
    },
]
SANDBOX = ("--provider", "sandbox")


@pytest.fixture
def rows(folder: Path) -> None:
    photo(folder / "photo.png", 64, 64)
    manifest(folder, *ROWS)


@pytest.mark.usefixtures("rows")
def test_a_run_writes_a_page_with_its_images(imagecli: Run, folder: Path) -> None:
    result = imagecli("batch", "assets.jsonl", *SANDBOX, "--gallery", "review.html")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == ["art/cat.png", "art/night.png"]
    assert "imagecli: gallery of 2 images" in result.stderr
    cat, night = gallery_images(folder / "review.html")
    assert (cat["id"], cat["prompt"], cat["provider"], cat["cost"], cat["state"]) == (
        "art/cat.png",
        "a cat",
        "sandbox",
        0,
        "",
    )
    assert cat["file"] == "./art/cat.png"
    assert (
        cat["command"]
        == 'imagecli generate "a cat" --provider sandbox --size 1024x1024 --quality low --output-format png'
    )
    assert night["inputs"][0]["name"] == "photo.png"
    assert night["inputs"][0]["thumb"].startswith("data:image/webp")
    assert "--mask-rect 0,0,50%,50%" in night["command"]


@pytest.mark.usefixtures("rows")
@pytest.mark.slow
def test_the_commands_of_the_page_create_the_same_images(imagecli: Run, folder: Path) -> None:
    further: list[dict[str, Any]] = [
        {"command": "vary", "image": "photo.png", "strength": "strong", "output": "vary.png"},
        {"command": "edit", "image": "photo.png", "prompt": "more sky", "extend": "top=25%", "output": "sky.png"},
        {
            "prompt": "-- a dash and {animal}",
            "vars": {"animal": ["cat", "owl"]},
            "output": "{animal}.webp",
            "output_compression": 40,
        },
        {"prompt": "a 'quoted' $HOME", "background": "transparent", "param": {"seed": 7}, "output": "quoted.png"},
        {"command": "edit", "image": ["photo.png", "photo.png"], "prompt": "both", "n": 2, "output": "both.png"},
    ]
    manifest(folder, *ROWS, *further)
    result = imagecli("batch", "assets.jsonl", *SANDBOX, "--gallery", "review.html")
    assert result.exit_code == 0, result.stderr
    images = gallery_images(folder / "review.html")
    assert len(images) == 9
    for image in images:
        again = imagecli(*shlex.split(image["command"])[1:])
        assert again.exit_code == 0, again.stderr
        if image["name"] != "both-2.png":
            assert again.paths[0].read_bytes() == (folder / image["id"]).read_bytes(), image["command"]


@pytest.mark.usefixtures("rows")
def test_a_check_writes_it_without_a_request_and_marks_what_is_missing(imagecli: Run, folder: Path) -> None:
    imagecli("batch", "assets.jsonl", *SANDBOX, "--only", "cat.png")
    result = imagecli("batch", "assets.jsonl", *SANDBOX, "--check", "--gallery", "review/", "--json")
    assert result.exit_code == 10
    summary = json.loads(result.stdout.splitlines()[-1])["summary"]
    assert summary["gallery"] == str(folder / "review" / "index.html")
    cat, night = gallery_images(folder / "review" / "index.html")
    assert (cat["state"], night["state"]) == ("", "missing")
    assert (night["thumb"], night["cost"]) == (None, None)
    assert not (folder / "art" / "night.png").exists()


@pytest.mark.usefixtures("rows")
def test_an_image_whose_row_has_changed_is_out_of_date(imagecli: Run, folder: Path) -> None:
    imagecli("batch", "assets.jsonl", *SANDBOX)
    manifest(folder, {**ROWS[0], "prompt": "a dog"}, ROWS[1])
    imagecli("batch", "assets.jsonl", *SANDBOX, "--check", "--gallery", "review.html")
    assert [image["state"] for image in gallery_images(folder / "review.html")] == ["out of date", ""]


@pytest.mark.usefixtures("rows")
def test_a_folder_is_complete_on_another_machine(imagecli: Run, folder: Path, tmp_path: Path) -> None:
    imagecli("batch", "assets.jsonl", *SANDBOX, "--gallery", "review/")
    moved = Path(shutil.move(folder / "review", tmp_path / "artifact"))
    for image in gallery_images(moved / "index.html"):
        assert (moved / image["file"]).read_bytes() == (folder / image["id"]).read_bytes()
        assert (moved / image["thumb"]).exists()
    assert str(folder) not in (moved / "index.html").read_text("utf-8")


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--gallery", "review.txt"), "neither an HTML file nor a folder"),
        (("--gallery", "photo.png/index.html"), "can't save to photo.png"),
        (("--gallery", "mine.html"), "mine.html exists and does not belong to an earlier gallery"),
        (("--gallery", "review.html", "--dry-run"), "--gallery and --dry-run can't be combined"),
        (("--gallery", "review.html", "--prune"), "--gallery and --prune can't be combined"),
    ],
)
def test_a_gallery_that_can_t_be_written_is_refused_before_anything_is_sent(
    imagecli: Run, folder: Path, options: tuple[str, ...], message: str
) -> None:
    (folder / "mine.html").write_text("mine")
    result = imagecli("batch", "assets.jsonl", *SANDBOX, *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (folder / "art").exists()
    assert (folder / "mine.html").read_text() == "mine"


@pytest.mark.usefixtures("rows")
def test_images_are_reported_as_saved_if_only_the_gallery_fails(imagecli: Run, folder: Path) -> None:
    review = folder / "review"
    imagecli("batch", "assets.jsonl", *SANDBOX, "--only", "cat.png", "--gallery", "review/")
    (review / "thumbnails").chmod(0o500)
    with file_permissions_enforced():
        result = imagecli("batch", "assets.jsonl", *SANDBOX, "--gallery", "review/", "--json")
    assert result.exit_code == 8
    *_, night, summary = map(json.loads, result.stdout.splitlines())
    assert night["images"][0]["path"].endswith("night.png")
    assert (summary["exit_code"], summary["errors"][0]["code"]) == (8, "disk")
    assert "the gallery was not written" in result.stderr
    assert imagecli("batch", "assets.jsonl", *SANDBOX, "--check").exit_code == 0


@pytest.mark.usefixtures("rows")
def test_a_link_out_of_the_folder_is_not_shown(imagecli: Run, folder: Path, tmp_path: Path) -> None:
    imagecli("batch", "assets.jsonl", *SANDBOX)
    secret = photo(tmp_path / "secret.png", 32, 32)
    (folder / "art" / "cat.png").unlink()
    (folder / "art" / "cat.png").symlink_to(secret)
    imagecli("batch", "assets.jsonl", *SANDBOX, "--check", "--gallery", "review/")
    if (folder / "review" / "index.html").exists():
        assert gallery_images(folder / "review" / "index.html")[0]["thumb"] is None
    assert not list(folder.glob("review/images/*secret*"))


@pytest.mark.usefixtures("folder")
def test_several_files_of_one_image_divide_its_cost(imagecli: Run, folder: Path) -> None:
    manifest(folder, {"prompt": "a bell", "outputs": ["bell.png", {"output": "bell-64.png", "fit": "64x64"}]})
    imagecli("batch", "assets.jsonl", *SANDBOX, "--gallery", "review.html")
    large, small = gallery_images(folder / "review.html")
    assert (small["width"], small["height"]) == (64, 64)
    assert small["command"].endswith("--fit 64x64")
    assert "--fit" not in large["command"]
