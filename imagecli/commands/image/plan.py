"""Turns requests and prompts into calls with a name for each image, without the files that exist already.

Reads the disk, and writes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from imagecli.catalog.model import ModelRow
from imagecli.commands.image.prompt import Prompt
from imagecli.domain import MAX_IMAGE_BYTES, Edit, IfExists, ImageRequest, OutputName
from imagecli.errors import OutputError
from imagecli.events import NoteEvent, WarningEvent
from imagecli.images.integrity import inspect_image
from imagecli.naming import (
    OutputPattern,
    added_ending_note,
    build_fields,
    check_variables_used,
    folder_note,
    resolve_names,
    with_literal_format,
)
from imagecli.plan_calls import PlannedCall, assign_names, plan_calls, request_hash_for_name, request_images
from imagecli.results import SkippedFile
from imagecli.storage.preflight import stat_path
from imagecli.storage.read import read_bounded
from imagecli.templates import check_placeholders


def inspect_skipped_file(path: Path, before: tuple[int, int]) -> tuple[SkippedFile, WarningEvent | None]:
    """*path* as the report lists it, and a warning if it is not a complete image.

    *before* is the request and index of the image that follows it. Raises OutputError if it can't be read.
    """
    data = read_bounded(path, MAX_IMAGE_BYTES, error=OutputError)
    info = inspect_image(data)
    file = SkippedFile(
        path=path,
        bytes=len(data),
        format=info.format,
        size=info.size,
        sha256=hashlib.sha256(data).hexdigest(),
        before=before,
    )
    if info.format and info.is_complete:
        return file, None
    problem = info.problem if data else "empty"
    return file, WarningEvent(
        code="kept_no_picture", message=f"skipped {path}, which is not a complete image: {problem}"
    )


class RequestPlan(NamedTuple):
    """The calls to execute, and the files that exist already and are skipped."""

    calls: tuple[PlannedCall, ...]
    skipped: tuple[SkippedFile, ...] = ()
    notes: tuple[NoteEvent | WarningEvent, ...] = ()
    """Notes on the names, to be shown before anything is sent."""


def build_request_plan(
    prompts: Sequence[Prompt],
    requests: Sequence[ImageRequest],
    output: OutputPattern,
    if_exists: IfExists | None,
    row: ModelRow,
    now: datetime,
) -> RequestPlan:
    """The calls for *requests*, one prompt each, with a name for every image.

    Raises OutputError if a name can't be used, UsageError for an unused or misspelled variable.
    """
    check_variables_used(prompts[0].variables, prompts[0].typed, output)
    check_placeholders(prompts[0].typed or "", prompts[0].variables)
    total = sum(request.options.n for request in requests)
    used_names: dict[str, int] = {}
    to_send: list[ImageRequest] = []
    names: list[OutputName] = []
    existing: list[tuple[Path, int]] = []
    first = 1
    for request, prompt in zip(requests, prompts, strict=True):
        resolved_names = resolve_names(
            output,
            count=request.options.n,
            fields=name_fields(request, prompt, now),
            default="{stem}-{slug}" if request.input_sources else "{slug}",
            expected_format=request.options.output_format or "png",
            if_exists=if_exists,
            look=stat_path,
            taken=used_names,
            first=first,
            total=total,
        )
        first += request.options.n
        # A composed image is encoded again anyway, so the extension of a template decides its format too.
        is_composed = isinstance(request, Edit) and request.composition is not None
        missing_indices = [index for index, resolved_name in enumerate(resolved_names) if not resolved_name.kept]
        for resolved_name in resolved_names:
            if resolved_name.kept:
                existing.append((resolved_name.kept, len(names)))
            else:
                names.append(with_literal_format(resolved_name.name) if is_composed else resolved_name.name)
        if missing_indices:
            to_send.append(request_images(request, missing_indices[0], len(missing_indices)))
    return _build_plan(assign_names(plan_calls(to_send, row), names), existing, output)


def _build_plan(calls: tuple[PlannedCall, ...], existing: list[tuple[Path, int]], output: OutputPattern) -> RequestPlan:
    """*existing* are the files that `--if-exists skip` skips, each with the number of images before it."""
    places = [(call.index, index) for call in calls for index in range(len(call.names))]
    places.append((len(calls), 0))
    notes: list[NoteEvent | WarningEvent] = []
    if note := added_ending_note(output):
        notes.append(NoteEvent(code="ending_added", message=note))
    if note := folder_note(output):
        notes.append(NoteEvent(code="no_folder", message=note))
    skipped: list[SkippedFile] = []
    for path, before in existing:
        file, warning = inspect_skipped_file(path, places[before])
        skipped.append(file)
        if warning:
            notes.append(warning)
    return RequestPlan(calls=calls, skipped=tuple(skipped), notes=tuple(notes))


def name_fields(request: ImageRequest, prompt: Prompt, now: datetime) -> dict[str, str | int]:
    """The fields that the names of a request's images can be made of."""
    sources = request.input_sources
    return build_fields(
        prompt=prompt.name_text or prompt.text,
        stem=sources[0].stem if sources else None,
        model=request.options.model,
        size=request.options.size,
        now=now,
        hash=request_hash_for_name(request, prompt.text),
        variables=prompt.variables,
    )
