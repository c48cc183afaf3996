"""`imagecli mask`, and masks without a file on edit and in manifests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from tests.conftest import Run, mask_for, photo, read_image
from tests.images.sample_images import exif

SANDBOX = ("--provider", "sandbox")


def clear_area(path: Path | str) -> Image.Image:
    """255 where the mask at *path* has alpha 0, else 0."""
    return read_image(path).getchannel("A").point([255] + [0] * 255)


@pytest.fixture
def inputs(folder: Path) -> Path:
    """in.png of 320x200: white with a red box, which has a hole."""
    image = Image.new("RGB", (320, 200), "white")
    image.paste((200, 30, 30), (100, 50, 200, 150))
    image.paste((255, 255, 255), (140, 90, 160, 110))
    image.save(folder / "in.png")
    return folder


def test_a_mask_gets_the_name_of_its_image_and_the_share_is_printed(imagecli: Run, inputs: Path) -> None:
    result = imagecli("mask", "in.png", "--rect", "32,20,160,100")
    assert (result.exit_code, result.stdout) == (0, "in-mask.png\n")
    assert result.stderr == "imagecli: note: 25.0% of the image may change\n"
    mask = read_image(inputs / "in-mask.png")
    assert (mask.format, mask.mode, mask.size) == ("PNG", "RGBA", (320, 200))
    assert clear_area("in-mask.png").getbbox() == (32, 20, 192, 120)
    assert (mask.getpixel((40, 40)), mask.getpixel((0, 0))) == ((255, 255, 255, 0), (0, 0, 0, 255))
    assert imagecli("mask", "in.png", "--rect", "0,0,9,9").stdout == "in-mask_2.png\n"


@pytest.mark.parametrize(
    ("options", "box", "share"),
    [
        ("--rect 10%,10%,50%,50%", (32, 20, 192, 120), 0.25),
        ("--rect 0,0,10,10 --rect 310,190,10,10", (0, 0, 320, 200), 200 / 64_000),
        ("--flood 0,0", (0, 0, 320, 200), 54_000 / 64_000),
        ("--flood 150,100", (140, 90, 160, 110), 400 / 64_000),
        ("--select-color white", (0, 0, 320, 200), 54_400 / 64_000),
        ("--select-color #c81e1e --tolerance 0", (100, 50, 200, 150), 9_600 / 64_000),
        ("--flood 0,0 --invert", (100, 50, 200, 150), 10_000 / 64_000),
        ("--flood 0,0 --invert --grow 10", (90, 40, 210, 160), None),
        ("--flood 0,0 --invert --grow -10", (110, 60, 190, 140), None),
        ("--rect 0,0,100,100 --invert --rect 20,20,10,10", (0, 0, 320, 200), (64_000 - 10_000 + 100) / 64_000),
        ("--rect 0,0,100,100 --rect 20,20,10,10 --invert", (0, 0, 320, 200), (64_000 - 10_000) / 64_000),
        ("--rect 0,0,100,100 --invert --ellipse 0,0,9,9 --invert", (0, 0, 100, 100), None),
        ("--alpha cut.png", (0, 0, 320, 200), 0.5),
        ("--from bw.png", (80, 50, 160, 150), 0.125),
        ("--from bw.png --white-is keep", (0, 0, 320, 200), 0.875),
        ("--from alpha.png", (10, 10, 50, 50), 0.025),
    ],
)
def test_the_options_are_applied_in_their_order(
    imagecli: Run, inputs: Path, options: str, box: tuple[int, int, int, int], share: float | None
) -> None:
    cut = Image.new("RGBA", (320, 200), (9, 9, 9, 255))
    cut.paste((0, 0, 0, 0), (0, 0, 80, 200))
    cut.paste((0, 0, 0, 0), (240, 0, 320, 200))
    cut.save("cut.png")
    white = Image.new("L", (320, 200))
    white.paste(255, (80, 50, 160, 150))
    white.save("bw.png")
    mask_for(inputs / "alpha.png", 320, 200, (10, 10, 50, 50))
    result = imagecli("mask", "in.png", *options.split(), "--json")
    assert result.exit_code == 0, result.stdout
    assert clear_area(result.json["images"][0]["path"]).getbbox() == box
    if share is not None:
        assert result.json["coverage"] == pytest.approx(share, abs=1e-6)


def test_the_order_across_options_counts(imagecli: Run, inputs: Path) -> None:
    outside = imagecli("mask", "in.png", "--rect", "0,0,100,100", "--invert", "-o", "a.png")
    all_of_it = imagecli("mask", "in.png", "--invert", "--rect", "0,0,100,100", "-o", "b.png")
    assert "84.4% of the image" in outside.stderr
    assert "warning: the mask covers the complete image" in all_of_it.stderr
    assert (outside.exit_code, all_of_it.exit_code) == (0, 0)


def test_coordinates_are_those_of_the_rotated_photo(imagecli: Run, folder: Path) -> None:
    stored = Image.new("RGB", (200, 320), "white")
    stored.paste((200, 30, 30), (0, 300, 20, 320))
    stored.save(folder / "turned.jpg", exif=exif(6), quality=95)
    result = imagecli("mask", "turned.jpg", "--flood", "2,2", "-o", "flood.png")
    assert result.exit_code == 0, result.stderr
    assert read_image("flood.png").size == (320, 200)
    box = clear_area("flood.png").getbbox()
    assert box and max(abs(one - other) for one, other in zip(box, (0, 0, 20, 20), strict=True)) <= 2


def test_a_feathered_mask_is_sent_byte_for_byte(imagecli: Run, inputs: Path) -> None:
    imagecli("mask", "in.png", "--ellipse", "60,20,200,160", "--feather", "30")
    alpha = read_image("in-mask.png").getchannel("A")
    assert any(alpha.histogram()[16:255]) and not any(alpha.histogram()[1:16])
    result = imagecli("edit", "in.png", "a boat", "--mask", "in-mask.png", *SANDBOX)
    assert result.exit_code == 0, result.stderr
    assert "in-mask.png: " in result.stderr and "redrawn" not in result.stderr and "alpha below" not in result.stderr


def test_a_mask_goes_through_a_pipe(imagecli: Run, inputs: Path) -> None:
    mask = imagecli("mask", "-", "--rect", "0,0,50%,100%", "-o", "-", stdin=(inputs / "in.png").read_bytes())
    assert mask.exit_code == 0 and mask.raw_stdout.startswith(b"\x89PNG")
    result = imagecli("edit", "in.png", "a boat", "--mask", "-", *SANDBOX, stdin=mask.raw_stdout)
    assert result.exit_code == 0, result.stderr
    assert "50.0% of the image may change" in result.stderr


@pytest.mark.parametrize(
    ("rule", "path"), [("skip", "in-mask.png"), ("overwrite", "in-mask.png"), ("number", "in-mask_2.png")]
)
def test_an_existing_file_is_handled_as_in_other_commands(imagecli: Run, inputs: Path, rule: str, path: str) -> None:
    mask_for(inputs / "in-mask.png", 320, 200, (0, 0, 9, 9))
    before = (inputs / "in-mask.png").read_bytes()
    result = imagecli("mask", "in.png", "--rect", "0,0,50,50", "--if-exists", rule)
    assert (result.exit_code, result.stdout) == (0, f"{path}\n")
    assert ((inputs / "in-mask.png").read_bytes() == before) == (rule != "overwrite")
    assert imagecli("mask", "in.png", "--rect", "0,0,5,5", "-o", "in-mask.png").exit_code == 2


def test_json_has_path_coverage_and_notes(imagecli: Run, inputs: Path) -> None:
    document = imagecli("mask", "in.png", "--rect", "300,0,100,20", "-o", "masks/", "--json").json
    assert (document["command"], document["status"], document["exit_code"]) == ("mask", "ok", 0)
    assert document["images"][0]["path"] == str(inputs / "masks" / "in-mask.png")
    assert (document["images"][0]["width"], document["images"][0]["height"]) == (320, 200)
    assert document["coverage"] == 0.00625
    assert [warning["code"] for warning in document["warnings"]] == ["mask_clipped", "mask_coverage"]
    assert document["requests"] == [] and document["cost"]["actual_usd"] is None


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ([], "no area: use at least one of --rect", "imagecli mask in.png --rect 10%,10%,50%,50%"),
        (["--invert"], "no area", "imagecli help masks"),
        (["--rect", "1,2,3"], "--rect: '1,2,3' is not X,Y,WIDTH,HEIGHT", "10%,10%,50%,50%"),
        (["--rect", "400,0,9,9"], "its area is empty", "position"),
        (["--flood", "320,0"], "--flood 320,0 is outside in.png, which is 320x200", "0,0"),
        (["--flood", "x"], "--flood: 'x' is not X,Y", "for example"),
        (["--select-color", "nocolor"], "'nocolor' is not a color", "#0f0"),
        (["--select-color", "#00f", "--tolerance", "3"], "its area is empty", "--tolerance"),
        (["--alpha", "self"], "in.png has no transparent pixels", "cut-out"),
        (["--alpha", "small.png"], "small.png is 100x80, but in.png is 320x200", "scale small.png"),
        (["--from", "in.png"], "in.png is a color image, not a mask", "--select-color"),
        (["--rect", "0,0,9,9", "--white-is", "keep"], "--white-is requires --from", ""),
        (["--rect", "0,0,9,9", "--feather", "2", "--grow", "2"], "--grow after --feather", "put --feather after"),
        (["--rect", "0,0,9,9", "-o", "x.jpg"], "masks are PNG files", "-o x.png"),
        (["--rect", "0,0,9,9", "--grow", "-20"], "its area is empty", ""),
        (["--from", "missing.png"], "missing.png does not exist", ""),
    ],
)  # fmt: skip
def test_invalid_options_create_no_mask(
    imagecli: Run, inputs: Path, options: list[str], message: str, hint: str
) -> None:
    mask_for(inputs / "small.png", 100, 80, (0, 0, 9, 9))
    before = sorted(inputs.iterdir())
    result = imagecli("mask", "in.png", *options)
    assert (result.exit_code, result.stdout) == (2, ""), result.stderr
    error, way_out = result.stderr.splitlines()[-2:]
    assert message in error and hint in way_out
    assert sorted(inputs.iterdir()) == before


# --- without a file --------------------------------------------------------------------------------------------------


def changed_box(before: str, after: Path) -> tuple[int, int, int, int] | None:
    return ImageChops.difference(read_image(before).convert("RGB"), read_image(after).convert("RGB")).getbbox()


def test_edit_changes_only_the_rectangle(imagecli: Run, inputs: Path) -> None:
    result = imagecli("edit", "in.png", "a boat", "--mask-rect", "10%,10%,50%,50%", *SANDBOX)
    assert result.exit_code == 0, result.stderr
    assert "note: the mask: 25.0% of the image may change" in result.stderr
    box = changed_box("in.png", result.paths[0])
    assert box and box[0] >= 32 and box[1] >= 20 and box[2] <= 192 and box[3] <= 120


@pytest.mark.parametrize(
    ("options", "note"),
    [
        (["--mask-ellipse", "0,0,100%,100%"], "78.5% of the image may change; add --mask-invert to edit the rest"),
        (["--mask-rect", "0,0,20,20", "--mask-invert"], "99.4% of the image may change; omit --mask-invert"),
        (["--mask-rect", "0,0,100%,100%"], "warning: the mask covers the complete image: all of it may change"),
        (["--mask-rect", "0,0,400,50"], "rect 0,0,400,50 clipped to the image"),
        (["--mask", "bw.png"], "bw.png: white is edited and black is kept; --mask-invert swaps them"),
        (["--mask", "bw.png", "--mask-invert"], "bw.png: 87.5% of the image may change; omit --mask-invert"),
        (["--mask", "half.png", "--mask-fit"], "--mask-invert swaps them, scaled to 320x200"),
    ],
)  # fmt: skip
def test_the_coverage_of_a_mask_is_noted_before_the_request(
    imagecli: Run, inputs: Path, options: list[str], note: str
) -> None:
    white = Image.new("L", (320, 200))
    white.paste(255, (80, 50, 160, 150))
    white.save("bw.png")
    white.resize((160, 100)).save("half.png")
    result = imagecli("edit", "in.png", "a boat", *options, "--dry-run", *SANDBOX)
    assert result.exit_code == 0, result.stderr
    assert note in result.stderr


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        (["--mask-rect", "400,0,9,9"], "its shapes cover no pixel", "position"),
        (["--mask-rect", "1,2"], "--mask-rect: '1,2' is not X,Y,WIDTH,HEIGHT", "for example"),
        (["--mask-invert"], "--mask-invert requires a mask", "--mask-rect"),
        (["--mask-fit"], "--mask-fit requires a mask file", "--mask FILE"),
        (["--mask-rect", "0,0,100%,100%", "--mask-invert"], "cover", ""),
    ],
)
def test_a_mask_that_changes_nothing_is_refused_before_anything_is_sent(
    imagecli: Run, inputs: Path, options: list[str], message: str, hint: str
) -> None:
    result = imagecli("edit", "in.png", "a boat", *options, "--base-url", "http://127.0.0.1:1/v1")
    assert (result.exit_code, result.stdout) == (2, ""), result.stderr
    assert message in result.stderr and hint in result.stderr


def test_a_provider_without_soft_edges_gets_none(imagecli: Run, inputs: Path) -> None:
    imagecli("mask", "in.png", "--ellipse", "60,20,200,160", "--feather", "30")
    where = ("--provider", "xinference", "-m", "any", "--dry-run")
    result = imagecli("edit", "in.png", "a boat", "--mask", "in-mask.png", *where)
    assert result.exit_code == 0, result.stderr
    assert "in-mask.png: soft edges made hard at 50%" in result.stderr


# --- manifests -------------------------------------------------------------------------------------------------------


def test_rows_have_fields_with_the_same_names(imagecli: Run, inputs: Path) -> None:
    rows: list[dict[str, object]] = [
        {"mask_rect": "10%,10%,50%,50%", "output": "a.png"},
        {"mask_ellipse": ["0,0,50,50", "100,100,50,50"], "mask_invert": True, "output": "b.png"},
        {"mask": "half.png", "mask_fit": True, "output": "c.png"},
    ]
    white = Image.new("L", (160, 100))
    white.paste(255, (40, 25, 80, 75))
    white.save("half.png")
    lines = [json.dumps({"command": "edit", "image": "in.png", "prompt": "a boat", **row}) for row in rows]
    Path("m.jsonl").write_text("\n".join(lines))
    result = imagecli("batch", "m.jsonl", *SANDBOX)
    assert result.exit_code == 0, result.stderr
    box = changed_box("in.png", Path("a.png"))
    assert box and box[0] >= 32 and box[1] >= 20 and box[2] <= 192 and box[3] <= 120
    box = changed_box("in.png", Path("c.png"))
    assert box and box[0] >= 80 and box[1] >= 50 and box[2] <= 160 and box[3] <= 150
    assert imagecli("batch", "m.jsonl", *SANDBOX, "--check").exit_code == 0
    Path("m.jsonl").write_text("\n".join(lines).replace("10%,10%", "20%,10%"))
    again = imagecli("batch", "m.jsonl", *SANDBOX, "--check")
    assert again.exit_code == 10 and "a.png" in again.stdout + again.stderr


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"mask_rect": "1,2"}, "mask_rect: '1,2' is not X,Y,WIDTH,HEIGHT"),
        ({"mask_invert": True}, "mask_invert requires a mask"),
        ({"mask_fit": True, "mask_rect": "0,0,9,9"}, "mask_fit requires a mask file"),
        ({"mask_rect": "900,0,9,9"}, "its shapes cover no pixel"),
    ],
)
def test_a_wrong_mask_in_a_row_is_an_error_of_its_line(
    imagecli: Run, inputs: Path, fields: dict[str, object], message: str
) -> None:
    Path("m.jsonl").write_text(json.dumps({"command": "edit", "image": "in.png", "prompt": "a boat", **fields}))
    result = imagecli("batch", "m.jsonl", *SANDBOX)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_cell_of_a_table_holds_a_rectangle(imagecli: Run, inputs: Path) -> None:
    Path("m.csv").write_text('command,image,prompt,output,mask_rect\nedit,in.png,a boat,a.png,"10%,10%,50%,50%"\n')
    result = imagecli("batch", "m.csv", *SANDBOX)
    assert result.exit_code == 0, result.stderr
    assert "25.0% of the image may change" in result.stderr


def test_a_photo_of_a_phone_is_edited_as_displayed(imagecli: Run, folder: Path) -> None:
    photo(folder / "p.jpg", 300, 400, exif=exif(6))
    result = imagecli("edit", "p.jpg", "a boat", "--mask-rect", "0,0,50%,50%", *SANDBOX, "-o", "out.png")
    assert result.exit_code == 0, result.stderr
    assert read_image("out.png").size == (400, 300)
