"""URLs that are typed in place of a file. imagecli downloads none of them; the error says how to get the file."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit

from imagecli.errors import InputImageError, UsageError
from imagecli.quoting import shell_quote

_URL_SCHEME: Final = re.compile(r"(https?|ftp|ftps|sftp|s3|gs|file|data|blob):", re.IGNORECASE)
_SHOWN_CHARACTERS: Final = 60
"""Of a `data:` URL, which can be as long as an image."""


def is_url(word: str) -> bool:
    """Whether *word* is a URL, not a path."""
    scheme = _URL_SCHEME.match(word)
    return scheme is not None and (scheme[1].lower() in ("data", "blob") or word[scheme.end() :].startswith("//"))


def local_file_hint(url: str) -> str:
    """How to get a file with the content of *url*, for a hint."""
    scheme = url.partition(":")[0].lower()
    if scheme == "file":
        return f"use the path: {shell_quote(unquote(urlsplit(url).path))}"
    if scheme == "data":
        return "decode the part after the comma into a file: base64 -d < data.txt > image.png"
    if scheme in ("http", "https", "ftp", "ftps", "sftp"):
        return f"download it first: curl -Lo image.png {shell_quote(url)}"
    return "download it first, then use the file"


def check_not_url(word: str, content: str, error: type[UsageError] = InputImageError) -> None:
    """Raises *error* if *word*, which must be a file with *content*, is a URL."""
    if not is_url(word):
        return
    is_long = word.lower().startswith("data:") and len(word) > _SHOWN_CHARACTERS
    excerpt = f"{word[:_SHOWN_CHARACTERS]}…" if is_long else word
    raise error(f"{excerpt} is a URL; {content} must be a local file", hint=local_file_hint(word))
