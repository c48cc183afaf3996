"""Flags → the frozen values of what is made and how inputs may change. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from imagecli.catalog import ModelRow
from imagecli.checks import settled_size
from imagecli.domain import Framing, Json, Rendering, Size, Svg
from imagecli.errors import UsageError
from imagecli.events import Noted
from imagecli.options import InputOptions, LiveOptions, PictureOptions

MAX_PARTIAL_IMAGES = 3
"""For models without a row. OpenAI API reference, read 2026-11-22."""


def rendering_of(
    picture: PictureOptions, live: LiveOptions, values: Mapping[str, Any], row: ModelRow
) -> tuple[Rendering, tuple[Noted, ...]]:
    """What the picture flags and the settled *values* ask for, in words of the model's *row*; and what to say of it.

    Raises UsageError for a --param that is none, and for a shape that the model doesn't make.
    """
    svg = Svg(model=picture.svg_model, effort=picture.svg_reasoning_effort)
    partial_images = _partial_images(live, row)
    size, notes = settled_size(values.get("size"), values.get("fit"), row)
    return Rendering(
        model=row.name if row.sent else "",
        n=picture.n,
        size=size,
        fit=values.get("fit"),
        quality=values.get("quality"),
        background=values.get("background"),
        output_format=values.get("output_format"),
        output_compression=values.get("output_compression"),
        moderation=picture.moderation,
        complexity=picture.complexity,
        frame_count=picture.frame_count,
        frame_duration_ms=picture.frame_duration_ms,
        svg=svg if svg != Svg() else None,
        safety_identifier=picture.safety_identifier,
        stream=True if live.stream or partial_images is not None else None,
        partial_images=partial_images,
        style=picture.style,
        response_format=picture.response_format,
        user=picture.user,
        params=tuple(_param(pair) for pair in picture.param or []),
    ), notes


def _partial_images(live: LiveOptions, row: ModelRow) -> int | None:
    """How many partial pictures to ask for: what was said, or as many as can be kept where they are to be kept."""
    if live.partial_images is None and live.keep_partials:
        return row.ranges.get("partial_images", (0, MAX_PARTIAL_IMAGES))[1]
    return live.partial_images


def framing_of(options: InputOptions) -> Framing:
    """The framing that flags ask for. Raises UsageError for a size that is none."""
    return Framing(
        crop=options.crop,
        pad=options.pad,
        input_size=Size.parse(options.input_size, what="--input-size") if options.input_size else None,
        keep_metadata=options.keep_metadata,
    )


def _param(pair: str) -> tuple[str, Json]:
    """KEY=VALUE; JSON where it parses, else text."""
    key, equals, text = pair.partition("=")
    if not equals or not key:
        raise UsageError(f"--param {pair!r} is not KEY=VALUE", hint="for example --param seed=7")
    try:
        return key, json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return key, text


def _refuse_constant(word: str) -> None:
    """NaN and Infinity parse in Python, and are no JSON: they go as text."""
    raise ValueError(word)
