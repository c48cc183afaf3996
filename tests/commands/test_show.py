"""`imagecli show`, and --open."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.children import Children
from tests.conftest import Run, photo
from tests.preview.decoding import decode_blocks, decode_iterm, decode_kitty, decode_sixel
from tests.preview.test_runs import GENERATE, KITTY, XTERM, sequences

TTY = ("stdin", "stdout", "stderr")


def test_one_image_fills_the_window(imagecli: Run, folder: Path) -> None:
    photo(folder / "a.png", 1000, 1000)
    result = imagecli("show", "a.png", env=KITTY, tty=TTY)
    image, options = decode_kitty(result.stdout)
    assert (result.exit_code, result.stderr) == (0, "")
    assert (options["r"], options["c"], image.size) == ("22", "44", (440, 440))


def test_several_images_have_numbers_and_names(imagecli: Run, folder: Path) -> None:
    for number in range(1, 8):
        photo(folder / f"{number}.jpg", 300, 300)
    result = imagecli("show", *[f"{number}.jpg" for number in range(1, 8)], env=KITTY, tty=TTY)
    assert result.exit_code == 0
    rows = sequences(result.stdout)
    captions = [line for line in result.stdout.splitlines() if not line.startswith("\x1b_G")]
    assert len(rows) == len(captions) == 3
    assert captions[0].split() == ["1", "1.jpg", "2", "2.jpg", "3", "3.jpg"]


def test_it_shows_images_for_any_setting_and_uses_its_protocol(imagecli: Run, folder: Path) -> None:
    photo(folder / "a.png")
    off = imagecli("show", "a.png", env={**KITTY, "IMAGECLI_PREVIEW": "none"}, tty=TTY)
    decode_kitty(off.stdout)
    sixel = imagecli("show", "a.png", env={**KITTY, "IMAGECLI_PREVIEW": "sixel"}, tty=TTY)
    decode_sixel(sixel.stdout)


def test_in_a_pipe_only_a_chosen_protocol_is_written(imagecli: Run, folder: Path) -> None:
    photo(folder / "a.png")
    result = imagecli("show", "a.png", env=KITTY)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "imagecli: error: can't show images: stdout is not a terminal\n"
        "hint: add --protocol blocks (or kitty, iterm, sixel) to write escape sequences anyway\n"
    )
    decode_iterm(imagecli("show", "a.png", "--protocol", "iterm").stdout)
    assert decode_blocks(imagecli("show", "a.png", "--protocol", "blocks").stdout).getbbox()


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ({"TERM": "dumb"}, "this terminal is not known to show images"),
        ({**XTERM, "NO_COLOR": "1"}, "this terminal is not known to show images, and NO_COLOR is set"),
    ],
)
def test_a_terminal_that_shows_no_images_is_an_error(
    imagecli: Run, folder: Path, env: dict[str, str], reason: str
) -> None:
    photo(folder / "a.png")
    result = imagecli("show", "a.png", env=env, tty=TTY)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"imagecli: error: {reason}\nhint: use --protocol blocks (or kitty, iterm, sixel), or --open\n"
    )


def test_a_file_that_can_not_be_shown_is_an_error_and_the_rest_is_shown(imagecli: Run, folder: Path) -> None:
    photo(folder / "good.png")
    (folder / "damaged.png").write_bytes((folder / "good.png").read_bytes()[:-400])
    (folder / "text.png").write_text("not an image")
    (folder / "drawing.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    names = ("damaged.png", "text.png", "drawing.svg", "missing.png", ".", "good.png")
    result = imagecli("show", *names, env=KITTY, tty=TTY)
    assert result.exit_code == 2
    assert len(sequences(result.stdout)) == 1
    assert "6 good.png" in result.stdout
    for name in names[:4]:
        assert name in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (6000, 4000)])
def test_any_size_is_shown(imagecli: Run, folder: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size, "red").save(folder / "a.png")
    result = imagecli("show", "a.png", env=KITTY, tty=TTY)
    image, options = decode_kitty(result.stdout)
    assert (result.exit_code, image.getpixel((0, 0))) == (0, (255, 0, 0, 255))
    assert int(options["c"]) <= 79
    assert int(options["r"]) <= 22


def test_stdin_and_earlier_images_are_shown(imagecli: Run, folder: Path) -> None:
    imagecli(*GENERATE, "-n", 2)
    two = imagecli("show", "@last", "-", stdin=(folder / "a-cat-1.png").read_bytes(), env=KITTY, tty=("stdout",))
    assert (two.exit_code, two.stdout.splitlines()[-1].split()) == (0, ["1", "a-cat-2.png", "2", "stdin"])
    missing = imagecli("show", "@zzz", env=KITTY, tty=TTY)
    assert (missing.exit_code, missing.stdout) == (2, "")
    address = imagecli("show", "https://example.com/a.png", env=KITTY, tty=TTY)
    assert address.exit_code == 2
    opened = imagecli("show", "-", "--open", stdin=b"x")
    assert "--open needs files, not stdin" in opened.stderr


VIEWER = """#!/bin/sh
printf '%s\\n' "$@" >> "$HOME/opened"
exit ${VIEWER_CODE:-0}
"""


@pytest.fixture
def desktop(tmp_path: Path, folder: Path) -> dict[str, str]:
    """The variables of a desktop session whose viewer writes the names of what it opens."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "xdg-open").write_text(VIEWER)
    (programs / "xdg-open").chmod(0o755)
    return {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(tmp_path), "DISPLAY": ":9"}


linux_only = pytest.mark.skipif(sys.platform != "linux", reason="xdg-open")


@linux_only
def test_open_starts_the_viewer_with_saved_images_also_in_a_script(
    imagecli: Run, folder: Path, tmp_path: Path, desktop: dict[str, str]
) -> None:
    result = imagecli(*GENERATE, "-n", 2, "--open", "-o", "-x.png", env=desktop)
    assert (result.exit_code, result.stdout) == (0, "./-x-1.png\n./-x-2.png\n")
    assert (tmp_path / "opened").read_text().splitlines() == [str(folder / "-x-1.png"), str(folder / "-x-2.png")]
    assert result.stderr.count("note") == 0


@linux_only
def test_show_opens_images_and_nothing_else(
    imagecli: Run, folder: Path, tmp_path: Path, desktop: dict[str, str]
) -> None:
    photo(folder / "a.png")
    assert imagecli("show", "a.png", "--open", env=desktop).exit_code == 0
    assert (tmp_path / "opened").read_text().splitlines() == [str(folder / "a.png")]
    (folder / "a.png").rename(folder / "a.desktop")
    (folder / "program.png").write_text("[Desktop Entry]\nExec=rm")
    for name in ("a.desktop", "program.png"):
        result = imagecli("show", name, "--open", env=desktop)
        assert result.exit_code == 2
        assert f"{name} is not an image file" in result.stderr
    assert len((tmp_path / "opened").read_text().splitlines()) == 1


@linux_only
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"DISPLAY": ""}, "this is not a desktop session (neither DISPLAY nor WAYLAND_DISPLAY is set)"),
        ({"PATH": "/nonexistent"}, "xdg-open is not installed"),
        ({"VIEWER_CODE": "3"}, "xdg-open failed with exit code 3"),
    ],
)
def test_a_viewer_that_does_not_start_is_a_note_after_a_run_and_an_error_of_show(
    imagecli: Run, desktop: dict[str, str], change: dict[str, str], reason: str
) -> None:
    env = {name: value for name, value in {**desktop, **change}.items() if value}
    result = imagecli(*GENERATE, "--open", env=env)
    assert (result.exit_code, result.stdout) == (0, "a-cat.png\n")
    assert "imagecli: note: can't open the image: " in result.stderr
    assert reason in result.stderr
    result = imagecli("show", "a-cat.png", "--open", env=env)
    assert result.exit_code == 2
    assert reason in result.stderr


@linux_only
def test_no_viewer_of_the_current_folder_is_run(imagecli: Run, folder: Path, desktop: dict[str, str]) -> None:
    (folder / "xdg-open").write_text("#!/bin/sh\ntouch hacked\n")
    (folder / "xdg-open").chmod(0o755)
    imagecli(*GENERATE, "--open", env={**desktop, "PATH": f".::{folder}:{desktop['PATH']}"})
    assert not (folder / "hacked").exists()


@linux_only
@pytest.mark.slow
def test_a_viewer_that_stays_open_is_not_waited_for(
    children: Children, folder: Path, tmp_path: Path, desktop: dict[str, str]
) -> None:
    (tmp_path / "bin" / "xdg-open").write_text('#!/bin/sh\necho $$ > "$HOME/pid"\nexec sleep 30\n')
    begin = time.monotonic()
    process = children.start([sys.executable, "-m", "imagecli", *GENERATE, "--open"], env=desktop, cwd=folder)
    assert (process.wait(20), process.communicate()[0]) == (0, b"a-cat.png\n")
    assert time.monotonic() - begin < 15
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full")
@pytest.mark.parametrize(("end", "code", "stderr"), [("> /dev/full", 8, b"can't write to stdout"), ("| true", 0, b"")])
def test_a_full_disk_is_an_error_and_a_closed_pipe_is_not(
    children: Children, folder: Path, end: str, code: int, stderr: bytes
) -> None:
    Image.effect_noise((900, 900), 90).save(folder / "a.png")
    line = f"set -o pipefail; {sys.executable} -m imagecli show a.png --protocol kitty {end}"
    process = children.start(["bash", "-c", line], cwd=folder, env={"PATH": os.environ["PATH"], "HOME": str(folder)})
    assert process.wait(30) == code
    assert stderr in process.communicate()[1]
