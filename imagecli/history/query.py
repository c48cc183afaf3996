"""Finds images in the history: by filters, ID, reference, content and lineage."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from imagecli.domain import InputRole, Json, Operation
from imagecli.errors import UsageError
from imagecli.history.reference import REFERENCE
from imagecli.sizes import Size


class HistoryInput(NamedTuple):
    """An input file of a request."""

    role: InputRole
    name: str
    """As it was typed; `-` is stdin."""
    path: Path | None
    sha256: str | None
    parent: str | None
    """The ID of the image in the history that it is."""

    @property
    def is_painted(self) -> bool:
        """Whether it was painted for the request, so that no file has it."""
        return self.role == "mask" and self.path is None and self.name != "-"


class HistoryImage(NamedTuple):
    """An image, and the request that created it."""

    id: str
    created: datetime
    """UTC."""
    command: str
    operation: Operation
    provider: str
    base_url: str
    model: str
    prompt: str | None
    """As it was sent."""
    template: str | None
    """As it was typed, if variables were filled in."""
    variables: Mapping[str, str]
    revised_prompt: str | None
    options: Mapping[str, Json]
    """As `request_options`; the seed is that of this image."""
    inputs: tuple[HistoryInput, ...]
    path: Path | None
    """Absolute; None if the image went to stdout."""
    original: Path | None
    """The image as it was received, if this one was converted."""
    sha256: str
    format: str
    bytes: int
    size: Size | None
    cost_usd: float | None
    """This image's part of the request's cost, like the following; None if unknown."""
    estimated_usd: float | None
    estimated_max_usd: float | None
    usage: Mapping[str, Json] | None
    """Of the complete request."""
    request_id: str | None
    manifest: Path | None
    name_text: str | None
    """What its files were named after, if that is not the prompt: the user's part of a preset's prompt."""

    @property
    def parents(self) -> tuple[str, ...]:
        """The IDs of the images that were its inputs."""
        return tuple(dict.fromkeys(file.parent for file in self.inputs if file.parent))


class HistoryFilter(NamedTuple):
    """Which images to list."""

    text: str | None = None
    """In the prompt, the revised prompt or the path; ASCII letters match in either case."""
    model: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Exclusive."""
    limit: int | None = None


_SELECT: Final = """
SELECT images.number, images.id, images.request, images.position, images.path, images.original, images.sha256,
    images.format, images.bytes, images.width, images.height, images.revised_prompt,
    requests.created, requests.command, requests.operation, requests.provider, requests.base_url, requests.model,
    requests.prompt, requests.template, requests.variables, requests.options, requests.manifest, requests.usage,
    requests.request_id, requests.name_text,
    requests.estimated_usd, requests.estimated_max_usd, requests.cost_usd, requests.images AS requested,
    (SELECT count(*) FROM images AS other WHERE other.request = images.request AND other.copy = 0) AS siblings
FROM images JOIN requests ON requests.id = images.request
"""


def list_images(connection: sqlite3.Connection, choice: HistoryFilter = HistoryFilter()) -> list[HistoryImage]:  # noqa: B008
    """The images that *choice* selects, the newest first; of several files of one image the first."""
    conditions, values = filter_conditions(choice)
    where = f"WHERE images.copy = 0 AND {conditions} ORDER BY images.number DESC LIMIT ?"
    return _select(connection, where, [*values, -1 if choice.limit is None else choice.limit])


def count_images_in_history(connection: sqlite3.Connection, choice: HistoryFilter) -> int:
    """How many images *choice* selects without its limit."""
    conditions, values = filter_conditions(choice)
    tables = "images JOIN requests ON requests.id = images.request"
    row = connection.execute(f"SELECT count(*) FROM {tables} WHERE images.copy = 0 AND {conditions}", values)
    return int(row.fetchone()[0])


def filter_conditions(choice: HistoryFilter) -> tuple[str, list[object]]:
    """*choice* without its limit as SQL, and the values of its parameters."""
    conditions, values = ["TRUE"], list[object]()
    if choice.text:
        escaped = re.sub("([%_!])", r"!\1", choice.text)
        columns = ("requests.prompt", "images.revised_prompt", "images.path")
        conditions.append("(" + " OR ".join(f"{column} LIKE ? ESCAPE '!'" for column in columns) + ")")
        values += [f"%{escaped}%"] * len(columns)
    if choice.model:
        conditions.append("requests.model = ?")
        values.append(choice.model)
    if choice.since:
        conditions.append("requests.created >= ?")
        values.append(_time_text(choice.since))
    if choice.until:
        conditions.append("requests.created < ?")
        values.append(_time_text(choice.until))
    return " AND ".join(conditions), values


def find_by_sha256(connection: sqlite3.Connection, sha256: str) -> list[HistoryImage]:
    """The images with these bytes, as saved or else as received; the newest first."""
    where = "WHERE images.sha256 = ? OR images.original_sha256 = ? ORDER BY images.sha256 = ? DESC, images.number DESC"
    return _select(connection, where, [sha256] * 3)


def find_referenced_image(connection: sqlite3.Connection, reference: str) -> HistoryImage:
    """The image of a *reference*, with or without its `@`. Raises UsageError if there is none, or several.

    The beginning of an ID is enough if no other begins with it. `@last` counts only images that are in files.
    """
    match = REFERENCE.fullmatch(f"@{reference.removeprefix('@')}")
    if match is None:
        raise UsageError(f"{reference!r} is not the ID of an image", hint="imagecli history lists the IDs")
    if match["last"]:
        return _find_last(connection, reference, int(match["back"] or 0))
    prefix = match["id"].lower()
    images = _select(connection, "WHERE images.id GLOB ? ORDER BY images.number DESC LIMIT 4", [f"{prefix}*"])
    if len(images) == 1:
        return images[0]
    if not images:
        raise UsageError(f"the history has no image {reference!r}", hint=_available_hint(connection, reference))
    ids = ", ".join(image.id for image in images[:3])
    raise UsageError(f"several images in the history begin with {reference!r}", hint=f"for example {ids}")


def _find_last(connection: sqlite3.Connection, reference: str, back: int) -> HistoryImage:
    where = "WHERE images.copy = 0 AND images.path IS NOT NULL ORDER BY images.number DESC LIMIT 1 OFFSET ?"
    if matches := _select(connection, where, [back]):
        return matches[0]
    count = connection.execute("SELECT count(*) FROM images WHERE copy = 0 AND path IS NOT NULL").fetchone()[0]
    images = "no images" if not count else "1 image" if count == 1 else f"{count:,} images"
    raise UsageError(f"{reference}: the history has {images}", hint=_available_hint(connection, reference))


def _available_hint(connection: sqlite3.Connection, reference: str) -> str:
    newest = [image.id for image in list_images(connection, HistoryFilter(limit=3))]
    file = f"; write ./{reference} for a file of that name" if reference.startswith("@") else ""
    if not newest:
        return f"images are recorded when they are created{file}"
    return f"the newest are {', '.join(f'@{image_id}' for image_id in newest)}; imagecli history lists them{file}"


def find_images(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, HistoryImage]:
    """The images with these complete IDs, by ID."""
    marks = ", ".join("?" * len(ids))
    return {image.id: image for image in _select(connection, f"WHERE images.id IN ({marks})", list(ids))}


def find_children(connection: sqlite3.Connection, image_id: str) -> list[HistoryImage]:
    """The images that were created from this one, the oldest first."""
    where = (
        "WHERE images.copy = 0 AND images.request IN (SELECT inputs.request FROM inputs JOIN images AS parent "
        "ON parent.number = inputs.parent WHERE parent.id = ?) ORDER BY images.number"
    )
    return _select(connection, where, [image_id])


def _select(connection: sqlite3.Connection, where: str, values: Iterable[object]) -> list[HistoryImage]:
    cursor = connection.execute(_SELECT + where, tuple(values))
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor]
    inputs = _select_inputs(connection, {row["request"] for row in rows})
    return [_build_image(row, inputs.get(row["request"], ())) for row in rows]


_MAX_VARIABLES: Final = 500
"""Of one statement; SQLite accepts at least 999."""


def _select_inputs(connection: sqlite3.Connection, requests: set[int]) -> dict[int, tuple[HistoryInput, ...]]:
    """The inputs of each request that has some."""
    inputs: dict[int, list[HistoryInput]] = {}
    remaining = sorted(requests)
    while remaining:
        part, remaining = remaining[:_MAX_VARIABLES], remaining[_MAX_VARIABLES:]
        rows = connection.execute(
            "SELECT inputs.request, role, name, inputs.path, inputs.sha256, parent.id FROM inputs "
            "LEFT JOIN images AS parent ON parent.number = inputs.parent "
            f"WHERE inputs.request IN ({', '.join('?' * len(part))}) ORDER BY inputs.position",
            part,
        )
        for request, role, name, path, sha256, parent in rows:
            file = HistoryInput(role, name, _to_path(path), sha256, parent)
            inputs.setdefault(request, []).append(file)
    return {request: tuple(files) for request, files in inputs.items()}


def _build_image(row: Mapping[str, Any], inputs: tuple[HistoryInput, ...]) -> HistoryImage:
    options = json.loads(row["options"])
    if "seed" in options:
        options["seed"] += row["position"]
    return HistoryImage(
        id=row["id"],
        created=datetime.strptime(row["created"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC),
        command=row["command"],
        operation=row["operation"],
        provider=row["provider"],
        base_url=row["base_url"],
        model=row["model"],
        prompt=row["prompt"],
        template=row["template"],
        variables=json.loads(row["variables"]),
        revised_prompt=row["revised_prompt"],
        options=options,
        inputs=inputs,
        path=_to_path(row["path"]),
        original=_to_path(row["original"]),
        sha256=row["sha256"],
        format=row["format"],
        bytes=row["bytes"],
        size=Size(row["width"], row["height"]) if row["width"] else None,
        cost_usd=_part(row["cost_usd"], row["siblings"]),
        estimated_usd=_part(row["estimated_usd"], row["requested"]),
        estimated_max_usd=_part(row["estimated_max_usd"], row["requested"]),
        usage=json.loads(row["usage"]) if row["usage"] else None,
        request_id=row["request_id"],
        manifest=_to_path(row["manifest"]),
        name_text=row["name_text"],
    )


def _part(usd: float | None, images: int) -> float | None:
    return None if usd is None else usd / max(images, 1)


def _to_path(column: str | bytes | None) -> Path | None:
    return None if column is None else Path(os.fsdecode(column))


def _time_text(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
