"""The files that pages are made of, and their digests for content security policies."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent


def read_asset(name: str) -> str:
    """The text of a template, style sheet or script beside this file."""
    return (_FOLDER / name).read_text("utf-8")


def policy_digest(text: str) -> str:
    """The source expression of a policy that allows the style or script *text* and no other."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"
