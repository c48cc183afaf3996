"""JSON in which an object says a name twice: `json` keeps the last, and what was paid for may lie in the first."""

from __future__ import annotations

import json
from typing import Any

from imagecli.providers.hidden import FURTHER


def parsed(body: bytes | str, *, strict: bool = True) -> Any:
    """*body* as JSON. Lists under one name are one list, and of other values the last that is not empty stays.

    The others lie in a list under `FURTHER`. Raises ValueError, RecursionError.
    """
    return json.loads(body, strict=strict, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    return made if len(made) == len(pairs) else _joined(pairs)


def _joined(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    further: list[Any] = []
    for name, value in pairs:
        before = made.get(name)
        if isinstance(before, list) and isinstance(value, list):
            made[name] = before + value
        elif value or not before:
            further += [{name: before}] if before and before != value else []
            made[name] = value
    return {**made, FURTHER: further} if further else made
