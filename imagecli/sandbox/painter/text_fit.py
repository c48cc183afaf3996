"""Where the lines of a text break and how large they are: balanced, in Chinese as in English."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

LINE_HEIGHT: Final = 1.24
"""In font sizes."""

MeasureWidth: TypeAlias = Callable[[str], float]
"""How wide a text is, in font sizes."""

_UNIT: Final = re.compile(
    # a character of a script without spaces, with the punctuation that may not begin a line; or a run of others
    r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"
    r"[\u3001\u3002\uff0c\uff0e\uff01\uff1f\uff1a\uff1b\uff09\u300d\u300f\u3011\u2019\u201d]*"
    r"|[^\s\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]+|\s+"
)


class TextBlock(NamedTuple):
    """Lines of one font size, in pixels."""

    lines: tuple[str, ...]
    size: float

    @property
    def height(self) -> float:
        return self.size * LINE_HEIGHT * len(self.lines)


def fit_text(
    text: str, measure: MeasureWidth, *, width: float, height: float, largest: float, smallest: float
) -> TextBlock:
    """*text* as large as *width* and *height* allow, between the two font sizes; what is too long ends in "…"."""
    widest_unit = max((measure(unit) for unit in split_units(text)), default=0.0)
    size = largest
    while size > smallest:
        lines = break_lines(text, measure, width / size)
        if len(lines) * size * LINE_HEIGHT <= height and widest_unit <= width / size:
            return TextBlock(_balance_lines(text, measure, width / size, lines), size)
        size *= 0.94
    lines = break_lines(text, measure, width / smallest)
    most = max(1, int(height / (smallest * LINE_HEIGHT)))
    if len(lines) > most:
        lines = (*lines[: most - 1], _add_ellipsis(lines[most - 1], measure, width / smallest))
    return TextBlock(lines, smallest)


def split_units(text: str) -> list[str]:
    """What stays together on a line, and the spaces between."""
    return _UNIT.findall(text)


def break_lines(text: str, measure: MeasureWidth, limit: float) -> tuple[str, ...]:
    """Lines no wider than *limit* font sizes; a word that is wider is broken anywhere."""
    lines: list[str] = []
    line, used = "", 0.0
    for unit in split_units(text):
        for piece in (unit,) if measure(unit) <= limit else unit:
            width = measure(piece)
            if used + width > limit and line.strip() and not piece.isspace():
                lines.append(line.strip())
                line, used = "", 0.0
            if line or not piece.isspace():
                line, used = line + piece, used + width
    return (*lines, line.strip()) if line.strip() else tuple(lines)


def _balance_lines(text: str, measure: MeasureWidth, limit: float, lines: tuple[str, ...]) -> tuple[str, ...]:
    """As many lines of nearly the same width: the narrowest limit that needs no more of them."""
    low, high = limit / 2, limit
    widest_unit = max(measure(unit) for unit in split_units(text))
    for _ in range(10 if len(lines) > 1 else 0):
        middle = max(widest_unit, (low + high) / 2)
        narrower = break_lines(text, measure, middle)
        if len(narrower) > len(lines):
            low = middle
        else:
            high, lines = middle, narrower
    return lines


def _add_ellipsis(line: str, measure: MeasureWidth, limit: float) -> str:
    while line and measure(line + "…") > limit:
        line = line[:-1]
    return line.rstrip(" ,.;:") + "…"
