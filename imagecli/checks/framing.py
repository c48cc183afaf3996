"""Does what is said of the inputs' framing go together, and does it come to anything?"""

from __future__ import annotations

from collections.abc import Iterator

from imagecli.catalog import ModelRow
from imagecli.domain import Ask, Generate
from imagecli.errors import UsageError
from imagecli.events import Warned

_AS_EVER = ("center", "none")
"""Of `crop`: the default, and what comes to nothing where no square is wanted."""


def check_framing(ask: Ask, row: ModelRow) -> Iterator[Warned]:
    """A warning for what changes nothing. Raises UsageError for two that exclude each other."""
    if isinstance(ask, Generate):
        return
    crop, pad = f"--crop {ask.framing.crop}", ask.framing.pad
    is_said = ask.framing.crop not in _AS_EVER
    if pad and is_said:
        raise UsageError(f"--pad fills up to the square, and {crop} cuts one out", hint="leave one of them out")
    if (pad or is_said) and not row.image.square:
        said = f"{'--pad' if pad else crop} changes nothing: {row.name} wants no square"
        yield Warned(code="no_effect", message=said)
