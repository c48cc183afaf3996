"""The HTML of the paint page, with its style sheet and scripts in it, and the policy that allows nothing else."""

from __future__ import annotations

from functools import cache
from typing import Final

from imagecli.web.assets import policy_digest, read_asset

_SCRIPTS: Final = ("paint_area.js", "paint_view.js", "paint_server.js", "paint.js")


@cache
def build_paint_page() -> tuple[bytes, str]:
    """The page, and its Content-Security-Policy: this style and this script by their digests, and its own server."""
    style = read_asset("paint.css")
    script = "\n".join(map(read_asset, _SCRIPTS))
    html = read_asset("paint.html").replace("/*style*/", style).replace("/*script*/", script)
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        f"img-src 'self' data:; connect-src 'self'; style-src {policy_digest(style)}; "
        f"script-src {policy_digest(script)}"
    )
    return html.encode("utf-8"), policy
