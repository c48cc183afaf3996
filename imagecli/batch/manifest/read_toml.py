"""TOML manifests: `[defaults]`, `max_cost`, and a row under each `[[image]]`.

tomllib gives no line numbers, so this module looks for the headers itself.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from imagecli.batch.manifest.content import ManifestContent, RawRow, build_content
from imagecli.batch.manifest.errors import Problems
from imagecli.batch.manifest.value_parsers import format_value

_LINE: Final = re.compile(
    r'(?:"""(?:[^"\\]|\\.|""?(?!"))*"{3,5}'
    r"|'''(?:[^']|''?(?!'))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|[^\"'#\n]+|[^\n])*+",
    re.S,
)
"""A line with its strings, which may contain newlines. A line that begins inside a string has no header."""

_HEADER: Final = re.compile(r"[^\S\n]*\[(?P<array>\[)?[^\S\n]*(?P<name>[\w-]+)[^\S\n]*\]")
_KEY: Final = re.compile(r"[^\S\n]*(?P<name>[\w-]+)[^\S\n]*[=.]")


class TomlLines(NamedTuple):
    """The lines of a TOML file on which its parts begin."""

    top: dict[str, int]
    """Name at the top → its first line."""
    images: list[int]
    """The line of each `[[image]]`."""


def read_toml(text: str, problems: Problems) -> ManifestContent:
    """Reads the rows of *text*. Raises ManifestError if it is not TOML."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        location = re.search(r" \(at line (\d+), column \d+\)| \(at end of document\)", str(error))
        line = int(location[1]) if location and location[1] else text.count("\n") + 1
        problems.add(line, f"invalid TOML: {str(error)[: location.start() if location else None]}")
    except RecursionError:
        problems.add(1, "invalid TOML: nested too deeply", hint="flatten it")
    except ValueError:
        # The only other one that tomllib raises: int() of thousands of digits.
        problems.add(1, "a number has too many digits", hint="put it in quotes")
    problems.raise_if_any()
    lines = _find_lines(text)
    rows = _build_rows(document.get("image", []), lines, problems)
    return build_content(document, lines.top, rows, problems)


def _build_rows(images: Any, lines: TomlLines, problems: Problems) -> Iterator[RawRow]:
    """The rows of *images*. Those of an inline array have no lines of their own: there a row is named `image 12`."""
    array_line = lines.top.get("image", 1)
    if not isinstance(images, list):
        message = f"expected rows, found {format_value(images)}"
        problems.add(array_line, message, field="image", hint="start each row with [[image]]")
        return
    has_lines = len(lines.images) == len(images)
    for index, fields in enumerate(images):
        line = lines.images[index] if has_lines else array_line
        name = None if has_lines else f"image {index + 1}"
        if isinstance(fields, dict):
            yield RawRow(number=index + 1, line=line, fields=fields, name=name)
        else:
            message = f"expected a row, found {format_value(fields)}"
            problems.add(line, message, hint='for example { prompt = "a cat" }', row=name)


def _find_lines(text: str) -> TomlLines:
    lines = TomlLines({}, [])
    in_table = False
    for begin, number in _iter_lines(text):
        if header := _HEADER.match(text, begin):
            in_table = True
            lines.top.setdefault(header["name"], number)
            if header["array"] and header["name"] == "image":
                lines.images.append(number)
        elif not in_table and (key := _KEY.match(text, begin)):
            lines.top.setdefault(key["name"], number)
    return lines


def _iter_lines(text: str) -> Iterator[tuple[int, int]]:
    """The position and the number of each line that does not begin inside a string."""
    begin, number = 0, 1
    while line := _LINE.match(text, begin):
        yield begin, number
        end = line.end()
        if end == len(text):
            return
        number += text.count("\n", begin, end) + 1
        begin = end + 1
