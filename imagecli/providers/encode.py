"""What is asked → the HTTP request that asks for it. Sends only what the user set; knows no model and no key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from imagecli.catalog import ProviderRow
from imagecli.domain import MEDIA_TYPES, OPERATIONS, Ask, Edit, Generate, InputImage, Json, Svg
from imagecli.exchange import HttpFile, HttpRequest

FILENAME_ENDINGS = {"jpeg": "jpg"}


def encode(
    ask: Ask,
    images: tuple[InputImage, ...],
    mask: InputImage | None,
    row: ProviderRow,
    base_url: str,
    query: Mapping[str, str] | None = None,
) -> HttpRequest:
    """The request that buys *ask*: JSON for generations, a multipart form where pictures go up.

    One picture is the field `image`, several repeat `image[]` (OpenAI's SDK, tried 2026-11-22).
    """
    operation = OPERATIONS[type(ask)]
    url = join(base_url, row.paths[operation], query or {})
    fields = _fields(ask)
    if isinstance(ask, Generate):
        return HttpRequest(method="POST", url=url, json=fields)
    name = "image" if len(images) == 1 else "image[]"
    files = tuple(_file(name, f"image{k}" if k else "image", image) for k, image in enumerate(images))
    if mask:
        files += (_file("mask", "mask", mask),)
    form = tuple(pair for key, value in fields.items() for pair in _flatten(key, value))
    return HttpRequest(method="POST", url=url, form=form, files=files)


def join(base_url: str, path: str, query: Mapping[str, str]) -> str:
    """*path* under *base_url* with one slash between them; a query on the base URL is kept, `/v1` is never added."""
    parts = urlsplit(base_url)
    own = dict(parse_qsl(parts.query, keep_blank_values=True))
    further = urlencode({name: value for name, value in query.items() if name not in own})
    whole = "&".join(part for part in (parts.query, further) if part)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + path, query=whole, fragment=""))


def _fields(ask: Ask) -> dict[str, Json]:
    look = ask.rendering
    fields: dict[str, Json] = {
        "model": look.model,
        "prompt": ask.prompt if isinstance(ask, (Generate, Edit)) else None,
        "n": look.n if look.n > 1 else None,
        "size": str(look.size) if look.size else None,
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
        "response_format": look.response_format,
        "user": look.user,
    }
    return {key: value for key, value in fields.items() if value is not None} | dict(look.params)


def _svg(svg: Svg) -> dict[str, Json]:
    """The `svg` object; reasoning lies one level deeper than the model."""
    reasoning: dict[str, Json] = {"reasoning": {"effort": svg.effort}} if svg.effort else {}
    return {"model": svg.model, **reasoning} if svg.model else reasoning


def _file(field: str, stem: str, image: InputImage) -> HttpFile:
    """A neutral file name, so that nothing of the user's file system goes up, and the bytes' true media type."""
    ending = FILENAME_ENDINGS.get(image.format, image.format)
    return HttpFile(name=field, filename=f"{stem}.{ending}", data=image.data, media_type=MEDIA_TYPES[image.format])


def _flatten(key: str, value: Json) -> list[tuple[str, str]]:
    """Form fields for one value: text as it is, booleans as true/false, objects as `key[part]`."""
    if isinstance(value, str):
        return [(key, value)]
    if isinstance(value, dict):
        return [pair for part, inner in value.items() for pair in _flatten(f"{key}[{part}]", inner)]
    return [(key, json.dumps(value))]
