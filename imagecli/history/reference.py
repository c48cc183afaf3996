"""`@last`, `@last~1` and `@ID`: words that name images of the history. Needs no database."""

from __future__ import annotations

import re
from typing import Final

REFERENCE: Final = re.compile(r"@(?:(?P<last>last)(?:~(?P<back>\d{1,6}))?|(?P<id>[0-9a-z]+))", re.IGNORECASE)
"""`@2x.png` and `./@last` are files."""


def is_reference(word: str) -> bool:
    """Whether *word* names an image of the history, and not a file."""
    return REFERENCE.fullmatch(word) is not None
