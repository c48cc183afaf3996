"""Text in images: fonts, escapes, lines, and the readability of the letters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from imagecli.domain import Size
from imagecli.sandbox.painter.caption import break_lines, build_caption, fit_text, lay_out_caption
from imagecli.sandbox.painter.colors import contrast
from imagecli.sandbox.painter.edit import largest_opening
from imagecli.sandbox.painter.fonts import load_font
from imagecli.sandbox.painter.scene import TERRAINS, choose_palette, paint_scene
from imagecli.sandbox.sandbox import Sandbox
from tests.sandbox.requests_and_images import CLASSIC, post

UNASSIGNED = "\u0378"
"""A code point that is no character, so that no font has it."""


NO_FONT = "no font has all characters of the prompt, so the image has no caption"


def test_plain_english_is_set_in_pillows_own_font() -> None:
    assert build_caption("  a white\n\tsiamese cat ") == ("a white siamese cat", None, None)


def test_chinese_is_set_in_a_system_font_that_has_it() -> None:
    caption = build_caption("一只白色的暹罗猫")
    if caption.font is None:
        pytest.skip("this machine has no Chinese font, for example Debian's fonts-wqy-microhei")
    assert (caption.text, caption.note) == ("一只白色的暹罗猫", None)
    masks = {bytes(load_font(caption.font, 32).getmask(char)) for char in caption.text}
    assert len(masks) == len(set(caption.text))


def test_chinese_without_a_font_is_not_drawn_and_noted(tmp_path: Path) -> None:
    assert build_caption("a 猫", (str(tmp_path),)) == ("", None, NO_FONT)


def test_file_that_is_not_a_font_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "DejaVuSans.ttf").write_bytes(b"no font")
    assert build_caption("猫", (str(tmp_path),)).text == ""


def test_joiners_and_controls_are_not_drawn() -> None:
    assert build_caption("a\u200d\u202e\ufe0f\x1bb", ()).text == "ab"


def test_missing_caption_is_reported_to_the_client(sandbox: Sandbox) -> None:
    odd, plain = (
        post(sandbox, "generations", {**CLASSIC, "prompt": prompt, "size": "256x256"})
        for prompt in (f"a {UNASSIGNED}", "a cat")
    )
    assert odd.headers["x-sandbox-note"] == NO_FONT
    assert "x-sandbox-note" not in plain.headers


def monospaced(text: str) -> float:
    return len(text) * 0.5


@pytest.mark.parametrize(
    ("text", "limit", "lines"),
    [
        ("one two three", 4, ("one two", "three")),
        ("one", 0.5, ("o", "n", "e")),
        ("白色的猫，坐在", 2, ("白色的", "猫，坐在")),
        ("白色 cat 猫", 2.5, ("白色", "cat 猫")),
        ("", 4, ()),
    ],
)
def test_lines_break_at_valid_positions(text: str, limit: float, lines: tuple[str, ...]) -> None:
    assert break_lines(text, monospaced, limit) == lines


def test_lines_are_balanced() -> None:
    block = fit_text("aaaa bbbb cccc dddd", monospaced, width=80, height=60, largest=10, smallest=8)
    assert block.lines == ("aaaa bbbb", "cccc dddd")


def test_words_are_not_broken_if_a_smaller_size_helps() -> None:
    block = fit_text("extraordinary", monospaced, width=100, height=60, largest=40, smallest=8)
    assert block.lines == ("extraordinary",)
    assert monospaced(block.lines[0]) * block.size <= 100


def test_long_text_ends_in_an_ellipsis_inside_its_box() -> None:
    block = fit_text("word " * 500, monospaced, width=200, height=100, largest=40, smallest=10)
    assert block.lines[-1].endswith("…")
    assert block.height <= 100
    assert all(monospaced(line) * block.size <= 200 for line in block.lines)


@pytest.mark.parametrize("index", range(2 * len(TERRAINS)))
@pytest.mark.parametrize("size", [Size(256, 256), Size(1024, 1024), Size(1536, 512), Size(512, 1536)], ids=str)
def test_letters_stand_out_from_every_scene(size: Size, index: int) -> None:
    image = paint_scene("a white siamese cat", index, size)
    check_readable(image, "a white siamese cat", index)


@pytest.mark.parametrize("noise", [0, 255])
def test_letters_stand_out_from_a_restless_ground(noise: int) -> None:
    image = Image.effect_noise((512, 512), noise).convert("RGB")
    image.paste("white", (0, 0, 512, 256))
    image.paste((90, 90, 90), (256, 0, 300, 512))
    check_readable(image, "a white siamese cat " * 4, 0)


def check_readable(image: Image.Image, prompt: str, index: int) -> None:
    """The letters have enough contrast with nearly everything that is behind them, and are drawn."""
    area = (0, 0, *image.size)
    caption = lay_out_caption(image, build_caption(prompt), choose_palette(prompt, index), area)
    assert caption is not None
    replace(caption, lines=()).draw(image)
    ground = image.crop(caption.area)
    assert all(contrast(caption.color, grey) >= 4.5 for grey in extremes(ground))
    caption.draw(image)
    assert image.crop(caption.area).tobytes() != ground.tobytes()


def extremes(image: Image.Image) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """The darkest and the lightest grey that more than two in a hundred pixels has or passes."""
    levels = sorted(image.convert("L").tobytes())
    dark, light = levels[len(levels) // 50], levels[-len(levels) // 50]
    return (dark, dark, dark), (light, light, light)


def test_words_go_into_the_largest_opening_of_a_mask() -> None:
    changed = Image.new("L", (400, 400), 255)
    changed.paste(0, (80, 0, 400, 300))
    left, top, right, bottom = largest_opening(changed)
    assert (left, right, bottom) == (0, 400, 400)
    assert 300 <= top <= 310


def test_mask_without_room_has_no_opening() -> None:
    left, top, right, bottom = largest_opening(Image.new("L", (100, 100), 128))
    assert (right - left) * (bottom - top) == 0
