"""JSON manifests: JSON Lines with a row on each line, and a `.json` file with an array of rows.

A line of JSON Lines ends at a newline and nowhere else. Blank lines are skipped; there are no comments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from imagecli.batch.manifest.content import ManifestContent, RawRow, iter_lines
from imagecli.batch.manifest.errors import Problems
from imagecli.errors import UsageError

MAX_ROW_LENGTH: Final = 1_000_000
"""Characters of a row. The longest prompt that any model accepts has a thirtieth of that."""

_BLANK: Final = re.compile(r"[ \t\r\n]*")


def read_jsonl(text: str, problems: Problems) -> ManifestContent:
    """Reads JSON Lines. An invalid line is added to *problems*, and the others are read."""
    return ManifestContent(rows=_build_rows_of_lines(text, problems))


def _build_rows_of_lines(text: str, problems: Problems) -> Iterator[RawRow]:
    count = 0
    for number, line in iter_lines(text):
        try:
            fields = _parse_line(line)
        except UsageError as error:
            problems.add_error(number, error)
            continue
        count += 1
        yield RawRow(count, number, fields)


def _parse_line(line: str) -> dict[str, Any]:
    if len(line) > MAX_ROW_LENGTH:
        raise UsageError(f"the line has {len(line):,} characters; the limit is {MAX_ROW_LENGTH:,}")
    try:
        value = _DECODER.decode(line)
    except json.JSONDecodeError as error:
        raise UsageError(f"invalid JSON at column {error.colno}: {error.msg}", hint=_suggest_fix(line)) from error
    except (RecursionError, ValueError) as error:
        raise _limit_error(error) from None
    if not isinstance(value, dict):
        raise UsageError("expected an object on each line", hint='for example {"prompt": "a cat"}')
    return value


def _suggest_fix(line: str) -> str:
    first = line.lstrip()[:1]
    if first in ("#", "/"):
        return "JSON Lines has no comments; remove the line"
    if first in ("[", "]", "{", "}"):
        return "write each row on one line; for an array of rows, use --format json"
    return 'for example {"prompt": "a cat"}'


def _limit_error(error: Exception) -> UsageError:
    """The error for JSON that is valid but beyond what Python parses."""
    if isinstance(error, RecursionError):
        return UsageError("nested too deeply", hint="flatten it")
    # The only other one that the decoder raises: int() of thousands of digits.
    return UsageError("a number has too many digits", hint="put it in quotes")


def read_json_array(text: str, problems: Problems) -> ManifestContent:
    """Reads an array of rows. An invalid row is added to *problems*; what isn't JSON ends the reading."""
    return ManifestContent(rows=_build_rows_of_array(text, problems))


def _build_rows_of_array(text: str, problems: Problems) -> Iterator[RawRow]:
    count = 0
    try:
        for line, element in _iter_elements(text):
            if isinstance(element, UsageError):
                problems.add_error(line, element)
            elif isinstance(element, dict):
                count += 1
                yield RawRow(count, line, element)
            else:
                problems.add(line, "expected an object for each row", hint='for example {"prompt": "a cat"}')
    except json.JSONDecodeError as error:
        hint = "for one row per line, use --format jsonl" if text.lstrip()[:1] == "{" else None
        problems.add(
            error.lineno, f"expected a list of rows; invalid JSON at column {error.colno}: {error.msg}", hint=hint
        )


def _iter_elements(text: str) -> Iterator[tuple[int, Any]]:
    """The first line and the value of each element of the array; a UsageError for a value that is refused.

    The elements are parsed one by one, so that each has its line. Raises JSONDecodeError.
    """
    position = _skip_blank(text, 0)
    if position == len(text):
        return
    separator = text[position]
    if separator != "[":
        raise json.JSONDecodeError("Expecting '['", text, position)
    position = _skip_blank(text, position + 1)
    if text.startswith("]", position):
        separator, position = "]", _skip_blank(text, position + 1)
    line, counted = 1, 0
    while separator != "]":
        line += text.count("\n", counted, position)
        counted = position
        end: int | None
        try:
            element, end = _parse_element(text, position)
        except UsageError as error:
            element, end = error, _find_end(text, position)
        yield line, element
        if end is None:
            return
        position = _skip_blank(text, end)
        separator = text[position : position + 1]
        if separator not in (",", "]"):
            raise json.JSONDecodeError("Expecting ',' or ']'", text, position)
        position = _skip_blank(text, position + 1)
    if position < len(text):
        raise json.JSONDecodeError("Extra data", text, position)


def _parse_element(text: str, begin: int) -> tuple[Any, int]:
    """The value that begins at *begin*, and its end. Raises JSONDecodeError, or UsageError for a value not accepted."""
    try:
        value, end = _DECODER.raw_decode(text, begin)
    except json.JSONDecodeError:
        raise
    except (RecursionError, ValueError) as error:
        raise _limit_error(error) from None
    if end - begin > MAX_ROW_LENGTH:
        raise UsageError(f"the row has {end - begin:,} characters; the limit is {MAX_ROW_LENGTH:,}")
    return value, end


def _find_end(text: str, begin: int) -> int | None:
    """The end of a value that this module refuses; None if Python can't parse it either."""
    try:
        return json.JSONDecoder().raw_decode(text, begin)[1]
    except (ValueError, RecursionError):
        return None


def _skip_blank(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position


def _refuse_constant(name: str) -> None:
    raise UsageError(f"{name} is not valid JSON", hint="use a number, or text in quotes")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of *pairs*. Raises UsageError for a key that it has twice."""
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        duplicate = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"duplicate key {duplicate[:60]!r}", hint="remove one of them")
    return table


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
