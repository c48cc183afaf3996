"""What the reader of each format returns: the rows as written, and what is above them in the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """One row as written, not yet checked."""

    number: int
    """From 1."""
    line: int
    """Its first line, from 1."""
    fields: Mapping[str, Any]
    """Field names as written → values of the format's own types; in a table every value is text."""
    name: str | None = None
    """`image 12`, in error messages, if other rows begin on the same line; None if the line is enough."""


@dataclass(slots=True, kw_only=True)
class ParsedFile:
    """The content of a manifest file."""

    rows: list[RawRow] = field(default_factory=list)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    defaults_line: int = 1
    columns: tuple[str, ...] | None = None
    """The header of a table; None for other formats."""
    header_line: int = 1
    max_cost: float | None = None
    """USD."""
