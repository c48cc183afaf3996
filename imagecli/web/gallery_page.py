"""The HTML of a gallery: the template with its style sheet, its script and the images as JSON.

The content security policy allows only this style and this script, by their digests, and images. Texts of people and
servers are data: JSON without `<` here, and text nodes in the browser.
"""

from __future__ import annotations

import html
import json
from typing import Final

from imagecli.domain import Json
from imagecli.web.assets import policy_digest, read_asset

_SCRIPTS: Final = ("gallery.js", "gallery_viewer.js")


def build_page(document: dict[str, Json]) -> bytes:
    """The page that shows *document*, whose keys `gallery.js` reads."""
    style = read_asset("gallery.css")
    script = "\n" + "\n".join(map(read_asset, _SCRIPTS))
    values = {
        "policy": _build_policy(style, script),
        "title": html.escape(str(document["title"])),
        "style": style,
        "script": script,
        # A script element ends at `</script` and changes its meaning at `<!--`, even inside a JSON string.
        "data": json.dumps(document, separators=(",", ":")).replace("<", "\\u003c"),
    }
    # Split first: a value may contain what looks like a placeholder.
    pieces = read_asset("gallery.html").split("/*")
    page = [pieces[0]]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("*/")
        page += [values[name], rest]
    # A title may be a file name in another encoding.
    return "".join(page).encode("utf-8", "replace")


def _build_policy(style: str, script: str) -> str:
    """`file:` is for originals elsewhere on this disk; a page from a server may load none of them."""
    return (
        "default-src 'none'; img-src 'self' data: file:; "
        f"style-src {policy_digest(style)}; script-src {policy_digest(script)}; base-uri 'none'; form-action 'none'"
    )
