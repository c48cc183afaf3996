"""File names: made from a prompt, made safe for every system, cut to the length that file systems allow, numbered."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Final

MAX_NAME_BYTES: Final = 255
"""Limit of one path component on ext4, APFS, NTFS (there in UTF-16 units) and most others."""

SLUG_CHARACTERS: Final = 60
SLUG_BYTES: Final = 180

_FORBIDDEN: Final = re.compile(
    r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+'
)
"""Characters that some system forbids in names or that manipulate text: controls, bidi marks, lone surrogates."""

_ASCII_WORD: Final = re.compile("[a-z0-9]+")

_RESERVED: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])( *\..*)?", re.I | re.S)
"""Device names of Windows, also with an extension (Microsoft, Naming Files, Paths, and Namespaces)."""


def slugify(prompt: str) -> str:
    """*prompt* as part of a file name: letters and digits of every script in lower case, words joined by `-`.

    At most 60 characters and 180 bytes, cut between words if that leaves at least half; `picture` if nothing is left.
    """
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", prompt[:4000]).lower())
    if text.isascii():
        return _cut_at_word("-".join(_ASCII_WORD.findall(text))) or "picture"
    spaced = "".join(character if _is_word_character(character) else " " for character in text)
    words = [word for word in map(_without_leading_marks, spaced.split()) if word]
    return _cut_at_word("-".join(words)) or "picture"


def safe_value(text: str) -> str:
    """*text* made safe as a part of one path component: no separators, no forbidden characters. May be empty."""
    return _FORBIDDEN.sub("-", unicodedata.normalize("NFC", text)).lstrip(" .-").rstrip(" .")


def safe_component(text: str) -> str:
    """*text* as a complete path component: never empty, `.`, `..`, a device name, or with a dot or blank at the end."""
    text = text.rstrip(" .") or "picture"
    return f"_{text}" if _RESERVED.fullmatch(text) else text


def is_portable(component: str) -> bool:
    """Whether every system accepts *component* unchanged."""
    return not (_FORBIDDEN.search(component) or component[-1:] in ("", " ", ".") or _RESERVED.fullmatch(component))


def byte_length(text: str) -> int:
    """Length of *text* as a file name, in bytes."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))


def clip_bytes(text: str, limit: int) -> str:
    """The beginning of *text* that fits into *limit* bytes, cut between characters."""
    if byte_length(text) <= limit:
        return text
    return text.encode("utf-8", "surrogateescape")[: max(limit, 0)].decode("utf-8", "ignore")


def number_path(path: Path, k: int) -> Path:
    """`cat.png`, 2 → `cat_2.png`; the stem is cut if the name would exceed 255 bytes."""
    return path.with_name(number_stem(path.stem, k, room=byte_length(path.suffix)) + path.suffix)


def number_stem(stem: str, k: int, *, room: int) -> str:
    """*stem* with `_k`, cut so that *room* bytes remain for the extension."""
    suffix = f"_{k}"
    return clip_bytes(stem, MAX_NAME_BYTES - room - len(suffix)) + suffix


def mark_path(path: Path, mark: str) -> Path:
    """`cat.png`, `.orig.jpg` → `cat.orig.jpg`: a file beside *path*, its name within 255 bytes."""
    return path.with_name(clip_bytes(path.stem, MAX_NAME_BYTES - byte_length(mark)) + mark)


def path_key(path: Path | str) -> str:
    """A key that is equal for paths that some file systems don't distinguish: case and composition are folded."""
    if (text := str(path)).isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _is_word_character(character: str) -> bool:
    if "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef":
        return False
    return unicodedata.category(character)[0] in "LN" or unicodedata.category(character) in ("Mn", "Mc")


def _without_leading_marks(word: str) -> str:
    while word and unicodedata.category(word[0])[0] == "M":
        word = word[1:]
    return word


def _cut_at_word(text: str) -> str:
    cut = clip_bytes(text[:SLUG_CHARACTERS], SLUG_BYTES)
    if cut == text or text[len(cut)] == "-":
        return cut.rstrip("-")
    at_word = cut.rpartition("-")[0]
    return at_word if len(at_word) >= len(cut) // 2 else cut.rstrip("-")
