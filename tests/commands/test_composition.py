"""`edit` with --keep-outside, --crop-to-mask and --extend: what is sent, what is saved, and what is refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageFilter, ImageOps
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.conftest import Run, mask_for, photo, read_image
from tests.images.sample_images import exif, opened, saved, scene

SANDBOX = ("--provider", "sandbox")
QUICK = ("--provider", "sandbox", "-m", "dall-e-2", "-s", "256x256")
"""The smallest image that a model of the sandbox creates."""
RECT = ("--mask-rect", "100,50,80,60")
HOLE = (100, 50, 180, 110)


def outside_is_equal(before: Image.Image, after: Image.Image, hole: tuple[int, int, int, int]) -> bool:
    """Whether the images differ, and only inside *hole*."""
    changed = ImageChops.difference(before.convert("RGB"), after.convert("RGB"))
    is_edited = changed.getbbox() is not None
    changed.paste((0, 0, 0), hole)
    return is_edited and changed.getbbox() is None


class Server:
    """Responds to edits with one image, and records the requests."""

    def __init__(self, httpserver: HTTPServer, image: bytes) -> None:
        self.image = image
        self.forms: list[dict[str, str]] = []
        self.files: list[list[tuple[str, bytes]]] = []
        httpserver.expect_request("/v1/images/edits", method="POST").respond_with_handler(self.respond)
        self.options = ("--provider", "vllm-omni", "--base-url", httpserver.url_for("/v1"), "-m", "flux")

    def respond(self, request: Request) -> Response:
        self.forms.append(dict(request.form))
        self.files.append([(name, file.read()) for name, file in request.files.items(multi=True)])
        body = {"created": 1, "data": [{"b64_json": base64.b64encode(self.image).decode()}]}
        return Response(json.dumps(body), content_type="application/json")


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--keep-outside", "--crop-to-mask"])
@pytest.mark.parametrize("model", ["gpt-image-2", "gpt-image-1", "dall-e-2"])
def test_the_result_has_the_size_of_the_original_and_its_pixels(
    imagecli: Run, folder: Path, option: str, model: str
) -> None:
    photo(folder / "in.jpg", 320, 200, exif=exif(6))
    result = imagecli("edit", "in.jpg", "a cat", *RECT, option, "-m", model, *SANDBOX)
    assert result.exit_code == 0, result.stderr
    before = ImageOps.exif_transpose(read_image("in.jpg"))
    assert before is not None
    after = read_image(result.paths[0])
    assert (after.size, after.format) == ((200, 320), "PNG")
    assert outside_is_equal(before, after, HOLE)
    assert "was composed with in.jpg, outside the mask the model had changed nothing visible" in result.stderr
    assert (folder / "in-a-cat.orig.png").exists()


def test_changes_outside_the_mask_are_reported_and_restored(
    imagecli: Run, folder: Path, httpserver: HTTPServer
) -> None:
    photo(folder / "in.png")
    server = Server(httpserver, saved(Image.new("RGB", (320, 200), (200, 30, 180))))
    result = imagecli("edit", "in.png", "a cat", *RECT, "--keep-outside", *server.options)
    assert result.exit_code == 0, result.stderr
    assert outside_is_equal(read_image("in.png"), read_image(result.paths[0]), HOLE)
    assert "the model had changed 100% of the area outside the mask, which is restored" in result.stderr
    assert "may have ignored the mask" not in result.stderr
    assert read_image("in-a-cat.orig.png").getpixel((0, 0)) == (200, 30, 180)


@pytest.mark.slow
def test_only_the_region_is_sent_and_dry_run_shows_its_size(imagecli: Run, folder: Path) -> None:
    photo(folder / "in.jpg", 3000, 2000)
    arguments = ("edit", "in.jpg", "a cat", "--mask-rect", "2500,100,400,300", "--crop-to-mask", *SANDBOX)
    result = imagecli(*arguments, "--dry-run", "--json")
    (request,) = result.json["requests"]
    # 400x300 with half of it around it is 800x600, but ends at the border; enlarged to the smallest legal size.
    assert request["body"]["size"] == "912x720"
    assert "in.jpg: requesting 912x720" in result.stderr
    padded = imagecli(*arguments, "--crop-padding", "600", "--dry-run", "--json").json["requests"][0]
    assert padded["body"]["size"] == "1104x1008"
    typed = imagecli(*arguments, "-s", "1024x1024", "--dry-run", "--json").json["requests"][0]
    assert typed["body"]["size"] == "1024x1024"


@pytest.mark.slow
def test_the_price_is_that_of_the_size_that_is_requested(imagecli: Run, folder: Path) -> None:
    photo(folder / "in.jpg", 3000, 2000)
    arguments = ("edit", "in.jpg", "a cat", "--quality", "high", "-m", "gpt-image-2", "--dry-run", "--json", *RECT)
    cost = imagecli(*arguments, "--keep-outside", env={"OPENAI_API_KEY": "sk-1"}).json["cost"]
    same = imagecli(*arguments, "-s", "2336x1552", env={"OPENAI_API_KEY": "sk-1"}).json["cost"]
    assert cost == same
    assert cost["estimated_usd"]


def test_a_jpeg_name_gets_a_jpeg_of_a_png_response(imagecli: Run, folder: Path) -> None:
    photo(folder / "in.jpg")
    result = imagecli("edit", "in.jpg", "a cat", *RECT, "--keep-outside", "-o", "out.jpg", *QUICK)
    assert result.exit_code == 0, result.stderr
    assert read_image("out.jpg").format == "JPEG"
    assert read_image("out.orig.png").format == "PNG"
    difference = ImageChops.difference(read_image("in.jpg"), read_image("out.jpg")).convert("L")
    difference.paste(0, (92, 42, 188, 118))
    assert difference.getextrema()[1] <= 12  # type: ignore[operator]


def test_further_inputs_are_sent_complete_and_the_prompt_is_the_users(
    imagecli: Run, folder: Path, httpserver: HTTPServer
) -> None:
    photo(folder / "in.jpg", 1200, 900)
    photo(folder / "other.png", 64, 48)
    server = Server(httpserver, saved(Image.new("RGB", (816, 816))))
    result = imagecli(
        "edit", "in.jpg", "a cat", "--image", "other.png", *RECT, "--crop-to-mask", "-s", "816x816", *server.options
    )
    assert result.exit_code == 0, result.stderr
    assert [opened(data).size for _, data in server.files[0]] == [(816, 816), (64, 48), (816, 816)]
    assert server.forms[0]["prompt"] == "a cat"
    assert "the model sees" in result.stderr


@pytest.mark.parametrize("name", ["-", "pipe"])
def test_an_original_from_stdin_or_to_stdout(imagecli: Run, folder: Path, name: str) -> None:
    data = photo(folder / "in.png").read_bytes()
    source = "-" if name == "-" else "in.png"
    stdin = data if name == "-" else b""
    result = imagecli("edit", source, "a cat", *RECT, "--crop-to-mask", "-o", "-", *QUICK, stdin=stdin)
    assert result.exit_code == 0, result.stderr
    assert outside_is_equal(read_image("in.png"), opened(result.raw_stdout), HOLE)


def test_a_changed_original_keeps_the_image_as_received(imagecli: Run, folder: Path, httpserver: HTTPServer) -> None:
    photo(folder / "in.png")

    def change(request: Request) -> Response:
        photo(folder / "in.png", mode="L")
        body = {"created": 1, "data": [{"b64_json": base64.b64encode(saved(scene(320, 200))).decode()}]}
        return Response(json.dumps(body), content_type="application/json")

    httpserver.expect_request("/v1/images/edits", method="POST").respond_with_handler(change)
    where = ("--provider", "vllm-omni", "--base-url", httpserver.url_for("/v1"), "-m", "flux")
    result = imagecli("edit", "in.png", "a cat", *RECT, "--keep-outside", "-o", "out.png", *where)
    assert result.exit_code == 7
    assert "the image can't be composed with in.png: in.png has changed since the request" in result.stderr
    assert "the image is saved unchanged" in result.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["in.png", "out.orig.png"]


def test_a_result_of_another_shape_is_kept_as_received(imagecli: Run, folder: Path, httpserver: HTTPServer) -> None:
    photo(folder / "in.png")
    server = Server(httpserver, saved(scene(300, 300)))
    result = imagecli("edit", "in.png", "a cat", *RECT, "--keep-outside", "-o", "out.png", *server.options)
    assert result.exit_code == 7
    assert "it is 300x300, which has another aspect ratio than the 320x199 part that was sent" in result.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["in.png", "out.orig.png"]


def test_the_composition_is_in_the_spool_until_the_image_is_saved(
    imagecli: Run, folder: Path, state: Path, httpserver: HTTPServer
) -> None:
    """Another process, and another name for the mask: `recover` needs only the original."""
    photo(folder / "in.png")
    mask_for(folder / "mask.png", 320, 200, HOLE)
    (folder / "out").mkdir()
    server = Server(httpserver, saved(Image.new("RGB", (320, 200), (200, 30, 180))))

    def leave(request: Request) -> Response:
        (entry,) = (state / "spool").glob("*.json")
        saved_entry.append((entry.name, entry.read_bytes(), entry.stat().st_mode & 0o777))
        return server.respond(request)

    saved_entry: list[tuple[str, bytes, int]] = []
    httpserver.clear()
    httpserver.expect_request("/v1/images/edits", method="POST").respond_with_handler(leave)
    result = imagecli("edit", "in.png", "a cat", "--mask", "mask.png", "--keep-outside", "-o", "out/", *server.options)
    assert result.exit_code == 0, result.stderr
    expected = read_image(result.paths[0])
    name, description, mode = saved_entry[0]
    assert mode == 0o600
    # The same entry again, as left by a process that was killed after the response arrived.
    for path in (folder / "out").iterdir():
        path.unlink()
    (folder / "mask.png").unlink()
    spool = state / "spool"
    spool.mkdir(mode=0o700, exist_ok=True)
    (spool / name).write_bytes(description)
    body = {"created": 1, "data": [{"b64_json": base64.b64encode(server.image).decode()}]}
    (spool / name).with_suffix(".body").write_text(json.dumps(body))
    for path in spool.iterdir():
        path.chmod(0o600)
    recovered = imagecli("recover")
    assert recovered.exit_code == 0, recovered.stderr
    assert (
        ImageChops.difference(read_image(recovered.paths[0]).convert("RGB"), expected.convert("RGB")).getbbox() is None
    )
    assert not list(spool.glob("*"))


@pytest.mark.slow
def test_a_portrait_becomes_a_landscape_whose_old_area_is_untouched(imagecli: Run, folder: Path) -> None:
    photo(folder / "in.jpg", 600, 800)
    result = imagecli("edit", "in.jpg", "--extend", "16:9", *SANDBOX)
    assert result.exit_code == 0, result.stderr
    assert "using the prompt: Extend the image naturally beyond its borders" in result.stderr
    assert result.stdout == "in-extended.png\n"
    after = read_image(result.paths[0])
    assert after.size == (1423, 800)
    left = 411
    old = after.crop((left, 0, left + 600, 800))
    assert ImageChops.difference(old.convert("RGB"), read_image("in.jpg").convert("RGB")).getbbox() is None
    # The sandbox painted something into both sides.
    for side in (after.crop((0, 0, left, 800)), after.crop((left + 600, 0, 1423, 800))):
        assert side.convert("L").getextrema() != (0, 0)
        assert side.convert("RGB").filter(ImageFilter.FIND_EDGES).getbbox() is not None


def test_the_extension_of_a_template_is_kept_and_an_existing_file_is_not_requested_again(
    imagecli: Run, folder: Path
) -> None:
    photo(folder / "in.png", 60, 80)
    command = ("edit", "in.png", "--extend", "1:1", "-o", "{stem}-wide.webp", "--if-exists", "skip", *QUICK)
    planned = imagecli(*command, "--dry-run", "--json").json["requests"]
    assert [Path(path).name for request in planned for path in request["paths"]] == ["in-wide.webp"]
    first = imagecli(*command)
    assert (first.exit_code, first.stdout) == (0, "in-wide.webp\n"), first.stderr
    assert "in.png: requesting 256x256" in first.stderr
    assert read_image("in-wide.webp").format == "WEBP"
    again = imagecli(*command)
    assert again.stdout == "in-wide.webp\n"
    assert "requesting" not in again.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["in-wide.orig.png", "in-wide.webp", "in.png"]


@pytest.mark.parametrize(
    ("anchor", "left"), [("left", 0), ("right", 823), ("center", 411), ("top-left", 0), ("bottom-right", 823)]
)
def test_the_anchor_places_the_original(imagecli: Run, folder: Path, anchor: str, left: int) -> None:
    photo(folder / "in.png", 600, 800)
    result = imagecli("edit", "in.png", "a wall", "--extend", "16:9", "--anchor", anchor, "-o", "out.png", *QUICK)
    assert result.exit_code == 0, result.stderr
    inner = (10, 10, 590, 790)
    old = read_image("out.png").crop((left, 0, left + 600, 800)).crop(inner)
    assert ImageChops.difference(old.convert("RGB"), read_image("in.png").crop(inner)).getbbox() is None


def test_an_extension_is_sent_with_a_mask_of_the_added_area(
    imagecli: Run, folder: Path, httpserver: HTTPServer
) -> None:
    photo(folder / "in.png", 800, 800)
    server = Server(httpserver, saved(Image.new("RGB", (960, 800))))
    result = imagecli("edit", "in.png", "--extend", "right=20%", "-s", "960x800", *server.options)
    assert result.exit_code == 0, result.stderr
    assert server.forms[0]["prompt"] == "Extend the image naturally beyond its borders"
    mask = opened(server.files[0][-1][1])
    assert mask.size == (960, 800)
    assert mask.getpixel((0, 0)) == (0, 0, 0, 255)
    assert mask.getpixel((799, 5)) == (0, 0, 0, 255)
    assert mask.getpixel((800, 5)) == (255, 255, 255, 0)
    assert read_image(result.paths[0]).size == (960, 800)


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["--keep-outside"], "--keep-outside requires a mask", "add --mask FILE or --mask-rect"),
        (["--crop-to-mask"], "--crop-to-mask requires a mask", "add --mask FILE or --mask-rect"),
        ([*RECT, "--crop-padding", "5"], "--crop-padding requires --crop-to-mask", "add --crop-to-mask"),
        ([*RECT, "--crop-to-mask", "--crop-padding", "-5"], "'-5' is not a length", "64 or 50%"),
        (["--anchor", "left"], "--anchor requires --extend", "add --extend 16:9"),
        (["--extend", "left=5", "--anchor", "left"], "--anchor requires an aspect ratio", "omit --anchor"),
        (["--extend", "1024x768"], "neither an aspect ratio nor sides", "--extend 16:9"),
        (["--extend", "up=5"], "'up=5' is not left, top, right or bottom", "left=256"),
        (["--extend", "left=5,left=6"], "left appears twice", "left=256"),
        (["--extend", "left=0"], "adds nothing", "left=256"),
        (["--extend", "8:5"], "in.png is already 8:5 (320x200)", "left=256"),
        (["--extend", "9:1", *RECT, "--output-format", "gif"], "can't be", "--output-format png"),
        (["--extend", "16:9", "--markup", "mark.png"], "--extend can't be used with --markup", "omit one"),
        ([*RECT, "--keep-outside", "--input-size", "64x64"], "--input-size can't be used with", "use --size"),
        (["--mask", "small.png", "--keep-outside"], "small.png is 100x80, in.png is 320x200", "--mask-fit"),
        (["--mask-rect", "900,900,5,5", "--keep-outside"], "cover no pixel", "check their position"),
    ],
)
def test_invalid_combinations_are_refused_before_anything_is_sent(
    imagecli: Run, folder: Path, arguments: list[str], message: str, hint: str
) -> None:
    photo(folder / "in.png")
    mask_for(folder / "mark.png", 320, 200, HOLE)
    mask_for(folder / "small.png", 100, 80, (0, 0, 20, 20))
    result = imagecli("edit", "in.png", "a cat", *arguments, *SANDBOX)
    assert result.exit_code == 2, result.stderr
    assert message in result.stderr
    assert hint in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.count("hint:") == 1


@pytest.mark.slow
@pytest.mark.parametrize("options", [("--crop-to-mask", "--keep-outside"), ("--keep-outside",)])
def test_a_rotated_photo_of_24_megapixels_keeps_its_pixels(
    imagecli: Run, folder: Path, options: tuple[str, ...]
) -> None:
    """Outside the mask the pixels are the original's, whose size and orientation the result has."""
    grain = Image.effect_noise((1500, 1000), 60).resize((6000, 4000), Image.Resampling.BICUBIC)
    soft = Image.linear_gradient("L").resize((6000, 4000))
    image = Image.merge("RGB", (grain, soft, Image.blend(grain, soft, 0.5)))
    image.save(folder / "photo.jpg", quality=90, exif=exif(6, place=True))
    result = imagecli(
        "edit", "photo.jpg", "a barn", "--mask-rect", "30%,40%,25%,20%", *options, "-o", "out.png", *SANDBOX
    )
    assert result.exit_code == 0, result.stderr
    before = ImageOps.exif_transpose(read_image("photo.jpg"))
    assert before is not None
    after = read_image("out.png")
    assert after.size == before.size == (4000, 6000)
    assert after.getexif().get(0x0112, 1) == 1
    assert outside_is_equal(before, after, (1200, 2400, 2200, 3600))


def composition_notes(stderr: str) -> list[str]:
    return [line for line in stderr.splitlines() if "composed" in line]


def test_every_image_of_several_is_composed(imagecli: Run, folder: Path) -> None:
    photo(folder / "in.png")
    result = imagecli("edit", "in.png", "a cat", *RECT, "--keep-outside", "-n", "2", "-o", "out.png", *QUICK)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "out-1.png\nout-2.png\n"
    assert len(composition_notes(result.stderr)) == 2
    for path in result.paths:
        assert outside_is_equal(read_image("in.png"), read_image(path), HOLE)


def test_fit_applies_to_the_composed_image(imagecli: Run, folder: Path) -> None:
    photo(folder / "in.png", 600, 800)
    result = imagecli("edit", "in.png", "--extend", "16:9", "--fit", "320x180", "-o", "out.png", *QUICK)
    assert result.exit_code == 0, result.stderr
    assert read_image("out.png").size == (320, 180)
    assert any("cropped and resized to 320x180" in line for line in composition_notes(result.stderr))


def test_the_json_has_the_composed_image_and_the_note(imagecli: Run, folder: Path) -> None:
    photo(folder / "in.png")
    result = imagecli("edit", "in.png", "a cat", *RECT, "--keep-outside", "-o", "out.png", "--json", *QUICK)
    (image,) = result.json["images"]
    assert (Path(image["path"]).name, image["width"], image["height"]) == ("out.png", 320, 200)
    assert "composed" in [note["code"] for note in result.json["warnings"]]
