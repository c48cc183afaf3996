"""Variables whose values would go nowhere are refused before they buy anything."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable

from imagecli.errors import UsageError
from imagecli.naming.output import Output
from imagecli.templates import fields_in


def check_used(variables: Collection[str], text: str | None, *outputs: Output) -> None:
    """Raises UsageError for a name that stands neither in the prompt *text*, as it was typed, nor in any of *outputs*.

    Its values would all buy the same picture, or `{anmal}` would be sent as it stands.
    """
    braces = braces_in(text or "")
    used = set(braces).union(*(fields_in(output.text) for output in outputs if output.kind == "template"))
    for name in variables:
        if name not in used:
            raise UsageError(
                f"--var {name}: {{{name}}} stands neither in the prompt nor in -o",
                hint=_way_out(name, (brace for brace in braces if brace not in variables)),
            )


def braces_in(prompt: str) -> list[str]:
    """What stands in the braces of a prompt, as far as a variable could have the name."""
    return re.findall(r"\{([^{}]+)\}", prompt)


def _way_out(name: str, spare: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(spare), n=1)
    if near:
        return f"the prompt has {{{near[0]}}}: write {{{name}}} there, or --var {near[0]}=VALUE"
    return f"write {{{name}}} where its value shall stand, or leave it out"
