"""The findings of `doctor`, printed as lines that fit the terminal or as one JSON object."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from imagecli.env import Env
from imagecli.errors import ImagecliError
from imagecli.output.json_result import print_json_document
from imagecli.output.terminal import print_lines, sanitize

Level = Literal["ok", "note", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of a check, and how to fix what is wrong."""

    topic: str
    message: str
    level: Level = "ok"
    hint: str | None = None
    error: ImagecliError | None = None
    """The error that a command which creates images would exit with."""


def finding_from_error(topic: str, error: ImagecliError) -> Finding:
    """A finding for an error."""
    return Finding(topic=topic, level="error", message=error.message, hint=error.hint, error=error)


MARKS = {"ok": "ok", "note": "note", "warning": "warn", "error": "FAIL"}
INDENT = " " * 6


def print_finding(finding: Finding, env: Env, columns: int | None = None) -> None:
    """Print a finding, with its fix on a line of its own."""
    lines = [f"{MARKS[finding.level]:<6}{finding.topic}: {finding.message}"]
    if finding.hint:
        lines.append(f"{INDENT}fix: {finding.hint}")
    print_lines((_wrap_line(sanitize(line), columns) for line in lines), env)


def _wrap_line(line: str, columns: int | None) -> str:
    """*line* wrapped at the terminal's width; paths and URLs are not broken, so that they can be copied."""
    if not columns:
        return line
    return textwrap.fill(
        line.strip(),
        max(columns - 1, 20),
        initial_indent=INDENT if line.startswith(INDENT) else "",
        subsequent_indent=INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def print_findings_json(
    findings: Sequence[Finding], models: Sequence[str], first: ImagecliError | None, env: Env
) -> None:
    """Print all findings as one JSON object; *first* is the error that a command would exit with."""
    entries: Any = [
        {
            "topic": finding.topic,
            "level": finding.level,
            "message": finding.message,
            "hint": finding.hint,
            "code": finding.error.code if finding.error else None,
        }
        for finding in findings
    ]
    errors = [finding.error for finding in findings if finding.error]
    print_json_document(
        "doctor",
        {"findings": entries, "models": list(models)},
        env,
        errors=errors,
        exit_code=first.exit_code if first else 0,
    )
