"""Bodies in: JSON and multipart/form-data become the same form of values and uploads."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.exchange import Request
from imagecli.sandbox.job import Upload
from imagecli.sandbox.multipart import parts_of

Lookup = Callable[[str, str], bytes]
"""File id and the parameter that names it → the picture. Raises ApiError."""

FILE_FIELDS = {"image": "image", "image[]": "image", "mask": "mask", "markup": "markup"}
"""Form field → what it is. A list of images is sent as repeated `image[]`, and by some as repeated `image`."""

DRAWN = ("mask", "markup")
"""What lies on the first picture of an edit."""

_NESTED = re.compile(r"(?P<outer>[^\[\]]+)(?P<inner>(?:\[[^\[\]]+\]){1,4})")
"""A name such as `svg[reasoning][effort]`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Values as they were sent: typed from JSON, text from multipart. A JSON null is a value that was not sent."""

    values: dict[str, Any]
    images: tuple[Upload, ...] = ()
    masks: tuple[Upload, ...] = ()
    markups: tuple[Upload, ...] = ()
    text: bool = False
    """All values are text, as in a multipart form: numbers, true and false too."""


def read_form(request: Request, *, multipart: bool, files: Lookup | None) -> Form:
    """What the body holds; *multipart* says whether that form is taken, *files* holds what JSON may refer to.

    Raises ApiError 400 for a body that is neither.
    """
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        if not multipart:
            raise ApiError("Invalid Content-Type header (multipart/form-data), expected application/json.")
        return _multipart(request)
    if not files and multipart:
        raise ApiError(f"Invalid Content-Type header ({media_type}), expected multipart/form-data.")
    return form_of(json_object(request.body), files)


def json_object(body: bytes) -> dict[str, Any]:
    """The object that *body* spells, without what is null in it. Raises ApiError."""
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        raise ApiError(
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP "
            "library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"
        ) from None
    if not isinstance(values, dict):
        raise ApiError("Invalid body: expected a JSON object.")
    return {name: value for name, value in values.items() if value is not None}


def form_of(values: dict[str, Any], files: Lookup | None) -> Form:
    """The form of a JSON body, in which pictures are data URLs or *files*; None where it takes none."""
    if not files:
        return Form(values=values)
    rest = {name: value for name, value in values.items() if name not in ("images", *DRAWN)}
    images = values.get("images", [])
    if not isinstance(images, list):
        raise ApiError("Invalid type for 'images': expected an array of objects.", param="images", code="invalid_type")
    masks, markups = ((_referred(values[name], name, files),) if name in values else () for name in DRAWN)
    return Form(
        values=rest,
        images=tuple(_referred(image, f"images[{index}]", files) for index, image in enumerate(images)),
        masks=masks,
        markups=markups,
    )


def _referred(reference: Any, param: str, files: Lookup) -> Upload:
    """A picture by exactly one of `file_id` and `image_url`."""
    keys = {name for name, value in reference.items() if value is not None} if isinstance(reference, dict) else set()
    if keys == {"file_id"} and isinstance(reference["file_id"], str):
        return Upload(name=param, data=files(reference["file_id"], param))
    url = reference["image_url"] if keys == {"image_url"} else None
    if not isinstance(url, str) or not url.startswith("data:image/") or ";base64," not in url:
        raise ApiError(
            f"Invalid value for '{param}': expected exactly one of file_id and image_url; the sandbox fetches no "
            "addresses, so image_url has to be a base64 data URL.",
            param=param,
            code="invalid_value",
        )
    try:
        data = base64.b64decode(url.partition(";base64,")[2], validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(f"Invalid base64 in '{param}.image_url'.", param=param, code="invalid_base64") from None
    return Upload(name=param, data=data)


def _multipart(request: Request) -> Form:
    values: dict[str, Any] = {}
    files: dict[str, list[Upload]] = {"image": [], "mask": [], "markup": []}
    for part in parts_of(request):
        if part.name in FILE_FIELDS:
            files[FILE_FIELDS[part.name]].append(Upload(name=part.name, data=part.data))
        else:
            put(values, part.name, part.data.decode("utf-8", "replace"))
    if not values and not any(files.values()):
        raise ApiError("Could not parse multipart form.")
    images, masks, markups = (tuple(files[kind]) for kind in ("image", "mask", "markup"))
    return Form(values=values, images=images, masks=masks, markups=markups, text=True)


def put(values: dict[str, Any], name: str, text: str) -> None:
    """Puts *text* where its name says: `svg[reasoning][effort]` is a value inside two objects."""
    match = _NESTED.fullmatch(name)
    last = match["outer"] if match else name
    for part in match["inner"][1:-1].split("][") if match else ():
        inside = values.setdefault(last, {})
        values, last = inside if isinstance(inside, dict) else {}, part
    values[last] = text
