"""Which parameters exclude or need each other. Source: OpenAI API reference, images, read 2026-11-22."""

from __future__ import annotations

from typing import Final

from imagecli.catalog import ModelRow
from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.forms import Form
from imagecli.sandbox.parameters import invalid

COMPRESSED: Final = ("jpeg", "webp")
"""Formats with a quality of their own."""
SEE_THROUGH: Final = ("png", "webp")
"""Formats that a transparent background can be had in."""
WHOLE_ONLY: Final = ("gif", "svg")
"""Formats that come in one piece, never as a stream."""
OF_FORMAT: Final = {"frame_count": "gif", "frame_duration_ms": "gif", "svg": "svg"}
"""Parameter → the only format it belongs to."""


def check_combinations(form: Form, output_format: str, row: ModelRow, *, stream: bool) -> None:
    """Raises ApiError for the first pair that does not go together. *output_format* is the one that will be made."""
    for name, wanted in OF_FORMAT.items():
        if name in form.values and output_format != wanted:
            raise invalid(name, f"'{name}' is only supported when 'output_format' is '{wanted}'.")
    if "partial_images" in form.values and not stream:
        raise invalid("partial_images", "'partial_images' is only supported when 'stream' is true.")
    if stream and output_format in WHOLE_ONLY:
        raise invalid("stream", f"Streaming is not supported for {output_format.upper()} output format.")
    if form.values.get("background") == "transparent" and output_format not in SEE_THROUGH:
        said = f"Transparent background is not supported for {output_format.upper()} output format."
        raise invalid("background", said)
    _check_drawings(form, output_format, row)


def check_compression(compression: int, output_format: str, *, sent: bool) -> None:
    """100 says nothing, so png takes it."""
    kind = output_format.upper()
    if compression < 100 and output_format not in COMPRESSED:
        raise invalid("output_compression", f"Compression less than 100 is not supported for {kind} output format.")
    if sent and output_format in WHOLE_ONLY:
        raise invalid("output_compression", f"Compression is not supported for {kind} output format.")


def _check_drawings(form: Form, output_format: str, row: ModelRow) -> None:
    if form.masks and form.markups:
        raise invalid("markup", "'markup' cannot be used together with 'mask'.")
    if form.masks and output_format == "gif":
        raise invalid("mask", "'mask' is not supported for GIF output format.")
    if form.markups and "markup" not in row.parameters:
        raise ApiError("Unknown parameter: 'markup'.", param="markup", code="unknown_parameter")
