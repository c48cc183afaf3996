"""Which font has a prompt's characters: Pillow's own for plain English, else one of the system's.

The search is bounded, and asks the glyphs themselves: a character that draws as the font's "missing" box is missing.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from PIL import ImageFont

MAX_FILES = 3000
"""Font files looked at by name; a desktop has a few hundred."""
MAX_OPENED = 60
"""Font files opened for one prompt."""
PROBE_SIZE = 24
"""Pixels; glyphs are compared at this size."""

FOLDERS: Final = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/run/current-system/sw/share/X11/fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
    "C:/Windows/Fonts",
    "/system/fonts",
)
"""Where Linux, NixOS, macOS, Windows and Android keep fonts."""

FAVOURITES: Final = (
    "dejavusans.", "notosans-regular", "arial.", "segoeui.", "helveticaneue",
    "notosanscjk-regular", "notosanssc-regular", "sourcehansans", "wqy-microhei", "wqy-zenhei", "droidsansfallback",
    "pingfang", "hiragino sans gb", "stheiti light", "msyh", "simhei", "deng.", "hiraginosans", "ヒラギノ角ゴシック w4",
    "yugothm", "meiryo", "msgothic", "ipagp", "takaogothic", "vl-gothic",
    "applesdgothicneo", "malgun", "nanumgothic", "unbatang",
    "arial unicode", "unifont", "freesans", "notoemoji-regular", "seguiemj", "seguisym", "symbola",
)  # fmt: skip
"""Parts of file names, lower case: what is tried first, in this order, so that the choice is good and repeatable."""

AVOID: Final = ("bold", "italic", "oblique", "mono", "condensed", "black", "light", "thin", "color", "lastresort")
"""Cuts that are tried last."""

ENDINGS: Final = (".ttf", ".otf", ".ttc")

UNSEEN: Final = ("Cc", "Cf", "Cs")
"""Unicode categories without a picture: controls, formats, halves of surrogate pairs."""


@dataclass(frozen=True, slots=True)
class Face:
    """A font file (of a collection, its first face); *path* None is Pillow's own."""

    path: str | None = None

    def at(self, size: float) -> ImageFont.FreeTypeFont:
        """The font at *size* pixels. A new object each time: FreeType's are not to be shared by threads."""
        if self.path is not None:
            return ImageFont.truetype(self.path, size)
        font = ImageFont.load_default(size)
        assert isinstance(font, ImageFont.FreeTypeFont), "Pillow was built without FreeType"
        return font

    def lacks(self, characters: set[str]) -> set[str]:
        """Those that it can't draw. Raises OSError where the file is no font."""
        font = self.at(PROBE_SIZE)
        missing = _look(font, "\U0010fffe")
        return {char for char in characters if _look(font, char) == missing}


def _look(font: ImageFont.FreeTypeFont, char: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(char)
    return mask.size, bytes(mask)


@dataclass(frozen=True, slots=True)
class Wording:
    """What is written, and in which face."""

    text: str
    face: Face
    note: str | None = None
    """Said to the client when characters had to be written otherwise."""


@lru_cache(maxsize=64)
def word(text: str, folders: tuple[str, ...] = FOLDERS) -> Wording:
    """*text* on one line in a face that has all of it; what no font of *folders* has is written as an escape."""
    line = plain(text)
    needed = set(line) - {" "}
    best, missing = Face(), Face().lacks(needed)
    for face in _candidates(folders):
        if not missing:
            break
        lacks = _lacks(face, needed)
        if len(lacks) < len(missing):
            best, missing = face, lacks
    if not missing:
        return Wording(line, best)
    shown = "".join(_escape(char) if char in missing else char for char in line)
    return Wording(shown, best, "no font has all characters of the prompt; shown escaped")


def plain(text: str) -> str:
    """On one line, without what has no picture of its own: controls, joiners, variation selectors."""
    spaced = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(char for char in spaced if unicodedata.category(char) not in UNSEEN and not _selects(char))


def _selects(char: str) -> bool:
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def _lacks(face: Face, characters: set[str]) -> set[str]:
    try:
        return face.lacks(characters)
    except (OSError, ValueError):  # no font, or one of fixed sizes
        return characters


def _escape(char: str) -> str:
    return char.encode("ascii", "backslashreplace").decode("ascii")


def _candidates(folders: tuple[str, ...]) -> Iterator[Face]:
    return (Face(path) for path in _files(folders)[:MAX_OPENED])


@cache
def _files(folders: tuple[str, ...]) -> tuple[str, ...]:
    """Font files, the best first."""
    found: list[str] = []
    for folder in folders:
        for place, subfolders, names in os.walk(folder):
            subfolders.sort()
            found += [str(Path(place, name)) for name in sorted(names) if name.lower().endswith(ENDINGS)]
            if len(found) > MAX_FILES:
                break
    return tuple(sorted(found[:MAX_FILES], key=_rank))


def _rank(path: str) -> tuple[bool, int, str]:
    name = Path(path).name.lower()
    favourite = next((place for place, part in enumerate(FAVOURITES) if part in name), len(FAVOURITES))
    return favourite == len(FAVOURITES) and any(part in name for part in AVOID), favourite, name
