"""--var, read."""

from __future__ import annotations

from collections.abc import Sequence

from imagecli.errors import UsageError
from imagecli.naming import check_variables


def read_variables(pairs: Sequence[str]) -> dict[str, list[str]]:
    """NAME=VALUE words as each name's values. Raises UsageError."""
    values: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--var {pair!r} is not NAME=VALUE", hint="for example --var animal=cat")
        values.setdefault(name, []).append(value)
    check_variables(values)
    return values
