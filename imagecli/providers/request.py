"""An image request → the HTTP request, or the line of a batch input file, in the dialect of one provider's row.

Contains only what the user set and what the row requires; knows no key. A field that the provider would ignore is
refused before, by `check_capabilities`. Batch lines: OpenAI API reference, batches, read 2026-11-22.
"""

import base64
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from imagecli.catalog.provider import LIVE_ONLY, ProviderRow, for_batch_api, shared_segments
from imagecli.domain import (
    MEDIA_TYPES,
    OPERATIONS,
    ImageOptions,
    ImageRequest,
    InputFile,
    InputImage,
    Json,
    RequestedSize,
    Size,
    SvgOptions,
    Transform,
)
from imagecli.events import NoteEvent, WarningEvent
from imagecli.http_request import HttpFile, HttpRequest
from imagecli.prepared_call import Composition
from imagecli.sizes import find_ratio


def join_url(base_url: str, path: str, query: Mapping[str, str], *, model: str = "") -> str:
    """*path* under *base_url* with one slash between them; `/v1` is never added.

    *model* replaces `{model}` in *path*. If the base URL ends with the beginning of *path*, that is not doubled:
    Azure's endpoint is written with and without `/openai/v1`. A query in the base URL is kept, and overrides *query*.
    """
    return _join_url(base_url, path, tuple(query.items()), model)


@lru_cache(maxsize=64)
def _join_url(base_url: str, path: str, query: tuple[tuple[str, str], ...], model: str) -> str:
    """Cached, as all requests of a command have the same few URLs."""
    parts = urlsplit(base_url)
    segments = path.strip("/").split("/")[shared_segments(parts.path, path) :]
    rest = "".join("/" + segment.replace("{model}", quote(model, safe="")) for segment in segments)
    base_query = dict(parse_qsl(parts.query, keep_blank_values=True))
    further = urlencode({name: value for name, value in query if name not in base_query})
    full_query = "&".join(part for part in (parts.query, further) if part)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + rest, query=full_query, fragment=""))


def build_request_fields(request: ImageRequest, row: ProviderRow) -> tuple[dict[str, Json], tuple[str, ...]]:
    """The fields that *request* sets, then those that only the row requires; and the names of the implicit ones.

    Implicit are those of the row, and an output format that only the extension of a file name asks for.
    """
    options = request.options
    set_fields = {name: value for name, value in _plain_fields(request, row).items() if value is not None}
    fields: dict[str, Json] = {row.renamed.get(name, name): value for name, value in set_fields.items()}
    fields.update(_size_fields(options.size, row))
    params = _all_params(options, row)
    required = dict(row.extra)
    if row.response_format:
        required["response_format"] = _response_format_word(row.response_format, row)
    added = {name: value for name, value in required.items() if name not in fields and name not in params}
    of_name = (row.renamed.get("output_format", "output_format"),) if options.format_of_name else ()
    return _with_params(fields | added, params, row), (*added, *of_name)


def _all_params(options: ImageOptions, row: ProviderRow) -> dict[str, Json]:
    """Those of --param, and the seed, which belongs to the same kind of parameters."""
    params = dict(options.params)
    return params if options.seed is None else params | {row.renamed.get("seed", "seed"): options.seed}


def _plain_fields(request: ImageRequest, row: ProviderRow) -> dict[str, Json]:
    """All fields but the size, under OpenAI's names; None if unset. An empty model (the server's) is not sent."""
    options = request.options
    return {
        "model": options.model or None,
        "prompt": request.prompt,
        "n": options.n if options.n > 1 else None,
        "quality": options.quality,
        "background": options.background,
        "output_format": options.output_format,
        "output_compression": options.output_compression,
        "moderation": options.moderation,
        "complexity": options.complexity,
        "frame_count": options.frame_count,
        "frame_duration_ms": options.frame_duration_ms,
        "svg": _svg_fields(options.svg) if options.svg else None,
        "input_fidelity": options.input_fidelity,
        "safety_identifier": options.safety_identifier,
        "stream": options.stream,
        "partial_images": options.partial_images,
        "style": options.style,
        "response_format": _response_format_word(options.response_format, row),
        "user": options.user,
    }


def _response_format_word(response_format: str | None, row: ProviderRow) -> str | None:
    return row.response_formats.get(response_format or "", response_format)


def _svg_fields(svg: SvgOptions) -> dict[str, Json]:
    """The `svg` object; reasoning is one level deeper than the model."""
    reasoning: dict[str, Json] = {"reasoning": {"effort": svg.effort}} if svg.effort else {}
    return {"model": svg.model, **reasoning} if svg.model else reasoning


def _size_fields(size: RequestedSize | None, row: ProviderRow) -> dict[str, Json]:
    name = row.renamed.get("size", "size")
    if isinstance(size, Size):
        if row.size_as == "width_height":
            return {"width": size.width, "height": size.height}
        if row.size_as == "aspect_ratio":
            return {"aspect_ratio": find_ratio(size, row.ratios)}
        sides = (size.height, size.width) if row.height_first else (size.width, size.height)
        return {name: row.size_separator.join(map(str, sides))}
    return {name: size} if size and row.size_auto else {}


def _with_params(fields: dict[str, Json], params: dict[str, Json], row: ProviderRow) -> dict[str, Json]:
    """*fields* with *params* in the place that the row prescribes."""
    if not params:
        return fields
    if row.param_field:
        return fields | {row.param_field: json.dumps(params, ensure_ascii=False)}
    if row.param_tag:
        text = json.dumps(params, ensure_ascii=False)
        return fields | {"prompt": f"{fields.get('prompt', '')} <{row.param_tag}>{text}</{row.param_tag}>"}
    return fields | params


def build_http_request(
    request: ImageRequest,
    uploads: "RequestImages",
    row: ProviderRow,
    base_url: str,
    query: Mapping[str, str] | None = None,
) -> HttpRequest:
    """The HTTP request for *request*: JSON for generations; with uploads JSON or a form, as the row prescribes.

    `added` names the fields that the user did not set. Call `check_capabilities` first: a field that the row does not
    support is not detected here.
    """
    url = join_url(base_url, row.paths[OPERATIONS[type(request)]], query or {}, model=request.options.model)
    fields, added = build_request_fields(request, row)
    if not uploads.images:
        return HttpRequest(method="POST", url=url, json=fields, added=added)
    if row.edits_as == "json":
        return HttpRequest(method="POST", url=url, json=fields | build_json_images(uploads, row), added=added)
    form = tuple(pair for key, value in fields.items() for pair in _flatten_field(key, value))
    return HttpRequest(method="POST", url=url, form=form, files=build_form_files(uploads, row), added=added)


def _flatten_field(key: str, value: Json) -> list[tuple[str, str]]:
    """Form fields of one value: text unchanged, booleans as true/false, objects as `key[part]`."""
    if isinstance(value, str):
        return [(key, value)]
    if isinstance(value, dict):
        return [pair for part, inner in value.items() for pair in _flatten_field(f"{key}[{part}]", inner)]
    return [(key, json.dumps(value))]


def build_batch_line(custom_id: str, request: ImageRequest, uploads: "RequestImages", row: ProviderRow) -> bytes:
    """One line of a batch input file, ASCII, with its newline: its body is that of a live JSON request, not streamed.

    The images must have been uploaded and have a `file_id`. *row* must have a Batch API that supports *request*: call
    `check_capabilities` with the row of `for_batch_api` first.
    """
    assert row.batch is not None
    batch_row = for_batch_api(row)
    fields = {
        name: value for name, value in build_request_fields(request, batch_row)[0].items() if name not in LIVE_ONLY
    }
    line = {
        "custom_id": custom_id,
        "method": "POST",
        "url": row.batch.endpoints[OPERATIONS[type(request)]],
        "body": fields | (build_json_images(uploads, batch_row) if uploads.images else {}),
    }
    return json.dumps(line).encode("ascii") + b"\n"


FILENAME_EXTENSIONS = {"jpeg": "jpg"}
LIST = "[]"
"""Suffix of a field that can repeat: sent in a form, removed in JSON."""


class RequestImages(NamedTuple):
    """The input images of one request; mask and markup belong to the first of *images*."""

    images: tuple[InputImage, ...] = ()
    mask: InputImage | None = None
    markup: InputImage | None = None


class FittedInputs(NamedTuple):
    """The images of one request, fitted to the rules of its model."""

    images: RequestImages = RequestImages()
    transform: Transform | None = None
    """The first image's: mask and markup belong to that one."""
    composition: Composition | None = None
    """How a result is pasted into the first image."""
    files: tuple[InputFile, ...] = ()
    """The inputs as they were read, the mask and the markup last."""
    notes: tuple[NoteEvent | WarningEvent, ...] = ()
    """What was changed, and how much the mask allows to change."""


def build_form_files(uploads: RequestImages, row: ProviderRow) -> tuple[HttpFile, ...]:
    """The files of a form. One is `image`, several repeat `image[]` (OpenAI's SDK, tried 2026-11-22); rows differ."""
    names = _field_names(len(uploads.images), row)
    if not row.form_brackets:
        names = tuple(name.removesuffix(LIST) for name in names)
    files = [
        _form_file(name, f"image{k}" if k else "image", image)
        for k, (name, image) in enumerate(zip(names, uploads.images, strict=True))
    ]
    extras = (row.mask, "mask", uploads.mask), (row.markup, "markup", uploads.markup)
    return (*files, *(_form_file(name, stem, image) for name, stem, image in extras if name and image))


def build_json_images(uploads: RequestImages, row: ProviderRow) -> dict[str, Json]:
    """The fields of a JSON body that hold the images."""
    fields: dict[str, Json] = {}
    for name, image in zip(_field_names(len(uploads.images), row), uploads.images, strict=True):
        if name.endswith(LIST):
            values = fields.setdefault(name.removesuffix(LIST), [])
            assert isinstance(values, list)
            values.append(_fill_template(row.picture, image))
        else:
            fields[name] = _fill_template(row.picture, image)
    for field, extra in ((row.mask, uploads.mask), (row.markup, uploads.markup)):
        if field and extra:
            fields[field] = _fill_template(row.picture, extra)
    return fields


def _field_names(count: int, row: ProviderRow) -> tuple[str, ...]:
    """The field name of each of *count* images."""
    if count == 1:
        return (row.image,)
    return (row.images * count)[:count]


def _form_file(field: str, stem: str, image: InputImage) -> HttpFile:
    """A file with a neutral name, so that no name of the user's is sent, and the correct media type."""
    extension = FILENAME_EXTENSIONS.get(image.format, image.format)
    return HttpFile(name=field, filename=f"{stem}.{extension}", data=image.data, media_type=MEDIA_TYPES[image.format])


def _fill_template(template: Any, image: InputImage) -> Json:
    """*template* with the image in place of `{data_url}`, `{base64}` or `{file_id}`."""
    if isinstance(template, Mapping):
        return {key: _fill_template(inner, image) for key, inner in template.items()}
    if template == "{file_id}":
        return image.file_id
    encoded = base64.b64encode(image.data).decode("ascii")
    if template == "{data_url}":
        return f"data:{MEDIA_TYPES[image.format]};base64,{encoded}"
    return encoded if template == "{base64}" else template
