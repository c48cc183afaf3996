"""TOML: `[defaults]`, `max_cost`, and a row under each `[[image]]`.

Python's reader tells no lines, so the headers are looked for here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final

from imagecli.batch.manifest.document import check_top_level, read_defaults, read_max_cost
from imagecli.batch.manifest.errors import Problems
from imagecli.batch.manifest.rows import ParsedFile, RawRow
from imagecli.batch.manifest.value_parsers import format_value

_TOKEN: Final = re.compile(
    r'"""(?:[^"\\]|\\.|""?(?!"))*"{3,5}'
    r"|'''(?:[^']|''?(?!'))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|(?P<end>\n)"
    r"|[^\"'#\n]+|.",
    re.S,
)
"""Strings, comments and the rest: only outside of the first two a line begins."""

_HEADER: Final = re.compile(r"\s*\[(?P<list>\[)?\s*(?P<name>[\w-]+)\s*\]")
_KEY: Final = re.compile(r"\s*(?P<name>[\w-]+)\s*[=.]")


def read_toml(text: str, problems: Problems) -> ParsedFile:
    """The rows of *text*. Raises ManifestError where it is no TOML."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r" \(at line (\d+), column \d+\)| \(at end of document\)", str(error))
        line = int(where[1]) if where and where[1] else text.count("\n") + 1
        problems.add(line, f"it is not TOML: {str(error)[: where.start() if where else None]}")
    except RecursionError:
        problems.add(1, "it is not TOML: it is nested too deep", hint="flatten it")
    except ValueError:
        problems.add(1, "a number of more digits than any server reads", hint="put it in quotes")
    problems.raise_if_any()
    tops, starts = _find_line_numbers(text)
    check_top_level(document, tops, problems)
    line = tops.get("defaults", 1)
    return ParsedFile(
        rows=list(_build_rows(document.get("image", []), starts, tops.get("image", 1), problems)),
        defaults=read_defaults(document, line, problems),
        defaults_line=line,
        max_cost=read_max_cost(document, tops.get("max_cost", 1), problems),
    )


def _build_rows(images: Any, starts: list[int], line: int, problems: Problems) -> Iterator[RawRow]:
    """*starts* are the lines of the `[[image]]`s; in a list in one piece rows have its *line*."""
    if not isinstance(images, list):
        problems.add(
            line, f"{format_value(images)}, and rows are wanted", field="image", hint="[[image]], a row under each"
        )
        return
    for index, fields in enumerate(images):
        at = starts[index] if len(starts) == len(images) else line
        if isinstance(fields, dict):
            yield RawRow(number=index + 1, line=at, fields=fields)
        else:
            problems.add(at, f"{format_value(fields)}, and a row is wanted", hint='{ prompt = "a cat" }')


def _find_line_numbers(text: str) -> tuple[dict[str, int], list[int]]:
    """Where the names at the top stand, and where each `[[image]]` does."""
    tops: dict[str, int] = {}
    images: list[int] = []
    inside = False
    for line, words in _iter_top_lines(text):
        if header := _HEADER.match(words):
            inside = True
            tops.setdefault(header["name"], line)
            if header["list"] and header["name"] == "image":
                images.append(line)
        elif not inside and (key := _KEY.match(words)):
            tops.setdefault(key["name"], line)
    return tops, images


def _iter_top_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that begin outside of a string, each with its first words."""
    line, first = 1, ""
    begins = 1
    for token in _TOKEN.finditer(text):
        if token["end"]:
            yield begins, first
            line, first = line + 1, ""
            begins = line
        else:
            first = first or token[0]
            line += token[0].count("\n")
    yield begins, first
