"""What can stand in a file name: made from a prompt, made safe, cut to the bytes a system takes, numbered."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Final

MAX_NAME_BYTES: Final = 255
"""One component of a path, on ext4, APFS, NTFS (there in UTF-16 units) and most others."""

SLUG_CHARACTERS: Final = 60
SLUG_BYTES: Final = 180

_FORBIDDEN: Final = re.compile(
    r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+'
)
"""What some system refuses in a name, and what steers or hides text: controls, bidi marks, lone surrogates."""

_RESERVED: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])( *\..*)?", re.I | re.S)
"""Device names of Windows, also with an ending (Microsoft, Naming Files, Paths, and Namespaces)."""


def slugify(prompt: str) -> str:
    """*prompt* as part of a file name: lower case, letters, digits and their marks of every script, joined by `-`.

    At most 60 characters and 180 bytes, cut between words where that leaves half; `picture` when nothing is left.
    """
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", prompt[:4000]).lower())
    if text.isascii():
        return _cut_at_word("-".join(re.findall("[a-z0-9]+", text))) or "picture"
    kept = "".join(character if _is_of_word(character) else " " for character in text)
    words = [word for word in (_without_leading_marks(word) for word in kept.split()) if word]
    return _cut_at_word("-".join(words)) or "picture"


def safe_value(text: str) -> str:
    """*text* as it may stand inside one component: nothing separates, hides, steers or is refused. May be empty."""
    return _FORBIDDEN.sub("-", unicodedata.normalize("NFC", text)).lstrip(" .-").rstrip(" .")


def safe_component(text: str) -> str:
    """*text* as one whole component: never empty, `.`, `..`, a device's name, or ending in a dot or blank."""
    text = text.rstrip(" .") or "picture"
    return f"_{text}" if _RESERVED.fullmatch(text) else text


def is_portable(component: str) -> bool:
    """Every system can hold it as it stands."""
    return not _FORBIDDEN.search(component) and component == safe_component(component)


def byte_length(text: str) -> int:
    """Bytes on disk."""
    return len(text.encode("utf-8", "surrogateescape"))


def clip_bytes(text: str, limit: int) -> str:
    """The start of *text* that fits into *limit* bytes, cut between characters."""
    return (
        text.encode("utf-8", "surrogateescape")[: max(limit, 0)].decode("utf-8", "ignore")
        if byte_length(text) > limit
        else text
    )


def number_path(path: Path, k: int) -> Path:
    """`cat.png`, 2 → `cat_2.png`, the stem cut where the name would grow over 255 bytes."""
    return path.with_name(number_stem(path.stem, k, room=byte_length(path.suffix)) + path.suffix)


def number_stem(stem: str, k: int, *, room: int) -> str:
    """*stem* with `_k`, leaving *room* bytes for the ending."""
    mark = f"_{k}"
    return clip_bytes(stem, MAX_NAME_BYTES - room - len(mark)) + mark


def mark_path(path: Path, mark: str) -> Path:
    """`cat.png`, `.orig.jpg` → `cat.orig.jpg`: a name beside *path*, within 255 bytes."""
    return path.with_name(clip_bytes(path.stem, MAX_NAME_BYTES - byte_length(mark)) + mark)


def path_key(path: Path | str) -> str:
    """The same for two paths that some file system takes for one: case and composition are folded."""
    if (text := str(path)).isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _is_of_word(character: str) -> bool:
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
    whole = cut.rpartition("-")[0]
    return whole if len(whole) >= len(cut) // 2 else cut.rstrip("-")
