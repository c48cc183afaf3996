"""The content of a manifest as written: its rows, not yet checked, and what is above them in the file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from imagecli.batch.manifest.errors import Problems
from imagecli.batch.manifest.schema import find_field
from imagecli.batch.manifest.value_parsers import format_value, suggest_word


class RawRow(NamedTuple):
    """One row as written."""

    number: int
    """From 1."""
    line: int
    """Its first line, from 1."""
    fields: Mapping[str, Any]
    """Field names as written → values of the format's own types; in a table every value is text."""
    name: str | None = None
    """`image 12`, in error messages, if other rows begin on the same line; None if the line is enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestContent:
    """What the reader of each format returns."""

    rows: Iterable[RawRow] = ()
    """To be iterated once: there may be very many, and most formats parse each when it is needed."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    defaults_line: int = 1
    columns: tuple[str, ...] | None = None
    """The header of a table, whose cells are text, and whose columns that aren't fields are variables. None for other
    formats."""
    header_line: int = 1
    max_cost: float | None = None
    """USD."""


def iter_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines of *text* that are not blank, with their numbers from 1. A line ends at a newline and nowhere else."""
    number = begin = 0
    while begin <= len(text):
        number += 1
        end = text.find("\n", begin)
        if end < 0:
            end = len(text)
        line = text[begin:end]
        begin = end + 1
        if line and not line.isspace():
            yield number, line


TOP: Final = ("defaults", "image", "max_cost")
"""What TOML and YAML manifests can have at the top."""


def build_content(
    document: Mapping[str, Any], lines: Mapping[str, int], rows: Iterable[RawRow], problems: Problems
) -> ManifestContent:
    """The content of a TOML or YAML *document*, whose *rows* are read already; what is above them is checked.

    *lines*: the line of each name at the top.
    """
    _check_names(document, lines, problems)
    defaults_line = lines.get("defaults", 1)
    return ManifestContent(
        rows=rows,
        defaults=_read_defaults(document, defaults_line, problems),
        defaults_line=defaults_line,
        max_cost=_read_max_cost(document, lines.get("max_cost", 1), problems),
    )


def _check_names(document: Mapping[str, Any], lines: Mapping[str, int], problems: Problems) -> None:
    """Adds names at the top that don't belong there."""
    for name in document:
        if name in TOP:
            continue
        line = lines.get(name, 1)
        if find_field(name):
            problems.add(line, "not allowed at the top level", field=name, hint="to set it for all rows, use defaults")
        else:
            hint = suggest_word(name, TOP) or f"available: {', '.join(TOP)}"
            problems.add(line, f"unknown top-level key {format_value(name)}", hint=hint)


def _read_defaults(document: Mapping[str, Any], line: int, problems: Problems) -> Mapping[str, Any]:
    """The fields of `defaults`; empty if there are none or they are not a table."""
    value = document.get("defaults")
    if value is None or isinstance(value, dict):
        return value or {}
    problems.add(line, f"expected a table, found {format_value(value)}", field="defaults")
    return {}


def _read_max_cost(document: Mapping[str, Any], line: int, problems: Problems) -> float | None:
    """The manifest's cost limit in USD; None if it has none or the value is invalid."""
    value = document.get("max_cost")
    if value is None:
        return None
    if type(value) in (int, float) and 0 <= value < math.inf and value < 1e12:
        return float(value)
    message = f"expected an amount in USD of at least 0, found {format_value(value)}"
    problems.add(line, message, field="max_cost", hint="for example 2.5")
    return None
