"""The output of a batch as annotations of a GitHub Actions step.

Limits and escapes: GitHub's "Workflow commands for GitHub Actions" and ActionCommand.cs of its runner, 2026-11-23.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from batch_output import BatchOutput, Row, clean_text

SHOWN = 10
"""Annotations of each kind; GitHub shows no more of one step."""


def build_annotations(output: BatchOutput, manifest: str) -> Iterator[str]:
    """A line for each error and warning; after --check, for each row that is missing or stale, too."""
    is_check = "missing_or_stale" in output.counts
    errors = []
    for row in output.rows:
        message = row.message or (missing_message(row) if is_check else "")
        if message:
            errors.append(annotation("error", message, manifest, row))
    yield from limit_lines("error", errors)
    warnings = [annotation("warning", message, manifest) for message in dict.fromkeys(output.warnings)]
    yield from limit_lines("warning", warnings)


def missing_message(row: Row) -> str:
    """A message for a row that is missing or stale; empty for any other."""
    return f"{row.outputs[0]} is {row.state}" if row.state in ("missing", "stale") and row.outputs else ""


def limit_lines(kind: str, lines: list[str]) -> list[str]:
    """The first lines; the last of them counts those that are omitted."""
    if len(lines) <= SHOWN:
        return lines
    more = len(lines) - SHOWN + 1
    return [*lines[: SHOWN - 1], f"::{kind} title=imagecli::{more:,} more in the job summary"]


def annotation(kind: str, message: str, manifest: str, row: Row | None = None) -> str:
    """An annotation at the line of *row*, or at the line that a problem of the manifest begins with."""
    name = posixpath.normpath(clean_text(manifest))
    match = re.match(rf"(?:\S*/)?{re.escape(posixpath.basename(name))}:([0-9]{{1,9}})\b", message)
    line = row.line if row and row.line else int(match[1]) if match else None
    properties = {
        "file": "" if name == "-" or posixpath.isabs(name) else name,
        "line": str(line or ""),
        "title": f"imagecli: {row.code}" if row and row.code else "imagecli",
    }
    pairs = ",".join(f"{key}={escaped_property(value)}" for key, value in properties.items() if value)
    return f"::{kind} {pairs}::{escaped(message)}"


def escaped(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escaped_property(value: str) -> str:
    return escaped(value).replace(":", "%3A").replace(",", "%2C")
