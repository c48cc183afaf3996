"""Bodies in: JSON and multipart/form-data become the same form of values and uploads."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.exchange import Request
from imagecli.sandbox.job import Upload

FILE_FIELDS = {"image": "image", "image[]": "image", "mask": "mask", "markup": "markup"}
"""Form field → what it is. A list of images is sent as repeated `image[]`, and by some as repeated `image`."""

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


def read_form(request: Request, *, multipart: bool, files: bool) -> Form:
    """What the body holds; *multipart* says whether that form is taken, *files* whether JSON may hold data URLs.

    Raises ApiError 400 for a body that is neither.
    """
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        if not multipart:
            raise ApiError("Invalid Content-Type header (multipart/form-data), expected application/json.")
        return _multipart(request)
    if not files and multipart:
        raise ApiError(f"Invalid Content-Type header ({media_type}), expected multipart/form-data.")
    return _json(request.body, files=files)


def _json(body: bytes, *, files: bool) -> Form:
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        raise ApiError(
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP "
            "library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"
        ) from None
    if not isinstance(values, dict):
        raise ApiError("Invalid body: expected a JSON object.")
    values = {name: value for name, value in values.items() if value is not None}
    if not files:
        return Form(values=values)
    images = values.pop("images", [])
    drawn = {name: [values.pop(name)] if name in values else [] for name in ("mask", "markup")}
    if not isinstance(images, list):
        raise ApiError("Invalid type for 'images': expected an array of objects.", param="images", code="invalid_type")
    return Form(
        values=values,
        images=tuple(_referred(image, f"images[{index}]") for index, image in enumerate(images)),
        masks=tuple(_referred(mask, "mask") for mask in drawn["mask"]),
        markups=tuple(_referred(markup, "markup") for markup in drawn["markup"]),
    )


def _referred(reference: Any, param: str) -> Upload:
    url = reference.get("image_url") if isinstance(reference, dict) else None
    if not isinstance(url, str) or not url.startswith("data:image/") or ";base64," not in url:
        raise ApiError(
            f"Invalid value for '{param}': the sandbox holds no files and fetches no addresses; send image_url with a "
            "base64 data URL.",
            param=param,
            code="invalid_value",
        )
    try:
        data = base64.b64decode(url.partition(";base64,")[2], validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(f"Invalid base64 in '{param}.image_url'.", param=param, code="invalid_base64") from None
    return Upload(name=param, data=data)


def _multipart(request: Request) -> Form:
    head = b"Content-Type: " + request.headers["content-type"].encode("latin-1", "replace") + b"\r\n\r\n"
    message = BytesParser(EmailMessage, policy=HTTP).parsebytes(head + request.body)
    values: dict[str, Any] = {}
    files: dict[str, list[Upload]] = {"image": [], "mask": [], "markup": []}
    for part in message.iter_parts() if message.is_multipart() else ():
        name, data = _part(part)
        if name in FILE_FIELDS:
            files[FILE_FIELDS[name]].append(Upload(name=name, data=data))
        elif name:
            _set(values, name, data.decode("utf-8", "replace"))
    if not values and not any(files.values()):
        raise ApiError("Could not parse multipart form.")
    images, masks, markups = (tuple(files[kind]) for kind in ("image", "mask", "markup"))
    return Form(values=values, images=images, masks=masks, markups=markups, text=True)


def _set(values: dict[str, Any], name: str, text: str) -> None:
    """Puts *text* where its name says: `svg[reasoning][effort]` is a value inside two objects."""
    match = _NESTED.fullmatch(name)
    last = match["outer"] if match else name
    for part in match["inner"][1:-1].split("][") if match else ():
        inside = values.setdefault(last, {})
        values, last = inside if isinstance(inside, dict) else {}, part
    values[last] = text


def _part(part: Any) -> tuple[str, bytes]:
    name = part.get_param("name", "", header="content-disposition")
    data = part.get_payload(decode=True)
    return (name if isinstance(name, str) else ""), (data if isinstance(data, bytes) else b"")
