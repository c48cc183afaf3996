"""What a command displays on its terminal, and when it displays nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from tests.client.raw import raw_server
from tests.conftest import Result, Run, photo, read_image
from tests.pipeline.test_streams import BLUE, GREEN, completed, partial, stream
from tests.preview.decoding import decode_blocks, decode_kitty

KITTY = {"TERM": "xterm-kitty"}
XTERM = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
GENERATE = ("generate", "a cat", "--provider", "sandbox", "-m", "dall-e-2", "-s", "256x256")


def on_terminal(imagecli: Run, *argv: object, env: Mapping[str, str] = KITTY) -> Result:
    return imagecli(*argv, env=env, tty=("stdin", "stdout", "stderr"))


def sequences(text: str) -> list[str]:
    """Everything for kitty, an image each."""
    return re.findall(r"(?:\x1b_G[^\x1b]*m=1;[^\x1b]*\x1b\\)*\x1b_G[^\x1b]*m=0;[^\x1b]*\x1b\\\n", text)


def test_the_image_is_shown_between_the_progress_and_the_path(imagecli: Run) -> None:
    result = on_terminal(imagecli, *GENERATE)
    assert result.exit_code == 0
    (drawing,) = sequences(result.stderr)
    displayed, _ = decode_kitty(drawing)
    assert displayed.getbbox() == (0, 0, 256, 256)
    original = read_image("a-cat.png").convert("RGB")
    assert mean_difference(displayed.convert("RGB").crop((0, 0, 256, 256)), original) == 0
    before, _, after = result.stderr.partition(drawing)
    assert "preparing" in before
    assert "\x1b[?25l" not in before  # the cursor is visible, also after Ctrl-Z
    assert re.fullmatch(r"(\x1b\[2mimagecli: .*@.*\x1b\[0m\n)?", after)  # how to find the image again
    assert "a-cat.png" in result.stdout


def mean_difference(first: Image.Image, second: Image.Image) -> float:
    pairs = zip(first.tobytes(), second.tobytes(), strict=True)
    return sum(abs(left - right) for left, right in pairs) / len(first.tobytes())


def test_several_images_are_a_contact_sheet_with_numbers_and_names(imagecli: Run) -> None:
    result = on_terminal(imagecli, *GENERATE, "-n", 3)
    (drawing,) = sequences(result.stderr)
    _, options = decode_kitty(drawing)
    assert int(options["c"]) <= 79
    captions = result.stderr.partition(drawing)[2].splitlines()[0]
    assert captions.split() == ["1", "a-cat-1.png", "2", "a-cat-2.png", "3", "a-cat-3.png"]


def test_images_that_do_not_fit_are_counted(imagecli: Run) -> None:
    argv = (*GENERATE, "-n", 5, "--var", "x=1", "--var", "x=2", "--var", "x=3", "-o", "{x}-{n}.png")
    result = on_terminal(imagecli, *argv[:1], "a {x}", *argv[2:], env=XTERM)
    assert result.exit_code == 0
    assert len(result.paths) == 15
    assert "\x1b[2mimagecli: note: 5 more images not shown\x1b[0m" in result.stderr


def test_partial_images_are_shown_above_the_live_line(imagecli: Run) -> None:
    with raw_server(stream(partial(0, BLUE), partial(1, GREEN), completed())) as server:
        result = on_terminal(
            imagecli, "generate", "cat", "--partial-images", 2, "--base-url", server.base_url, "--preview", "kitty"
        )
    assert (result.exit_code, len(sequences(result.stderr))) == (0, 3)
    first, second, last = [decode_kitty(one)[0].getpixel((5, 5)) for one in sequences(result.stderr)]
    assert (first, second) == ((0, 0, 255, 255), (0, 128, 0, 255))
    assert last == (255, 0, 0, 255)
    text = re.sub(r"\x1b_G[^\x1b]*\x1b\\", "<image>", result.stderr)
    assert re.search(r"<image>\npartial 1/2\n(.*\n)*?.*<image>\npartial 2/2\n", text)


def test_a_damaged_partial_image_shows_nothing(imagecli: Run) -> None:
    with raw_server(stream(partial(0, BLUE[:-9]), partial(1, b"<svg/>"), completed())) as server:
        result = on_terminal(imagecli, "generate", "cat", "--partial-images", 2, "--base-url", server.base_url)
    assert (result.exit_code, len(sequences(result.stderr))) == (0, 1)


def test_a_mask_is_shown_over_its_image(imagecli: Run, folder: Path) -> None:
    Image.new("RGB", (400, 400), "white").save(folder / "a.png")
    result = on_terminal(imagecli, "mask", "a.png", "--rect", "0,0,50%,100%")
    (drawing,) = sequences(result.stderr)
    displayed, _ = decode_kitty(drawing)
    edited, unedited = displayed.getpixel((5, 50)), displayed.getpixel((displayed.width - 5, 50))
    assert edited == (255, 127, 182, 255)
    assert unedited == (165, 165, 165, 255)
    assert (result.exit_code, read_image("a-mask.png").size) == (0, (400, 400))


QUIET: list[tuple[str, tuple[object, ...], Mapping[str, str], tuple[str, ...]]] = [
    ("in a pipe", (), KITTY, ()),
    ("stderr in a file", (), KITTY, ("stdin", "stdout")),
    ("--json", ("--json",), KITTY, ("stderr", "stdout")),
    ("--quiet", ("--quiet",), KITTY, ("stderr", "stdout")),
    ("in CI", (), {**KITTY, "CI": "true"}, ("stderr", "stdout")),
    ("TERM=dumb", (), {"TERM": "dumb"}, ("stderr", "stdout")),
    ("NO_COLOR", (), {**XTERM, "NO_COLOR": "1"}, ("stderr", "stdout")),
    ("--color never", ("--color", "never"), XTERM, ("stderr", "stdout")),
    ("--preview none", ("--preview", "none"), KITTY, ("stderr", "stdout")),
    ("IMAGECLI_PREVIEW", (), {**KITTY, "IMAGECLI_PREVIEW": "none"}, ("stderr", "stdout")),
    ("--dry-run", ("--dry-run",), KITTY, ("stderr", "stdout")),
    ("forced in a pipe", ("--preview", "kitty"), KITTY, ()),
    ("forced in CI", ("--preview", "sixel"), {**KITTY, "CI": "1"}, ("stderr", "stdout")),
]


@pytest.mark.parametrize(("flags", "env", "tty"), [pytest.param(*row[1:], id=row[0]) for row in QUIET])
def test_nothing_is_shown(
    imagecli: Run, flags: tuple[object, ...], env: Mapping[str, str], tty: tuple[str, ...]
) -> None:
    result = imagecli(*GENERATE, *flags, env=env, tty=tty)
    assert result.exit_code == 0
    assert not re.search("\x1b_G|\x1bP|\x1b]1337|▀", result.stderr)
    assert not re.search("\x1b_G|\x1bP|\x1b]1337|▀", result.stdout)


def test_no_color_applies_only_to_previews_of_colored_text(imagecli: Run) -> None:
    assert sequences(on_terminal(imagecli, *GENERATE, env={**KITTY, "NO_COLOR": "1"}).stderr)


@pytest.mark.parametrize(
    ("protocol", "start"),
    [("kitty", "\x1b_G"), ("iterm", "\x1b]1337;File="), ("sixel", "\x1bP0;1;0q"), ("blocks", "▀")],
)
def test_a_protocol_can_be_chosen(imagecli: Run, protocol: str, start: str, tmp_path: Path) -> None:
    plain = {"TERM": "xterm-256color", "NO_COLOR": "1"}
    assert start in on_terminal(imagecli, *GENERATE, "--preview", protocol, env=plain).stderr
    assert start in on_terminal(imagecli, *GENERATE, env={**plain, "IMAGECLI_PREVIEW": protocol}).stderr
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text(f'preview = "{protocol}"\n')
    assert start in on_terminal(imagecli, *GENERATE, env=plain).stderr


def test_a_project_can_not_choose_what_is_sent_to_the_terminal(imagecli: Run, folder: Path) -> None:
    (folder / "imagecli.toml").write_text('preview = "sixel"\n')
    result = on_terminal(imagecli, *GENERATE)
    assert result.exit_code == 2
    assert "preview" in result.stderr


@pytest.mark.parametrize("word", ["chafa", "Kitty", ""])
def test_an_unknown_protocol_is_an_error(imagecli: Run, word: str) -> None:
    result = imagecli(*GENERATE, "--preview", word)
    assert result.exit_code == 2
    assert "'kitty'" in result.stderr


def test_40_columns_are_enough_and_256_colors(imagecli: Run, folder: Path) -> None:
    photo(folder / "a.png", 900, 600)
    result = on_terminal(imagecli, "mask", "a.png", "--rect", "0,0,50%,50%", env={"TERM": "xterm-256color"})
    drawing = "".join(re.findall(r".*▀.*\x1b\[0m\n", result.stderr))
    assert "38;5;" in drawing
    assert "38;2;" not in drawing
    assert decode_blocks(drawing).getbbox() is not None


@pytest.mark.parametrize(
    "name", ["a\x1b[31mred.png", "宽宽宽宽宽宽宽宽宽宽宽宽宽宽宽.png", "-n.png", "x\u202egnp.png", "a\nb.png"]
)
def test_a_hostile_name_controls_nothing(imagecli: Run, folder: Path, name: str) -> None:
    for number in (1, 2):
        photo(folder / f"{number}{name}")
    result = on_terminal(imagecli, "show", *sorted(folder.iterdir()))
    assert result.exit_code == 0
    (drawing,) = sequences(result.stdout)
    caption = result.stdout.partition(drawing)[2]
    assert caption.count("\n") == 1
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", caption)


@pytest.mark.parametrize("name", ["a;b.png", "a b%.png", "ü.png", "a\x07b\x1b\\.png"])
def test_a_saved_path_is_a_link_that_holds_no_control_characters(imagecli: Run, folder: Path, name: str) -> None:
    result = on_terminal(imagecli, *GENERATE, "-o", name)
    link = re.fullmatch(r"\x1b\]8;;(file://[!-~]+)\x1b\\([^\x00-\x1f]+)\x1b\]8;;\x1b\\\n", result.stdout)
    assert link
    assert link[1] == (folder / name).as_uri()
    assert ";" not in link[1].removeprefix("file://")


@pytest.mark.parametrize(
    ("env", "tty"),
    [
        (XTERM, ("stdout",)),
        (KITTY, ()),
        ({**KITTY, "TMUX": "x"}, ("stdout",)),
        ({**KITTY, "SSH_CONNECTION": "x"}, ("stdout",)),
    ],
)
def test_a_path_is_plain_text_elsewhere(imagecli: Run, env: Mapping[str, str], tty: tuple[str, ...]) -> None:
    assert imagecli(*GENERATE, env=env, tty=tty).stdout == "a-cat.png\n"


def test_an_svg_has_no_preview_and_the_command_succeeds(imagecli: Run, folder: Path) -> None:
    result = on_terminal(
        imagecli, "generate", "a cat", "--provider", "sandbox", "-m", "gpt-image-2.6-flare", "-o", "a.svg"
    )
    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("no preview") == 1
    assert "a.svg is an SVG drawing" in result.stderr
    assert [path.name for path in folder.iterdir()] == ["a.svg"]
