"""Reads request bodies: JSON and multipart/form-data become the same form of values and uploads.

Multipart bodies (RFC 2046 §5.1, RFC 7578) are sliced at their boundaries: the standard library's parser would read a
part of hundreds of megabytes line by line.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from email.parser import HeaderParser
from typing import Any, Protocol

from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.files.store import StoredFile, read_image_file
from imagecli.sandbox.http_message import ServerRequest
from imagecli.sandbox.image_job import UploadedFile

FILE_FIELDS = {"image": "image", "image[]": "image", "mask": "mask", "markup": "markup"}
"""Form field → its meaning. Several images are sent as repeated `image[]`, by some clients as repeated `image`."""
OVERLAYS = ("mask", "markup")
"""What is laid over the first image of an edit."""
MAX_HEAD = 16 * 1024
"""Bytes of one part's headers."""

_PADDING = re.compile(rb"[ \t]*\r\n")
"""What may follow a boundary on its line."""
_NESTED = re.compile(r"(?P<outer>[^\[\]]+)(?P<inner>(?:\[[^\[\]]+\]){1,4})")
"""A name such as `svg[reasoning][effort]`."""


class FileLookup(Protocol):
    """Finds the files that JSON refers to by their ids."""

    def get(self, id: str, /) -> StoredFile | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPart:
    """One field of a form."""

    name: str
    filename: str | None
    """None for a field that is not a file."""
    data: bytes = field(repr=False)


def iter_form_parts(request: ServerRequest) -> Iterator[FormPart]:
    """The parts in order, as far as the body is well-formed, without those that have no name."""
    boundary = _boundary(request.headers.get("content-type", ""))
    if not boundary:
        return
    delimiter = b"\r\n--" + boundary
    body = request.body
    first = body.find(delimiter[2:])
    start = first + len(delimiter) - 2 if first == 0 or body[max(0, first - 2) : first] == b"\r\n" else -1
    while start >= 0 and (line := _PADDING.match(body, start)):
        end = body.find(delimiter, line.end() - 2)
        if end < 0:
            return
        if part := _parse_part(body, line.end(), end):
            yield part
        start = end + len(delimiter)


def _boundary(content_type: str) -> bytes:
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_param("boundary", "")
    return boundary.encode("latin-1", "replace") if isinstance(boundary, str) else b""


def _parse_part(body: bytes, start: int, end: int) -> FormPart | None:
    """The part between two boundaries: headers, an empty line, data."""
    blank = body.find(b"\r\n\r\n", max(0, start - 2), min(end, start + MAX_HEAD))
    if blank < 0:
        return None
    headers = HeaderParser().parsestr(body[start : blank + 2].decode("latin-1"))
    name, filename = _header_param(headers, "name"), _header_param(headers, "filename")
    return FormPart(name=name, filename=filename, data=body[blank + 4 : end]) if name else None


def _header_param(headers: Message, name: str) -> str | None:
    """A parameter of Content-Disposition, in plain UTF-8 or encoded by RFC 2231."""
    value = headers.get_param(name, None, header="content-disposition")
    text = value[2] if isinstance(value, tuple) else value
    return text.encode("latin-1", "replace").decode("utf-8", "replace") if text is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedForm:
    """Values as received: typed from JSON, text from multipart. A JSON null counts as not sent."""

    values: dict[str, Any]
    images: tuple[UploadedFile, ...] = ()
    masks: tuple[UploadedFile, ...] = ()
    markups: tuple[UploadedFile, ...] = ()
    is_text: bool = False
    """All values are text, numbers and booleans too, as in a multipart form."""


def read_form(request: ServerRequest, *, multipart: bool, files: FileLookup | None) -> ParsedForm:
    """The form in a body; *multipart*: whether multipart is accepted, *files*: looks up files that JSON refers to.

    Raises ApiError 400 for any other body.
    """
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        if not multipart:
            raise ApiError("Invalid Content-Type header (multipart/form-data), expected application/json.")
        return _read_multipart(request)
    if files is None and multipart:
        raise ApiError(f"Invalid Content-Type header ({media_type}), expected multipart/form-data.")
    return form_from_json(parse_json_object(request.body), files)


def parse_json_object(body: bytes) -> dict[str, Any]:
    """The JSON object in *body*, without its null values. Raises ApiError."""
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


def form_from_json(values: dict[str, Any], files: FileLookup | None) -> ParsedForm:
    """The form of a JSON body, whose images are data URLs or ids for *files*; None if it accepts no images."""
    if files is None:
        return ParsedForm(values=values)
    plain = {name: value for name, value in values.items() if name not in ("images", *OVERLAYS)}
    images = values.get("images", [])
    if not isinstance(images, list):
        raise ApiError("Invalid type for 'images': expected an array of objects.", param="images", code="invalid_type")
    masks, markups = ((_resolve_reference(values[name], name, files),) if name in values else () for name in OVERLAYS)
    return ParsedForm(
        values=plain,
        images=tuple(_resolve_reference(image, f"images[{index}]", files) for index, image in enumerate(images)),
        masks=masks,
        markups=markups,
    )


def _resolve_reference(reference: Any, param: str, files: FileLookup) -> UploadedFile:
    """An image given by exactly one of `file_id` and `image_url`."""
    keys = {name for name, value in reference.items() if value is not None} if isinstance(reference, dict) else set()
    if keys == {"file_id"} and isinstance(file_id := reference["file_id"], str):
        return UploadedFile(name=param, data=read_image_file(files.get(file_id), file_id, param))
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
    return UploadedFile(name=param, data=data)


def _read_multipart(request: ServerRequest) -> ParsedForm:
    values: dict[str, Any] = {}
    files: dict[str, list[UploadedFile]] = {"image": [], "mask": [], "markup": []}
    for part in iter_form_parts(request):
        if part.name in FILE_FIELDS:
            files[FILE_FIELDS[part.name]].append(UploadedFile(name=part.name, data=part.data))
        else:
            set_form_value(values, part.name, part.data.decode("utf-8", "replace"))
    if not values and not any(files.values()):
        raise ApiError("Could not parse multipart form.")
    images, masks, markups = (tuple(files[kind]) for kind in ("image", "mask", "markup"))
    return ParsedForm(values=values, images=images, masks=masks, markups=markups, is_text=True)


def set_form_value(values: dict[str, Any], name: str, text: str) -> None:
    """Sets a value, nested by its name: `svg[reasoning][effort]` is inside two objects."""
    match = _NESTED.fullmatch(name)
    last = match["outer"] if match else name
    for part in match["inner"][1:-1].split("][") if match else ():
        inside = values.setdefault(last, {})
        values, last = inside if isinstance(inside, dict) else {}, part
    values[last] = text
