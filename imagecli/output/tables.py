"""Formats tables and text to the width of the terminal. Words are not broken; too wide a table becomes a list."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from imagecli.env import Env

PAGE: Final = 79
"""The width if stdout is not a terminal, or a wide one: longer lines are hard to read."""
LEAST: Final = 20


def terminal_columns(env: Env) -> int | None:
    """The width of the terminal on stdout; None if it is not a terminal or its width is unknown."""
    if not env.stdout.isatty():
        return None
    try:
        return os.get_terminal_size(env.stdout.fileno()).columns or None
    except (OSError, ValueError):
        return None


def output_width(env: Env) -> int:
    """The longest line to print: one column stays free, because some terminals wrap there."""
    return max(LEAST, min(PAGE, (terminal_columns(env) or PAGE + 1) - 1))


def format_table(cells: Sequence[tuple[str, ...]], width: int) -> Iterator[str]:
    """The rows of *cells*, the first of which are the titles, in columns; or, if they are too wide, as a list."""
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = ["  ".join(cell.ljust(wide) for cell, wide in zip(row, widths, strict=True)).rstrip() for row in cells]
    if all(len(line) <= width for line in lines):
        yield from lines
        return
    titles = cells[0]
    for name, *values in cells[1:]:
        yield name
        for title, value in zip(titles[1:], values, strict=True):
            yield from wrap_text(f"  {title.lower()}: {value}", width, "    ") if value else ()


def wrap_text(text: str, width: int, indent: str = "") -> list[str]:
    """*text* in lines, all but the first after *indent*; addresses and paths are not broken, so they can be copied."""
    return textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
