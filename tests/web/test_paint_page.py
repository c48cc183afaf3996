"""The paint page in Chromium: the command receives exactly the painted area."""

from __future__ import annotations

import re
import time
from math import hypot
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageChops, ImageDraw

from imagecli.domain import Size
from imagecli.web.paint_session import PaintTimes
from tests.browser import OpenPage
from tests.web.conftest import HEIGHT, WIDTH, Serve, Stage, paint_image, painted

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, Dialog

pytestmark = pytest.mark.slow


def rectangle(left: int, top: int, right: int, bottom: int) -> Image.Image:
    """An area with one rectangle; right and bottom are not included."""
    area = Image.new("L", (WIDTH, HEIGHT))
    area.paste(255, (left, top, right, bottom))
    return area


def is_same(one: Image.Image, other: Image.Image) -> bool:
    return ImageChops.difference(one, other).getbbox() is None


def test_a_hard_brush_paints_exactly_the_pixels_whose_centers_it_covers(open_page: OpenPage, serve: Serve) -> None:
    server = serve()
    stage = Stage(open_page(server.url))
    stage.page.evaluate("state.diameter = 41")
    stage.drag((100, 80))
    x, y = stage.page.evaluate("[state.lastPoint.x, state.lastPoint.y]")
    stage.save()
    assert server.session.wait() == "saved"
    assert abs(x - 100) < 0.5 and abs(y - 80) < 0.5
    expected = Image.new("L", (WIDTH, HEIGHT))
    expected.putdata(
        [255 if hypot(i % WIDTH + 0.5 - x, i // WIDTH + 0.5 - y) <= 20.5 else 0 for i in range(WIDTH * HEIGHT)]
    )
    assert is_same(painted(server), expected)
    assert set(painted(server).tobytes()) == {0, 255}


def test_a_rectangle_is_exact_and_the_right_button_removes_from_it(open_page: OpenPage, serve: Serve) -> None:
    server = serve()
    stage = Stage(open_page(server.url))
    stage.page.keyboard.press("r")
    stage.drag((20, 30), (220, 130))
    stage.drag((40, 50), (60, 70), button="right")
    stage.save()
    expected = rectangle(20, 30, 220, 130)
    expected.paste(0, (40, 50, 60, 70))
    assert is_same(painted(server), expected)


def test_a_line_has_no_gaps_however_fast_the_pointer_moves(open_page: OpenPage, serve: Serve) -> None:
    server = serve()
    stage = Stage(open_page(server.url))
    stage.page.evaluate("state.diameter = 10")
    mouse = stage.page.mouse
    mouse.move(*stage.at(20, 100))
    mouse.down()
    mouse.move(*stage.at(280, 100))
    mouse.up()
    stage.save()
    assert is_same(painted(server).crop((20, 96, 280, 104)), Image.new("L", (260, 8), 255))
    assert painted(server).getbbox() == (15, 95, 285, 105)


def test_soft_edges_fade_and_the_eraser_removes(open_page: OpenPage, serve: Serve) -> None:
    server = serve()
    stage = Stage(open_page(server.url))
    stage.page.evaluate("state.diameter = 80; state.softness = 0.5")
    stage.drag((150, 100))
    stage.page.keyboard.press("e")
    stage.page.evaluate("state.diameter = 20; state.softness = 0")
    stage.drag((150, 100))
    stage.save()
    row = [painted(server).getpixel((x, 100)) for x in range(150, 200)]
    assert row[0] == 0 and row[15] == 255 and row[45] == 0
    falling = row[20:41]
    assert falling == sorted(falling, reverse=True) and 100 < falling[10] < 160  # type: ignore[type-var, operator]


def test_a_lasso_fills_what_it_goes_around(open_page: OpenPage, serve: Serve) -> None:
    server = serve()
    stage = Stage(open_page(server.url))
    stage.page.keyboard.press("l")
    stage.drag((50, 50), (250, 50), (150, 150))
    stage.save()
    expected = Image.new("L", (WIDTH, HEIGHT))
    ImageDraw.Draw(expected).polygon([(50, 50), (250, 50), (150, 150)], fill=255)
    different = ImageChops.difference(painted(server), expected).histogram()[255]
    assert different < 350  # along the edges, which are 480 pixels long
    assert painted(server).getpixel((150, 100)) == 255


def test_fill_stays_inside_the_painted_border(open_page: OpenPage, serve: Serve) -> None:
    server = serve()
    stage = Stage(open_page(server.url))
    stage.page.evaluate("state.diameter = 6")
    stage.drag((50, 50), (200, 50), (200, 150), (50, 150), (50, 50))
    stage.page.keyboard.press("f")
    stage.drag((120, 100))
    stage.save()
    area = painted(server)
    assert is_same(area.crop((50, 50, 200, 150)), Image.new("L", (150, 100), 255))
    assert area.getbbox() == (47, 47, 203, 153)


def test_undo_and_redo_are_exact(open_page: OpenPage, serve: Serve) -> None:
    server = serve()
    page = open_page(server.url)
    stage = Stage(page)
    undo, redo = page.get_by_role("button", name="Undo"), page.get_by_role("button", name="Redo")
    assert undo.is_disabled() and redo.is_disabled()
    page.keyboard.press("r")
    stage.drag((10, 10), (100, 100))
    stage.drag((50, 50), (200, 150))
    page.keyboard.press("i")
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert page.locator("#share").inner_text() == "13.5% may change"
    undo.click()
    assert page.get_by_role("button", name="Save").is_disabled()
    redo.click()
    assert redo.is_enabled()
    stage.drag((90, 90), (250, 180))
    assert redo.is_disabled()
    undo.click()
    stage.save()
    assert is_same(painted(server), rectangle(10, 10, 100, 100))


def test_the_keyboard_alone_paints_and_saves(open_page: OpenPage, serve: Serve) -> None:
    server = serve()
    page = open_page(server.url)
    Stage(page)
    page.evaluate("state.diameter = 40")
    for key in ("ArrowLeft", "ArrowUp", "Enter", *["ArrowRight"] * 5, "Enter", *["ArrowDown"] * 9, "r"):
        page.keyboard.press(key)
    for key in ("Enter", "Shift+ArrowRight", "Shift+ArrowUp", "Enter", "Control+s"):
        page.keyboard.press(key)
    assert server.session.wait() == "saved"
    area = painted(server)
    # From 10 pixels left of and above the centre, 5 quarters of the brush to the right.
    assert is_same(area.crop((140, 80, 190, 100)), Image.new("L", (50, 20), 255))
    assert area.crop((0, 0, WIDTH, 111)).getbbox() == (120, 70, 210, 110)
    assert area.getpixel((195, 175)) == 255


def test_every_control_is_reached_by_tab_and_has_a_name(open_page: OpenPage, serve: Serve) -> None:
    page = open_page(serve(paint_image(area=rectangle(0, 0, 9, 9).tobytes())).url)
    Stage(page)
    names = []
    for _ in range(26):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate(
                "() => { const e = document.activeElement; const label = e.closest('label');"
                " return e.getAttribute('aria-label') ?? (label ?? e).textContent.trim() }"
            )
        )
    expected = {"Brush", "Eraser", "Rectangle", "Lasso", "Fill", "Invert", "Clear", "Keyboard shortcuts", "Cancel"}
    assert expected | {"Save mask", "Fit the image", "Zoom in", "Overlay color", "Show the overlay"} <= set(names)
    assert any(name.startswith("Size") for name in names) and any(name.startswith("Softness") for name in names)


def touch(session: CDPSession, kind: str, *points: tuple[float, float]) -> None:
    touches = [{"x": x, "y": y, "id": index} for index, (x, y) in enumerate(points)]
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})


def test_one_finger_paints_and_two_zoom(open_page: OpenPage, serve: Serve) -> None:
    server = serve()
    page = open_page(server.url, width=390, height=844, touch=True)
    stage = Stage(page)
    page.evaluate("state.diameter = 20")
    session = page.context.new_cdp_session(page)
    touch(session, "touchStart", stage.at(50, 100))
    touch(session, "touchMove", stage.at(150, 100))
    touch(session, "touchEnd")
    before = page.evaluate("view.scale")
    # The first finger of a pinch must leave nothing behind.
    touch(session, "touchStart", stage.at(100, 30))
    touch(session, "touchStart", stage.at(100, 30), stage.at(200, 30))
    touch(session, "touchMove", stage.at(60, 30), stage.at(240, 30))
    touch(session, "touchMove", stage.at(20, 30), stage.at(240, 30))
    touch(session, "touchEnd")
    assert page.evaluate("view.scale") > before * 1.3
    page.get_by_role("button", name="Save").tap()
    assert server.session.wait() == "saved"
    left, top, right, bottom = painted(server).getbbox() or (0, 0, 0, 0)
    assert abs(left - 40) <= 1 and abs(right - 160) <= 1 and abs(top - 90) <= 1 and abs(bottom - 110) <= 1


def test_a_pen_paints_and_the_hand_that_holds_it_does_not(open_page: OpenPage, serve: Serve) -> None:
    server = serve()
    page = open_page(server.url, touch=True)
    stage = Stage(page)
    page.evaluate("state.diameter = 20")
    session = page.context.new_cdp_session(page)

    def pen(kind: str, x: float, y: float) -> None:
        at = stage.at(x, y)
        event = {"type": kind, "x": at[0], "y": at[1], "button": "left", "buttons": 1, "pointerType": "pen"}
        session.send("Input.dispatchMouseEvent", event)

    pen("mousePressed", 50, 50)
    touch(session, "touchStart", stage.at(250, 150))
    touch(session, "touchEnd")
    pen("mouseMoved", 100, 50)
    pen("mouseReleased", 100, 50)
    stage.save()
    box = painted(server).getbbox()
    assert box is not None and abs(box[0] - 40) <= 1 and abs(box[2] - 110) <= 1 and abs(box[3] - 60) <= 1


def test_a_zoomed_and_moved_page_still_paints_under_the_pointer(open_page: OpenPage, serve: Serve) -> None:
    server = serve()
    page = open_page(server.url)
    stage = Stage(page)
    page.mouse.move(*stage.at(200, 100))
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    page.mouse.wheel(40, 25)
    page.keyboard.down(" ")
    stage.drag((150, 100), (160, 110))
    page.keyboard.up(" ")
    page.keyboard.press("+")
    page.keyboard.press("r")
    stage.drag((170, 90), (190, 120))
    stage.save()
    assert is_same(painted(server), rectangle(170, 90, 190, 120))


def test_the_area_to_start_from_is_shown_and_kept(open_page: OpenPage, serve: Serve) -> None:
    server = serve(paint_image(area=rectangle(0, 0, 150, 100).tobytes()))
    page = open_page(server.url)
    stage = Stage(page)
    assert page.locator("#share").inner_text() == "25.0% may change"
    alphas = "[10, 290].map((x) => view.context.getImageData(x, 10, 1, 1).data[3])"
    assert page.evaluate(alphas) == [128, 0]
    page.keyboard.press("o")
    assert page.evaluate("getComputedStyle(overlay).opacity") == "0"
    page.keyboard.press("r")
    stage.drag((0, 100), (150, 200))
    stage.save()
    assert is_same(painted(server), rectangle(0, 0, 150, 200))


def test_a_reload_keeps_what_was_painted_and_is_not_a_close(open_page: OpenPage, serve: Serve) -> None:
    server = serve(times=PaintTimes(leave=1.5))
    page = open_page(server.url)
    stage = Stage(page)
    page.keyboard.press("r")
    stage.drag((20, 30), (220, 130))
    page.wait_for_timeout(300)
    page.reload()
    stage = Stage(page)
    assert page.locator("#share").inner_text() == "33.3% may change"
    page.wait_for_timeout(2000)
    stage.save()
    assert server.session.wait() == "saved"
    assert is_same(painted(server), rectangle(20, 30, 220, 130))


def test_a_closed_page_ends_it_and_a_sleeping_one_does_not(open_page: OpenPage, serve: Serve) -> None:
    server = serve(times=PaintTimes(leave=0.5, silence=60))
    page = open_page(server.url)
    Stage(page)
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setScriptExecutionDisabled", {"value": True})
    page.wait_for_timeout(1500)
    assert not server.session.has_ended
    session.send("Emulation.setScriptExecutionDisabled", {"value": False})
    began = time.monotonic()
    page.close()
    assert server.session.wait() == "closed"
    assert time.monotonic() - began < 5


def test_a_second_page_keeps_it_open(open_page: OpenPage, serve: Serve) -> None:
    server = serve(times=PaintTimes(leave=0.3))
    first, second = open_page(server.url), open_page(server.url)
    Stage(first), Stage(second)
    first.close()
    second.wait_for_timeout(1000)
    assert not server.session.has_ended
    second.close()
    assert server.session.wait() == "closed"


def test_cancel_asks_if_something_was_painted(open_page: OpenPage, serve: Serve) -> None:
    server = serve()
    page = open_page(server.url)
    stage = Stage(page)
    stage.drag((100, 100))
    questions = []

    def accept(dialog: Dialog) -> None:
        questions.append(dialog.message)
        dialog.accept()

    page.on("dialog", accept)
    page.get_by_role("button", name="Cancel").click()
    assert server.session.wait() == "cancelled"
    assert questions == ["Discard the painted mask?"]
    page.get_by_text("No mask was written").wait_for()


def test_work_can_be_downloaded_if_the_command_has_ended(
    open_page: OpenPage, serve: Serve, page_problems: list[str]
) -> None:
    server = serve()
    page = open_page(server.url)
    stage = Stage(page)
    page.keyboard.press("r")
    stage.drag((20, 30), (220, 130))
    server.__exit__(None, None, None)
    page.keyboard.press("Control+s")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download mask").click()
    assert download.value.suggested_filename == "photo-mask.png"
    with Image.open(download.value.path()) as image:
        assert is_same(image.convert("L"), rectangle(20, 30, 220, 130))
    page_problems[:] = [problem for problem in page_problems if "ERR_CONNECTION_REFUSED" not in problem]


@pytest.mark.parametrize(("width", "height"), [(390, 844), (360, 640), (768, 1024), (1280, 800), (2560, 1440)])
def test_the_page_fits_its_window_and_touch_targets_are_large(
    open_page: OpenPage, serve: Serve, width: int, height: int
) -> None:
    image = paint_image()._replace(name="holiday-2026-08-14-" + "a-very-long-name-" * 9 + ".jpg")
    page = open_page(serve(image).url, width=width, height=height, touch=width < 800)
    Stage(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    boxes = page.evaluate(
        "[...document.querySelectorAll('button, input')].map((e) => e.getBoundingClientRect())"
        ".filter((b) => b.width).map((b) => [b.x, b.y, b.right, b.bottom])"
    )
    assert all(x >= 0 and y >= 0 and right <= width and bottom <= height for x, y, right, bottom in boxes)
    if width <= 400:
        assert min(bottom - y for _, y, _, bottom in boxes) >= 44
        assert min(right - x for x, _, right, _ in boxes) >= (40 if width < 390 else 42)


@pytest.mark.parametrize("dark", [False, True])
def test_texts_have_enough_contrast(open_page: OpenPage, serve: Serve, dark: bool) -> None:
    page = open_page(serve().url, dark=dark)
    Stage(page)
    colors = page.evaluate(
        "['text', 'dim', 'on-accent', 'accent', 'warning', 'surface'].map((name) => {"
        " const e = document.createElement('i'); e.style.color = `var(--${name})`; document.body.append(e);"
        " return getComputedStyle(e).color })"
    )
    text, dim, on_accent, accent, warning, surface = map(luminance, colors)
    for one, other in ((text, surface), (dim, surface), (warning, surface), (on_accent, accent), (accent, surface)):
        assert (max(one, other) + 0.05) / (min(one, other) + 0.05) >= 4.5


def luminance(color: str) -> float:
    """Relative luminance of WCAG 2."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_large_layer_paints_within_a_frame_or_two(open_page: OpenPage, serve: Serve) -> None:
    image = paint_image(2309, 1732)
    assert image.layer == Size(2309, 1732)
    page = open_page(serve(image).url)
    Stage(page)
    milliseconds = page.evaluate(
        """() => {
            state.diameter = 400;
            beginAction({x: 400, y: 800}, false);
            const began = performance.now();
            for (let step = 1; step <= 50; step++) moveAction({x: 400 + step * 20, y: 800 + (step % 5) * 20});
            const used = (performance.now() - began) / 50;
            endAction({x: 1400, y: 800});
            return used;
        }"""
    )
    assert milliseconds < 50  # 4 on an idle machine
