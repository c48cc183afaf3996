"""Pictures on their way up: as files of a form under neutral names, or inside JSON as base64."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from imagecli.catalog.provider import ProviderRow
from imagecli.domain import MEDIA_TYPES, InputImage, Json
from imagecli.http_message import HttpFile

FILENAME_ENDINGS = {"jpeg": "jpg"}
LIST = "[]"
"""How the name of a field ends that holds several: sent so in a form, left out in JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestImages:
    """The pictures of one request; mask and markup belong to the first of *images*."""

    images: tuple[InputImage, ...] = ()
    mask: InputImage | None = None
    markup: InputImage | None = None


def build_form_files(uploads: RequestImages, row: ProviderRow) -> tuple[HttpFile, ...]:
    """One file is `image`, several repeat `image[]` (OpenAI's SDK, tried 2026-11-22), or what the row calls them."""
    names = _field_names(len(uploads.images), row)
    files = [
        _form_file(name, f"image{k}" if k else "image", image)
        for k, (name, image) in enumerate(zip(names, uploads.images, strict=True))
    ]
    extras = (row.mask, "mask", uploads.mask), (row.markup, "markup", uploads.markup)
    return (*files, *(_form_file(name, stem, image) for name, stem, image in extras if name and image))


def build_json_images(uploads: RequestImages, row: ProviderRow) -> dict[str, Json]:
    """The same as fields of a JSON body."""
    fields: dict[str, Json] = {}
    for name, image in zip(_field_names(len(uploads.images), row), uploads.images, strict=True):
        if name.endswith(LIST):
            several = fields.setdefault(name.removesuffix(LIST), [])
            assert isinstance(several, list)
            several.append(_fill_form(row.picture, image))
        else:
            fields[name] = _fill_form(row.picture, image)
    for field, extra in ((row.mask, uploads.mask), (row.markup, uploads.markup)):
        if field and extra:
            fields[field] = _fill_form(row.picture, extra)
    return fields


def _field_names(count: int, row: ProviderRow) -> tuple[str, ...]:
    """A field's name for each of *count* pictures; one that ends in `[]` is repeated."""
    if count == 1:
        return (row.image,)
    return (row.images * count)[:count]


def _form_file(field: str, stem: str, image: InputImage) -> HttpFile:
    """A neutral file name, so that nothing of the user's file system goes up, and the bytes' true media type."""
    ending = FILENAME_ENDINGS.get(image.format, image.format)
    return HttpFile(name=field, filename=f"{stem}.{ending}", data=image.data, media_type=MEDIA_TYPES[image.format])


def _fill_form(form: Any, image: InputImage) -> Json:
    """*form* with the picture where it says `{data_url}`, `{base64}` or `{file_id}`."""
    if isinstance(form, dict):
        return {key: _fill_form(inner, image) for key, inner in form.items()}
    if form == "{file_id}":
        return image.file_id
    plain = base64.b64encode(image.data).decode("ascii")
    if form == "{data_url}":
        return f"data:{MEDIA_TYPES[image.format]};base64,{plain}"
    return plain if form == "{base64}" else form
