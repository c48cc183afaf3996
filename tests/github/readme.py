"""Blocks of README, which are the examples that the tests carry out."""

from __future__ import annotations

import re
from typing import Final

from tests.regenerate import README


def block(kind: str, first: str = "") -> str:
    """The one block of *kind* in README that begins with the line *first*."""
    found = re.findall(rf"^```{kind}\n(.*?)^```$", README.read_text("utf-8"), re.S | re.M)
    (text,) = [one for one in found if one.startswith(first)]
    return str(text)


MANIFEST: Final = block("toml", "# assets.toml\n")
FILES: Final = (
    "animals/cat.png",
    "animals/owl.png",
    "icons/bell-512.png",
    "icons/bell-64.png",
    "img/hero.webp",
    "img/winter.jpg",
)
"""What it makes, in five purchases."""
