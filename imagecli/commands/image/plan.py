"""Asks and their words → requests that know where each picture goes. Looks at the disk, writes nothing.

A file that --if-exists skip keeps: what it is, as far as its bytes tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from imagecli.catalog.model import ModelRow
from imagecli.checks.parameters import input_sources
from imagecli.commands.image.prompt import Prompt
from imagecli.domain import MAX_PICTURE_BYTES, IfExists, ImageRequest, OutputName
from imagecli.errors import OutputError
from imagecli.events import NoteEvent, WarningEvent
from imagecli.images.integrity import inspect_image
from imagecli.naming import OutputPattern, added_ending_note, build_fields, check_variables_used, resolve_names
from imagecli.plan import PlannedCall, assign_names, plan_calls, request_hash_for_name
from imagecli.results import SkippedFile
from imagecli.storage.preflight import stat_path
from imagecli.storage.read import read_bounded


def inspect_skipped_file(path: Path, before: tuple[int, int]) -> tuple[SkippedFile, WarningEvent | None]:
    """*path* as a report tells of it, and a warning where it is no whole picture.

    *before* is the request and index of the picture that follows it. Raises OutputError for what can't be read.
    """
    data = read_bounded(path, MAX_PICTURE_BYTES, error=OutputError)
    found = inspect_image(data)
    kept = SkippedFile(
        path=path,
        bytes=len(data),
        format=found.format,
        size=found.size,
        sha256=hashlib.sha256(data).hexdigest(),
        before=before,
    )
    if found.format and found.whole:
        return kept, None
    problem = found.problem if data else "empty"
    return kept, WarningEvent(code="kept_no_picture", message=f"{path} is kept, and is no whole picture: {problem}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPlan:
    """What will be sent, and what stands there already and is not bought again."""

    calls: tuple[PlannedCall, ...]
    skipped: tuple[SkippedFile, ...] = ()
    notes: tuple[NoteEvent | WarningEvent, ...] = ()
    """What is to be said of the names, before anything is bought."""


def build_request_plan(
    wanted: Sequence[tuple[ImageRequest, Prompt]],
    output: OutputPattern,
    if_exists: IfExists | None,
    row: ModelRow,
    now: datetime,
) -> RequestPlan:
    """The requests for *wanted*, every picture named. Raises OutputError where a name can't be had, UsageError for a
    variable that is not used.
    """
    check_variables_used(wanted[0][1].variables, wanted[0][1].typed, output)
    total = sum(ask.options.n for ask, _ in wanted)
    taken: dict[str, int] = {}
    asks: list[ImageRequest] = []
    names: list[OutputName] = []
    kept: list[tuple[Path, int]] = []
    first = 1
    for ask, words in wanted:
        planned = resolve_names(
            output,
            count=ask.options.n,
            fields=name_fields(ask, words, now),
            default="{stem}-{slug}" if input_sources(ask) else "{slug}",
            expected_format=ask.options.output_format or "png",
            if_exists=if_exists,
            look=stat_path,
            taken=taken,
            first=first,
            total=total,
        )
        first += ask.options.n
        to_buy = 0
        for one in planned:
            if one.kept:
                kept.append((one.kept, len(names)))
            else:
                names.append(one.name)
                to_buy += 1
        if to_buy:
            asks.append(replace(ask, options=replace(ask.options, n=to_buy)))
    return _place_outputs(assign_names(plan_calls(asks, row), names), kept, output)


def _place_outputs(
    requests: tuple[PlannedCall, ...], kept: list[tuple[Path, int]], output: OutputPattern
) -> RequestPlan:
    """*kept* are paths that are not bought again, each with the number of pictures that are bought before it."""
    places = [(request.index, index) for request in requests for index in range(len(request.names))]
    places.append((len(requests), 0))
    added = added_ending_note(output)
    notes: list[NoteEvent | WarningEvent] = [NoteEvent(code="ending_added", message=added)] if added else []
    files: list[SkippedFile] = []
    if kept:
        for path, bought in kept:
            file, warning = inspect_skipped_file(path, places[bought])
            files.append(file)
            notes += [warning] if warning else []
    return RequestPlan(calls=requests, skipped=tuple(files), notes=tuple(notes))


def name_fields(ask: ImageRequest, words: Prompt, now: datetime) -> dict[str, str | int]:
    """What the names of an ask's pictures can be made of."""
    sources = input_sources(ask)
    return build_fields(
        prompt=words.text,
        stem=sources[0].stem if sources else None,
        model=ask.options.model,
        size=ask.options.size,
        now=now,
        hash=request_hash_for_name(ask, words.text),
        variables=words.variables,
    )
