"""Quotes words for a shell, for hints that can be pasted."""

from __future__ import annotations

import re
import shlex


def shell_quote(word: object) -> str:
    """*word* for a shell: bare if that is safe, else in double quotes, which every shell knows, if they suffice."""
    text = str(word)
    if re.fullmatch(r"[\w@%+=:,./-]+", text):
        return text
    return shlex.quote(text) if re.search(r'[$`"\\!]', text) else f'"{text}"'
