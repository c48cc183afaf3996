"""Saves the mask that was painted for a command if the command fails."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from imagecli.commands.image.context import CommandContext, PaintedMask
from imagecli.errors import DiskError
from imagecli.events import NoteEvent, WarningEvent
from imagecli.output.terminal import print_note
from imagecli.quoting import shell_quote
from imagecli.storage.atomic_write import save_file

_MASK_FLAGS: Final = ("--paint", "--mask-invert", "--mask-fit")
_MASK_OPTIONS: Final = ("--mask", "--mask-rect", "--mask-ellipse")
"""What a painted mask replaces in a command line; each of these has a value."""


@contextmanager
def keep_painted_mask(context: CommandContext) -> Iterator[None]:
    """Saves the painted mask of *context* if the block raises; without one it does nothing."""
    try:
        yield
    except BaseException:
        if context.painted_mask:
            print_note(save_painted_mask(context.painted_mask)[1].message, context.env)
        raise


def with_saved_mask(context: CommandContext, mask: PaintedMask) -> tuple[CommandContext, NoteEvent | WarningEvent]:
    """Saves *mask* after a failure; *context* with the command that uses the file, and a note on it."""
    path, note = save_painted_mask(mask)
    if path is None:
        return context, note
    argv = tuple(_with_mask_file(context.env.argv, path))
    return context._replace(env=context.env._replace(argv=argv)), note


def save_painted_mask(mask: PaintedMask) -> tuple[Path | None, NoteEvent | WarningEvent]:
    """Writes *mask* to the current folder; its path, None if that failed, and a note on it."""
    name = Path(f"{mask.stem}-mask.png")
    try:
        path = save_file(mask.data, name)
    except DiskError as error:
        message = f"the painted mask could not be saved: {error.message}; the page has a copy to download"
        return None, WarningEvent(code="mask_lost", message=message)
    message = f"the painted mask is saved as {path}; use --mask {shell_quote(str(path))} instead of --paint"
    return path, NoteEvent(code="mask_saved", message=message)


def _with_mask_file(argv: Sequence[str], path: Path) -> Iterable[str]:
    """*argv* with the mask at *path* instead of --paint and what painting started from."""
    words = iter(argv)
    for word in words:
        if word == "--":
            yield from (word, *words)
        elif word in _MASK_OPTIONS:
            next(words, None)
        elif word == "--paint":
            yield from ("--mask", str(path))
        elif word not in _MASK_FLAGS and word.partition("=")[0] not in _MASK_OPTIONS:
            yield word
