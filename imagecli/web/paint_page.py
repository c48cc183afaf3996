"""The HTML of the paint page, with its style sheet and scripts in it, and the policy that allows nothing else."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent
_SCRIPTS: Final = ("paint_area.js", "paint_view.js", "paint_server.js", "paint.js")


@cache
def build_paint_page() -> tuple[bytes, str]:
    """The page, and its Content-Security-Policy: this style and this script by their digests, and its own server."""
    style = _read("paint.css")
    script = "\n".join(map(_read, _SCRIPTS))
    html = _read("paint.html").replace("/*style*/", style).replace("/*script*/", script)
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        f"img-src 'self' data:; connect-src 'self'; style-src '{_digest(style)}'; script-src '{_digest(script)}'"
    )
    return html.encode("utf-8"), policy


def _read(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}"
