"""Shows images on the terminal: what a command saved, partial images of a stream, a mask, and the files of `show`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from rich.cells import cell_len, set_cell_size

from imagecli.choices import Preview
from imagecli.domain import MAX_IMAGE_BYTES, InputSource
from imagecli.env import Env
from imagecli.errors import InputImageError, Terminated
from imagecli.images.header import ImageHeader, read_header
from imagecli.output.terminal import DisplayOptions, plural, print_dim, sanitize
from imagecli.preview.screen import Grid, Screen, choose_grid, encode_row, make_thumbnail
from imagecli.preview.terminals import choose_protocol, has_true_color
from imagecli.preview.window import Cells, read_window
from imagecli.storage.read import read_bounded

if TYPE_CHECKING:
    from imagecli.images.mask_area import Area

_MOST_ROWS: Final = 24
"""Rows of an image, or of a contact sheet, after a command."""
_OTHER_ROWS: Final = 6
"""Rows of the window that stay free for the command and the lines below the images."""
_LEAST_ROWS: Final = 3
_SMALL: Final = Cells(40, 10)
"""The room for a partial image or a mask."""
_TILE_ROWS: Final = 12
"""Rows of each of several images that `show` lists one below the other."""
_END_OF_DRAWING: Final = "\x1b\\\x1b[0m\n"
"""Ends a sequence that was cut short, and its colors."""


def open_screen(preview: Preview, stream: TextIO, env: Env, *, color: bool) -> Screen | None:
    """The terminal that *stream* writes to; None if it is not known to show images, or if *preview* is none."""
    protocol = choose_protocol(env.environ, color=color) if preview == "auto" else preview
    if protocol is None or protocol == "none" or _is_legacy_console(stream):
        return None
    if protocol == "blocks" and not _has_blocks(stream):
        return None
    return Screen(protocol, read_window(stream), has_true_color(env.environ))


def _is_legacy_console(stream: TextIO) -> bool:
    """Whether *stream* is a Windows console that does not interpret escape sequences."""
    if os.name != "nt":
        return False
    from rich.console import Console

    return Console(file=stream).legacy_windows


def _has_blocks(stream: TextIO) -> bool:
    """Whether the encoding of *stream* has the characters of half blocks."""
    try:
        "▀▄".encode(stream.encoding or "utf-8")
    except UnicodeError:
        return False
    return True


def print_previews(paths: Sequence[Path], env: Env, display: DisplayOptions) -> None:
    """Show the saved images on stderr, several as a contact sheet; a note if one can't be shown."""
    screen = open_screen(display.preview, env.stderr, env, color=display.color)
    if screen is None:
        return
    room = Cells(screen.window.columns - 1, min(screen.window.rows - _OTHER_ROWS, _MOST_ROWS))
    if room.rows < _LEAST_ROWS:
        return
    grid = choose_grid(len(paths), room) if len(paths) > 1 else Grid(1, room)
    sources = [InputSource(name=str(path), path=path) for path in paths]
    visible = sources[: grid.across * max(1, room.rows // (grid.tile.rows + 1))]
    failures = []
    for drawing in draw_images(visible, grid, screen):
        if isinstance(drawing, InputImageError):
            failures.append(drawing)
        elif not write_drawing(drawing, env.stderr):
            return
    if failures:
        _print_dim_note(f"no preview: {failures[0].message}", env, display)
    elif hidden_count := len(paths) - len(visible):
        _print_dim_note(f"{plural(hidden_count, 'more image')} not shown", env, display)


def draw_images(sources: Sequence[InputSource], grid: Grid, screen: Screen) -> Iterator[str | InputImageError]:
    """What shows *sources*, row by row, with numbers and names if there are several; or why one can't be shown."""
    numbered = list(enumerate(sources, start=1))
    for first in range(0, len(numbered), grid.across):
        thumbnails, captions = [], []
        for number, source in numbered[first : first + grid.across]:
            try:
                thumbnails.append(make_thumbnail(_read_source(source), screen, grid.tile))
                captions.append(f"{number} {sanitize(source.path.name if source.path else source.label)}")
            except InputImageError as error:
                yield error
        if thumbnails:
            line = "".join(_pad_captions(captions, grid)).rstrip() + "\n" if len(sources) > 1 else ""
            yield encode_row(thumbnails, grid.stride, screen) + line


def _read_source(source: InputSource) -> ImageHeader:
    if source.path is None:
        return read_header(source.data or b"", source.label)
    return read_header(read_bounded(source.path, MAX_IMAGE_BYTES), str(source.path))


def _pad_captions(captions: Sequence[str], grid: Grid) -> Iterator[str]:
    """Each caption below its image, shortened to its width."""
    for text in captions:
        yield set_cell_size(_shorten(text, grid.tile.columns), grid.stride)


def _shorten(text: str, width: int) -> str:
    """*text* without its middle, if it is wider: names often differ only at their ends."""
    if cell_len(text) <= width:
        return text
    end = (width - 1) // 2
    return set_cell_size(text, width - 1 - end) + "…" + set_cell_size(text[::-1], end)[::-1]


def show_grid(count: int, screen: Screen) -> Grid:
    """The layout for `show`: one image fills the window; several scroll through it."""
    room = Cells(screen.window.columns - 1, max(screen.window.rows - 2, 1))
    if count == 1:
        return Grid(1, room)
    grid = choose_grid(count, room)
    # Images that would be small scroll instead.
    across = max(1, min(grid.across, room.columns // (2 * _TILE_ROWS)))
    return grid if across == grid.across else choose_grid(across, Cells(room.columns, min(_TILE_ROWS + 1, room.rows)))


def draw_partial(data: bytes, screen: Screen) -> str:
    """A small copy of a partial image, as it is written to the terminal. Raises InputImageError if it is damaged."""
    return encode_row([make_thumbnail(read_header(data, "partial image"), screen, _small_room(screen))], 0, screen)


def print_mask_preview(header: ImageHeader, area: Area, env: Env, display: DisplayOptions) -> None:
    """Show the area that a mask marks, small, over its image on stderr."""
    screen = open_screen(display.preview, env.stderr, env, color=display.color)
    if screen is None:
        return
    from imagecli.preview.mask_overlay import tint_area

    room = _small_room(screen)
    if room.rows >= _LEAST_ROWS:
        tinted = tint_area(make_thumbnail(header, screen, room), area)
        write_drawing(encode_row([tinted], 0, screen), env.stderr)


def _small_room(screen: Screen) -> Cells:
    window = screen.window
    return Cells(min(_SMALL.columns, window.columns - 1), min(_SMALL.rows, window.rows - _OTHER_ROWS))


def write_drawing(text: str, stream: TextIO) -> bool:
    """Write escape sequences to the terminal; False if it is closed. An interruption leaves the terminal as before."""
    try:
        with ended_drawing(stream):
            stream.write(text)
            stream.flush()
    except (OSError, ValueError):
        return False
    return True


@contextmanager
def ended_drawing(stream: TextIO) -> Iterator[None]:
    """Ends the escape sequence that an interruption of the body cuts short."""
    try:
        yield
    except (KeyboardInterrupt, Terminated):
        with suppress(OSError, ValueError):
            stream.write(_END_OF_DRAWING)
            stream.flush()
        raise


def _print_dim_note(text: str, env: Env, display: DisplayOptions) -> None:
    print_dim(f"imagecli: note: {text}", display, env)
