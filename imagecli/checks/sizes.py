"""The size that is made: what a name, a ratio or --fit becomes for a model, and whether it makes it at all."""

from __future__ import annotations

from typing import Final

from imagecli.catalog.model import ModelRow
from imagecli.domain import RequestedSize, Shape, Size
from imagecli.errors import UsageError
from imagecli.events import NoteEvent

MAX_FIT_PIXELS: Final = 100_000_000
"""More than --fit makes: ten times the largest picture of any model, which no enlarging makes sharper."""


_NO_PICTURE: Final = 64
"""Two edges below this were meant as a ratio, where they are not those of an icon."""


def resolve_size(
    asked: RequestedSize | Shape | None, fit: Size | None, row: ModelRow
) -> tuple[RequestedSize | None, tuple[NoteEvent, ...]]:
    """The size to ask for, and what is to be said of it. *fit* chooses one where nothing else does.

    Raises UsageError for a ratio that the model doesn't make, and for a *fit* that is too large for this machine.
    """
    if fit and fit.pixels > MAX_FIT_PIXELS:
        raise UsageError(
            f"--fit {fit}: it has {fit.pixels:,} pixels, at most {MAX_FIT_PIXELS:,} are made here",
            hint="--fit with a smaller size",
            flag="--fit",
        )
    if isinstance(asked, Shape):
        made = _size_of_shape(asked, row)
        near = "" if asked.is_named or asked.is_exactly(made) else f", as near to it as {row.name} comes"
        return made, (NoteEvent(code="size", message=f"{asked} is made at {made}{near}"), *_fit_notes(fit, made))
    chosen = asked or (row.sizes.covering(fit) if fit else None)
    return chosen, _fit_notes(fit, chosen)


def _fit_notes(fit: Size | None, made: RequestedSize | None) -> tuple[NoteEvent, ...]:
    """What is to be said where what is *made* is not what *fit* wants."""
    if fit is None or made in (None, fit):
        return ()
    where = "a size of the model's choice" if made == "auto" else made
    return (NoteEvent(code="size", message=f"--fit {fit} is made at {where}, then cropped and resized"),)


def check_size(size: RequestedSize | None, row: ModelRow) -> None:
    """Raises UsageError for a size that is not made, with the nearest that is."""
    if size is None or (objection := row.sizes.objection(size)) is None:
        return
    raise UsageError(f"--size {size}: {objection} ({row.name})", hint=_suggest_size(size, row), flag="--size")


def _size_of_shape(shape: Shape, row: ModelRow) -> Size:
    made = row.sizes.nearest_to_shape(shape)
    if made is None:
        about = row.sizes.approximate(shape)
        objection = row.sizes.objection(about) or f"it makes {row.sizes.describe()}"
        raise UsageError(f"--size {shape}: {objection} ({row.name})", hint=_suggest_size(about, row), flag="--size")
    return made


def _suggest_size(size: RequestedSize, row: ModelRow) -> str:
    if isinstance(size, str):
        return f"leave --size out, or --size {row.sizes.examples()[-1]}"
    shape = Shape(size.width, size.height, f"{size.width}:{size.height}")
    if not size.is_square and max(size.width, size.height) < _NO_PICTURE and row.sizes.nearest_to_shape(shape):
        return f"did you mean {shape}? --size {shape}, or --fit {size} for exactly this"
    near = row.sizes.nearest(size)
    return f"--size {near}, or --fit {size} for exactly this" if near else "leave --size out"
