"""Where lines break and how large they are: balanced, in Chinese as in English, and cut with an ellipsis."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

LEADING = 1.24
"""Line height by font size."""

Width: TypeAlias = Callable[[str], float]
"""How wide a text is, in font sizes."""

_UNITS = re.compile(
    # a character of a script without spaces, with the punctuation that may not begin a line; or a run of others
    r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"
    r"[\u3001\u3002\uff0c\uff0e\uff01\uff1f\uff1a\uff1b\uff09\u300d\u300f\u3011\u2019\u201d]*"
    r"|[^\s\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]+|\s+"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Lines of one size, in pixels."""

    lines: tuple[str, ...]
    size: float
    cut: bool = False
    """Not all of the text is in the lines."""

    @property
    def height(self) -> float:
        return self.size * LEADING * len(self.lines)


def fit(text: str, width: Width, box: tuple[float, float], largest: float, smallest: float) -> Block:
    """*text* as large as it goes into *box* (width, height in pixels), between the two sizes."""
    pieces = units(text)
    size = largest
    while size > smallest:
        lines = wrap(pieces, width, box[0] / size)
        if len(lines) * size * LEADING <= box[1] and not _breaks_words(pieces, lines):
            return Block(lines=_balanced(pieces, width, box[0] / size, lines), size=size)
        size *= 0.94
    most = max(1, int(box[1] / (smallest * LEADING)))
    lines = wrap(pieces, width, box[0] / smallest)
    if len(lines) <= most:
        return Block(lines=lines, size=smallest)
    shown = (*lines[: most - 1], _ellipsis(lines[most - 1], width, box[0] / smallest))
    return Block(lines=shown, size=smallest, cut=True)


def units(text: str) -> list[str]:
    """What stays together on a line, and the blanks between."""
    return _UNITS.findall(text)


def wrap(pieces: list[str], width: Width, limit: float) -> tuple[str, ...]:
    """Greedy lines no wider than *limit* font sizes; a unit that is wider is broken anywhere."""
    lines: list[str] = []
    line, used = "", 0.0
    for unit in pieces:
        wide = width(unit)
        if used + (0 if unit.isspace() else wide) > limit and line.strip():
            lines.append(line.strip())
            line, used = "", 0.0
        if wide > limit:
            *full, unit = _broken(unit, width, limit)
            lines += full
            wide = width(unit)
        if line or not unit.isspace():
            line, used = line + unit, used + wide
    return tuple([*lines, line.strip()] if line.strip() else lines)


def _broken(unit: str, width: Width, limit: float) -> list[str]:
    pieces, piece, used = [], "", 0.0
    for char in unit:
        wide = width(char)
        if piece and used + wide > limit:
            pieces.append(piece)
            piece, used = "", 0.0
        piece, used = piece + char, used + wide
    return [*pieces, piece]


def _breaks_words(pieces: list[str], lines: tuple[str, ...]) -> bool:
    """Whether a word had to be cut: then a smaller size is better."""
    return any(not any(unit in line for line in lines) for unit in pieces if not unit.isspace())


def _balanced(pieces: list[str], width: Width, limit: float, lines: tuple[str, ...]) -> tuple[str, ...]:
    """As many lines, of nearly the same width: the narrowest limit that needs no more of them."""
    low, high = limit / 2, limit
    for _ in range(12 if len(lines) > 1 else 0):
        middle = (low + high) / 2
        narrower = wrap(pieces, width, middle)
        if len(narrower) > len(lines) or _breaks_words(pieces, narrower):
            low = middle
        else:
            high, lines = middle, narrower
    return lines


def _ellipsis(line: str, width: Width, limit: float) -> str:
    while line and width(line + "…") > limit:
        line = line[:-1]
    return line.rstrip(" ,.;:") + "…"
