"""Untrusted text made safe to print on a terminal, and words quoted so that hints can be pasted into a shell."""

from __future__ import annotations

import re
import shlex
from typing import Final

CONTROL_CHARACTERS: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)
"""What can control a terminal: C0, C1, bidi marks and overrides, line and paragraph separators, lone surrogates."""
MAX_CHARACTERS: Final = 2000


def shell_quote(word: object) -> str:
    """*word* for a shell: bare if that is safe, else in double quotes, which every shell knows, if they suffice."""
    text = str(word)
    if re.fullmatch(r"[\w@%+=:,./-]+", text):
        return text
    return shlex.quote(text) if re.search(r'[$`"\\!]', text) else f'"{text}"'


def sanitize(text: str, max_characters: int = MAX_CHARACTERS) -> str:
    """*text* on one line, shortened, with every character that can control a terminal replaced by its escape."""
    shown = CONTROL_CHARACTERS.sub(_escape, text[: max_characters + 1])
    return shown if len(text) <= max_characters else shown[:max_characters] + "…"


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if match[0] in "\n\t\r":
        return " "
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
