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
from imagecli.checks.parameters import inputs_of
from imagecli.commands.image.prompt import Words
from imagecli.domain import MAX_PICTURE_BYTES, Ask, IfExists, Name
from imagecli.errors import OutputError
from imagecli.events import Noted, Warned
from imagecli.images.identify import judge
from imagecli.naming import Output, added_ending, build_fields, check_used
from imagecli.naming import plan as plan_names
from imagecli.plan import Request, identity, named, plan
from imagecli.results import Kept
from imagecli.storage.preflight import look
from imagecli.storage.read import read_bounded


def described(path: Path, before: tuple[int, int]) -> tuple[Kept, Warned | None]:
    """*path* as a report tells of it, and a warning where it is no whole picture.

    *before* is the request and index of the picture that follows it. Raises OutputError for what can't be read.
    """
    data = read_bounded(path, MAX_PICTURE_BYTES, error=OutputError)
    found = judge(data)
    kept = Kept(
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
    return kept, Warned(code="kept_no_picture", message=f"{path} is kept, and is no whole picture: {problem}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What will be sent, and what stands there already and is not bought again."""

    requests: tuple[Request, ...]
    kept: tuple[Kept, ...] = ()
    notes: tuple[Noted | Warned, ...] = ()
    """What is to be said of the names, before anything is bought."""


def order(
    wanted: Sequence[tuple[Ask, Words]], output: Output, if_exists: IfExists | None, row: ModelRow, now: datetime
) -> Order:
    """The requests for *wanted*, every picture named. Raises OutputError where a name can't be had, UsageError for a
    variable that is not used.
    """
    check_used(wanted[0][1].variables, wanted[0][1].typed, output)
    total = sum(ask.rendering.n for ask, _ in wanted)
    taken: dict[str, int] = {}
    asks: list[Ask] = []
    names: list[Name] = []
    kept: list[tuple[Path, int]] = []
    first = 1
    for ask, words in wanted:
        planned = plan_names(
            output,
            count=ask.rendering.n,
            fields=fields_of(ask, words, now),
            default="{stem}-{slug}" if inputs_of(ask) else "{slug}",
            expected_format=ask.rendering.output_format or "png",
            if_exists=if_exists,
            look=look,
            taken=taken,
            first=first,
            total=total,
        )
        first += ask.rendering.n
        to_buy = 0
        for one in planned:
            if one.kept:
                kept.append((one.kept, len(names)))
            else:
                names.append(one.name)
                to_buy += 1
        if to_buy:
            asks.append(replace(ask, rendering=replace(ask.rendering, n=to_buy)))
    return _placed(named(plan(asks, row), names), kept, output)


def _placed(requests: tuple[Request, ...], kept: list[tuple[Path, int]], output: Output) -> Order:
    """*kept* are paths that are not bought again, each with the number of pictures that are bought before it."""
    places = [(request.index, index) for request in requests for index in range(len(request.names))]
    places.append((len(requests), 0))
    added = added_ending(output)
    notes: list[Noted | Warned] = [Noted(code="ending_added", message=added)] if added else []
    files: list[Kept] = []
    if kept:
        for path, bought in kept:
            file, warning = described(path, places[bought])
            files.append(file)
            notes += [warning] if warning else []
    return Order(requests=requests, kept=tuple(files), notes=tuple(notes))


def fields_of(ask: Ask, words: Words, now: datetime) -> dict[str, str | int]:
    """What the names of an ask's pictures can be made of."""
    sources = inputs_of(ask)
    return build_fields(
        prompt=words.prompt,
        stem=sources[0].stem if sources else None,
        model=ask.rendering.model,
        size=ask.rendering.size,
        now=now,
        hash=identity(ask, words.prompt),
        variables=words.variables,
    )
