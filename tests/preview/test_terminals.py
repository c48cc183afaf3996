"""Every known terminal, recognized by its variables alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imagecli.domain import Size
from imagecli.preview.screen import LEAST_TILE, Grid, choose_grid
from imagecli.preview.terminals import choose_protocol, has_true_color, opens_file_links
from imagecli.preview.window import Cells, Window, read_window

XTERM = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}

TERMINALS: list[tuple[str, dict[str, str], str | None, bool, bool]] = [
    # name, variables, protocol, 24-bit color, links
    ("kitty", {"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1"}, "kitty", True, True),
    ("kitty with another TERM", {"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty", True, True),
    ("kitty over ssh", {"TERM": "xterm-kitty", "SSH_CONNECTION": "a b"}, "kitty", True, False),
    ("Ghostty", {"TERM": "xterm-ghostty", "TERM_PROGRAM": "ghostty"}, "kitty", True, True),
    ("Ghostty with another TERM", {**XTERM, "TERM_PROGRAM": "ghostty"}, "kitty", True, True),
    ("WezTerm", {**XTERM, "TERM_PROGRAM": "WezTerm"}, "iterm", True, True),
    ("WezTerm started from kitty", {**XTERM, "TERM_PROGRAM": "WezTerm", "KITTY_WINDOW_ID": "1"}, "iterm", True, True),
    ("iTerm2", {**XTERM, "TERM_PROGRAM": "iTerm.app", "LC_TERMINAL": "iTerm2"}, "iterm", True, True),
    ("iTerm2 over ssh", {**XTERM, "LC_TERMINAL": "iTerm2", "SSH_CONNECTION": "a b"}, "iterm", True, False),
    ("VS Code", {**XTERM, "TERM_PROGRAM": "vscode"}, "blocks", True, True),
    ("VS Code from Windows Terminal", {**XTERM, "TERM_PROGRAM": "vscode", "WT_SESSION": "x"}, "blocks", True, True),
    ("Windows Terminal", {"WT_SESSION": "x"}, "sixel", True, True),
    ("Windows Terminal with WSL", {"WT_SESSION": "x", "WSL_DISTRO_NAME": "Debian", **XTERM}, "sixel", True, False),
    ("foot", {"TERM": "foot"}, "sixel", True, True),
    ("foot-extra", {"TERM": "foot-extra"}, "sixel", True, True),
    ("Contour", {"TERM": "contour"}, "sixel", True, True),
    ("mlterm", {"TERM": "mlterm", "MLTERM": "3.9.3"}, "sixel", True, False),
    ("Konsole", {**XTERM, "KONSOLE_VERSION": "230803"}, "sixel", True, False),
    ("old Konsole", {"TERM": "xterm-256color", "KONSOLE_VERSION": "200400"}, "blocks", True, False),
    ("GNOME Terminal", {**XTERM, "VTE_VERSION": "7600"}, "blocks", True, True),
    ("GNOME Terminal from kitty", {**XTERM, "VTE_VERSION": "7600", "KITTY_WINDOW_ID": "1"}, "blocks", True, True),
    ("old VTE", {"TERM": "xterm-256color", "VTE_VERSION": "4602"}, "blocks", False, False),
    ("Alacritty", {"TERM": "alacritty"}, "blocks", True, True),
    ("xterm", {"TERM": "xterm-256color"}, "blocks", False, False),
    ("xterm with direct color", {"TERM": "xterm-direct"}, "blocks", True, False),
    ("Terminal.app", {"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, "blocks", False, False),
    ("Linux console", {"TERM": "linux"}, "blocks", False, False),
    ("tmux", {"TERM": "tmux-256color", "TMUX": "/tmp/x,1,0"}, "blocks", True, False),
    ("tmux inside kitty", {"TERM": "screen", "TMUX": "x", "KITTY_WINDOW_ID": "1"}, "blocks", True, False),
    ("ssh from tmux", {"TERM": "tmux-256color"}, "blocks", True, False),
    ("screen", {"TERM": "screen.xterm-256color", "STY": "1.x", "COLORTERM": "truecolor"}, "blocks", False, False),
    ("screen inside iTerm2", {"TERM": "screen", "STY": "1", "TERM_PROGRAM": "iTerm.app"}, "blocks", False, False),
    ("zellij inside kitty", {"TERM": "xterm-kitty", "ZELLIJ": "0"}, "blocks", True, False),
    ("vt220", {"TERM": "vt220"}, None, False, False),
    ("dumb", {"TERM": "dumb"}, None, False, False),
    ("a console without variables", {}, None, False, False),
]


@pytest.mark.parametrize(
    ("environ", "protocol", "true_color", "links"),
    [pytest.param(*row[1:], id=row[0]) for row in TERMINALS],
)
def test_a_terminal_is_recognized(environ: dict[str, str], protocol: str | None, true_color: bool, links: bool) -> None:
    assert choose_protocol(environ, color=True) == protocol
    assert choose_protocol(environ, color=False) == (None if protocol == "blocks" else protocol)
    assert has_true_color(environ) == true_color
    assert opens_file_links(environ) == links


@pytest.mark.parametrize("size", [Size(1024, 1024), Size(1536, 1024), Size(512, 2048), Size(16, 16), Size(20_000, 10)])
@pytest.mark.parametrize("cell", [(10, 20), (9, 18), (17, 33), (8, 16)])
@pytest.mark.parametrize("room", [Cells(79, 18), Cells(39, 18), Cells(200, 24), Cells(1, 3)])
def test_an_image_fits_and_keeps_its_ratio(size: Size, cell: tuple[int, int], room: Cells) -> None:
    window = Window(80, 24, *cell)
    for pixels in ((1, 2), cell):
        width, height = window.fit(size, room, pixels)
        assert 1 <= width <= room.columns * pixels[0]
        assert 1 <= height <= room.rows * pixels[1]
        if min(width, height) >= 20:
            ratio = (width / pixels[0] * cell[0]) / (height / pixels[1] * cell[1])
            assert ratio == pytest.approx(size.width / size.height, rel=0.05)


def test_a_large_image_fills_the_available_space_and_a_small_one_keeps_its_size() -> None:
    window = Window(80, 24, 10, 20)
    assert window.fit(Size(1024, 1024), Cells(79, 18), (10, 20)) == Size(360, 360)
    assert window.fit(Size(1024, 1024), Cells(79, 18), (1, 2)) == Size(36, 36)
    assert window.fit(Size(200, 200), Cells(79, 18), (10, 20)) == Size(200, 200)
    assert window.fit(Size(8, 8), Cells(79, 18), (10, 20)) == Size(80, 80)


@pytest.mark.parametrize("count", range(1, 41))
@pytest.mark.parametrize("room", [Cells(79, 18), Cells(39, 18), Cells(11, 6), Cells(200, 24)])
def test_a_contact_sheet_fits_into_the_width(count: int, room: Cells) -> None:
    grid = choose_grid(count, room)
    assert grid.across * grid.stride - 2 <= room.columns
    assert grid.tile.columns >= min(LEAST_TILE.columns, room.columns)
    assert grid.tile.rows >= LEAST_TILE.rows or grid.tile.columns < LEAST_TILE.columns


def test_images_are_as_large_as_possible() -> None:
    assert choose_grid(3, Cells(99, 24)) == Grid(3, Cells(31, 23))
    assert choose_grid(4, Cells(79, 24)) == Grid(2, Cells(38, 11))
    assert choose_grid(4, Cells(39, 24)) == Grid(2, Cells(18, 11))


def test_the_window_is_read_from_the_kernel(tmp_path: Path) -> None:
    import fcntl
    import struct
    import termios

    controller, terminal = os.openpty()
    try:
        with os.fdopen(terminal, "w") as stream:
            assert read_window(stream) == Window(80, 24)
            fcntl.ioctl(controller, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
            assert read_window(stream) == Window(100, 30)
            fcntl.ioctl(controller, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 1700, 990))
            assert read_window(stream) == Window(100, 30, 17, 33)
    finally:
        os.close(controller)
    with (tmp_path / "file").open("w") as stream:
        assert read_window(stream) == Window(80, 24)
