"""Which font has all characters of a prompt: Pillow's own for Latin text, else one of the system's.

The search is bounded, and compares the glyphs themselves: a character that is drawn as the font's "missing" box is
missing.
"""

from __future__ import annotations

import os
import unicodedata
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from PIL import ImageFont

MAX_FILES: Final = 3000
"""Font files that are looked at by name; a desktop has a few hundred."""
MAX_OPENED: Final = 60
"""Font files that are opened for one prompt."""
PROBE_SIZE: Final = 24
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

FAVORITES: Final = (
    "dejavusans.", "notosans-regular", "arial.", "segoeui.", "helveticaneue",
    "notosanscjk-regular", "notosanssc-regular", "sourcehansans", "wqy-microhei", "wqy-zenhei", "droidsansfallback",
    "pingfang", "hiragino sans gb", "stheiti light", "msyh", "simhei", "deng.", "hiraginosans", "ヒラギノ角ゴシック w4",
    "yugothm", "meiryo", "msgothic", "ipagp", "takaogothic", "vl-gothic",
    "applesdgothicneo", "malgun", "nanumgothic", "unbatang",
    "arial unicode", "unifont", "freesans", "notoemoji-regular", "seguiemj", "seguisym", "symbola",
)  # fmt: skip
"""Parts of file names in lower case, the first to try first, so that the choice is good and repeatable."""

AVOIDED: Final = ("bold", "italic", "oblique", "mono", "condensed", "black", "light", "thin", "color", "lastresort")
"""Parts of file names that are tried last."""

EXTENSIONS: Final = (".ttf", ".otf", ".ttc")

INVISIBLE: Final = ("Cc", "Cf", "Cs")
"""Unicode categories without a glyph: controls, formats, halves of surrogate pairs."""


def strip_invisible(text: str) -> str:
    """*text* on one line, without characters that have no glyph: controls, joiners, variation selectors."""
    line = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(
        char for char in line if unicodedata.category(char) not in INVISIBLE and not _is_variation_selector(char)
    )


def _is_variation_selector(char: str) -> bool:
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def load_font(path: str | None, size: float) -> ImageFont.FreeTypeFont:
    """The font at *size* pixels; None is Pillow's own. A new object each time: threads must not share FreeType's."""
    if path is not None:
        return ImageFont.truetype(path, size)
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow was built without FreeType"
    return font


class FontNotFoundError(LookupError):
    """No font has all the characters."""


@lru_cache(maxsize=64)
def find_font(characters: frozenset[str], folders: tuple[str, ...] = FOLDERS) -> str | None:
    """The path of a font that has all *characters*, None for Pillow's own. Raises FontNotFoundError."""
    for path in (None, *_list_font_files(folders)[:MAX_OPENED]):
        if _has_characters(path, characters):
            return path
    raise FontNotFoundError


def _has_characters(path: str | None, characters: frozenset[str]) -> bool:
    try:
        font = load_font(path, PROBE_SIZE)
        missing = _draw_glyph(font, "\U0010fffe")
        return all(_draw_glyph(font, char) != missing for char in characters)
    except (OSError, ValueError):  # not a font, or one of fixed sizes
        return False


def _draw_glyph(font: ImageFont.FreeTypeFont, char: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(char)
    return mask.size, bytes(mask)


@cache
def _list_font_files(folders: tuple[str, ...]) -> tuple[str, ...]:
    """Font files, the best first."""
    paths: list[str] = []
    for folder in folders:
        for parent, subfolders, names in os.walk(folder):
            subfolders.sort()
            paths += [str(Path(parent, name)) for name in sorted(names) if name.lower().endswith(EXTENSIONS)]
            if len(paths) > MAX_FILES:
                break
    return tuple(sorted(paths[:MAX_FILES], key=_rank))


def _rank(path: str) -> tuple[bool, int, str]:
    name = Path(path).name.lower()
    favorite = next((place for place, part in enumerate(FAVORITES) if part in name), len(FAVORITES))
    return favorite == len(FAVORITES) and any(part in name for part in AVOIDED), favorite, name
