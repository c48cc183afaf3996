"""Turns flags and settings into `ImageOptions` and `InputFit`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagecli.build_image_options import build_image_options, parse_param
from imagecli.catalog.model import ModelRow
from imagecli.commands.options import InputOptions, LiveOptions, PictureOptions
from imagecli.config.sources import flag_name
from imagecli.domain import ImageOptions, InputFit, Size
from imagecli.errors import UsageError
from imagecli.events import NoteEvent

MAX_PARTIAL_IMAGES = 3
"""For models without a row. OpenAI API reference, read 2026-11-22."""


def image_options_from_flags(
    picture: PictureOptions, live: LiveOptions, values: Mapping[str, Any], origins: Mapping[str, str], row: ModelRow
) -> tuple[ImageOptions, tuple[NoteEvent, ...]]:
    """The options that flags and settings ask for, and notes on them. *origins* are those of the settings' *values*.

    Raises UsageError for an invalid --param, and for a ratio that the model does not create.
    """
    flags = picture._asdict()
    partial_images = _partial_image_count(live, row)
    # The settings have the flags' values already, where they were typed.
    resolved = {name: values.get(name) for name in RESOLVED_SETTINGS}
    if origins.get("fit") == flag_name("fit") and origins.get("size") != flag_name("size"):
        # The size of a setting is not for this --fit, which chooses the best one.
        resolved["size"] = None
    parsed = {
        "param": [parse_param(pair) for pair in picture.param or []],
        "stream": True if live.stream or partial_images is not None else None,
        "partial_images": partial_images,
    }
    return build_image_options({**flags, **resolved, **parsed}, row)


RESOLVED_SETTINGS = ("size", "fit", "quality", "background", "output_format", "output_compression")
"""Image options that have a setting."""


def _partial_image_count(live: LiveOptions, row: ModelRow) -> int | None:
    """How many partial images to request: the flag's number, or with --keep-partials as many as there can be.

    Raises UsageError if --keep-partials has none to keep.
    """
    if live.partial_images == 0 and live.keep_partials:
        raise UsageError(
            "--keep-partials keeps them, and --partial-images 0 asks for none", hint="leave one of them out"
        )
    if live.partial_images is None and live.keep_partials:
        return row.ranges.get("partial_images", (0, MAX_PARTIAL_IMAGES))[1]
    return live.partial_images


def input_fit_from_flags(options: InputOptions) -> InputFit:
    """How inputs may be changed. Raises UsageError for an invalid size."""
    return InputFit(
        crop=options.crop,
        pad=options.pad,
        input_size=Size.parse(options.input_size, what="--input-size") if options.input_size else None,
        keep_metadata=options.keep_metadata,
    )
