"""Keeps the mask that was painted for a command until its edit has ended, and saves it as a file if that fails."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from imagecli.commands.image.context import CommandContext, PaintedMask
from imagecli.domain import MAX_IMAGE_BYTES
from imagecli.errors import DiskError
from imagecli.events import NoteEvent, WarningEvent
from imagecli.file_lock import try_lock
from imagecli.output.terminal import print_note
from imagecli.quoting import shell_quote
from imagecli.safe_open import make_private_folder, open_regular, read_regular
from imagecli.storage.atomic_write import save_file

_FOLDER: Final = "painted"
_MASK_FLAGS: Final = ("--paint", "--mask-invert", "--mask-fit")
_MASK_OPTIONS: Final = ("--mask", "--mask-rect", "--mask-ellipse")
"""What a painted mask replaces in a command line; each of these has a value."""


@contextmanager
def keep_painted_mask(context: CommandContext) -> Iterator[None]:
    """Saves the painted mask of *context* if the block raises; without one it does nothing.

    Until the block is left, no other process takes the copy in the state folder for one of an interrupted edit.
    """
    mask = context.painted_mask
    with ExitStack() as stack:
        with suppress(OSError):
            if mask and mask.stored_path:
                stack.enter_context(_lock(mask.stored_path))
        try:
            yield
        except BaseException:
            if mask:
                print_note(save_painted_mask(mask)[1].message, context.env)
            raise


def keep_in_state_folder(mask: PaintedMask, context: CommandContext) -> PaintedMask:
    """*mask*, with a copy that outlives a killed command, if the state folder can be written to."""
    folder = context.settings.state_dir / _FOLDER
    try:
        make_private_folder(folder)
        return mask._replace(stored_path=save_file(mask.data, folder / mask.name))
    except (OSError, DiskError):
        return mask


def discard_kept_mask(mask: PaintedMask) -> None:
    """Removes the copy in the state folder: its edit has ended well, or the mask is saved."""
    if mask.stored_path:
        with suppress(OSError):
            mask.stored_path.unlink()
            mask.stored_path.parent.rmdir()


def find_kept_masks(state_dir: Path) -> list[PaintedMask]:
    """The masks whose edits were interrupted before they could save them."""
    masks = []
    for path in sorted((state_dir / _FOLDER).glob("*.png")):
        with suppress(OSError), _lock(path) as is_free:
            if is_free:
                masks.append(PaintedMask(data=read_regular(path, MAX_IMAGE_BYTES), name=path.name, stored_path=path))
    return masks


@contextmanager
def _lock(path: Path) -> Iterator[bool]:
    """Whether *path* is locked by this process until the block is left; False if another one has it. Raises OSError."""
    with os.fdopen(open_regular(path, os.O_RDWR), "rb") as file:
        yield try_lock(file.fileno())


def with_saved_mask(context: CommandContext, mask: PaintedMask) -> tuple[CommandContext, NoteEvent | WarningEvent]:
    """Saves *mask* after a failure; *context* with the command that uses the file, and a note on it."""
    path, note = save_painted_mask(mask)
    if path is None:
        return context, note
    argv = tuple(_with_mask_file(context.env.argv, path))
    return context._replace(env=context.env._replace(argv=argv)), note


def save_painted_mask(mask: PaintedMask, folder: Path = Path()) -> tuple[Path | None, NoteEvent | WarningEvent]:
    """Writes *mask* to *folder*; its path, None if that failed, and a note on it."""
    try:
        path = save_file(mask.data, folder / mask.name)
    except DiskError as error:
        copy = f"{mask.stored_path} is a copy" if mask.stored_path else "the page has a copy to download"
        message = f"the painted mask could not be saved: {error.message}; {copy}"
        return None, WarningEvent(code="mask_lost", message=message)
    discard_kept_mask(mask)
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
