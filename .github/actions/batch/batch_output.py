"""Parses the output of `imagecli batch --json`, which may be damaged, empty or incomplete.

Texts come from manifests and servers, so they are reduced to one line of visible characters.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

CHARACTERS = 400
"""Of one text; the log has all of it."""
ERRORS = 5
"""Errors of one row in its message."""
JOINERS = "\u200c\u200d"
"""Format characters within words and emoji, which control nothing."""
STATES = ("bought", "kept", "failed", "submitted", "done", "missing", "stale")
"""States of a row, with and without --check."""
COUNTED = ("bought", "submitted", "kept", "failed", "not_sent", "missing_or_stale", "requests")
"""The counts of the command's summary that are reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The outcome of one row; or, with state `error`, a problem of the manifest or the command."""

    line: int | None = None
    state: str
    outputs: tuple[str, ...] = ()
    cost_usd: float | None = None
    message: str = ""
    code: str = ""


@dataclass(slots=True, kw_only=True)
class BatchOutput:
    """The parsed output of the command."""

    rows: list[Row] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    cost_usd: float | None = None
    at_most_usd: float | None = None
    """Of a dry run."""
    warnings: list[str] = field(default_factory=list)
    ended: bool = False
    """Whether the output has a summary, or an error before one."""
    unreadable: int = 0

    def add_line(self, line: bytes) -> None:
        """Add one line of the command's stdout."""
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            self.unreadable += 1
        elif "state" in document:
            self.rows.append(parse_row(document))
        else:
            self._add_summary(document)

    def _add_summary(self, document: dict[str, Any]) -> None:
        self.ended = True
        cost = mapping(document.get("cost"))
        self.cost_usd = number(cost.get("actual_usd"))
        if document.get("status") == "planned":
            self.at_most_usd = number(cost.get("estimated_max_usd"))
        summary = mapping(document.get("summary"))
        self.counts = {name: count for name in COUNTED if (count := whole(summary.get(name))) is not None}
        self.warnings += [
            clean_text(one.get("message"))
            for one in mappings(document.get("warnings"))
            if one.get("level") == "warning"
        ]
        for error in mappings(document.get("errors")):
            self.rows.append(Row(state="error", message=error_text(error), code=error_code(error)))

    def count(self, state: str) -> int:
        """The number of rows in *state*, by the summary, or else by the rows in the output."""
        return self.counts.get(state, sum(row.state == state for row in self.rows))


def read_output(lines: Iterable[bytes]) -> BatchOutput:
    output = BatchOutput()
    for line in lines:
        if line.strip():
            output.add_line(line)
    return output


def parse_row(document: dict[str, Any]) -> Row:
    errors = mappings(document.get("errors"))
    names, state = document.get("outputs"), clean_text(document.get("state"))
    return Row(
        line=whole(document.get("line")),
        state=state if state in STATES else "other",
        outputs=tuple(clean_text(name) for name in names) if isinstance(names, list) else (),
        cost_usd=number(mapping(document.get("cost")).get("actual_usd")),
        message="; ".join(error_text(error) for error in errors[:ERRORS]),
        code=error_code(errors[0]) if errors else "",
    )


def error_text(error: dict[str, Any]) -> str:
    """An error's message, with its hint."""
    message, hint = clean_text(error.get("message")), clean_text(error.get("hint"))
    return f"{message} ({hint})" if hint else message


def error_code(error: dict[str, Any]) -> str:
    return clean_text(error.get("code")).strip()


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53 else None


def number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < 1e12 and math.isfinite(value) else None


def clean_text(value: Any) -> str:
    """*value* on one line; characters that are invisible or change the order of others are replaced."""
    cleaned = "".join(_visible(character) for character in value[: CHARACTERS + 1]) if isinstance(value, str) else ""
    return cleaned if len(cleaned) <= CHARACTERS else cleaned[:CHARACTERS] + "…"


def _visible(character: str) -> str:
    if character.isspace():
        return " "
    invisible = unicodedata.category(character) in ("Cc", "Cf", "Cs") and character not in JOINERS
    return "\N{REPLACEMENT CHARACTER}" if invisible else character
