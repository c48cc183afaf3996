"""Steps that turn flags and manifest rows into `ImageOptions`: --param, a format, the model's size."""

from __future__ import annotations

import json
from collections.abc import Iterable

from imagecli.catalog.model import ModelRow
from imagecli.checks.check_request import FormatSupport, resolve_size
from imagecli.checks.model_parameters import ONLY_FOR, WHOLE
from imagecli.domain import ImageOptions, Json, RequestedSize, Shape, SvgOptions
from imagecli.errors import UsageError
from imagecli.events import NoteEvent, WarningEvent
from imagecli.formats import ENDINGS
from imagecli.naming import FIELDS, OutputPattern, check_output_ending, requested_format


def options_for_model(
    options: ImageOptions, size: RequestedSize | Shape | None, row: ModelRow
) -> tuple[ImageOptions, tuple[NoteEvent, ...]]:
    """*options* with the model of *row* and what *size* and `fit` mean for it, and notes on that.

    Raises UsageError for a ratio that the model does not create.
    """
    resolved, notes = resolve_size(size, options.fit, row)
    return options._replace(model=row.name if row.sent else "", size=resolved), notes


def build_svg_options(model: str | None, effort: str | None) -> SvgOptions | None:
    """The request's `svg` object; None if nothing of it is set."""
    return None if model is None and effort is None else SvgOptions(model=model, effort=effort)


def apply_format_of_name(
    options: ImageOptions, output: OutputPattern, support: FormatSupport, flagged: bool, variables: Iterable[str]
) -> tuple[ImageOptions, WarningEvent | None]:
    """*options* with the format of an extension that was typed, if the model creates it; else a warning.

    *flagged*: --output-format was typed too. Raises OutputError for an extension that can't be created, UsageError if
    both were typed and differ.
    """
    requested = ENDINGS.get((options.output_format or "").lower())
    may_be_svg = requested == "svg" or support.may_make("svg")
    # Finding another model builds rows of the catalog, which only the error needs.
    needs_maker = not may_be_svg and output.text.lower().endswith(".svg")
    maker = support.model_that_makes("svg") if needs_maker else None
    check_output_ending(output, svg=may_be_svg, maker=maker)
    ending = requested_format(output, dict.fromkeys([*FIELDS, *variables], "x"))
    if ending is None or ending == requested:
        return options, None
    if flagged:
        raise UsageError(
            f"-o {output.text} implies {ending}, but --output-format is {options.output_format}",
            hint="omit one of them",
        )
    # An unknown model is not sent a format that was not typed as one; the response is converted. A compression means
    # nothing without its format.
    is_compressed = options.output_compression is not None and ending in ONLY_FOR["output_compression"]
    is_created = support.surely_makes(ending) or (is_compressed and support.may_make(ending))
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
