"""Asks and their words → requests that know where each picture goes. Looks at the disk, writes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from imagecli.catalog import ModelRow
from imagecli.checks import inputs_of
from imagecli.commands.prompts import Words
from imagecli.domain import Ask, IfExists, Name, Rendering
from imagecli.errors import UsageError
from imagecli.formats import ENDINGS
from imagecli.naming import FIELDS, Output, asked_format, build_fields
from imagecli.naming import plan as plan_names
from imagecli.plan import Request, named, plan
from imagecli.store.places import look


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What will be sent, and what stands there already and is not bought again."""

    requests: tuple[Request, ...]
    kept: tuple[Path, ...] = ()


def order(
    wanted: Sequence[tuple[Ask, Words]], output: Output, if_exists: IfExists | None, row: ModelRow, now: datetime
) -> Order:
    """The requests for *wanted*, every picture named. Raises OutputError where a name can't be had."""
    total = sum(ask.rendering.n for ask, _ in wanted)
    taken: dict[str, int] = {}
    asks: list[Ask] = []
    names: list[Name] = []
    kept: list[Path] = []
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
        kept += [one.kept for one in planned if one.kept]
        to_buy = [one.name for one in planned if not one.kept]
        if to_buy:
            names += to_buy
            asks.append(replace(ask, rendering=replace(ask.rendering, n=len(to_buy))))
    return Order(requests=named(plan(asks, row), names), kept=tuple(kept))


def fields_of(ask: Ask, words: Words, now: datetime) -> dict[str, str | int]:
    """What the names of an ask's pictures can be made of."""
    sources = inputs_of(ask)
    identity = repr(
        (type(ask).__name__, words.prompt, replace(ask.rendering, n=1), [source.name for source in sources])
    )
    return build_fields(
        prompt=words.prompt,
        stem=sources[0].stem if sources else None,
        model=ask.rendering.model,
        size=ask.rendering.size,
        now=now,
        hash=hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:8],
        variables=words.variables,
    )


def with_format_of_name(
    wanted: Rendering, output: Output, row: ModelRow, flagged: bool, variables: Iterable[str]
) -> Rendering:
    """A literal ending asks for its format, where the model takes one. *flagged*: --output-format was typed too."""
    ending = asked_format(output, dict.fromkeys([*FIELDS, *variables], "x"))
    if ending is None or ending == ENDINGS.get((wanted.output_format or "").lower()):
        return wanted
    if flagged:
        raise UsageError(
            f"-o {output.text} asks for {ending}, --output-format for {wanted.output_format}",
            hint="leave one of them out",
        )
    takes = "output_format" in row.parameters and (not row.output_formats or ending in row.output_formats)
    return replace(wanted, output_format=ending if takes else None)
