"""A provider's base URL and path → the address of a request."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit


def join(base_url: str, path: str, query: Mapping[str, str], *, model: str = "") -> str:
    """*path* under *base_url* with one slash between them; `/v1` is never added.

    *model* stands where *path* says `{model}`. A base URL that goes on as *path* begins is not doubled: Azure's
    endpoint is written with and without its `/openai/v1`. A query on the base URL is kept, and goes before *query*.
    """
    parts = urlsplit(base_url)
    base, steps = parts.path.strip("/").split("/"), path.strip("/").split("/")
    most = min(len(base), len(steps))
    shared = next((n for n in range(most, 0, -1) if all(map(_same, base[-n:], steps))), 0)
    below = "".join("/" + step.replace("{model}", quote(model, safe="")) for step in steps[shared:])
    own = dict(parse_qsl(parts.query, keep_blank_values=True))
    further = urlencode({name: value for name, value in query.items() if name not in own})
    whole = "&".join(part for part in (parts.query, further) if part)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + below, query=whole, fragment=""))


def _same(step: str, wanted: str) -> bool:
    return step == wanted or (wanted == "{model}" and step != "")
