"""`--paint`: the command and its page, with the requests of a browser and, at the end, with Chromium."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import select
import shlex
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pexpect
import pytest
from PIL import Image, ImageChops, ImageOps

from imagecli.sandbox.fault_injection import Failure
from imagecli.sandbox.sandbox import Options, Sandbox
from tests.browser import OpenPage
from tests.children import wait_until
from tests.commands.conftest import COMMAND, Start
from tests.conftest import Run, mask_for, photo, read_image
from tests.images.sample_images import exif
from tests.web.conftest import Stage

URL = re.compile(r"http://127\.0\.0\.1:\d+/[\w-]+/")


class Painting:
    """A command that waits for its page, as the browser sees it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.stderr = ""
        assert process.stderr
        while "Ctrl-C cancels" not in self.stderr:
            ready, _, _ = select.select([process.stderr], [], [], 20)
            piece = os.read(process.stderr.fileno(), 4096) if ready else b""
            assert piece, self.stderr
            self.stderr += piece.decode()
        match = URL.search(self.stderr)
        assert match
        self.url = match[0]

    def get(self, name: str) -> bytes:
        with urllib.request.urlopen(self.url + name, timeout=10) as response:
            body: bytes = response.read()
        return body

    def post(self, name: str, body: bytes = b"") -> int:
        try:
            with urllib.request.urlopen(self.url + name, body, timeout=10) as response:
                return int(response.status)
        except HTTPError as error:
            with error:
                return error.code

    def end(self) -> tuple[int, str, str]:
        """Exit code, stdout and all of stderr."""
        stdout, stderr = self.process.communicate(timeout=30)
        self.stderr += stderr.decode()
        return self.process.returncode, stdout.decode(), self.stderr


def rectangle(width: int, height: int, box: tuple[int, int, int, int]) -> bytes:
    area = Image.new("L", (width, height))
    area.paste(255, box)
    return area.tobytes()


def clear_box(path: Path) -> tuple[int, int, int, int] | None:
    """The box around the pixels with alpha 0."""
    return read_image(path).getchannel("A").point([255] + [0] * 255).getbbox()


def test_the_painted_mask_is_saved_and_its_path_printed(start: Start, folder: Path) -> None:
    photo(folder / "in.png")
    painting = Painting(start("mask", "in.png", "--paint"))
    info = json.loads(painting.get("info"))
    assert (info["name"], info["width"], info["height"], info["layerWidth"]) == ("in.png", 320, 200, 320)
    assert painting.post("save", rectangle(320, 200, (10, 20, 110, 120))) == 204
    code, stdout, stderr = painting.end()
    assert (code, stdout) == (0, "in-mask.png\n")
    assert stderr.endswith("imagecli: note: 15.6% of the image may change\n")
    mask = read_image(folder / "in-mask.png")
    assert (mask.mode, mask.size, clear_box(folder / "in-mask.png")) == ("RGBA", (320, 200), (10, 20, 110, 120))
    assert (mask.getpixel((50, 50)), mask.getpixel((0, 0))) == ((255, 255, 255, 0), (0, 0, 0, 255))


def test_painting_starts_from_the_other_options(start: Start, folder: Path) -> None:
    photo(folder / "in.png")
    painting = Painting(start("mask", "in.png", "--paint", "--rect", "0,0,50%,100%", "--invert", "--json", "-q"))
    with Image.open(io.BytesIO(painting.get("image"))) as displayed:
        assert displayed.size == (320, 200)
    assert painting.post("save", rectangle(320, 200, (0, 0, 320, 100))) == 204
    code, stdout, _ = painting.end()
    assert (code, json.loads(stdout)["coverage"]) == (0, 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cancel", "leave?a"])
def test_a_closed_page_ends_it_and_nothing_is_written(start: Start, folder: Path, name: str) -> None:
    photo(folder / "in.png")
    painting = Painting(start("mask", "in.png", "--paint"))
    assert painting.post("alive?a") == 204
    assert painting.post("draft", rectangle(320, 200, (0, 0, 9, 9))) == 204
    assert painting.post(name) == 204
    code, stdout, stderr = painting.end()
    assert (code, stdout) == (2, "")
    assert "no mask was written\nhint: run the command again, and click Save mask in the page\n" in stderr
    assert [path.name for path in folder.iterdir()] == ["in.png"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_within_a_second(start: Start, folder: Path, number: signal.Signals, code: int) -> None:
    photo(folder / "in.png")
    painting = Painting(start("mask", "in.png", "--paint"))
    painting.post("alive?a")
    began = time.monotonic()
    painting.process.send_signal(number)
    assert painting.end()[0] == code
    assert time.monotonic() - began < 3  # a second by promise; the machine may be busy
    assert [path.name for path in folder.iterdir()] == ["in.png"]


def test_alone_on_a_terminal_it_opens_the_page(folder: Path, environ: dict[str, str]) -> None:
    photo(folder / "in.png")
    terminal = pexpect.spawn(COMMAND[0], [*COMMAND[1:], "mask", "in.png"], cwd=folder, env=environ, timeout=20)
    terminal.expect(r"http://127\.0\.0\.1:\d+/[\w-]+/")
    url = terminal.match[0].decode()
    with urllib.request.urlopen(f"{url}save", rectangle(320, 200, (0, 0, 99, 99)), timeout=10) as response:
        assert response.status == 204
    terminal.expect("in-mask.png")
    assert "preparing" not in terminal.before.decode()  # no live line under the address
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    assert clear_box(folder / "in-mask.png") == (0, 0, 99, 99)


def test_alone_without_a_terminal_the_shapes_are_named(imagecli: Run, folder: Path) -> None:
    photo(folder / "in.png")
    result = imagecli("mask", "in.png")
    assert result.exit_code == 2
    assert "--rect, --ellipse, --polygon" in result.stderr and "or --paint" in result.stderr


def test_over_ssh_the_command_for_a_tunnel_is_printed(start: Start, folder: Path) -> None:
    photo(folder / "in.png")
    variables = {"SSH_CONNECTION": "198.51.100.7 50022 203.0.113.5 2222", "USER": "ann", "DISPLAY": ":0"}
    painting = Painting(start("mask", "in.png", "--paint", extra=variables))
    port = re.search(r":(\d+)/", painting.url)
    assert port
    assert f"run on your computer first: ssh -N -L {port[1]}:127.0.0.1:{port[1]} -p 2222 ann@203.0.113.5\n" in (
        painting.stderr
    )


def test_the_browser_gets_a_url_that_works_once(start: Start, folder: Path, tmp_path: Path) -> None:
    photo(folder / "in.png")
    browser = tmp_path / "browser"
    browser.write_text(
        f'#!/bin/sh\necho noise\necho "$1" > {tmp_path}/opened.new && mv {tmp_path}/opened.new {tmp_path}/opened\n'
    )
    browser.chmod(0o755)
    (folder / "webbrowser.py").write_text("raise SystemExit('a module of the current folder')")
    painting = Painting(start("mask", "in.png", "--paint", extra={"BROWSER": str(browser)}))
    wait_until((tmp_path / "opened").exists)
    opened = (tmp_path / "opened").read_text().strip()
    assert opened != painting.url
    with urllib.request.urlopen(opened, timeout=10) as response:
        assert response.url == painting.url
    with pytest.raises(HTTPError) as refused:
        urllib.request.urlopen(opened, timeout=10)
    assert refused.value.code == 404
    refused.value.close()
    assert painting.post("save", rectangle(320, 200, (0, 0, 9, 9))) == 204
    assert painting.end()[1] == "in-mask.png\n"


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        ("missing.png", (), "missing.png does not exist"),
        ("in.png", ("--from", "small.png"), "small.png is 100x80"),
        ("in.png", ("-o", "in.png/x.png"), "can't save to in.png"),
        ("in.png", ("-o", "x.jpg"), "masks are PNG files"),
    ],
)
def test_everything_is_checked_before_anyone_paints(
    imagecli: Run, folder: Path, image: str, options: tuple[str, ...], message: str
) -> None:
    photo(folder / "in.png")
    photo(folder / "small.png", 100, 80)
    result = imagecli("mask", image, "--paint", *options)
    assert result.exit_code == 2
    assert message in result.stderr and "http://" not in result.stderr


def rotated_photo(path: Path) -> Path:
    """A 24-megapixel photo as a phone stores it: rotated, with a red box that is at 3000,1000 as displayed."""
    upright = Image.linear_gradient("L").resize((6000, 4000)).convert("RGB")
    upright.paste((220, 20, 30), (3000, 1000, 3800, 1600))
    upright.transpose(Image.Transpose.ROTATE_90).save(path, quality=90, exif=exif(6))
    return path


def paint_over_red_box(page: Any) -> None:
    """Draws a rectangle over the red box of `turned_photo`, found by looking at the page."""
    stage = Stage(page)
    page.keyboard.press("r")
    scale = page.evaluate("state.info.layerWidth / state.info.width")
    stage.drag((3000 * scale, 1000 * scale), (3800 * scale, 1600 * scale))


@pytest.mark.slow
def test_a_large_rotated_photo_is_painted_as_displayed(start: Start, folder: Path, open_page: OpenPage) -> None:
    rotated_photo(folder / "phone.jpg")
    painting = Painting(start("mask", "phone.jpg", "--paint"))
    page = open_page(painting.url)
    Stage(page)
    # The box is where it belongs on the screen, too.
    red = page.evaluate(
        """() => {
            const canvas = new OffscreenCanvas(600, 400), context = canvas.getContext("2d");
            context.drawImage(document.getElementById("image"), 0, 0, 600, 400);
            const isRed = ([red, green]) => red > green + 100;
            return [[340, 130], [290, 130], [340, 90]].map(([x, y]) => isRed(context.getImageData(x, y, 1, 1).data));
        }"""
    )
    assert red == [True, False, False]
    paint_over_red_box(page)
    page.get_by_role("button", name="Save").click()
    code, stdout, stderr = painting.end()
    assert (code, stdout) == (0, "phone-mask.png\n"), stderr
    page.get_by_text("Mask saved").wait_for()
    mask = read_image(folder / "phone-mask.png")
    assert mask.size == (6000, 4000)
    box = clear_box(folder / "phone-mask.png")
    assert box is not None
    assert max(abs(one - other) for one, other in zip(box, (3000, 1000, 3800, 1600), strict=True)) <= 2
    inner = mask.getchannel("A").crop((box[0] + 3, box[1] + 3, box[2] - 3, box[3] - 3))
    assert ImageChops.invert(inner).getextrema() == (255, 255)


@pytest.mark.slow
def test_a_large_rotated_photo_is_edited_only_where_it_was_painted(
    start: Start, folder: Path, open_page: OpenPage, sandbox: str
) -> None:
    """Bar 2 of issue 15: painted in a browser, only the region sent, and pasted back at full size."""
    before = rotated_photo(folder / "phone.jpg")
    options = ("--paint", "--crop-to-mask", "--keep-outside", "-m", "gpt-image-2", "-o", "out.png")
    painting = Painting(start("edit", "phone.jpg", "a blue door", *options, "--base-url", sandbox))
    page = open_page(painting.url)
    Stage(page)
    paint_over_red_box(page)
    page.get_by_role("button", name="Save").click()
    code, stdout, stderr = painting.end()
    assert (code, stdout) == (0, "out.png\n"), stderr
    page.get_by_text("Mask saved").wait_for()
    original, result = ImageOps.exif_transpose(read_image(before)), read_image(folder / "out.png").convert("RGB")
    assert original.size == result.size == (6000, 4000)
    changed = ImageChops.difference(original.convert("RGB"), result)
    box = changed.getbbox()
    assert box is not None
    assert changed.crop((3100, 1100, 3700, 1500)).getbbox() is not None
    # A feathered seam around the box, and outside it not a pixel is different.
    assert box[0] >= 2900 and box[1] >= 900 and box[2] <= 3900 and box[3] <= 1700


# --- edit --paint ----------------------------------------------------------------------------------------------------

EDIT = ("edit", "in.png", "a red boat", "--paint", "-m", "gpt-image-2")


def is_only_changed_in(before: Path, after: Path, box: tuple[int, int, int, int]) -> bool:
    one, other = read_image(before).convert("RGB"), read_image(after).convert("RGB")
    changed = ImageChops.difference(one, other.resize(one.size)).convert("L").point([0] * 12 + [255] * 244).getbbox()
    assert changed is not None
    return all(abs(side - edge) <= 2 for side, edge in zip(changed, box, strict=True))


def test_an_edit_sends_the_painted_mask(start: Start, folder: Path, sandbox: str) -> None:
    photo(folder / "in.png", 1024, 1024)
    painting = Painting(start(*EDIT, "--base-url", sandbox, "-o", "out.png"))
    assert painting.post("save", rectangle(1024, 1024, (200, 300, 600, 700))) == 204
    code, stdout, stderr = painting.end()
    assert (code, stdout) == (0, "out.png\n"), stderr
    assert "the painted mask: 15.3% of the image may change" in stderr
    assert is_only_changed_in(folder / "in.png", folder / "out.png", (200, 300, 600, 700))
    assert sorted(path.name for path in folder.iterdir()) == ["in.png", "out.png"]


@pytest.mark.slow
def test_a_painted_edit_is_requested_again_with_a_mask_file_or_a_new_mask(
    start: Start, folder: Path, state: Path, sandbox: str, imagecli: Run
) -> None:
    photo(folder / "in.png")
    extra = {"IMAGECLI_STATE_DIR": str(state)}
    for argv in (EDIT, ("history", "rerun", "@last", "--paint")):
        address = () if argv[0] == "history" else ("--base-url", sandbox)
        painting = Painting(start(*argv, *address, "-o", f"{argv[0]}.png", extra=extra))
        assert painting.post("save", rectangle(320, 200, (0, 0, 160, 200))) == 204
        assert painting.end()[:2] == (0, f"{argv[0]}.png\n"), painting.stderr
    assert "--paint" in imagecli("history", "show", "@last").stdout.split()
    refused = imagecli("history", "rerun", "@last", "--quality", "low")
    assert refused.exit_code == 2
    assert "was painted, and the history does not store masks" in refused.stderr
    assert "--paint; or use --mask FILE" in refused.stderr
    mask_for(folder / "mask.png", 320, 200, (10, 10, 60, 60))
    done = imagecli("history", "rerun", "@last", "--mask", "mask.png", "-o", "masked.png", "--provider", "sandbox")
    assert done.exit_code == 0, done.stderr
    assert [file["role"] for file in imagecli("history", "show", "@last", "--json").json["images"][0]["inputs"]] == [
        "image",
        "mask",
    ]


def test_painting_of_an_edit_starts_from_its_other_masks(start: Start, folder: Path, sandbox: str) -> None:
    photo(folder / "in.png")
    options = ("--mask-rect", "0,0,160,200", "--mask-invert")
    painting = Painting(start(*EDIT, *options, "--base-url", sandbox))
    with urllib.request.urlopen(painting.url + "area", timeout=10) as response:
        area = gzip.decompress(response.read())
    assert area == rectangle(320, 200, (160, 0, 320, 200))
    assert painting.post("save", rectangle(320, 200, (0, 0, 160, 200))) == 204
    code, _, stderr = painting.end()
    assert code == 0
    assert "the painted mask: 50.0% of the image may change" in stderr


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--size", "17x17"), 2, "17x17"),
        (("-m", "dall-e-3"), 2, "dall-e-3"),
        (("--max-cost", "0.001"), 5, "cost"),
        (("--provider", "openai"), 3, "no API key"),
        (("-o", "in.png"), 2, "in.png"),
        (("-o", "in.png/out.png"), 2, "in.png"),
        (("--mask", "small.png"), 2, "small.png is 100x80"),
        (("--markup", "in.png"), 2, "--paint can't be used with --markup"),
        (("--prompt", "another"), 2, "more than one prompt"),
    ],
)
def test_an_edit_is_checked_completely_before_anyone_paints(
    imagecli: Run, folder: Path, options: tuple[str, ...], code: int, message: str
) -> None:
    photo(folder / "in.png")
    mask_for(folder / "small.png", 100, 80, (0, 0, 9, 9))
    key = {} if "openai" in options else {"OPENAI_API_KEY": "sk-test"}
    result = imagecli("edit", "in.png", "a red boat", "--paint", *options, env=key)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr and "http://127" not in result.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["in.png", "small.png"]


def test_several_images_have_no_painted_mask(imagecli: Run, folder: Path) -> None:
    photo(folder / "a.png")
    photo(folder / "b.png")
    result = imagecli("edit", "a.png", "b.png", "a red boat", "--paint", "--provider", "sandbox")
    assert result.exit_code == 2
    assert "--paint makes the mask of one image, but there are 2: a.png, b.png" in result.stderr


def test_a_dry_run_opens_no_page(imagecli: Run, folder: Path) -> None:
    photo(folder / "in.png")
    result = imagecli(*EDIT, "--dry-run")
    assert result.exit_code == 0
    assert "a dry run opens no paint page" in result.stderr and "http://127" not in result.stderr


def test_nothing_is_painted_if_every_image_exists(imagecli: Run, folder: Path) -> None:
    photo(folder / "in.png")
    photo(folder / "out.png")
    result = imagecli(*EDIT, "-o", "out.png", "--if-exists", "skip", "--provider", "sandbox")
    assert (result.exit_code, result.stdout) == (0, "out.png\n")
    assert "http://127" not in result.stderr


def test_a_failed_edit_saves_the_mask_beside_an_older_one(start: Start, folder: Path) -> None:
    photo(folder / "in.png", 1024, 1024)
    photo(folder / "in-mask.png")
    older = (folder / "in-mask.png").read_bytes()
    with Sandbox(Options(failures=(Failure.parse("400"),))) as server:
        painting = Painting(start(*EDIT, "--mask-rect", "0,0,9,9", "--base-url", server.base_url, "--json"))
        assert painting.post("save", rectangle(1024, 1024, (200, 300, 600, 700))) == 204
        code, stdout, stderr = painting.end()
    assert code == 4
    assert "the painted mask is saved as in-mask_2.png; use --mask in-mask_2.png instead of --paint" in stderr
    assert "mask_saved" in [warning["code"] for warning in json.loads(stdout)["warnings"]]
    assert clear_box(folder / "in-mask_2.png") == (200, 300, 600, 700)
    assert (folder / "in-mask.png").read_bytes() == older


def test_the_hint_for_the_rest_uses_the_saved_mask(start: Start, folder: Path) -> None:
    photo(folder / "in.png", 1024, 1024)
    masks = ("--mask-rect", "0,0,9,9", "--mask-ellipse=0,0,9,9", "--mask-invert")
    variables = ("--var", "color=red", "--var", "color=blue")
    with Sandbox(Options(failures=(Failure.parse("400:1"),))) as server:
        words = ("edit", "in.png", "a {color} boat", "--paint", *masks, *variables, "-o", "{color}.png")
        painting = Painting(start(*words, "--base-url", server.base_url))
        assert painting.post("save", rectangle(1024, 1024, (200, 300, 600, 700))) == 204
        code, stdout, stderr = painting.end()
        assert (code, len(stdout.splitlines())) == (9, 1)
        hint = re.search(r"to request only the rest: imagecli (.*)", stderr)
        assert hint
        assert "--paint" not in hint[1] and "--mask in-mask.png" in hint[1] and "--mask-" not in hint[1]
        rest = start(*shlex.split(hint[1]))
        stdout_of_rest, _ = rest.communicate(timeout=30)
    assert rest.returncode == 0
    assert sorted(stdout_of_rest.decode().split()) == ["blue.png", "red.png"]


def test_ctrl_c_after_painting_keeps_the_mask(start: Start, folder: Path, slow: str, tmp_path: Path) -> None:
    photo(folder / "in.png", 1024, 1024)
    painting = Painting(start(*EDIT, "--base-url", slow))
    assert painting.post("save", rectangle(1024, 1024, (200, 300, 600, 700))) == 204
    wait_until(lambda: list(tmp_path.rglob("*.body")))
    painting.process.send_signal(signal.SIGINT)
    code, stdout, stderr = painting.end()
    assert (code, stdout) == (130, "")
    assert "the painted mask is saved as in-mask.png" in stderr
    assert clear_box(folder / "in-mask.png") == (200, 300, 600, 700)


def test_a_mask_that_was_painted_for_a_killed_edit_is_saved_by_recover(
    start: Start, folder: Path, state: Path, slow: str, imagecli: Run
) -> None:
    photo(folder / "in.png", 1024, 1024)
    painting = Painting(start(*EDIT, "--base-url", slow, extra={"IMAGECLI_STATE_DIR": str(state)}))
    assert painting.post("save", rectangle(1024, 1024, (200, 300, 600, 700))) == 204
    wait_until(lambda: any(state.rglob("*.body")))
    mask_path = str(state / "painted" / "in-mask.png")
    assert imagecli("recover", "--list", "--json").json["masks"] == []  # it is in use
    painting.process.kill()
    painting.end()
    assert imagecli("recover", "--list", "--json").json["masks"] == [mask_path]
    assert f"{mask_path} was painted for an edit that was interrupted" in imagecli("recover", "--list").stderr
    done = imagecli("recover")
    assert done.exit_code == 0
    assert "the painted mask is saved as in-mask.png; use --mask in-mask.png instead of --paint" in done.stderr
    assert clear_box(folder / "in-mask.png") == (200, 300, 600, 700)
    assert not (state / "painted").exists()


def test_the_next_painted_edit_names_masks_of_interrupted_ones(
    start: Start, folder: Path, state: Path, sandbox: str
) -> None:
    photo(folder / "in.png", 1024, 1024)
    (state / "painted").mkdir(parents=True)
    mask_for(state / "painted" / "other-mask.png", 64, 64, (1, 1, 9, 9))
    painting = Painting(start(*EDIT, "--base-url", sandbox, extra={"IMAGECLI_STATE_DIR": str(state)}))
    assert "1 mask of interrupted edits: imagecli recover saves what was painted" in painting.stderr
    assert painting.post("save", rectangle(1024, 1024, (200, 300, 600, 700))) == 204
    assert painting.end()[0] == 0
    assert [path.name for path in (state / "painted").iterdir()] == ["other-mask.png"]


def test_ctrl_c_while_painting_an_edit_sends_nothing(start: Start, folder: Path, sandbox: str) -> None:
    photo(folder / "in.png")
    painting = Painting(start(*EDIT, "--base-url", sandbox))
    painting.process.send_signal(signal.SIGINT)
    assert painting.end()[:2] == (130, "")
    assert [path.name for path in folder.iterdir()] == ["in.png"]
