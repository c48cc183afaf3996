"""Records calls that have ended, with their images and inputs."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from imagecli.checks.model_parameters import input_sources
from imagecli.domain import OPERATIONS, Edit, ImageRequest, InputFile, InputRole, InputSource, SavedImage
from imagecli.history.database import LOCK_SECONDS, write_transaction
from imagecli.request_options import request_options
from imagecli.results import CallResult
from imagecli.storage.read import file_sha256

MAX_IMAGES: Final = 50_000
"""Images in the history: the oldest are removed from it; their files stay."""
ID_CHARACTERS: Final = "23456789bcdfghjkmnpqrstvwxz"
"""Without vowels, so that no ID is a word, and without characters that look alike."""
ID_LENGTH: Final = 6


class RecordedCall(NamedTuple):
    """A call that has ended, as it is recorded."""

    request: ImageRequest
    result: CallResult
    command: str
    base_url: str
    template: str | None = None
    """The prompt as it was typed, if variables were filled in."""
    variables: Mapping[str, str] = {}
    manifest: Path | None = None


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
                request = _add_request(connection, call, time)
                for position, file in enumerate(call.result.inputs or _unread_inputs(call.request)):
                    _add_input(connection, request, position, file)
                ids += [_add_image(connection, request, image) for image in call.result.saved]
        _remove_oldest(connection)
    return ids


def _add_request(connection: sqlite3.Connection, call: RecordedCall, time: str) -> int:
    request, result = call.request, call.result
    usage = result.usage if result.svg_usage is None else {**(result.usage or {}), "svg": result.svg_usage}
    return _insert(
        connection,
        "requests",
        created=time,
        command=call.command,
        operation=OPERATIONS[type(request)],
        provider=result.provider,
        base_url=_without_secrets(call.base_url),
        model=result.model,
        prompt=_valid_text(request.prompt),
        template=_valid_text(call.template),
        variables=json.dumps(dict(call.variables)),
        options=json.dumps(request_options(request)),
        manifest=_path_column(call.manifest),
        images=request.options.n,
        request_id=_valid_text(result.request_id),
        usage=None if usage is None else json.dumps(usage),
        estimated_usd=result.cost.low_usd,
        estimated_max_usd=result.cost.high_usd,
        cost_usd=result.cost.actual_usd,
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


def _unread_inputs(request: ImageRequest) -> list[InputFile]:
    """The inputs of a request whose bytes this process did not send: those of the Batch API were uploaded before.

    A row whose inputs have changed since is another request, so that these files still have the bytes that were sent.
    """
    files = [_read_input("image", source) for source in input_sources(request)]
    if isinstance(request, Edit) and request.mask and request.mask.file:
        files.append(_read_input("mask", request.mask.file))
    if isinstance(request, Edit) and request.markup:
        files.append(_read_input("markup", request.markup))
    return files


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
        image_id = "".join(secrets.choice(ID_CHARACTERS) for _ in range(ID_LENGTH))
        if not connection.execute("SELECT 1 FROM images WHERE id = ?", (image_id,)).fetchone():
            return image_id


def _insert(connection: sqlite3.Connection, table: str, **values: object) -> int:
    """Adds a row, and returns its number."""
    columns, marks = ", ".join(values), ", ".join("?" * len(values))
    cursor = connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", tuple(values.values()))
    return cursor.lastrowid or 0


def _remove_oldest(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM images WHERE number <= (SELECT max(number) FROM images) - ?", (MAX_IMAGES,))
    # Also requests without images, up to the oldest one that has some.
    connection.execute("DELETE FROM requests WHERE id < (SELECT min(request) FROM images)")


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
    text = str(path.absolute())
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(text)
    return text
