"""Input images in a request: as files of a form, or as base64 or file ids inside JSON."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, NamedTuple

from imagecli.catalog.provider import ProviderRow
from imagecli.domain import MEDIA_TYPES, InputImage, Json
from imagecli.http_message import HttpFile

FILENAME_EXTENSIONS = {"jpeg": "jpg"}
LIST = "[]"
"""Suffix of a field that can repeat: sent in a form, removed in JSON."""


class RequestImages(NamedTuple):
    """The input images of one request; mask and markup belong to the first of *images*."""

    images: tuple[InputImage, ...] = ()
    mask: InputImage | None = None
    markup: InputImage | None = None


def build_form_files(uploads: RequestImages, row: ProviderRow) -> tuple[HttpFile, ...]:
    """The files of a form. One is `image`, several repeat `image[]` (OpenAI's SDK, tried 2026-11-22); rows differ."""
    names = _field_names(len(uploads.images), row)
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
