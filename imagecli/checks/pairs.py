"""Do the parts of a request fit each other? Source of the rules: OpenAI API reference, images, read 2026-11-22."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from imagecli.checks.flags import flag_of
from imagecli.domain import Ask, Edit, Rendering
from imagecli.errors import UsageError

ONLY_FOR: Final[Mapping[str, tuple[str, ...]]] = {
    "output_compression": ("jpeg", "webp"),
    "frame_count": ("gif",),
    "frame_duration_ms": ("gif",),
    "svg": ("svg",),
}
"""Parameter → the formats that it is about."""

WHOLE: Final = ("gif", "svg")
"""Formats that are not streamed, and that nothing else is converted to without loss of what they are for."""


def check_pairs(ask: Ask) -> None:
    """Raises UsageError for two that exclude each other, with the one to change."""
    look = ask.rendering
    made = look.output_format or "png"
    for name, formats in ONLY_FOR.items():
        value = getattr(look, name)
        if value is not None and made not in formats:
            raise UsageError(
                f"{flag_of(name, value)} is for {' and '.join(formats)}, not for {made}",
                hint=f"add --output-format {formats[-1]}, or save to a name that ends in .{formats[-1]}",
            )
    if look.background == "transparent" and made not in ("png", "webp"):
        raise UsageError(f"a transparent background needs png or webp; {made} has none", hint="--output-format png")
    if look.fit and made == "svg":
        raise UsageError("--fit is for pixels; an svg has none", hint="leave --fit out: an svg is sharp at any size")
    _check_stream(look, made)
    if isinstance(ask, Edit):
        _check_mask(ask, made)
    elif look.input_fidelity is not None:
        raise UsageError("--input-fidelity is for edits", hint="imagecli edit IMAGE --input-fidelity high")


def _check_stream(look: Rendering, made: str) -> None:
    if look.stream and made in WHOLE:
        raise UsageError(
            f"--stream: {_a(made)} comes whole", hint="leave --stream and --partial-images out, or --output-format png"
        )
    if look.partial_images is not None and not look.stream:
        raise UsageError("--partial-images come in a stream", hint="add --stream")


def _check_mask(ask: Edit, made: str) -> None:
    if ask.mask and made == "gif":
        raise UsageError("--mask: a gif is made without one", hint="--output-format png, or leave --mask out")
    if ask.mask and ask.markup:
        raise UsageError("--mask and --markup exclude each other", hint="leave one of them out")


def _a(made: str) -> str:
    return f"an {made}" if made == "svg" else f"a {made}"
