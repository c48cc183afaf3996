"""A terminal that can show images: thumbnails that fit its cells, and what to send it for a row of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from PIL import Image

from imagecli.choices import ImageProtocol
from imagecli.images.header import ImageHeader
from imagecli.images.thumbnail import render_thumbnail
from imagecli.preview.window import Cells, Window

GAP: Final = 2
"""Columns between two images."""
LEAST_TILE: Final = Cells(12, 6)
"""Smaller images show nothing."""
_ITERM_SCALE: Final = 2
"""iTerm2 scales the image to its cells; twice their pixels look sharp on a high-density screen, too."""


class Screen(NamedTuple):
    """How images are sent to a terminal."""

    protocol: ImageProtocol
    window: Window
    true_color: bool
    """24-bit color; otherwise 256 colors. Only for blocks."""

    @property
    def pixels_of_cell(self) -> tuple[int, int]:
        """Width and height, in pixels of an image, of what one cell can show."""
        if self.protocol == "blocks":
            return 1, 2
        scale = _ITERM_SCALE if self.protocol == "iterm" else 1
        return self.window.cell_width * scale, self.window.cell_height * scale


def make_thumbnail(header: ImageHeader, screen: Screen, room: Cells) -> Image.Image:
    """An image that fits into *room*, RGB. Raises InputImageError if its pixels are damaged."""
    return render_thumbnail(header, screen.window.fit(header.size, room, screen.pixels_of_cell))


class Grid(NamedTuple):
    """The layout of several images."""

    across: int
    """Images side by side."""
    tile: Cells
    """The room for one of them, without its caption."""

    @property
    def stride(self) -> int:
        """Columns from the left edge of an image to that of the next."""
        return self.tile.columns + GAP


def choose_grid(count: int, room: Cells) -> Grid:
    """The grid in which *count* images and a line of captions for each row of them are largest in *room*.

    They may be more than fit into it if they would be smaller than LEAST_TILE.
    """
    grids = [_grid(across, -(-count // across), room) for across in range(1, count + 1)]
    best = max(grids, key=_visible_width)
    if _visible_width(best) >= LEAST_TILE.columns:
        return best
    tile = Cells(min(LEAST_TILE.columns, room.columns), LEAST_TILE.rows)
    return Grid(max(1, (room.columns + GAP) // (tile.columns + GAP)), tile)


def _grid(across: int, lines: int, room: Cells) -> Grid:
    return Grid(across, Cells((room.columns + GAP) // across - GAP, room.rows // lines - 1))


def _visible_width(grid: Grid) -> int:
    """The columns of a square image in a tile: a cell is about twice as high as wide."""
    return min(grid.tile.columns, 2 * grid.tile.rows)


def encode_row(thumbnails: Sequence[Image.Image], stride: int, screen: Screen) -> str:
    """What shows *thumbnails* side by side, each *stride* columns from the one before, and ends on a new line."""
    across, down = screen.pixels_of_cell
    width = stride * across * (len(thumbnails) - 1) + thumbnails[-1].width
    height = max(image.height for image in thumbnails)
    cells = Cells(-(-width // across), -(-height // down))
    row = Image.new("RGBA", (cells.columns * across, cells.rows * down))
    for number, image in enumerate(thumbnails):
        row.paste(image, (number * stride * across, 0))
    # Each encoder is imported only if it is used.
    if screen.protocol == "blocks":
        from imagecli.preview.blocks import encode_blocks

        return encode_blocks(row, true_color=screen.true_color)
    if screen.protocol == "sixel":
        from imagecli.preview.sixel import encode_sixel

        return encode_sixel(row)
    from imagecli.preview.inline_images import encode_iterm, encode_kitty

    return encode_kitty(row, cells) if screen.protocol == "kitty" else encode_iterm(row, cells)
