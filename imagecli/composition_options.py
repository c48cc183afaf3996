"""Parses what options and manifest fields say about a result that is pasted into its original image."""

from __future__ import annotations

import re
from typing import Final, get_args

from imagecli.choices import Anchor
from imagecli.domain import CompositionOptions, Extension, Length, Shape
from imagecli.errors import UsageError
from imagecli.sizes import parse_size
from imagecli.suggestions import join_alternatives

DEFAULT_PADDING: Final = Length(50, is_percent=True)
"""Around the mask, if only its region is sent: enough for a model to see what the area belongs to."""
EXTEND_PROMPT: Final = "Extend the image naturally beyond its borders"
"""The prompt of an extension without one."""
ANCHORS: Final[tuple[str, ...]] = get_args(Anchor)
_SIDES: Final = ("left", "top", "right", "bottom")
_LENGTH: Final = re.compile(r"(\d{1,7}(?:\.\d{1,6})?)(%?)")
_EXTEND_HINT: Final = "for example --extend 16:9, or --extend left=256,right=10%"


def parse_extension(text: str) -> Extension:
    """`left=256,right=10%`, an aspect ratio such as `16:9`, or its name. Raises UsageError."""
    if "=" in text:
        return _parse_sides(text)
    try:
        shape = parse_size(text)
    except UsageError:
        shape = None
    if not isinstance(shape, Shape):
        raise UsageError(f"--extend {text!r} is neither an aspect ratio nor sides with lengths", hint=_EXTEND_HINT)
    return Extension(shape=shape)


def _parse_sides(text: str) -> Extension:
    sides: dict[str, Length] = {}
    for part in re.split(r"\s*,\s*|\s+", text.strip().lower()):
        side, _, value = part.partition("=")
        length = parse_length(value)
        if side in sides:
            raise UsageError(f"--extend: {side} appears twice", hint=_EXTEND_HINT)
        if side not in _SIDES or length is None:
            problem = f"is not {join_alternatives(_SIDES)}, = and a length"
            raise UsageError(f"--extend: {part!r} {problem}", hint=_EXTEND_HINT)
        sides[side] = length
    if not any(length.value for length in sides.values()):
        raise UsageError(f"--extend {text!r} adds nothing", hint=_EXTEND_HINT)
    return Extension(left=sides.get("left"), top=sides.get("top"), right=sides.get("right"), bottom=sides.get("bottom"))


def parse_padding(text: str) -> Length:
    """The value of --crop-padding: pixels, or percent of the mask's extent. Raises UsageError."""
    length = parse_length(text)
    if length is None:
        raise UsageError(f"--crop-padding {text!r} is not a length", hint="in pixels or percent, for example 64 or 50%")
    return length


def parse_length(text: str) -> Length | None:
    """Pixels or percent, not negative; None if *text* is something else."""
    match = _LENGTH.fullmatch(text.strip())
    return Length(float(match[1]), bool(match[2])) if match else None


def build_composition_options(
    *,
    keep_outside: bool = False,
    crop_to_mask: bool = False,
    crop_padding: Length | None = None,
    extension: Extension | None = None,
    anchor: Anchor | None = None,
    has_mask: bool,
) -> CompositionOptions | None:
    """How the result of an edit is composed; None if it is saved as it is received.

    Raises UsageError for options that need a mask, or another option.
    """
    if crop_padding and not crop_to_mask:
        raise UsageError("--crop-padding requires --crop-to-mask", hint="add --crop-to-mask, or omit --crop-padding")
    if anchor and not extension:
        raise UsageError("--anchor requires --extend", hint="add --extend 16:9, or omit --anchor")
    if anchor and extension:
        if extension.shape is None:
            raise UsageError("--anchor requires an aspect ratio", hint="omit --anchor, or use --extend 16:9")
        extension = extension._replace(anchor=anchor)
    if not (keep_outside or crop_to_mask or extension):
        return None
    if not (has_mask or extension):
        flag = "--crop-to-mask" if crop_to_mask else "--keep-outside"
        raise UsageError(f"{flag} requires a mask", hint="add --mask FILE or --mask-rect X,Y,WIDTH,HEIGHT")
    padding = (crop_padding or DEFAULT_PADDING) if crop_to_mask else None
    return CompositionOptions(crop_padding=padding, extension=extension)


def composition_flags(options: CompositionOptions) -> dict[str, str | bool]:
    """The flags that set *options*, by their names with underscores."""
    flags: dict[str, str | bool] = {}
    if options.crop_padding:
        flags |= {"crop_to_mask": True, "crop_padding": str(options.crop_padding)}
    if extension := options.extension:
        flags["extend"] = str(extension.shape or extension)
        if extension.anchor != "center":
            flags["anchor"] = extension.anchor
    return flags or {"keep_outside": True}
