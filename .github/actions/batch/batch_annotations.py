"""What a batch said, as annotations of a GitHub Actions step.

Limits and escapes: GitHub's "Workflow commands for GitHub Actions" and ActionCommand.cs of its runner, 2026-11-23.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from batch_said import Row, Said, text

SHOWN = 10
"""Of each kind; GitHub shows no more of one step."""


def annotated(said: Said, manifest: str) -> Iterator[str]:
    """A line each: what failed, what is wrong, and what a look (--check) found missing."""
    looked = "missing_or_stale" in said.counts
    errors = [(row, words) for row in said.rows if (words := row.said or (gap(row) if looked else ""))]
    yield from few("error", [annotation("error", words, manifest, row) for row, words in errors])
    yield from few("warning", [annotation("warning", words, manifest) for words in dict.fromkeys(said.warnings)])


def gap(row: Row) -> str:
    """What is said of a row that is not there; empty for one that is."""
    return f"{row.outputs[0]} is {row.state}" if row.state in ("missing", "stale") and row.outputs else ""


def few(kind: str, lines: list[str]) -> list[str]:
    """As many as are shown, the last of which tells of those that are not."""
    if len(lines) <= SHOWN:
        return lines
    more = len(lines) - SHOWN + 1
    return [*lines[: SHOWN - 1], f"::{kind} title=imagecli::{more:,} more are in the summary"]


def annotation(kind: str, message: str, manifest: str, row: Row | None = None) -> str:
    """At the manifest's line, where one is known: a row says it, a problem of the manifest begins with it."""
    name = posixpath.normpath(text(manifest))
    found = re.match(rf"(?:\S*/)?{re.escape(posixpath.basename(name))}:([0-9]{{1,9}})\b", message)
    line = row.line if row and row.line else int(found[1]) if found else None
    properties = {
        "file": "" if name == "-" or posixpath.isabs(name) else name,
        "line": str(line or ""),
        "title": f"imagecli: {row.code}" if row and row.code else "imagecli",
    }
    said = ",".join(f"{key}={escaped_property(value)}" for key, value in properties.items() if value)
    return f"::{kind} {said}::{escaped(message)}"


def escaped(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escaped_property(value: str) -> str:
    return escaped(value).replace(":", "%3A").replace(",", "%2C")
