"""What the user set → the fields of a request, under the names and in the words of one provider's row.

A provider's base URL and path → the address of a request.

What is asked → the HTTP request that asks for it. Sends only what the user set; knows no model and no key.

What is asked → its line in a batch's input file. OpenAI API reference, batches, read 2026-11-22.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import gcd
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from imagecli.catalog.provider import LIVE_ONLY, ProviderRow, for_batch_api
from imagecli.domain import OPERATIONS, ImageRequest, Json, RequestedSize, Size, SvgOptions
from imagecli.http_message import HttpRequest
from imagecli.providers.uploads import RequestImages, build_form_files, build_json_images


def join_url(base_url: str, path: str, query: Mapping[str, str], *, model: str = "") -> str:
    """*path* under *base_url* with one slash between them; `/v1` is never added.

    *model* stands where *path* says `{model}`. A base URL that goes on as *path* begins is not doubled: Azure's
    endpoint is written with and without its `/openai/v1`. A query on the base URL is kept, and goes before *query*.
    """
    parts = urlsplit(base_url)
    base, steps = parts.path.strip("/").split("/"), path.strip("/").split("/")
    most = min(len(base), len(steps))
    shared = next((n for n in range(most, 0, -1) if all(map(_is_same_segment, base[-n:], steps))), 0)
    below = "".join("/" + step.replace("{model}", quote(model, safe="")) for step in steps[shared:])
    own = dict(parse_qsl(parts.query, keep_blank_values=True))
    further = urlencode({name: value for name, value in query.items() if name not in own})
    whole = "&".join(part for part in (parts.query, further) if part)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + below, query=whole, fragment=""))


def _is_same_segment(step: str, wanted: str) -> bool:
    return step == wanted or (wanted == "{model}" and step != "")


NEAR = 0.02
"""A size is as near to an aspect ratio as this share of it, and taken for it."""


def build_request_fields(ask: ImageRequest, row: ProviderRow) -> tuple[dict[str, Json], tuple[str, ...]]:
    """The fields that *ask* sets, and after them those that only the row wants; and the names of those that nobody
    spelled out: the latter, and a format that only a name's ending asks for.
    """
    look = ask.options
    plain = {row.renamed.get(name, name): value for name, value in _plain_fields(ask, row).items() if value is not None}
    fields = plain | _size_fields(look.size, row)
    wanted = {
        **row.extra,
        **({"response_format": _response_format_word(row.response_format, row)} if row.response_format else {}),
    }
    added = {name: value for name, value in wanted.items() if name not in fields and name not in dict(look.params)}
    of_name = (row.renamed.get("output_format", "output_format"),) if look.format_of_name else ()
    return _with_params(fields | added, look.params, row), (*added, *of_name)


def _plain_fields(ask: ImageRequest, row: ProviderRow) -> dict[str, Json]:
    """All but the size, under OpenAI's names. The model is left out where it stands in the path, or is the server's."""
    look = ask.options
    return {
        "model": look.model or None,
        "prompt": ask.prompt,
        "n": look.n if look.n > 1 else None,
        "quality": look.quality,
        "background": look.background,
        "output_format": look.output_format,
        "output_compression": look.output_compression,
        "moderation": look.moderation,
        "complexity": look.complexity,
        "frame_count": look.frame_count,
        "frame_duration_ms": look.frame_duration_ms,
        "svg": _svg_fields(look.svg) if look.svg else None,
        "input_fidelity": look.input_fidelity,
        "safety_identifier": look.safety_identifier,
        "stream": look.stream,
        "partial_images": look.partial_images,
        "style": look.style,
        "response_format": _response_format_word(look.response_format, row),
        "user": look.user,
    }


def _response_format_word(response_format: str | None, row: ProviderRow) -> str | None:
    return row.response_formats.get(response_format or "", response_format)


def _svg_fields(svg: SvgOptions) -> dict[str, Json]:
    """The `svg` object; reasoning lies one level deeper than the model."""
    reasoning: dict[str, Json] = {"reasoning": {"effort": svg.effort}} if svg.effort else {}
    return {"model": svg.model, **reasoning} if svg.model else reasoning


def _size_fields(size: RequestedSize | None, row: ProviderRow) -> dict[str, Json]:
    name = row.renamed.get("size", "size")
    if isinstance(size, Size):
        if row.size_as == "width_height":
            return {"width": size.width, "height": size.height}
        if row.size_as == "aspect_ratio":
            return {"aspect_ratio": find_ratio(size, row)}
        return {name: f"{size.width}{row.size_separator}{size.height}"}
    return {name: size} if size and row.size_auto else {}


def find_ratio(size: Size, row: ProviderRow) -> str | None:
    """*size* as an aspect ratio that the row takes, or None where none of its ratios comes near."""
    if not row.ratios:
        return reduced_ratio(size)
    exact = size.width / size.height
    nearest = min(row.ratios, key=lambda ratio: abs(_ratio_value(ratio) / exact - 1))
    return nearest if abs(_ratio_value(nearest) / exact - 1) <= NEAR else None


def reduced_ratio(size: Size) -> str:
    """The aspect ratio of *size* in the smallest numbers: `3:2`."""
    part = gcd(size.width, size.height)
    return f"{size.width // part}:{size.height // part}"


def _ratio_value(ratio: str) -> float:
    width, _, height = ratio.partition(":")
    return float(width) / float(height)


def _with_params(fields: dict[str, Json], params: tuple[tuple[str, Json], ...], row: ProviderRow) -> dict[str, Json]:
    """*fields* with --param, wherever the row wants them."""
    if not params:
        return fields
    if row.param_field:
        return fields | {row.param_field: json.dumps(dict(params), ensure_ascii=False)}
    if row.param_tag:
        inside = json.dumps(dict(params), ensure_ascii=False)
        return fields | {"prompt": f"{fields.get('prompt', '')} <{row.param_tag}>{inside}</{row.param_tag}>"}
    return fields | dict(params)


def build_http_request(
    ask: ImageRequest, uploads: RequestImages, row: ProviderRow, base_url: str, query: Mapping[str, str] | None = None
) -> HttpRequest:
    """The request that buys *ask*: JSON for generations; where pictures go up, what the row says.

    What only the row wants and the user did not set is named in `added`. `check_capabilities` comes before: a field
    that the row can't hold is not looked for here.
    """
    url = join_url(base_url, row.paths[OPERATIONS[type(ask)]], query or {}, model=ask.options.model)
    fields, added = build_request_fields(ask, row)
    if not uploads.images:
        return HttpRequest(method="POST", url=url, json=fields, added=added)
    if row.edits_as == "json":
        return HttpRequest(method="POST", url=url, json=fields | build_json_images(uploads, row), added=added)
    form = tuple(pair for key, value in fields.items() for pair in _flatten_field(key, value))
    return HttpRequest(method="POST", url=url, form=form, files=build_form_files(uploads, row), added=added)


def _flatten_field(key: str, value: Json) -> list[tuple[str, str]]:
    """Form fields for one value: text as it is, booleans as true/false, objects as `key[part]`."""
    if isinstance(value, str):
        return [(key, value)]
    if isinstance(value, dict):
        return [pair for part, inner in value.items() for pair in _flatten_field(f"{key}[{part}]", inner)]
    return [(key, json.dumps(value))]


def build_batch_line(custom_id: str, ask: ImageRequest, uploads: RequestImages, row: ProviderRow) -> bytes:
    """One line with its end, ASCII: its body is what a live request would send as JSON, without what streams.

    The pictures must have gone up before, and have a `file_id`. *row* has a Batch API that takes *ask*:
    `check_capabilities` with the row of `for_batch_api` comes before.
    """
    assert row.batch is not None
    there = for_batch_api(row)
    fields = {name: value for name, value in build_request_fields(ask, there)[0].items() if name not in LIVE_ONLY}
    line = {
        "custom_id": custom_id,
        "method": "POST",
        "url": row.batch.endpoints[OPERATIONS[type(ask)]],
        "body": fields | (build_json_images(uploads, there) if uploads.images else {}),
    }
    return json.dumps(line).encode("ascii") + b"\n"
