"""What is at the top of TOML and YAML manifests: `defaults`, `max_cost`, and the list of rows under `image`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from imagecli.batch.manifest.errors import Problems
from imagecli.batch.manifest.schema import find_field
from imagecli.batch.manifest.value_parsers import format_value, suggest_word

TOP: Final = ("defaults", "image", "max_cost")


def check_top_level(document: Mapping[str, Any], lines: Mapping[str, int], problems: Problems) -> None:
    """Adds names at the top of *document* that don't belong there. *lines*: the line of each name."""
    for name in document:
        if name in TOP:
            continue
        line = lines.get(name, 1)
        if find_field(name):
            problems.add(line, "it stands above the rows", field=name, hint=f"defaults holds what all rows say: {name}")
        else:
            hint = suggest_word(name, TOP) or f"there is: {', '.join(TOP)}"
            problems.add(line, f"there is no {format_value(name)} at the top", hint=hint)


def read_defaults(document: Mapping[str, Any], line: int, problems: Problems) -> Mapping[str, Any]:
    """The fields of `defaults`; empty if there are none or they are not a table."""
    value = document.get("defaults")
    if value is None or isinstance(value, dict):
        return value or {}
    problems.add(line, f"{format_value(value)}, and a table is wanted", field="defaults")
    return {}


def read_max_cost(document: Mapping[str, Any], line: int, problems: Problems) -> float | None:
    """The cost limit of the whole manifest in USD; None if there is none or it is not an amount."""
    value = document.get("max_cost")
    if value is None:
        return None
    if type(value) in (int, float) and 0 <= value < math.inf and value < 1e12:
        return float(value)
    problems.add(
        line, f"{format_value(value)}, and an amount of USD from 0 is wanted", field="max_cost", hint="max_cost = 2.5"
    )
    return None
