"""Builds `ImageOptions` from flags or manifest fields, which have the same names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from imagecli.catalog.model import OPTIONAL, ModelRow
from imagecli.checks.output_format import FormatSupport
from imagecli.checks.parameters import WHOLE
from imagecli.checks.sizes import resolve_size
from imagecli.domain import ImageOptions, Json, SvgOptions
from imagecli.errors import UsageError
from imagecli.events import NoteEvent, WarningEvent
from imagecli.formats import ENDINGS
from imagecli.naming import FIELDS, OutputPattern, check_output_ending, requested_format

_UNCHANGED: Final = tuple(name for name in OPTIONAL if name != "svg")


def build_image_options(values: Mapping[str, Any], row: ModelRow) -> tuple[ImageOptions, tuple[NoteEvent, ...]]:
    """The options in *values* (None: not set) for the model of *row*, and notes on them.

    Raises UsageError for a ratio that the model does not create.
    """
    svg = SvgOptions(model=values.get("svg_model"), effort=values.get("svg_reasoning_effort"))
    size, notes = resolve_size(values.get("size"), values.get("fit"), row)
    unchanged: dict[str, Any] = {name: values.get(name) for name in _UNCHANGED}
    return ImageOptions(
        model=row.name if row.sent else "",
        n=values.get("n", 1),
        size=size,
        fit=values.get("fit"),
        svg=svg if svg != SvgOptions() else None,
        params=tuple(values.get("param") or ()),
        **unchanged,
    ), notes


def apply_format_of_name(
    options: ImageOptions, output: OutputPattern, support: FormatSupport, flagged: bool, variables: Iterable[str]
) -> tuple[ImageOptions, WarningEvent | None]:
    """*options* with the format of an extension that was typed, if the model creates it; else a warning.

    *flagged*: --output-format was typed too. Raises OutputError for an extension that can't be created, UsageError if
    both were typed and differ.
    """
    requested = ENDINGS.get((options.output_format or "").lower())
    may_be_svg = requested == "svg" or support.may_make("svg")
    check_output_ending(output, svg=may_be_svg, maker=support.model_that_makes("svg"))
    ending = requested_format(output, dict.fromkeys([*FIELDS, *variables], "x"))
    if ending is None or ending == requested:
        return options, None
    if flagged:
        raise UsageError(
            f"-o {output.text} asks for {ending}, --output-format for {options.output_format}",
            hint="leave one of them out",
        )
    # An unknown model is not sent a format that was not typed as one; the response is converted.
    is_created = support.surely_makes(ending)
    options = options._replace(
        output_format=ending if is_created else None, format_of_name=is_created and ending not in WHOLE
    )
    return options, support.conversion_warning(ending)


def parse_param(pair: str) -> tuple[str, Json]:
    """KEY=VALUE; VALUE is JSON if it parses, else text. Raises UsageError for anything else."""
    key, equals, text = pair.partition("=")
    if not equals or not key:
        raise UsageError(f"--param {pair!r} is not KEY=VALUE", hint="for example --param seed=7")
    try:
        return key, json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return key, text


def _refuse_constant(word: str) -> None:
    """NaN and Infinity parse in Python, but are not JSON: they are sent as text."""
    raise ValueError(word)
