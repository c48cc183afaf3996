"""What readers of manifests hand on: rows as they were written, and what stands above them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """One row, as it was written."""

    number: int
    """From 1."""
    line: int
    """Where it begins, from 1."""
    fields: Mapping[str, Any]
    """Names as written; values of the file's own types, text in tables."""


@dataclass(slots=True, kw_only=True)
class ParsedFile:
    """What a reader found."""

    rows: list[RawRow] = field(default_factory=list)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    defaults_line: int = 1
    columns: tuple[str, ...] | None = None
    header_line: int = 1
    max_cost: float | None = None
