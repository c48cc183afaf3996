"""What is asked → the HTTP request that asks for it. Sends only what the user set; knows no model and no key."""

from __future__ import annotations

import json
from collections.abc import Mapping

from imagecli.catalog import ProviderRow
from imagecli.domain import OPERATIONS, Ask, Json
from imagecli.exchange import HttpRequest
from imagecli.providers.address import join
from imagecli.providers.fields import fields_of
from imagecli.providers.uploads import Uploads, as_files, as_json


def encode(
    ask: Ask, uploads: Uploads, row: ProviderRow, base_url: str, query: Mapping[str, str] | None = None
) -> HttpRequest:
    """The request that buys *ask*: JSON for generations; where pictures go up, what the row says.

    What only the row wants and the user did not set is named in `added`. `carried.check_carried` comes before: a field
    that the row can't hold is not looked for here.
    """
    url = join(base_url, row.paths[OPERATIONS[type(ask)]], query or {}, model=ask.rendering.model)
    fields, added = fields_of(ask, row)
    if not uploads.images:
        return HttpRequest(method="POST", url=url, json=fields, added=added)
    if row.edits_as == "json":
        return HttpRequest(method="POST", url=url, json=fields | as_json(uploads, row), added=added)
    form = tuple(pair for key, value in fields.items() for pair in _flatten(key, value))
    return HttpRequest(method="POST", url=url, form=form, files=as_files(uploads, row), added=added)


def _flatten(key: str, value: Json) -> list[tuple[str, str]]:
    """Form fields for one value: text as it is, booleans as true/false, objects as `key[part]`."""
    if isinstance(value, str):
        return [(key, value)]
    if isinstance(value, dict):
        return [pair for part, inner in value.items() for pair in _flatten(f"{key}[{part}]", inner)]
    return [(key, json.dumps(value))]
