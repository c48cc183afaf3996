"""What the value of a field has to be. A cell of a table is text and is read as a flag is; other files have types.

Each reader takes the value and whether it is a cell, and raises UsageError with what was found and wanted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection
from typing import Any, Final, TypeAlias

from imagecli.domain import Json, Size
from imagecli.errors import UsageError
from imagecli.image_options import parse_param
from imagecli.sizes import parse_size
from imagecli.suggestions import suggest

ValueParser: TypeAlias = Callable[[Any, bool], Any]

MAX_DEPTH: Final = 20
"""Lists and objects inside each other, in a field that is sent as it is."""

_YES: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def parse_text(value: Any, cell: bool) -> str:
    """Text of Unicode, not empty."""
    if not isinstance(value, str):
        raise UsageError(f"{format_value(value)}, and text is wanted", hint="put it in quotes")
    if not value.isascii():
        check_unicode(value)
    return value


def check_unicode(value: str) -> None:
    """Raises UsageError for half of a pair of surrogates, which JSON can spell and no file or server takes."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{format_value(value)} is not Unicode text (character {error.start + 1})",
            hint="write the character itself",
        ) from error


def parse_word(value: Any, cell: bool) -> str:
    """Text that is not empty."""
    name = parse_text(value, cell).strip() if cell else parse_text(value, cell)
    if not name:
        raise UsageError("it is empty", hint="leave it out")
    return name


def parse_file_name(value: Any, cell: bool) -> str:
    """The name of a file, relative to the manifest."""
    name = parse_word(value, cell)
    if name == "-":
        raise UsageError("- is stdin, and a manifest's rows name files", hint="name a file")
    if "\0" in name:
        raise UsageError(f"{format_value(name)} can't be a file's name", hint="leave the NUL out")
    return name


def parse_file_names(value: Any, cell: bool) -> tuple[str, ...]:
    """One file's name, or a list of them; in a cell as a JSON list."""
    if cell and value.startswith("["):
        value = parse_cell_json(value)
    if isinstance(value, list):
        if not value:
            raise UsageError("the list is empty", hint="name a file")
        return tuple(parse_file_name(name, cell=False) for name in value)
    return (parse_file_name(value, cell),)


def whole_number_parser(low: int, high: int) -> ValueParser:
    """A whole number of these bounds."""

    def read(value: Any, cell: bool) -> int:
        if cell and len(value) < 20 and value.strip().isdecimal():
            value = int(value)
        if type(value) is not int:
            raise UsageError(f"{format_value(value)}, and a whole number is wanted", hint=f"for example {low}")
        if not low <= value <= high:
            raise UsageError(
                f"{format_value(value)}: {low:,} to {high:,} is wanted", hint=f"{min(max(value, low), high)}"
            )
        return value

    return read


def parse_bool(value: Any, cell: bool) -> bool:
    """True or false."""
    if cell and value.strip().lower() in _YES:
        value = _YES[value.strip().lower()]
    if not isinstance(value, bool):
        raise UsageError(f"{format_value(value)}, and true or false is wanted", hint="true, or leave it out")
    return value


def choice_parser(words: Collection[str]) -> ValueParser:
    """One of *words*."""

    def read(value: Any, cell: bool) -> str:
        value = value.strip() if cell else value
        if not (isinstance(value, str) and value in words):
            said = f"{format_value(value)}, and one of {', '.join(words)} is wanted"
            raise UsageError(said, hint=suggest_word(value, words) if isinstance(value, str) else None)
        return str(value)

    return read


def parse_size_value(value: Any, cell: bool) -> Any:
    """What --size takes."""
    return parse_size(parse_text(value, cell))


def parse_pixels(value: Any, cell: bool) -> Size:
    """WIDTHxHEIGHT."""
    return Size.parse(parse_text(value, cell), what="the size")


def parse_params(value: Any, cell: bool) -> tuple[tuple[str, Json], ...]:
    """An object of further fields; or KEY=VALUE, or a list of that, as --param takes it."""
    if cell and value.startswith(("{", "[")):
        value = parse_cell_json(value)
    if isinstance(value, dict):
        for key, inner in value.items():
            parse_text(key, cell=False)
            check_json(inner)
        return tuple(value.items())
    pairs = value if isinstance(value, list) else [value]
    return tuple(parse_param(parse_text(pair, cell)) for pair in pairs)


def parse_variables(value: Any, cell: bool) -> dict[str, tuple[str, ...]]:
    """An object of names, each with a text or number, or a list of those: then each makes its own pictures."""
    if cell:
        value = parse_cell_json(value)
    if not isinstance(value, dict):
        raise UsageError(
            f"{format_value(value)}, and an object of names and values is wanted", hint='{"animal": "cat"}'
        )
    return {
        parse_text(name, cell=False): tuple(
            _parse_variable(name, one) for one in (inner if isinstance(inner, list) else [inner])
        )
        for name, inner in value.items()
        if inner is not None
    }


def _parse_variable(name: str, value: Any) -> str:
    if not (isinstance(value, str) or is_number(value)):
        raise UsageError(f"{name}: {format_value(value)}, and text or a number is wanted", hint="put it in quotes")
    return parse_text(str(value), cell=False)


def parse_cell_json(value: str) -> Any:
    """The JSON in a cell. Raises UsageError where it is none."""
    try:
        return json.loads(value, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise UsageError(
            f"{format_value(value)} is not JSON", hint="check its quotes: in a cell each is written twice"
        ) from None


def _refuse_constant(word: str) -> None:
    raise ValueError(word)


def check_json(value: Any, depth: int = 0) -> None:
    """Raises UsageError for what JSON can't say: NaN, dates, half characters; and for what is nested too deep."""
    if depth > MAX_DEPTH:
        raise UsageError(f"it is nested deeper than {MAX_DEPTH} lists and objects", hint="flatten it")
    if isinstance(value, str):
        check_unicode(value)
    elif isinstance(value, list):
        for one in value:
            check_json(one, depth + 1)
    elif isinstance(value, dict):
        check_json(list(value), depth)
        check_json(list(value.values()), depth)
    elif not (value is None or isinstance(value, bool) or is_number(value)):
        raise UsageError(f"{format_value(value)} can't be said in JSON", hint="put it in quotes")


def suggest_word(word: str, words: Collection[str]) -> str | None:
    """The one of *words* that was meant, as a question."""
    near = suggest(word[:100].lower(), words)
    return f"did you mean {near}?" if near else None


def format_value(value: Any) -> str:
    """*value* as a message shows it: short, and with the words of JSON."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and not fits_64_bits(value):
        return "a number of very many digits"
    shown = repr(value) if isinstance(value, str) else str(value)
    return shown if len(shown) <= 60 else f"{shown[:50]}… ({len(shown):,} characters)"


def is_number(value: Any) -> bool:
    """Whether JSON can say the number."""
    return (type(value) is int and fits_64_bits(value)) or (isinstance(value, float) and math.isfinite(value))


def fits_64_bits(value: int) -> bool:
    """Whether every server can read the number, and Python writes it: 64 bits."""
    return -(2**63) <= value < 2**63
