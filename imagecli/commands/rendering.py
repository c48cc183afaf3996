"""Flags → the frozen values of what is made and how inputs may change. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from imagecli.domain import Framing, Json, Rendering, Size
from imagecli.errors import UsageError
from imagecli.options import InputOptions, PictureOptions


def rendering_of(picture: PictureOptions, values: Mapping[str, Any], model: str) -> Rendering:
    """What the picture flags and the settled *values* ask for. Raises UsageError for a --param that is none."""
    return Rendering(
        model=model,
        n=picture.n,
        size=values.get("size"),
        quality=values.get("quality"),
        background=values.get("background"),
        output_format=values.get("output_format"),
        output_compression=values.get("output_compression"),
        moderation=picture.moderation,
        style=picture.style,
        response_format=picture.response_format,
        user=picture.user,
        params=tuple(_param(pair) for pair in picture.param or []),
    )


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
