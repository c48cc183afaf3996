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
_COUNT: Final = value_parsers.whole(1, 100_000)
_POSITIVE: Final = value_parsers.whole(0, 2**31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a row."""

    read: value_parsers.Read
    commands: tuple[str, ...] = COMMANDS
    """Those that take it."""
    by_default: tuple[str, ...] = COMMANDS
    """Those of them that take it from `[defaults]`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedFile:
    """One of several files that are made of each picture."""

    output: str
    fit: Size | None = None
    output_format: str | None = None
    """Converted to this, where the name's ending does not say the same already."""


def outputs(value: Any, cell: bool) -> tuple[WantedFile, ...]:
    """A list of names, or of objects with `output` and what is done to the picture for it."""
    if cell and value.startswith("["):
        value = value_parsers.in_cell(value)
    if not isinstance(value, list) or not value:
        raise UsageError(
            f"{value_parsers.found(value)}, and a list of files is wanted",
            hint='[{"output": "64.png", "fit": "64x64"}]',
        )
    return tuple(_wanted(one) for one in value)


_OF_OUTPUTS: Final[Mapping[str, value_parsers.Read]] = {
    "output": value_parsers.word,
    "fit": value_parsers.pixels,
    "output_format": value_parsers.one_of(tuple(dict.fromkeys(ENDINGS.values()))),
}


def _wanted(value: Any) -> WantedFile:
    table = {"output": value} if isinstance(value, str) else value
    if not isinstance(table, dict) or "output" not in table:
        raise UsageError(f"{value_parsers.found(value)}, and a name or an object with output is wanted")
    said = {}
    for name, inner in table.items():
        known = name.replace("-", "_")
        if known not in _OF_OUTPUTS:
            raise UsageError(f"there is no {name!r} in it", hint=value_parsers.meant(name, _OF_OUTPUTS))
        if inner is not None:
            said[known] = _OF_OUTPUTS[known](inner, False)
    return WantedFile(**said)


FIELDS: Final[Mapping[str, Field]] = {
    "command": Field(read=value_parsers.one_of(COMMANDS)),
    # A variation goes without words: those that all others share are not meant for it.
    "prompt": Field(read=value_parsers.text, by_default=("generate", "edit")),
    "prompt_file": Field(read=value_parsers.file, by_default=("generate", "edit")),
    "vars": Field(read=value_parsers.variables),
    "image": Field(read=value_parsers.files, commands=_WITH_INPUT),
    "mask": Field(read=value_parsers.file, commands=("edit",)),
    "markup": Field(read=value_parsers.file, commands=("edit",)),
    "input_fidelity": Field(read=value_parsers.word, commands=("edit",)),
    "via": Field(read=value_parsers.one_of(get_args(Via)), commands=("vary",)),
    "strength": Field(read=value_parsers.one_of(get_args(Strength)), commands=("vary",)),
    "crop": Field(read=value_parsers.one_of(get_args(Crop)), commands=_WITH_INPUT),
    "pad": Field(read=value_parsers.yes, commands=_WITH_INPUT),
    "input_size": Field(read=value_parsers.pixels, commands=_WITH_INPUT),
    "keep_metadata": Field(read=value_parsers.yes, commands=_WITH_INPUT),
    "model": Field(read=value_parsers.word),
    "n": Field(read=_COUNT),
    "size": Field(read=value_parsers.size),
    "quality": Field(read=value_parsers.word),
    "background": Field(read=value_parsers.word),
    "output_format": Field(read=value_parsers.word),
    "output_compression": Field(read=value_parsers.whole(0, 100)),
    "moderation": Field(read=value_parsers.word),
    "complexity": Field(read=value_parsers.word),
    "frame_count": Field(read=_POSITIVE),
    "frame_duration_ms": Field(read=_POSITIVE),
    "svg_model": Field(read=value_parsers.word),
    "svg_reasoning_effort": Field(read=value_parsers.word),
    "safety_identifier": Field(read=value_parsers.word),
    "style": Field(read=value_parsers.word),
    "response_format": Field(read=value_parsers.word),
    "user": Field(read=value_parsers.word),
    "param": Field(read=value_parsers.params),
    "output": Field(read=value_parsers.word),
    "outputs": Field(read=outputs),
    "fit": Field(read=value_parsers.pixels),
}
"""Field → what it takes. `params` is another word for `param`."""

ALIASES: Final[Mapping[str, str]] = {"params": "param"}

NAMES: Final = tuple(FIELDS)

CONTENT: Final = frozenset({"command", "prompt", "prompt_file", "vars", "image", "mask", "markup", "output", "outputs"})
"""Fields that say what is made of what, and where to; all others are settings, which many rows have alike."""


def field_named(name: str) -> str | None:
    """The field that *name* is, with dashes for underscores too; None for none."""
    known = name.strip().replace("-", "_")
    known = ALIASES.get(known, known)
    return known if known in FIELDS else None
