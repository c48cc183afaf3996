"""What is said of a picture, by the wire's words → the frozen value of what is made. Pure; flags and rows alike."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
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

_AS_SAID: Final = tuple(name for name in OPTIONAL if name != "svg")


def build_image_options(said: Mapping[str, Any], row: ModelRow) -> tuple[ImageOptions, tuple[NoteEvent, ...]]:
    """What *said* asks for (None: nothing was said), in words of the model's *row*; and what is to be said of it.

    Raises UsageError for a shape that the model doesn't make.
    """
    svg = SvgOptions(model=said.get("svg_model"), effort=said.get("svg_reasoning_effort"))
    size, notes = resolve_size(said.get("size"), said.get("fit"), row)
    words: dict[str, Any] = {name: said.get(name) for name in _AS_SAID}
    return ImageOptions(
        model=row.name if row.sent else "",
        n=said.get("n", 1),
        size=size,
        fit=said.get("fit"),
        svg=svg if svg != SvgOptions() else None,
        params=tuple(said.get("param") or ()),
        **words,
    ), notes


def apply_format_of_name(
    wanted: ImageOptions, output: OutputPattern, makes: FormatSupport, flagged: bool, variables: Iterable[str]
) -> tuple[ImageOptions, WarningEvent | None]:
    """A literal ending asks for its format, where that is made; else what is to be said of it.

    *flagged*: --output-format was typed too. Raises OutputError for the ending of a picture that can't be made,
    UsageError where both were typed and differ.
    """
    asked = ENDINGS.get((wanted.output_format or "").lower())
    check_output_ending(output, svg=asked == "svg" or makes.may_make("svg"), maker=makes.model_that_makes("svg"))
    ending = requested_format(output, dict.fromkeys([*FIELDS, *variables], "x"))
    if ending is None or ending == asked:
        return wanted, None
    if flagged:
        raise UsageError(
            f"-o {output.text} asks for {ending}, --output-format for {wanted.output_format}",
            hint="leave one of them out",
        )
    # A model that nobody knows is not sent what was not typed; what comes is converted.
    made = makes.surely_makes(ending)
    of_name = made and ending not in WHOLE
    return replace(wanted, output_format=ending if made else None, format_of_name=of_name), makes.conversion_warning(
        ending
    )


def parse_param(pair: str) -> tuple[str, Json]:
    """KEY=VALUE; JSON where it parses, else text. Raises UsageError for any other words."""
    key, equals, text = pair.partition("=")
    if not equals or not key:
        raise UsageError(f"--param {pair!r} is not KEY=VALUE", hint="for example --param seed=7")
    try:
        return key, json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return key, text


def _refuse_constant(word: str) -> None:
    """NaN and Infinity parse in Python, and are no JSON: they go as text."""
    raise ValueError(word)
