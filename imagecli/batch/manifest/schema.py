"""What a row can hold: the flags' names with underscores, each with what its value has to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

from imagecli.batch.manifest import value_parsers
from imagecli.choices import Crop, Strength, Via
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

    read: value_parsers.ValueParser
    commands: tuple[str, ...] = COMMANDS
    """Those that take it."""
    by_default: tuple[str, ...] = COMMANDS
    """Those of them that take it from `[defaults]`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSpec:
    """One of several files that are made of each picture."""

    output: str
    fit: Size | None = None
    output_format: str | None = None
    """Converted to this, where the name's ending does not say the same already."""


def parse_outputs(value: Any, cell: bool) -> tuple[OutputSpec, ...]:
    """A list of names, or of objects with `output` and what is done to the picture for it."""
    if cell and value.startswith("["):
        value = value_parsers.parse_cell_json(value)
    if not isinstance(value, list) or not value:
        raise UsageError(
            f"{value_parsers.format_value(value)}, and a list of files is wanted",
            hint='[{"output": "64.png", "fit": "64x64"}]',
        )
    return tuple(_parse_output(one) for one in value)


_OF_OUTPUTS: Final[Mapping[str, value_parsers.ValueParser]] = {
    "output": value_parsers.parse_word,
    "fit": value_parsers.parse_pixels,
    "output_format": value_parsers.choice_parser(tuple(dict.fromkeys(ENDINGS.values()))),
}


def _parse_output(value: Any) -> OutputSpec:
    table = {"output": value} if isinstance(value, str) else value
    if not isinstance(table, dict) or "output" not in table:
        raise UsageError(f"{value_parsers.format_value(value)}, and a name or an object with output is wanted")
    said = {}
    for name, inner in table.items():
        known = name.replace("-", "_")
        if known not in _OF_OUTPUTS:
            raise UsageError(f"there is no {name!r} in it", hint=value_parsers.suggest_word(name, _OF_OUTPUTS))
        if inner is not None:
            said[known] = _OF_OUTPUTS[known](inner, False)
    return OutputSpec(**said)


FIELDS: Final[Mapping[str, FieldSpec]] = {
    "command": FieldSpec(read=value_parsers.choice_parser(COMMANDS)),
    # A variation goes without words: those that all others share are not meant for it.
    "prompt": FieldSpec(read=value_parsers.parse_text, by_default=("generate", "edit")),
    "prompt_file": FieldSpec(read=value_parsers.parse_file_name, by_default=("generate", "edit")),
    "vars": FieldSpec(read=value_parsers.parse_variables),
    "image": FieldSpec(read=value_parsers.parse_file_names, commands=_WITH_INPUT),
    "mask": FieldSpec(read=value_parsers.parse_file_name, commands=("edit",)),
    "markup": FieldSpec(read=value_parsers.parse_file_name, commands=("edit",)),
    "input_fidelity": FieldSpec(read=value_parsers.parse_word, commands=("edit",)),
    "via": FieldSpec(read=value_parsers.choice_parser(get_args(Via)), commands=("vary",)),
    "strength": FieldSpec(read=value_parsers.choice_parser(get_args(Strength)), commands=("vary",)),
    "crop": FieldSpec(read=value_parsers.choice_parser(get_args(Crop)), commands=_WITH_INPUT),
    "pad": FieldSpec(read=value_parsers.parse_bool, commands=_WITH_INPUT),
    "input_size": FieldSpec(read=value_parsers.parse_pixels, commands=_WITH_INPUT),
    "keep_metadata": FieldSpec(read=value_parsers.parse_bool, commands=_WITH_INPUT),
    "model": FieldSpec(read=value_parsers.parse_word),
    "n": FieldSpec(read=_COUNT),
    "size": FieldSpec(read=value_parsers.parse_size_value),
    "quality": FieldSpec(read=value_parsers.parse_word),
    "background": FieldSpec(read=value_parsers.parse_word),
    "output_format": FieldSpec(read=value_parsers.parse_word),
    "output_compression": FieldSpec(read=value_parsers.whole_number_parser(0, 100)),
    "moderation": FieldSpec(read=value_parsers.parse_word),
    "complexity": FieldSpec(read=value_parsers.parse_word),
    "frame_count": FieldSpec(read=_POSITIVE),
    "frame_duration_ms": FieldSpec(read=_POSITIVE),
    "svg_model": FieldSpec(read=value_parsers.parse_word),
    "svg_reasoning_effort": FieldSpec(read=value_parsers.parse_word),
    "safety_identifier": FieldSpec(read=value_parsers.parse_word),
    "style": FieldSpec(read=value_parsers.parse_word),
    "response_format": FieldSpec(read=value_parsers.parse_word),
    "user": FieldSpec(read=value_parsers.parse_word),
    "param": FieldSpec(read=value_parsers.parse_params),
    "output": FieldSpec(read=value_parsers.parse_word),
    "outputs": FieldSpec(read=parse_outputs),
    "fit": FieldSpec(read=value_parsers.parse_pixels),
}
"""Field → what it takes. `params` is another word for `param`."""

ALIASES: Final[Mapping[str, str]] = {"params": "param"}

NAMES: Final = tuple(FIELDS)

CONTENT: Final = frozenset({"command", "prompt", "prompt_file", "vars", "image", "mask", "markup", "output", "outputs"})
"""Fields that say what is made of what, and where to; all others are settings, which many rows have alike."""


def find_field(name: str) -> str | None:
    """The field that *name* is, with dashes for underscores too; None for none."""
    known = name.strip().replace("-", "_")
    known = ALIASES.get(known, known)
    return known if known in FIELDS else None
