"""The size to request: what a name, a ratio or --fit becomes for a model, and whether the model makes a size."""

from __future__ import annotations

from typing import Final

from imagecli.catalog.model import ModelRow
from imagecli.domain import RequestedSize, Shape, Size
from imagecli.errors import UsageError
from imagecli.events import NoteEvent

MAX_FIT_PIXELS: Final = 100_000_000
"""The limit of --fit: ten times the largest image of any model. Enlarging further would add no detail."""

_NO_PICTURE: Final = 64
"""A size with two edges below this was probably meant as a ratio, unless it is a square, as icons are."""


def resolve_size(
    size: RequestedSize | Shape | None, fit: Size | None, row: ModelRow
) -> tuple[RequestedSize | None, tuple[NoteEvent, ...]]:
    """The size to request, and notes on it. Without a size, *fit* determines one.

    Raises UsageError for a ratio that the model doesn't make, and for a *fit* that is too large.
    """
    if fit and fit.pixels > MAX_FIT_PIXELS:
        raise UsageError(
            f"--fit {fit}: it has {fit.pixels:,} pixels, at most {MAX_FIT_PIXELS:,} are made here",
            hint="--fit with a smaller size",
            flag="--fit",
        )
    if isinstance(size, Shape):
        pixels = _size_of_shape(size, row)
        near = "" if size.is_named or size.is_exactly(pixels) else f", as near to it as {row.name} comes"
        return pixels, (NoteEvent(code="size", message=f"{size} is made at {pixels}{near}"), *_fit_notes(fit, pixels))
    chosen = size or (row.sizes.covering(fit) if fit else None)
    return chosen, _fit_notes(fit, chosen)


def _fit_notes(fit: Size | None, requested: RequestedSize | None) -> tuple[NoteEvent, ...]:
    """A note if the *requested* size is not the one of --fit."""
    if fit is None or requested in (None, fit):
        return ()
    where = "a size of the model's choice" if requested == "auto" else requested
    return (NoteEvent(code="size", message=f"--fit {fit} is made at {where}, then cropped and resized"),)


def check_size(size: RequestedSize | None, row: ModelRow) -> None:
    """Raise UsageError, with the nearest supported size, if the model does not make *size*."""
    if size is None or (objection := row.sizes.objection(size)) is None:
        return
    raise UsageError(f"--size {size}: {objection} ({row.name})", hint=_suggest_size(size, row), flag="--size")


def _size_of_shape(shape: Shape, row: ModelRow) -> Size:
    size = row.sizes.nearest_to_shape(shape)
    if size is None:
        about = row.sizes.approximate(shape)
        objection = row.sizes.objection(about) or f"it makes {row.sizes.describe()}"
        raise UsageError(f"--size {shape}: {objection} ({row.name})", hint=_suggest_size(about, row), flag="--size")
    return size


def _suggest_size(size: RequestedSize, row: ModelRow) -> str:
    if isinstance(size, str):
        return f"leave --size out, or --size {row.sizes.examples()[-1]}"
    shape = Shape(size.width, size.height, f"{size.width}:{size.height}")
    if not size.is_square and max(size.width, size.height) < _NO_PICTURE and row.sizes.nearest_to_shape(shape):
        return f"did you mean {shape}? --size {shape}, or --fit {size} for exactly this"
    near = row.sizes.nearest(size)
    return f"--size {near}, or --fit {size} for exactly this" if near else "leave --size out"
