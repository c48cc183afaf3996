"""Writes untrusted text so that it can't control the terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from imagecli.quoting import CONTROL_CHARACTERS
from imagecli.quoting import sanitize as sanitize

if TYPE_CHECKING:
    from imagecli.domain import Json


def json_line(document: Json, *, ascii_only: bool) -> str:
    """*document* as JSON on one line; no character in it controls a terminal or a log, and its value is unchanged."""
    # Outside strings JSON has ASCII alone, so every match is inside one, where JSON allows an escape.
    return CONTROL_CHARACTERS.sub(_escape_in_json, json.dumps(document, ensure_ascii=ascii_only))


def _escape_in_json(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def write_line(stream: TextIO, text: str) -> None:
    """Write *text* and a newline, escaping what the encoding lacks. Ignores a stream that is closed."""
    try:
        encoding = stream.encoding or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()
    except (OSError, ValueError):
        return


def printable_path(path: Path, stream: TextIO) -> str:
    """*path* on one line: sanitized for a terminal, otherwise unchanged except for line ends.

    It never looks like an option, so that it can be passed to another command.
    """
    text = str(path).replace("\n", "\\x0a")
    text = f"./{text}" if text.startswith("-") else text
    return sanitize(text) if stream.isatty() else text
