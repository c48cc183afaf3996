"""Text made safe to print: untrusted text for a terminal, URLs without their secrets, words quoted for a shell."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

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


def shell_quote_for_pasting(word: object) -> str:
    """As `shell_quote`, but control characters become escapes, as bash and zsh know them: `$'\\x1b'`.

    A terminal acts on such a character when it is pasted, whatever the quotes around it; only line ends are harmless.
    """
    text = str(word)
    if not CONTROL_CHARACTERS.search(text.replace("\n", "")):
        return shell_quote(text)
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{CONTROL_CHARACTERS.sub(_escape_for_shell, escaped)}'"


def quote_command(words: Iterable[object]) -> str:
    """*words* as they are typed in a shell."""
    return " ".join(map(shell_quote, words))


def quote_command_for_pasting(words: Iterable[object]) -> str:
    """As `quote_command`, with control characters as escapes."""
    return " ".join(map(shell_quote_for_pasting, words))


def _escape_for_shell(match: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02x}" for byte in match[0].encode("utf-8", "surrogateescape"))


def sanitize(text: str, max_characters: int = MAX_CHARACTERS) -> str:
    """*text* on one line, shortened, with every character that can control a terminal replaced by its escape."""
    safe_text = CONTROL_CHARACTERS.sub(_escape, text[: max_characters + 1])
    return safe_text if len(text) <= max_characters else safe_text[:max_characters] + "…"


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if match[0] in "\n\t\r":
        return " "
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def redact_url(url: str) -> str:
    """Scheme and host of *url*, without user name, password, path and query, which can hold secrets."""
    scheme, _, rest = url.partition("://")
    host = rest.split("/")[0].split("?")[0].rpartition("@")[2]
    return f"{scheme}://{host}" if host else "that URL"


def printable_url(url: str) -> str:
    """*url* without user name, password and query, so that it can be printed."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return quote_without_secrets(url)
    host = parts.netloc.rpartition("@")[2]
    shown_host = f"[hidden]@{host}" if "@" in parts.netloc else host
    return f"{parts.scheme}://{shown_host}{parts.path}" + ("?[hidden]" if parts.query else "")


def quote_without_secrets(url: str) -> str:
    """*url* quoted, or nothing of it if it may contain a user name and password."""
    return "(hidden, as it contains @)" if "@" in url else repr(url.split("?")[0])
