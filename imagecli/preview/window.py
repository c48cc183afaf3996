"""The size of a terminal's window, and the size of an image that fits into its cells."""

from __future__ import annotations

import os
import struct
from typing import Final, NamedTuple, TextIO

from imagecli.domain import Size

_CELL: Final = (10, 20)
"""Width and height of a cell in pixels, if the terminal does not report them; Windows Terminal's sixels have these."""
_WINDOW: Final = (80, 24)


class Cells(NamedTuple):
    """An area of a terminal's window."""

    columns: int
    rows: int


_LEAST: Final = Cells(8, 4)
"""A smaller image is enlarged to fit into this."""


class Window(NamedTuple):
    """A terminal's window in cells, and a cell in pixels."""

    columns: int
    rows: int
    cell_width: int = _CELL[0]
    cell_height: int = _CELL[1]

    def fit(self, size: Size, room: Cells, pixels: tuple[int, int]) -> Size:
        """The size of an image of *size* that fits into *room*, in pixels of which a cell has *pixels*.

        It has the same ratio as the terminal shows it. A large image is not enlarged.
        """
        across, down = size.width / self.cell_width, size.height / self.cell_height
        scale = min(
            min(room.columns, max(_LEAST.columns, size.width / pixels[0])) / across,
            min(room.rows, max(_LEAST.rows, size.height / pixels[1])) / down,
        )
        return Size(
            max(1, round(across * scale * pixels[0])),
            max(1, round(down * scale * pixels[1])),
        )


def read_window(stream: TextIO) -> Window:
    """The window of the terminal that *stream* writes to; 80 × 24 if its size is unknown."""
    try:
        descriptor = stream.fileno()
        columns, rows = os.get_terminal_size(descriptor)
    except (OSError, ValueError):
        return Window(*_WINDOW)
    if not columns or not rows:
        return Window(*_WINDOW)
    width, height = _read_pixels(descriptor)
    if width < columns or height < rows:
        return Window(columns, rows)
    return Window(columns, rows, width // columns, height // rows)


def _read_pixels(descriptor: int) -> tuple[int, int]:
    """The window's width and height in pixels, from the kernel; 0 if the terminal has not set them."""
    try:
        import fcntl
        import termios

        size = fcntl.ioctl(descriptor, termios.TIOCGWINSZ, bytes(8))
    except (ImportError, OSError):
        return 0, 0
    _, _, width, height = struct.unpack("HHHH", size)
    return width, height
