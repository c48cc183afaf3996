"""Do the parameters fit each other? Source of the rules: OpenAI API reference, images, read 2026-11-22."""

from __future__ import annotations

from imagecli.domain import Rendering
from imagecli.errors import UsageError


def check_pairs(look: Rendering) -> None:
    """Raises UsageError for two that exclude each other, with the one to change."""
    if look.output_compression is not None:
        if not 0 <= look.output_compression <= 100:
            raise UsageError(f"--output-compression {look.output_compression}: it goes from 0 to 100")
        if look.output_format not in ("jpeg", "webp"):
            raise UsageError(
                f"--output-compression is for jpeg and webp, not for {look.output_format or 'png'}",
                hint="add --output-format webp, or save to a name that ends in .webp or .jpg",
            )
    if look.background == "transparent" and look.output_format not in (None, "png", "webp"):
        raise UsageError(
            f"a transparent background needs png or webp; {look.output_format} has none", hint="--output-format png"
        )
