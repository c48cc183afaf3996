"""`--paint`: the command and its page, with what a browser sends and, at the end, with Chromium."""

from __future__ import annotations

import io
import json
import os
import re
import select
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pexpect
import pytest
from PIL import Image, ImageChops

from tests.browser import OpenPage
from tests.commands.conftest import COMMAND, Start
from tests.conftest import Run, photo, picture
from tests.images.making import exif
from tests.web.conftest import Stage

URL = re.compile(r"http://127\.0\.0\.1:\d+/[\w-]+/")


class Painting:
    """A command that waits for its page, seen from the browser."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.stderr = ""
        assert process.stderr
        while "Ctrl-C cancels" not in self.stderr:
            ready, _, _ = select.select([process.stderr], [], [], 20)
            piece = os.read(process.stderr.fileno(), 4096) if ready else b""
            assert piece, self.stderr
            self.stderr += piece.decode()
        found = URL.search(self.stderr)
        assert found
        self.url = found[0]

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
    return picture(path).getchannel("A").point([255] + [0] * 255).getbbox()


def test_the_painted_mask_is_saved_and_its_path_printed(start: Start, folder: Path) -> None:
    photo(folder / "in.png")
    painting = Painting(start("mask", "in.png", "--paint"))
    info = json.loads(painting.get("info"))
    assert (info["name"], info["width"], info["height"], info["layerWidth"]) == ("in.png", 320, 200, 320)
    assert painting.post("save", rectangle(320, 200, (10, 20, 110, 120))) == 204
    code, stdout, stderr = painting.end()
    assert (code, stdout) == (0, "in-mask.png\n")
    assert stderr.endswith("imagecli: note: 15.6% of the image may change\n")
    mask = picture(folder / "in-mask.png")
    assert (mask.mode, mask.size, clear_box(folder / "in-mask.png")) == ("RGBA", (320, 200), (10, 20, 110, 120))
    assert (mask.getpixel((50, 50)), mask.getpixel((0, 0))) == ((255, 255, 255, 0), (0, 0, 0, 255))


def test_painting_starts_from_the_other_options(start: Start, folder: Path) -> None:
    photo(folder / "in.png")
    painting = Painting(start("mask", "in.png", "--paint", "--rect", "0,0,50%,100%", "--invert", "--json", "-q"))
    with Image.open(io.BytesIO(painting.get("image"))) as shown:
        assert shown.size == (320, 200)
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


def test_the_browser_gets_an_address_that_works_once(start: Start, folder: Path, tmp_path: Path) -> None:
    photo(folder / "in.png")
    browser = tmp_path / "browser"
    browser.write_text(
        f'#!/bin/sh\necho noise\necho "$1" > {tmp_path}/opened.new && mv {tmp_path}/opened.new {tmp_path}/opened\n'
    )
    browser.chmod(0o755)
    (folder / "webbrowser.py").write_text("raise SystemExit('a module of the current folder')")
    painting = Painting(start("mask", "in.png", "--paint", extra={"BROWSER": str(browser)}))
    deadline = time.monotonic() + 20
    while not (tmp_path / "opened").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
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


def turned_photo(path: Path) -> Path:
    """A 24-megapixel photo as a phone stores it: turned, with a red box that is at 3000,1000 as displayed."""
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
def test_a_large_turned_photo_is_painted_as_it_is_displayed(start: Start, folder: Path, open_page: OpenPage) -> None:
    turned_photo(folder / "phone.jpg")
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
    mask = picture(folder / "phone-mask.png")
    assert mask.size == (6000, 4000)
    box = clear_box(folder / "phone-mask.png")
    assert box is not None
    assert max(abs(one - other) for one, other in zip(box, (3000, 1000, 3800, 1600), strict=True)) <= 2
    inner = mask.getchannel("A").crop((box[0] + 3, box[1] + 3, box[2] - 3, box[3] - 3))
    assert ImageChops.invert(inner).getextrema() == (255, 255)
