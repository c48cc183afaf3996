"""The blocks of the documents that the tests run as examples."""

from __future__ import annotations

from typing import Final

from tests.documents import block as block

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
