"""Records calls that have ended, with their images and inputs."""

import json
import os
import random
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from imagecli.catalog.catalog import Catalog
from imagecli.domain import Edit, ImageRequest, InputFile, InputRole, InputSource, SavedImage
from imagecli.history.database import LOCK_SECONDS, write_transaction
from imagecli.money import Cost
from imagecli.prepared_call import PreparedCall, RequestRecord
from imagecli.pricing.usage_cost import price_usage
from imagecli.request_options import record_request
from imagecli.results import CallResult
from imagecli.safe_open import absolute_text
from imagecli.storage.read import file_sha256

MAX_IMAGES: Final = 50_000
"""Images in the history: the oldest are removed from it; their files stay."""
ID_CHARACTERS: Final = "23456789bcdfghjkmnpqrstvwxz"
"""Without vowels, so that no ID is a word, and without characters that look alike."""
ID_LENGTH: Final = 6


class RecordedCall(NamedTuple):
    """A call that has ended, as it is recorded."""

    record: RequestRecord
    prompt: str | None
    n: int
    result: CallResult
    command: str
    base_url: str
    template: str | None = None
    """The prompt as it was typed, if variables were filled in."""
    variables: Mapping[str, str] = {}
    manifest: Path | None = None
    name_text: str | None = None
    """What its files are named after, if that is not the prompt."""


def record_ended_call(
    request: ImageRequest, result: CallResult, command: str, base_url: str, manifest: Path | None = None
) -> RecordedCall:
    """The call of *request* that ended with *result*."""
    return RecordedCall(
        record=result.record or record_request(request, _unread_inputs(request)),
        prompt=request.prompt,
        n=request.options.n,
        result=result,
        command=command,
        base_url=base_url,
        manifest=manifest,
    )


def record_recovered_call(prepared: PreparedCall, result: CallResult, catalog: Catalog) -> RecordedCall | None:
    """The call of an earlier command whose response was saved now; None if that command records nothing."""
    record, provider = prepared.record, catalog.providers.get(prepared.provider)
    if not (prepared.history and record):
        return None
    usd = None
    # An SVG costs more than its usage comes to.
    if provider and (provider.free or record.options.get("output_format") != "svg"):
        row = catalog.model_for_provider(provider, prepared.model)
        usd = price_usage(result.usage, row, provider, has_image_input=bool(record.inputs))
    return RecordedCall(
        record=record,
        prompt=prepared.prompt,
        n=prepared.n,
        result=result._replace(cost=Cost(actual_usd=usd), call_id=prepared.id),
        command=prepared.command,
        base_url="" if provider and provider.embedded else prepared.base_url,
        manifest=Path(prepared.part.manifest) if prepared.part else None,
    )


def record_calls(
    connection: sqlite3.Connection, calls: Iterable[RecordedCall], created: datetime, *, wait: float = LOCK_SECONDS
) -> list[str]:
    """Adds *calls* in one transaction, and returns the IDs of their images.

    Raises sqlite3.Error.
    """
    ids = []
    time = f"{created.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    with write_transaction(connection, wait):
        for call in calls:
            if call.result.is_recorded:
                ids += _record_call(connection, call, time)
        _remove_oldest(connection)
    return ids


def _record_call(connection: sqlite3.Connection, call: RecordedCall, time: str) -> list[str]:
    """Adds one call. The part of it that was recorded when its response was saved only in part is completed."""
    request = _find_request(connection, call.result)
    if request is None:
        request = _add_request(connection, call, time)
        for position, file in enumerate(call.record.inputs):
            _add_input(connection, request, position, file)
        return [_add_image(connection, request, image) for image in call.result.saved]
    connection.execute(
        "UPDATE requests SET usage = coalesce(usage, ?), cost_usd = coalesce(cost_usd, ?) WHERE id = ?",
        (_usage_column(call.result), call.result.cost.actual_usd, request),
    )
    return [
        _find_image(connection, request, image) or _add_image(connection, request, image) for image in call.result.saved
    ]


def _find_request(connection: sqlite3.Connection, result: CallResult) -> int | None:
    """The request of *result*, if it was recorded before: by its spool entry, or one of the images."""
    if result.call_id is None:
        return None
    rows = connection.execute("SELECT id FROM requests WHERE call_id = ?", (result.call_id,)).fetchall()
    for image in () if rows else result.saved:
        rows += connection.execute(
            "SELECT request FROM images WHERE sha256 = ? AND path = ?", (image.sha256, _path_column(image.path))
        ).fetchall()
    return rows[0][0] if rows else None


def _find_image(connection: sqlite3.Connection, request: int, image: SavedImage) -> str | None:
    """The ID of *image*, if the request has it already."""
    row = connection.execute(
        "SELECT id FROM images WHERE request = ? AND sha256 = ? AND path IS ?",
        (request, image.sha256, _path_column(image.path)),
    ).fetchone()
    return row[0] if row else None


def _usage_column(result: CallResult) -> str | None:
    usage = result.usage if result.svg_usage is None else {**(result.usage or {}), "svg": result.svg_usage}
    return None if usage is None else json.dumps(usage)


def _add_request(connection: sqlite3.Connection, call: RecordedCall, time: str) -> int:
    result = call.result
    return _insert(
        connection,
        "requests",
        created=time,
        command=call.command,
        operation=call.record.operation,
        provider=result.provider,
        base_url=_without_secrets(call.base_url),
        model=result.model,
        prompt=_valid_text(call.prompt),
        template=_valid_text(call.template),
        variables=json.dumps(dict(call.variables)),
        options=json.dumps(call.record.options),
        manifest=_path_column(call.manifest),
        name_text=_valid_text(call.name_text),
        images=call.n,
        request_id=_valid_text(result.request_id),
        usage=_usage_column(result),
        estimated_usd=result.cost.low_usd,
        estimated_max_usd=result.cost.high_usd,
        cost_usd=result.cost.actual_usd,
        call_id=result.call_id,
    )


def _add_input(connection: sqlite3.Connection, request: int, position: int, file: InputFile) -> None:
    path = _path_column(file.path)
    # Of several images with these bytes, the one in this file, else the newest.
    parent = connection.execute(
        "SELECT number FROM images WHERE sha256 = ? ORDER BY path IS ? DESC, number DESC LIMIT 1", (file.sha256, path)
    ).fetchone()
    _insert(
        connection,
        "inputs",
        request=request,
        position=position,
        role=file.role,
        name=_valid_text(file.name),
        path=path,
        sha256=file.sha256 or None,
        parent=parent and parent[0],
    )


def _unread_inputs(request: ImageRequest) -> tuple[InputFile, ...]:
    """The inputs of a request whose bytes this process did not send: those of the Batch API were uploaded before.

    A row whose inputs have changed since is another request, so that these files still have the bytes that were sent.
    """
    files = [_read_input("image", source) for source in request.input_sources]
    if isinstance(request, Edit) and request.mask and request.mask.file:
        files.append(_read_input("mask", request.mask.file))
    if isinstance(request, Edit) and request.markup:
        files.append(_read_input("markup", request.markup))
    return tuple(files)


def _read_input(role: InputRole, source: InputSource) -> InputFile:
    """The input; its sha256 is empty if it can't be read. A pipe was read before, and opening it again could block."""
    sha256 = ""
    with suppress(OSError, ValueError):
        if source.path and source.path.is_file():
            sha256 = file_sha256(source.path)
    return InputFile(role=role, name=source.name, path=source.path, sha256=sha256)


def _add_image(connection: sqlite3.Connection, request: int, image: SavedImage) -> str:
    image_id = _new_id(connection)
    _insert(
        connection,
        "images",
        id=image_id,
        request=request,
        position=image.index,
        copy=image.copy,
        path=_path_column(image.path),
        original=_path_column(image.original),
        original_sha256=image.original_sha256,
        sha256=image.sha256,
        format=image.format,
        bytes=image.bytes,
        width=image.size and image.size.width,
        height=image.size and image.size.height,
        revised_prompt=_valid_text(image.revised_prompt),
    )
    return image_id


def _new_id(connection: sqlite3.Connection) -> str:
    while True:
        image_id = "".join(random.choices(ID_CHARACTERS, k=ID_LENGTH))
        if not connection.execute("SELECT 1 FROM images WHERE id = ?", (image_id,)).fetchone():
            return image_id


def _insert(connection: sqlite3.Connection, table: str, **values: object) -> int:
    """Adds a row, and returns its number."""
    columns, marks = ", ".join(values), ", ".join("?" * len(values))
    cursor = connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", tuple(values.values()))
    return cursor.lastrowid or 0


def _remove_oldest(connection: sqlite3.Connection) -> None:
    removed = connection.execute(
        "DELETE FROM images WHERE number <= (SELECT max(number) FROM images) - ?", (MAX_IMAGES,)
    )
    if removed.rowcount:
        # Also requests without images, up to the oldest one that has some.
        connection.execute("DELETE FROM requests WHERE id < (SELECT min(request) FROM images)")


@lru_cache(maxsize=8)
def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


def _valid_text(text: str | None) -> str | None:
    """*text* without lone surrogates, which SQLite can't store."""
    return None if text is None else text.encode("utf-8", "replace").decode("utf-8")


def _path_column(path: Path | None) -> str | bytes | None:
    """*path*, absolute; as bytes if its name is not valid Unicode."""
    if path is None:
        return None
    text = absolute_text(path)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(text)
    return text
