"""--var: read, and refused where its value would go nowhere."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence

from imagecli.errors import UsageError
from imagecli.naming import Output, check_variables
from imagecli.templates import fields_in


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


def check_used(variables: Mapping[str, str], text: str | None, output: Output) -> None:
    """Raises UsageError for a name that stands neither in the prompt *text*, as it was typed, nor in *output*.

    Its values would all buy the same picture, or `{anmal}` would be sent as it stands.
    """
    braces = re.findall(r"\{([^{}]+)\}", text or "")
    used = {*braces, *(fields_in(output.text) if output.kind == "template" else ())}
    for name in variables:
        if name not in used:
            raise UsageError(
                f"--var {name}: {{{name}}} stands neither in the prompt nor in -o",
                hint=_way_out(name, (brace for brace in braces if brace not in variables)),
            )


def _way_out(name: str, spare: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(spare), n=1)
    if near:
        return f"the prompt has {{{near[0]}}}: write {{{name}}} there, or --var {near[0]}=VALUE"
    return f"write {{{name}}} where its value shall stand, or leave it out"
