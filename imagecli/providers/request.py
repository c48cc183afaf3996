"""What the user set → the fields of a request, under the names and in the words of one provider's row."""

from __future__ import annotations

import json
from math import gcd

from imagecli.catalog import ProviderRow
from imagecli.domain import Ask, Json, RequestedSize, Size, Svg

NEAR = 0.02
"""A size is as near to an aspect ratio as this share of it, and taken for it."""


def fields_of(ask: Ask, row: ProviderRow) -> tuple[dict[str, Json], tuple[str, ...]]:
    """The fields that *ask* sets, and after them those that only the row wants; and the names of those that nobody
    spelled out: the latter, and a format that only a name's ending asks for.
    """
    look = ask.rendering
    plain = {row.renamed.get(name, name): value for name, value in _plain(ask, row).items() if value is not None}
    fields = plain | _size(look.size, row)
    wanted = {**row.extra, **({"response_format": _word(row.response_format, row)} if row.response_format else {})}
    added = {name: value for name, value in wanted.items() if name not in fields and name not in dict(look.params)}
    of_name = (row.renamed.get("output_format", "output_format"),) if look.format_of_name else ()
    return _with_params(fields | added, look.params, row), (*added, *of_name)


def _plain(ask: Ask, row: ProviderRow) -> dict[str, Json]:
    """All but the size, under OpenAI's names. The model is left out where it stands in the path, or is the server's."""
    look = ask.rendering
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
        "svg": _svg(look.svg) if look.svg else None,
        "input_fidelity": look.input_fidelity,
        "safety_identifier": look.safety_identifier,
        "stream": look.stream,
        "partial_images": look.partial_images,
        "style": look.style,
        "response_format": _word(look.response_format, row),
        "user": look.user,
    }


def _word(response_format: str | None, row: ProviderRow) -> str | None:
    return row.response_formats.get(response_format or "", response_format)


def _svg(svg: Svg) -> dict[str, Json]:
    """The `svg` object; reasoning lies one level deeper than the model."""
    reasoning: dict[str, Json] = {"reasoning": {"effort": svg.effort}} if svg.effort else {}
    return {"model": svg.model, **reasoning} if svg.model else reasoning


def _size(size: RequestedSize | None, row: ProviderRow) -> dict[str, Json]:
    name = row.renamed.get("size", "size")
    if isinstance(size, Size):
        if row.size_as == "width_height":
            return {"width": size.width, "height": size.height}
        if row.size_as == "aspect_ratio":
            return {"aspect_ratio": ratio_of(size, row)}
        return {name: f"{size.width}{row.size_separator}{size.height}"}
    return {name: size} if size and row.size_auto else {}


def ratio_of(size: Size, row: ProviderRow) -> str | None:
    """*size* as an aspect ratio that the row takes, or None where none of its ratios comes near."""
    if not row.ratios:
        return reduced(size)
    exact = size.width / size.height
    nearest = min(row.ratios, key=lambda ratio: abs(_value(ratio) / exact - 1))
    return nearest if abs(_value(nearest) / exact - 1) <= NEAR else None


def reduced(size: Size) -> str:
    """The aspect ratio of *size* in the smallest numbers: `3:2`."""
    part = gcd(size.width, size.height)
    return f"{size.width // part}:{size.height // part}"


def _value(ratio: str) -> float:
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
