"""Parses the shapes of masks from options and manifest fields."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from imagecli.domain import InputSource, Length, MaskShape, MaskSource, ShapeKind
from imagecli.errors import UsageError

_LENGTH: Final = re.compile(r"(-?\d{1,7}(?:\.\d{1,6})?)(%?)")
_BOX_HINT: Final = "in pixels or percent of the image, for example 100,50,400,300 or 10%,10%,50%,50%"


def parse_shape(kind: ShapeKind, text: str, option: str = "") -> MaskShape:
    """A rectangle or the box around an ellipse as `X,Y,WIDTH,HEIGHT`, or the corners of a polygon as `X,Y X,Y X,Y`.

    Raises UsageError; *option* begins its message.
    """
    prefix = f"{option}: " if option else ""
    lengths = _parse_lengths(text)
    if kind == "polygon":
        if lengths is None or len(lengths) < 6 or len(lengths) % 2:
            hint = "in pixels or percent of the image, for example '10,10 200,10 100,150'"
            raise UsageError(f"{prefix}{text!r} is not a list of three or more points X,Y", hint=hint)
    elif lengths is None or len(lengths) != 4:
        raise UsageError(f"{prefix}{text!r} is not X,Y,WIDTH,HEIGHT", hint=_BOX_HINT)
    elif min(lengths[2].value, lengths[3].value) <= 0:
        raise UsageError(f"{prefix}{text!r} has no area: width and height must be above 0", hint=_BOX_HINT)
    return MaskShape(kind, lengths)


def parse_point(text: str, option: str) -> tuple[Length, Length]:
    """A point as `X,Y`. Raises UsageError; *option* begins its message."""
    lengths = _parse_lengths(text)
    if lengths is None or len(lengths) != 2:
        raise UsageError(f"{option}: {text!r} is not X,Y", hint="in pixels or percent, for example 20,20 or 50%,10%")
    return lengths[0], lengths[1]


def _parse_lengths(text: str) -> tuple[Length, ...] | None:
    """The numbers in *text*, separated by commas or blanks; None if a part is not a number of pixels or percent."""
    matches = [_LENGTH.fullmatch(part) for part in re.split(r"\s*,\s*|\s+", text.strip())]
    lengths = tuple(Length(float(match[1]), bool(match[2])) for match in matches if match)
    return lengths if len(lengths) == len(matches) else None


def build_mask_source(
    file: InputSource | None, shapes: Iterable[MaskShape], *, invert: bool, fit: bool
) -> MaskSource | None:
    """The mask of an edit; None if it has none. Raises UsageError for options that need a mask, or a mask file."""
    mask = MaskSource(file=file, shapes=tuple(shapes), invert=invert, fit=fit)
    if fit and not file:
        raise UsageError("--mask-fit requires a mask file", hint="add --mask FILE, or omit --mask-fit")
    if file or mask.shapes:
        return mask
    if invert:
        raise UsageError("--mask-invert requires a mask", hint="add --mask FILE or --mask-rect X,Y,WIDTH,HEIGHT")
    return None
