"""The HTML of a gallery: the template with its style sheet, its script and the images as JSON.

The content security policy allows only this style and this script, by their digests, and images. Texts of people and
servers are data: JSON without `<` here, and text nodes in the browser.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from pathlib import Path
from typing import Final

from imagecli.domain import Json

_FOLDER: Final = Path(__file__).parent
_SCRIPTS: Final = ("gallery.js", "gallery_viewer.js")


def build_page(document: dict[str, Json]) -> bytes:
    """The page that shows *document*, whose keys `gallery.js` reads."""
    style = _read("gallery.css")
    script = "\n" + "\n".join(map(_read, _SCRIPTS))
    values = {
        "policy": _build_policy(style, script),
        "title": html.escape(str(document["title"])),
        "style": style,
        "script": script,
        # A script element ends at `</script` and changes its meaning at `<!--`, even inside a JSON string.
        "data": json.dumps(document, separators=(",", ":")).replace("<", "\\u003c"),
    }
    # Split first: a value may contain what looks like a placeholder.
    pieces = _read("gallery.html").split("/*")
    page = [pieces[0]]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("*/")
        page += [values[name], rest]
    return "".join(page).encode("utf-8")


def _read(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")


def _build_policy(style: str, script: str) -> str:
    """`file:` is for originals elsewhere on this disk; a page from a server may load none of them."""
    return (
        "default-src 'none'; img-src 'self' data: file:; "
        f"style-src '{_digest(style)}'; script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}"
