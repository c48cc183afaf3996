"""What `imagecli batch --json` said, read line by line; it may be broken, empty, or not all there.

Its texts are made one line of characters that are seen: they come from manifests and servers.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

CHARACTERS = 400
"""Of one text; what is longer is in the log."""
ERRORS = 5
"""Of one row, that are told."""
JOINERS = "\u200c\u200d"
"""Format characters that stand within words and emoji, and steer nothing."""
STATES = ("bought", "kept", "failed", "submitted", "done", "missing", "stale")
"""Of a row, with and without --check."""
COUNTED = ("bought", "submitted", "kept", "failed", "not_sent", "missing_or_stale", "requests")
"""What the command's summary counts, and is told on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What became of one purchase; or, where its state is `error`, what is wrong with the manifest or the command."""

    line: int | None = None
    state: str
    outputs: tuple[str, ...] = ()
    cost_usd: float | None = None
    said: str = ""
    code: str = ""


@dataclass(slots=True, kw_only=True)
class Said:
    """All that the command said."""

    rows: list[Row] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    cost_usd: float | None = None
    at_most_usd: float | None = None
    """Of a plan."""
    warnings: list[str] = field(default_factory=list)
    ended: bool = False
    """Whether it came to its summary, or to an error before one."""
    unreadable: int = 0

    def take(self, line: bytes) -> None:
        """Takes in one line of its stdout."""
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            self.unreadable += 1
        elif "state" in document:
            self.rows.append(row_of(document))
        else:
            self._end(document)

    def _end(self, document: dict[str, Any]) -> None:
        self.ended = True
        cost = mapping(document.get("cost"))
        self.cost_usd = number(cost.get("actual_usd"))
        if document.get("status") == "planned":
            self.at_most_usd = number(cost.get("estimated_max_usd"))
        summary = mapping(document.get("summary"))
        self.counts = {name: count for name in COUNTED if (count := whole(summary.get(name))) is not None}
        self.warnings += [
            text(one.get("message")) for one in mappings(document.get("warnings")) if one.get("level") == "warning"
        ]
        for error in mappings(document.get("errors")):
            words, error_code = told(error)
            self.rows.append(Row(state="error", said=words, code=error_code))

    def count(self, state: str) -> int:
        """How many purchases ended so: by the summary, else by the rows that were told."""
        return self.counts.get(state, sum(row.state == state for row in self.rows))


def read(lines: Iterable[bytes]) -> Said:
    said = Said()
    for line in lines:
        if line.strip():
            said.take(line)
    return said


def row_of(document: dict[str, Any]) -> Row:
    errors = [told(error) for error in mappings(document.get("errors"))]
    names, state = document.get("outputs"), text(document.get("state"))
    return Row(
        line=whole(document.get("line")),
        state=state if state in STATES else "other",
        outputs=tuple(text(name) for name in names) if isinstance(names, list) else (),
        cost_usd=number(mapping(document.get("cost")).get("actual_usd")),
        said="; ".join(words for words, _ in errors[:ERRORS]),
        code=errors[0][1] if errors else "",
    )


def told(error: dict[str, Any]) -> tuple[str, str]:
    """An error's words, its way out behind them, and its code."""
    message, hint = text(error.get("message")), text(error.get("hint"))
    return f"{message} ({hint})" if hint else message, text(error.get("code")).strip()


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53 else None


def number(value: Any) -> float | None:
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_one and 0 <= value < 1e12 and math.isfinite(value) else None


def text(value: Any) -> str:
    """On one line; characters that are not seen, or turn the order of others, are replaced."""
    shown = "".join(_seen(character) for character in value[: CHARACTERS + 1]) if isinstance(value, str) else ""
    return shown if len(shown) <= CHARACTERS else shown[:CHARACTERS] + "…"


def _seen(character: str) -> str:
    if character.isspace():
        return " "
    unseen = unicodedata.category(character) in ("Cc", "Cf", "Cs") and character not in JOINERS
    return "\N{REPLACEMENT CHARACTER}" if unseen else character
