"""Reads the input images that a command names: files, images of the history, or stdin."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from imagecli.checks.urls import check_not_url
from imagecli.commands.terminal_input import read_stdin
from imagecli.domain import MAX_IMAGE_BYTES, InputSource
from imagecli.env import Env
from imagecli.errors import InputImageError, UsageError
from imagecli.history.reference import is_reference
from imagecli.quoting import shell_quote

if TYPE_CHECKING:
    from imagecli.history.query import HistoryInput


def read_input_source(word: str, env: Env) -> InputSource:
    """The image that *word* names: a file, `@last` or `@ID`, or stdin for `-` (read now, at most 512 MB).

    Raises UsageError if the history has no such image, or its file was moved or changed.
    """
    if is_reference(word):
        path = find_referenced_file(word, env)
        return InputSource(name=str(path), path=path, reference=word)
    if word != "-":
        check_not_url(word, "an input image")
        return InputSource(name=word, path=Path(env.expand_home(word)))
    data = read_stdin(env, "the image", MAX_IMAGE_BYTES)
    if len(data) > MAX_IMAGE_BYTES:
        raise InputImageError("stdin is larger than 512 MB, the limit for an input image")
    return InputSource(name="-", data=data)


def find_referenced_file(reference: str, env: Env) -> Path:
    """The file of an image of the history, as the user would type it.

    Raises UsageError if there is no such image, or its file was moved or changed; HistoryError if the history can't be
    read.
    """
    from imagecli.config.paths import find_folders
    from imagecli.history.database import open_history
    from imagecli.history.query import find_referenced_image

    with open_history(find_folders(env).state) as (connection, _):
        image = find_referenced_image(connection, reference)
    if image.path is None:
        raise UsageError(f"{reference} was written to stdout and is in no file", hint="name a file instead")
    path = _as_typed(image.path)
    check_file_unchanged(path, image.sha256, reference)
    return path


def check_file_unchanged(path: Path, sha256: str, label: str) -> None:
    """Raises UsageError if *path*, which the history has as *label*, is gone or has other content than *sha256*."""
    from imagecli.storage.read import read_bounded

    try:
        data = read_bounded(path, MAX_IMAGE_BYTES)
    except InputImageError as error:
        raise error.with_context(f"the history has it as {label}") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        file = f"./{path}" if is_reference(str(path)) else str(path)
        message = f"{path} has changed since the history recorded it as {label}"
        raise UsageError(message, hint=f"to use it as it is now, name the file: {shell_quote(file)}")


def find_unchanged_file(paths: Sequence[Path], file: HistoryInput, image_id: str) -> Path:
    """The first of *paths* that still has the bytes of *file*, an input of the image *image_id*.

    Raises UsageError if none has.
    """
    label = f"an input of {image_id}"
    if not paths:
        raise UsageError(f"{label} came from stdin, which the history does not store", hint="run the command again")
    problems: list[UsageError] = []
    for path in paths:
        try:
            if file.sha256:
                check_file_unchanged(path, file.sha256, label)
        except UsageError as error:
            problems.append(error)
        else:
            return path
    raise problems[0]


def _as_typed(path: Path) -> Path:
    """*path* from the current folder, if it is below that."""
    with suppress(OSError, ValueError):
        return path.relative_to(Path.cwd())
    return path
