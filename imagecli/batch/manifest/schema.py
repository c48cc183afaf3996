"""The fields of a row, which are the flags' names with underscores, and the values that each accepts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple, get_args

from imagecli.batch.manifest import value_parsers
from imagecli.choices import MAX_SEED, Crop, Strength, Via
from imagecli.composition_options import ANCHORS
from imagecli.domain import Size
from imagecli.errors import UsageError
from imagecli.formats import ENDINGS

COMMANDS: Final = ("generate", "edit", "vary")
_WITH_INPUT: Final = ("edit", "vary")
_COUNT: Final = value_parsers.whole_number_parser(1, 100_000)
_POSITIVE: Final = value_parsers.whole_number_parser(0, 2**31)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """One field of a row."""

    parse: value_parsers.ValueParser
    commands: tuple[str, ...] = COMMANDS
    """The commands whose rows can have it."""
    by_default: tuple[str, ...] = COMMANDS
    """Those of them to whose rows its value in `[defaults]` applies."""


class OutputSpec(NamedTuple):
    """One of several files that are made of each image."""

    output: str
    fit: Size | None = None
    output_format: str | None = None
    """The image is converted to it; None if the name's extension decides."""


def parse_outputs(value: Any, is_cell: bool) -> tuple[OutputSpec, ...]:
    """A list of names, or of objects with `output`, and `fit` or `output_format` for that file."""
    if is_cell and value.startswith("["):
        value = value_parsers.parse_cell_json(value)
    if not isinstance(value, list) or not value:
        raise UsageError(
            f"expected a list of files, found {value_parsers.format_value(value)}",
            hint='for example [{"output": "64.png", "fit": "64x64"}]',
        )
    return tuple(_parse_output_spec(item) for item in value)


_OUTPUT_FIELDS: Final[Mapping[str, value_parsers.ValueParser]] = {
    "output": value_parsers.parse_word,
    "fit": value_parsers.parse_pixels,
    "output_format": value_parsers.choice_parser(tuple(dict.fromkeys(ENDINGS.values()))),
}


def _parse_output_spec(value: Any) -> OutputSpec:
    table = {"output": value} if isinstance(value, str) else value
    if not isinstance(table, dict) or "output" not in table:
        raise UsageError(f"expected a name or an object with output, found {value_parsers.format_value(value)}")
    values = {}
    for written, inner in table.items():
        name = written.replace("-", "_")
        if name not in _OUTPUT_FIELDS:
            hint = value_parsers.suggest_word(written, _OUTPUT_FIELDS)
            raise UsageError(f"unknown field {written!r}", hint=hint)
        if inner is not None:
            values[name] = _OUTPUT_FIELDS[name](inner, False)
    return OutputSpec(**values)


FIELDS: Final[Mapping[str, FieldSpec]] = {
    "command": FieldSpec(parse=value_parsers.choice_parser(COMMANDS)),
    # A variation needs no prompt, so the one that all other rows share is not meant for it.
    "prompt": FieldSpec(parse=value_parsers.parse_text, by_default=("generate", "edit")),
    "prompt_file": FieldSpec(parse=value_parsers.parse_file_name, by_default=("generate", "edit")),
    "vars": FieldSpec(parse=value_parsers.parse_variables),
    "image": FieldSpec(parse=value_parsers.parse_file_names, commands=_WITH_INPUT),
    "mask": FieldSpec(parse=value_parsers.parse_file_name, commands=("edit",)),
    "mask_rect": FieldSpec(parse=value_parsers.shapes_parser("rect"), commands=("edit",)),
    "mask_ellipse": FieldSpec(parse=value_parsers.shapes_parser("ellipse"), commands=("edit",)),
    "mask_invert": FieldSpec(parse=value_parsers.parse_bool, commands=("edit",)),
    "mask_fit": FieldSpec(parse=value_parsers.parse_bool, commands=("edit",)),
    "keep_outside": FieldSpec(parse=value_parsers.parse_bool, commands=("edit",)),
    "crop_to_mask": FieldSpec(parse=value_parsers.parse_bool, commands=("edit",)),
    "crop_padding": FieldSpec(parse=value_parsers.parse_crop_padding, commands=("edit",)),
    "extend": FieldSpec(parse=value_parsers.parse_extend, commands=("edit",)),
    "anchor": FieldSpec(parse=value_parsers.choice_parser(ANCHORS), commands=("edit",)),
    "markup": FieldSpec(parse=value_parsers.parse_file_name, commands=("edit",)),
    "input_fidelity": FieldSpec(parse=value_parsers.parse_word, commands=("edit",)),
    "via": FieldSpec(parse=value_parsers.choice_parser(get_args(Via)), commands=("vary",)),
    "strength": FieldSpec(parse=value_parsers.choice_parser(get_args(Strength)), commands=("vary",)),
    "crop": FieldSpec(parse=value_parsers.choice_parser(get_args(Crop)), commands=_WITH_INPUT),
    "pad": FieldSpec(parse=value_parsers.parse_bool, commands=_WITH_INPUT),
    "input_size": FieldSpec(parse=value_parsers.parse_pixels, commands=_WITH_INPUT),
    "keep_metadata": FieldSpec(parse=value_parsers.parse_bool, commands=_WITH_INPUT),
    "model": FieldSpec(parse=value_parsers.parse_word),
    "n": FieldSpec(parse=_COUNT),
    "size": FieldSpec(parse=value_parsers.parse_size_value),
    "quality": FieldSpec(parse=value_parsers.parse_word),
    "background": FieldSpec(parse=value_parsers.parse_word),
    "output_format": FieldSpec(parse=value_parsers.parse_word),
    "output_compression": FieldSpec(parse=value_parsers.whole_number_parser(0, 100)),
    "moderation": FieldSpec(parse=value_parsers.parse_word),
    "complexity": FieldSpec(parse=value_parsers.parse_word),
    "frame_count": FieldSpec(parse=_POSITIVE),
    "frame_duration_ms": FieldSpec(parse=_POSITIVE),
    "svg_model": FieldSpec(parse=value_parsers.parse_word),
    "svg_reasoning_effort": FieldSpec(parse=value_parsers.parse_word),
    "safety_identifier": FieldSpec(parse=value_parsers.parse_word),
    "style": FieldSpec(parse=value_parsers.parse_word),
    "response_format": FieldSpec(parse=value_parsers.parse_word),
    "user": FieldSpec(parse=value_parsers.parse_word),
    "seed": FieldSpec(parse=value_parsers.whole_number_parser(0, MAX_SEED)),
    "param": FieldSpec(parse=value_parsers.parse_params),
    "output": FieldSpec(parse=value_parsers.parse_word),
    "outputs": FieldSpec(parse=parse_outputs),
    "fit": FieldSpec(parse=value_parsers.parse_pixels),
    "sidecar": FieldSpec(parse=value_parsers.parse_bool),
}
"""Field → its values. `params` is an alias of `param`."""

ALIASES: Final[Mapping[str, str]] = {"params": "param"}

NAMES: Final = tuple(FIELDS)

CONTENT: Final = frozenset({"prompt", "prompt_file", "vars", "image", "mask", "markup", "output", "outputs"})
"""Fields for the prompt, the inputs and the outputs. All others are settings, which many rows have in common."""


@lru_cache(maxsize=1024)
def find_field(name: str) -> str | None:
    """The field called *name*, which may have dashes for underscores; None if there is none."""
    field = name.strip().replace("-", "_")
    field = ALIASES.get(field, field)
    return field if field in FIELDS else None


@lru_cache(maxsize=1024)
def suggest_field(name: str) -> str | None:
    """A question with the field that the unknown *name* is spelled like."""
    return value_parsers.suggest_word(name, FIELDS)


@lru_cache(maxsize=4096)
def parse_setting(name: str, text: str, is_cell: bool) -> Any:
    """The value of a setting that was written as text, parsed. *is_cell*: in a table. Raises UsageError.

    Cached, as rows repeat their settings, so that few different texts are parsed.
    """
    return FIELDS[name].parse(text, is_cell)
