"""Addresses that are typed where a file belongs. imagecli fetches none; the error says how to get the file."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit

from imagecli.errors import InputImageError, UsageError
from imagecli.quoting import shell_quote

_ADDRESS: Final = re.compile(r"(https?|ftp|ftps|sftp|s3|gs|file|data|blob):", re.IGNORECASE)
_SHOWN_CHARACTERS: Final = 60
"""Of a `data:` URL, which can be as long as an image."""


def is_address(word: str) -> bool:
    """Whether *word* is an address, not a path."""
    scheme = _ADDRESS.match(word)
    return scheme is not None and (scheme[1].lower() in ("data", "blob") or word[scheme.end() :].startswith("//"))


def way_to_file(address: str) -> str:
    """How to make a file of what is at *address*, for a hint."""
    scheme = address.partition(":")[0].lower()
    if scheme == "file":
        return f"write the path alone: {shell_quote(unquote(urlsplit(address).path))}"
    if scheme == "data":
        return "decode what follows the comma into a file: base64 -d < data.txt > picture.png"
    if scheme in ("http", "https", "ftp", "ftps", "sftp"):
        return f"download it first: curl -Lo picture.png {shell_quote(address)}"
    return "download it first, and name the file"


def check_no_address(word: str, what: str, error: type[UsageError] = InputImageError) -> None:
    """Raises *error* if *word*, where a file with *what* belongs, is an address."""
    if not is_address(word):
        return
    is_long = word.lower().startswith("data:") and len(word) > _SHOWN_CHARACTERS
    shown = f"{word[:_SHOWN_CHARACTERS]}…" if is_long else word
    raise error(f"{shown} is an address; {what} is read from a file", hint=way_to_file(word))
