"""What `doctor` found, and how it tells it: a line each on stdout, folded to the terminal, or all of it as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from imagecli.env import Env
from imagecli.errors import ImagecliError
from imagecli.output.result import write_to_stdout
from imagecli.output.settings import print_json_document
from imagecli.output.terminal import sanitize

Level = Literal["ok", "note", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at: how it is, and what mends it."""

    topic: str
    message: str
    level: Level = "ok"
    hint: str | None = None
    error: ImagecliError | None = None
    """What a command that makes pictures would end with."""


def finding_from_error(topic: str, error: ImagecliError) -> Finding:
    """The finding of an error."""
    return Finding(topic=topic, level="error", message=error.message, hint=error.hint, error=error)


MARKS = {"ok": "ok", "note": "note", "warning": "warn", "error": "FAIL"}
INDENT = " " * 6


def print_finding(finding: Finding, env: Env, columns: int | None = None) -> None:
    """One finding, and what mends it in a line of its own."""
    lines = [f"{MARKS[finding.level]:<6}{finding.topic}: {finding.message}"]
    if finding.hint:
        lines.append(f"{INDENT}fix: {finding.hint}")
    text = "".join(f"{_wrap_line(sanitize(line), columns)}\n" for line in lines)
    write_to_stdout(env, text.encode("utf-8", "backslashreplace"))


def _wrap_line(line: str, columns: int | None) -> str:
    """*line* in the width of a terminal; paths and addresses stay in one piece, to be copied."""
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


def print_findings_json(found: Sequence[Finding], models: Sequence[str], first: ImagecliError | None, env: Env) -> None:
    """All of it as the one JSON object; *first* is the error that a command would end with."""
    listed: Any = [
        {
            "topic": one.topic,
            "level": one.level,
            "message": one.message,
            "hint": one.hint,
            "code": one.error.code if one.error else None,
        }
        for one in found
    ]
    errors = [one.error for one in found if one.error]
    print_json_document(
        "doctor",
        {"findings": listed, "models": list(models)},
        env,
        errors=errors,
        exit_code=first.exit_code if first else 0,
    )
