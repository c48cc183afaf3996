"""Parsers of field values. Each takes the value and whether it is a cell of a table, and raises UsageError.

A cell is text, and is parsed as a flag's value is; the other formats have types, which must be right.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection
from typing import Any, Final, Literal, TypeAlias

from imagecli.build_image_options import parse_param
from imagecli.composition_options import parse_extension, parse_padding
from imagecli.domain import Extension, Json, Length, MaskShape, Size
from imagecli.errors import UsageError
from imagecli.mask_shapes import parse_shape
from imagecli.sizes import parse_size
from imagecli.suggestions import join_alternatives, suggest

ValueParser: TypeAlias = Callable[[Any, bool], Any]

MAX_DEPTH: Final = 20
"""Levels of lists and objects in a value of `param`, which is sent as it is."""

_BOOLEANS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def parse_text(value: Any, is_cell: bool) -> str:
    """Unicode text, which may be empty."""
    if not isinstance(value, str):
        raise UsageError(f"expected text, found {format_value(value)}", hint="put it in quotes")
    if not value.isascii():
        check_unicode(value)
    return value


def check_unicode(value: str) -> None:
    """Raises UsageError for a lone surrogate, which JSON can express and no file or server accepts."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{format_value(value)} is not valid Unicode (character {error.start + 1})",
            hint="write the character itself",
        ) from error


def parse_word(value: Any, is_cell: bool) -> str:
    """Text that is not empty."""
    text = parse_text(value, is_cell)
    if is_cell:
        text = text.strip()
    if not text:
        raise UsageError("must not be empty", hint="add a value, or remove it")
    return text


def parse_file_name(value: Any, is_cell: bool) -> str:
    """A file name, relative to the manifest."""
    name = parse_word(value, is_cell)
    if name == "-":
        raise UsageError("- (stdin) is not a valid input in a manifest", hint="use a file")
    if "\0" in name:
        raise UsageError(f"invalid file name {format_value(name)}", hint="remove the NUL character")
    return name


def parse_file_names(value: Any, is_cell: bool) -> tuple[str, ...]:
    """A file name or a list of them, which in a cell is JSON."""
    if is_cell and value.startswith("["):
        value = parse_cell_json(value)
    if isinstance(value, list):
        if not value:
            raise UsageError("the list is empty", hint="add a file, or remove it")
        return tuple(parse_file_name(name, is_cell=False) for name in value)
    return (parse_file_name(value, is_cell),)


def whole_number_parser(low: int, high: int) -> ValueParser:
    """A parser of integers from *low* to *high*."""

    def parse(value: Any, is_cell: bool) -> int:
        if is_cell and len(value) < 20 and value.strip().removeprefix("-").isdecimal():
            value = int(value)
        if type(value) is not int:
            raise UsageError(f"expected an integer, found {format_value(value)}", hint=f"for example {low}")
        if not low <= value <= high:
            message = f"expected {low:,} to {high:,}, found {format_value(value)}"
            raise UsageError(message, hint=f"use {min(max(value, low), high)}")
        return value

    return parse


def parse_bool(value: Any, is_cell: bool) -> bool:
    """True or false; in a cell also yes, no, 1 and 0."""
    if is_cell and value.strip().lower() in _BOOLEANS:
        value = _BOOLEANS[value.strip().lower()]
    if not isinstance(value, bool):
        raise UsageError(f"expected true or false, found {format_value(value)}", hint="use true, or remove it")
    return value


def choice_parser(words: Collection[str]) -> ValueParser:
    """A parser of one of *words*."""

    def parse(value: Any, is_cell: bool) -> str:
        if isinstance(value, str):
            word = value.strip() if is_cell else value
            if word in words:
                return word
        message = f"expected {join_alternatives(tuple(words))}, found {format_value(value)}"
        raise UsageError(message, hint=suggest_word(value, words) if isinstance(value, str) else None)

    return parse


def parse_size_value(value: Any, is_cell: bool) -> Any:
    """A size as --size accepts it."""
    return parse_size(parse_text(value, is_cell))


def parse_pixels(value: Any, is_cell: bool) -> Size:
    """WIDTHxHEIGHT."""
    return Size.parse(parse_text(value, is_cell), what="size")


def shapes_parser(kind: Literal["rect", "ellipse"]) -> ValueParser:
    """A parser of `X,Y,WIDTH,HEIGHT`, or a list of them, which in a cell is JSON."""

    def parse(value: Any, is_cell: bool) -> tuple[MaskShape, ...]:
        if is_cell and value.startswith("["):
            value = parse_cell_json(value)
        texts = value if isinstance(value, list) else [value]
        return tuple(parse_shape(kind, parse_word(text, is_cell)) for text in texts)

    return parse


def parse_crop_padding(value: Any, is_cell: bool) -> Length:
    """Pixels, as a number or as text, or percent."""
    return parse_padding(str(value) if type(value) is int else parse_word(value, is_cell))


def parse_extend(value: Any, is_cell: bool) -> Extension:
    """An aspect ratio, or sides with lengths."""
    return parse_extension(parse_word(value, is_cell))


def parse_params(value: Any, is_cell: bool) -> tuple[tuple[str, Json], ...]:
    """An object of extra request fields; or KEY=VALUE, or a list of those, as --param accepts it."""
    if is_cell and value.startswith(("{", "[")):
        value = parse_cell_json(value)
    if isinstance(value, dict):
        for key, inner in value.items():
            parse_text(key, is_cell=False)
            check_json(inner)
        return tuple(value.items())
    pairs = value if isinstance(value, list) else [value]
    return tuple(parse_param(parse_text(pair, is_cell)) for pair in pairs)


def parse_variables(value: Any, is_cell: bool) -> dict[str, tuple[str, ...]]:
    """An object: name → text or number, or a list of them, each of which creates its own images."""
    if is_cell:
        value = parse_cell_json(value)
    if not isinstance(value, dict):
        message = f"expected an object of names and values, found {format_value(value)}"
        raise UsageError(message, hint='for example {"animal": "cat"}')
    return {
        parse_text(name, is_cell=False): tuple(
            _parse_variable(name, item) for item in (inner if isinstance(inner, list) else [inner])
        )
        for name, inner in value.items()
        if inner is not None
    }


def _parse_variable(name: str, value: Any) -> str:
    if not (isinstance(value, str) or is_number(value)):
        raise UsageError(f"{name}: expected text or a number, found {format_value(value)}", hint="put it in quotes")
    return parse_text(str(value), is_cell=False)


def parse_cell_json(value: str) -> Any:
    """The JSON in a cell. Raises UsageError for other text."""
    try:
        return json.loads(value, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise UsageError(f"{format_value(value)} is not valid JSON", hint="in a cell, write each quote twice") from None


def _refuse_constant(name: str) -> None:
    """Refuses NaN and Infinity, which Python reads though they aren't JSON."""
    raise ValueError(name)


def check_json(value: Any, depth: int = 0) -> None:
    """Raises UsageError for what JSON can't express (NaN, dates, lone surrogates), and for too deep nesting."""
    if depth > MAX_DEPTH:
        raise UsageError(f"nested more than {MAX_DEPTH} levels deep", hint="flatten it")
    if isinstance(value, str):
        check_unicode(value)
    elif isinstance(value, list):
        for item in value:
            check_json(item, depth + 1)
    elif isinstance(value, dict):
        check_json(list(value), depth)
        check_json(list(value.values()), depth)
    elif not (value is None or isinstance(value, bool) or is_number(value)):
        raise UsageError(f"{format_value(value)} can't be expressed in JSON", hint="put it in quotes")


def suggest_word(word: str, words: Collection[str]) -> str | None:
    """A question with the one of *words* that *word* is spelled like; None if there is none."""
    near = suggest(word[:100].lower(), words)
    return f"did you mean {near}?" if near else None


def format_value(value: Any) -> str:
    """*value* for a message: short, with null, true and false as in JSON."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int) and not fits_64_bits(value):
        return "a very long number"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:50]}… ({len(text):,} characters)"


def is_number(value: Any) -> bool:
    """Whether *value* is a number that JSON can express."""
    return (type(value) is int and fits_64_bits(value)) or (isinstance(value, float) and math.isfinite(value))


def fits_64_bits(value: int) -> bool:
    """Whether *value* has 64 bits at most, which every server reads and Python prints."""
    return -(2**63) <= value < 2**63
