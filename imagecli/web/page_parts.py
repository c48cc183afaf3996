"""The parts of pages, and the digests by which a Content-Security-Policy allows them."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent


def read_page_part(name: str) -> str:
    """The file *name* of this folder."""
    return (_FOLDER / name).read_text("utf-8")


def policy_digest(text: str) -> str:
    """The digest of an inline style or script, as the policy names it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}"
