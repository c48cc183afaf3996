"""Words in pictures: fonts, escapes, lines, and that the letters can be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from imagecli.domain import Size
from imagecli.sandbox.http_server import Sandbox
from imagecli.sandbox.painter.caption import (
    build_caption,
    draw_caption,
    fit_text,
    largest_opening,
    split_units,
    wrap_units,
)
from imagecli.sandbox.painter.palettes import contrast
from imagecli.sandbox.painter.scene import choose_palette, paint_scene
from tests.sandbox.making import CLASSIC, post

UNASSIGNED = "\u0378"
"""A code point that is no character, so that no font has it."""


def test_plain_english_is_set_in_pillows_own_font() -> None:
    wording = build_caption("  a white\n\tsiamese cat ")
    assert (wording.text, wording.face.path, wording.note) == ("a white siamese cat", None, None)


def test_chinese_is_set_in_a_system_font_that_has_it() -> None:
    wording = build_caption("一只白色的暹罗猫")
    if wording.face.path is None:
        pytest.skip("this machine has no Chinese font, for example Debian's fonts-wqy-microhei")
    assert (wording.text, wording.note) == ("一只白色的暹罗猫", None)
    masks = {bytes(wording.face.at_size(32).getmask(char)) for char in wording.text}
    assert len(masks) == len(set(wording.text))


def test_chinese_without_a_font_is_escaped_and_said(tmp_path: Path) -> None:
    wording = build_caption("a 猫", (str(tmp_path),))
    assert (wording.text, wording.note) == ("a \\u732b", "no font has all characters of the prompt; shown escaped")


def test_file_that_is_no_font_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "DejaVuSans.ttf").write_bytes(b"no font")
    assert build_caption("猫", (str(tmp_path),)).text == "\\u732b"


def test_joiners_and_controls_are_not_drawn() -> None:
    assert build_caption("a\u200d\u202e\ufe0f\x1bb", ()).text == "ab"


def test_client_is_told_that_characters_are_escaped(sandbox: Sandbox) -> None:
    odd, plain = (
        post(sandbox, "generations", {**CLASSIC, "prompt": prompt, "size": "256x256"})
        for prompt in (f"a {UNASSIGNED}", "a cat")
    )
    assert odd.headers["x-sandbox-note"] == "no font has all characters of the prompt; shown escaped"
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
def test_lines_break_where_they_may(text: str, limit: float, lines: tuple[str, ...]) -> None:
    assert wrap_units(split_units(text), monospaced, limit) == lines


def test_lines_are_balanced() -> None:
    block = fit_text("aaaa bbbb cccc dddd", monospaced, (80, 60), 10, 8)
    assert block.lines == ("aaaa bbbb", "cccc dddd")


def test_long_text_ends_in_an_ellipsis_inside_its_box() -> None:
    block = fit_text("word " * 500, monospaced, (200, 100), 40, 10)
    assert block.cut
    assert block.lines[-1].endswith("…")
    assert block.height <= 100
    assert all(monospaced(line) * block.size <= 200 for line in block.lines)


@pytest.mark.parametrize("index", range(8))
@pytest.mark.parametrize("size", [Size(256, 256), Size(1024, 1024), Size(1536, 512), Size(512, 1536)], ids=str)
def test_letters_stand_out_from_every_scene(size: Size, index: int) -> None:
    palette = choose_palette("a white siamese cat", index)
    plain = paint_scene("a white siamese cat", index, size)
    written = plain.copy()
    place = draw_caption(written, build_caption("a white siamese cat"), palette, (0, 0, size.width, size.height))
    assert place is not None
    ground = extremes(written.crop(place))
    assert contrast(*ground) >= 4.5


def extremes(image: Image.Image) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """The darkest and the lightest grey that more than one in a hundred pixels has or passes."""
    levels = sorted(image.convert("L").tobytes())
    dark, light = levels[len(levels) // 100], levels[-len(levels) // 100]
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
