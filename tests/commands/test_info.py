"""`imagecli info`, from the command line to its lines and JSON."""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import Run, photo
from tests.images.sample_images import png_of, saved, scene
from tests.images.test_describe_image import camera_exif

SANDBOX = ("--provider", "sandbox")
SIGNED = Path(__file__).parents[1] / "data" / "c2pa"


def facts(text: str) -> dict[str, str]:
    """The `key: value` lines of one file."""
    return dict(line.split(": ", 1) for line in text.splitlines() if line)


def test_a_pipe_gets_one_fact_per_line(imagecli: Run, folder: Path) -> None:
    image = scene(60, 40, "RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 30, 20))
    (folder / "cut.png").write_bytes(saved(image))
    result = imagecli("info", "cut.png")
    assert (result.exit_code, result.stderr) == (0, "")
    printed_facts = facts(result.stdout)
    assert printed_facts["file"] == "cut.png"
    assert (printed_facts["format"], printed_facts["size"]) == ("PNG", "60x40 pixels")
    assert printed_facts["color"] == "RGB, 8 bits per channel, no color profile"
    assert printed_facts["transparency"] == "25% of the pixels"
    assert (printed_facts["c2pa"], printed_facts["iptc"]) == ("no manifest", "no digital source type")
    assert printed_facts["made by"].startswith("unknown; no sidecar")
    assert len(printed_facts["sha256"]) == 64


@pytest.mark.parametrize("format", ["png", "jpeg", "webp", "gif", "svg", "avif", "heic", "tiff"])
def test_content_credentials_are_reported_and_not_trusted(imagecli: Run, folder: Path, format: str) -> None:
    shutil.copy(SIGNED / f"signed.{format}", folder)
    assert "c2pa: has a manifest, which imagecli does not verify" in imagecli("info", f"signed.{format}").stdout
    (image,) = imagecli("info", f"signed.{format}", "--json").json["images"]
    assert (image["has_c2pa"], image["c2pa_source_types"]) == (True, ["trainedAlgorithmicMedia"])


def test_a_fitted_image_has_the_term_of_iptc(imagecli: Run, folder: Path) -> None:
    photo(folder / "in.jpg")
    assert imagecli("edit", "in.jpg", "at night", "-o", "out.png", "--fit", "64x64", *SANDBOX).exit_code == 0
    printed_facts = facts(imagecli("info", "out.png").stdout)
    assert printed_facts["iptc"] == "compositeWithTrainedAlgorithmicMedia (edited by a model)"
    original = facts(imagecli("info", "out.orig.png").stdout)
    assert original["iptc"] == "no digital source type"
    assert original["made by"] == printed_facts["made by"]


def test_a_place_and_a_rotation_are_reported(imagecli: Run, folder: Path) -> None:
    (folder / "photo.jpg").write_bytes(saved(scene(60, 40), "JPEG", exif=camera_exif()))
    result = imagecli("info", "photo.jpg")
    printed_facts = facts(result.stdout)
    assert printed_facts["size"] == "40x60 pixels"
    assert printed_facts["rotation"].startswith("EXIF orientation 6")
    assert printed_facts["location"].startswith("yes")
    assert printed_facts["camera"] == "Canon EOS R5, GIMP\\x1b[2J, 2026-05-01T10:11:12"
    assert "\x1b" not in result.stdout + imagecli("info", "photo.jpg", "--json").stdout


def test_a_failing_file_changes_only_the_exit_code(imagecli: Run, folder: Path) -> None:
    (folder / "a.png").write_bytes(saved(scene()))
    (folder / "page.png").write_bytes(b"<html>")
    (folder / "b.gif").write_bytes(saved(scene(), "GIF"))
    result = imagecli("info", "a.png", "page.png", "missing.png", "b.gif")
    assert result.exit_code == 2
    assert [line for line in result.stdout.splitlines() if line.startswith("file: ")] == ["file: a.png", "file: b.gif"]
    assert "page.png is an HTML page; expected an image" in result.stderr
    assert "missing.png does not exist" in result.stderr
    report = imagecli("info", "a.png", "page.png", "missing.png", "b.gif", "--json").json
    assert [Path(image["path"]).name for image in report["images"]] == ["a.png", "b.gif"]
    assert (report["status"], report["exit_code"], len(report["errors"])) == ("failed", 2, 2)


def test_a_truncated_image_is_described_and_is_an_error(imagecli: Run, folder: Path) -> None:
    (folder / "a.png").write_bytes(saved(scene())[:-20])
    result = imagecli("info", "a.png")
    assert result.exit_code == 2
    assert facts(result.stdout)["damaged"] == "PNG ends in the middle of its IDAT chunk"
    assert (
        result.stderr.splitlines()[0] == "imagecli: error: a.png is damaged: PNG ends in the middle of its IDAT chunk"
    )
    report = imagecli("info", "a.png", "--json").json
    assert report["images"][0]["problem"] == "PNG ends in the middle of its IDAT chunk"
    assert report["errors"][0]["code"] == "input_image"


def test_stdin_is_described(imagecli: Run) -> None:
    result = imagecli("info", "-", stdin=saved(scene(), "WEBP"))
    assert (result.exit_code, facts(result.stdout)["file"]) == (0, "stdin")
    assert imagecli("info", "-", "--json", stdin=saved(scene())).json["images"][0]["path"] is None
    assert imagecli("info", "-", "-").exit_code == 2
    assert "stdin is empty" in imagecli("info", "-").stderr


def test_a_pipe_is_read_and_a_folder_is_refused(imagecli: Run, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    data = saved(scene())
    writer = threading.Thread(target=(folder / "pipe").write_bytes, args=(data,))
    writer.start()
    assert facts(imagecli("info", "pipe").stdout)["size"] == "60x40 pixels"
    writer.join()
    for name in (".", "/dev/null"):
        result = imagecli("info", name)
        assert (result.exit_code, "not a file" in result.stderr) == (2, True)


def test_an_image_with_too_many_pixels_is_described_from_its_header(imagecli: Run, folder: Path) -> None:
    (folder / "bomb.png").write_bytes(png_of((90_000, 90_000, 8, 2, 0, 0, 0), b""))
    printed_facts = facts(imagecli("info", "bomb.png").stdout)
    assert printed_facts["size"] == "90000x90000 pixels"
    assert printed_facts["color"] == "not read; the image has too many pixels to be decoded"
    assert imagecli("info", "bomb.png", "--json").json["images"][0]["has_alpha"] is None


def test_an_image_is_found_in_the_history_wherever_it_is_now(imagecli: Run, folder: Path, tmp_path: Path) -> None:
    photo(folder / "in.jpg")
    assert imagecli("edit", "in.jpg", "at night", "-o", "out.png", "--quality", "low", *SANDBOX).exit_code == 0
    moved = (folder / "out.png").rename(tmp_path / "moved.png")
    printed_facts = facts(imagecli("info", moved).stdout)
    assert printed_facts["made by"] == "gpt-image-2 at sandbox, imagecli edit"
    assert (printed_facts["prompt"], printed_facts["inputs"]) == ("at night", "in.jpg")
    assert printed_facts["cost"] == "free"
    assert printed_facts["source"].startswith("history @")
    (image,) = imagecli("info", "-", "--json", stdin=moved.read_bytes()).json["images"]
    assert image["creation"]["found_in"] == "history"
    assert image["creation"]["options"] == {"quality": "low", "output_format": "png"}
    assert image["creation"]["inputs"][0]["name"] == "in.jpg"
    moved.rename(folder / "out.png")
    assert facts(imagecli("info", "@last").stdout)["file"] == "out.png"


def test_a_history_that_can_not_be_read_is_a_warning(imagecli: Run, folder: Path, state: Path) -> None:
    (folder / "a.png").write_bytes(saved(scene()))
    (state / "history.db").mkdir(parents=True)
    result = imagecli("info", "a.png", "a.png")
    assert result.exit_code == 0
    assert "made by: unknown" in result.stdout
    assert result.stderr.startswith("imagecli: warning: can't use ") and len(result.stderr.splitlines()) == 1
    assert imagecli("info", "a.png", "a.png", "--json").json["warnings"][0]["code"] == "history"


def test_the_row_of_a_manifest_is_found_in_its_journal(imagecli: Run, folder: Path) -> None:
    rows = [{"prompt": "a cat", "output": "icons/cat.png", "fit": "32x32"}]
    (folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert imagecli("batch", "rows.jsonl", *SANDBOX, env={"IMAGECLI_HISTORY": "false"}).exit_code == 0
    for name in ("icons/cat.png", "icons/cat.orig.png"):
        (image,) = imagecli("info", name, "--json").json["images"]
        creation = image["creation"]
        assert (creation["found_in"], creation["provider"]) == ("journal", "sandbox")
        assert creation["item"] and Path(creation["source"]).name == "rows.journal.jsonl"
    Image.open("icons/cat.png").resize((16, 16)).save("icons/cat.png")
    assert imagecli("info", "icons/cat.png", "--json").json["images"][0]["creation"] is None


def test_a_hostile_journal_is_not_read(imagecli: Run, folder: Path) -> None:
    (folder / "a.png").write_bytes(saved(scene()))
    os.mkfifo(folder / "x.journal.jsonl")
    (folder / "y.journal.jsonl").symlink_to("/dev/zero")
    (folder / "z.journal.jsonl").write_bytes(b"\xff{" * 1000)
    result = imagecli("info", "a.png")
    assert (result.exit_code, result.stderr) == (0, "")


def test_a_terminal_gets_aligned_lines(imagecli: Run, folder: Path) -> None:
    (folder / "a.png").write_bytes(saved(scene()))
    lines = imagecli("info", "a.png", tty=("stdout",)).stdout.splitlines()
    assert lines[0] == "a.png"
    assert all(line.startswith("  ") and len(line) <= 79 for line in lines[1:])
    assert len({len(line) - len(line[2:].partition("  ")[2].lstrip()) for line in lines[1:4]}) == 1
