"""What the ending that a user wrote into `-o` says: a format, nothing, or something that is never saved under it."""

from __future__ import annotations

import re
from typing import Final

from imagecli.errors import OutputError
from imagecli.formats import ENDINGS, OTHER_ENDINGS
from imagecli.naming.output import Output
from imagecli.quoting import quoted

WRITABLE: Final = ("png", "jpg", "webp", "gif")
"""The endings that any picture can be saved under."""

_JPEGS: Final = frozenset({"jfif", "jif", "jpe"})


def check_ending(output: Output, *, svg: bool, maker: str | None = None) -> None:
    """Raises OutputError for an ending that is a picture's, and not one that can be saved. *svg*: that one can be.

    *maker* is a model that makes svg, where another one would.
    """
    ending = _written(output).lower()
    if ending not in OTHER_ENDINGS and (ending != "svg" or svg):
        return
    better = "jpg" if ending in _JPEGS else "png"
    name = f"-o {quoted(output.text[: -len(ending)] + better)}"
    raise OutputError(
        f"-o {output.text}: a picture can be saved as {', '.join(WRITABLE)}{', svg' * svg}, not as {ending}",
        hint=f"-m {maker} makes svg; or {name}" if maker and ending == "svg" else name,
    )


def added_ending(output: Output) -> str | None:
    """What to say where a word stands like an ending and is none, so that the name will be another than was typed."""
    ending = _written(output)
    if not ending or ending.isdecimal() or ending.lower() in ENDINGS:
        return None
    return f"-o {output.text}: .{ending} is no picture's ending, so the true one is added to the name"


def _written(output: Output) -> str:
    """The word after the last dot of the user's own text, or an empty one: a field's value never counts."""
    if output.kind not in ("literal", "template"):
        return ""
    found = re.search(r"[^/]\.(\w+)$", output.text)
    return found[1] if found else ""
