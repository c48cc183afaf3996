"""Reads files and pipes that the user named, with limits on size and time."""

from __future__ import annotations

import difflib
import errno
import hashlib
import os
import select
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from imagecli.errors import InputImageError, UsageError, os_error_reason
from imagecli.suggestions import suggest

NO_WRITER_SECONDS: Final = 5.0
"""How long a pipe may have no writer."""

SILENCE_SECONDS: Final = 60.0
"""How long the writer of a pipe may send nothing: `<(curl …)` downloads before it writes."""

_PIECE: Final = 1 << 20


def check_regular_file(path: Path, limit: int, *, error: type[UsageError] = InputImageError) -> None:
    """Raises *error* if *path* is missing, unreadable, not a regular file, or larger than *limit* bytes.

    Reads nothing. Unlike `read_bounded` it accepts no pipe.
    """
    with _translate_open_errors(path, error):
        status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise error(f"{path} is {_kind(status.st_mode)}, not a file", hint="use a file")
    if status.st_size > limit:
        raise _too_large(path, status.st_size, limit, error)
    if not os.access(path, os.R_OK):
        raise error(f"can't read {path}: permission denied", hint="check the name and its permissions")


def file_sha256(path: Path) -> str:
    """The sha256 of a file in 64 hex digits, read in pieces. Raises OSError, ValueError for an impossible name."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def has_content(path: Path, sha256: str) -> bool:
    """Whether the regular file *path* has this sha256; False also if it can't be read."""
    try:
        return file_sha256(path) == sha256
    except OSError:
        return False


def read_bounded(path: Path, limit: int, *, error: type[UsageError] = InputImageError) -> bytes:
    """The content of *path*, a regular file or a pipe, of at most *limit* bytes.

    Raises *error* if it is missing, unreadable, something else, larger, or a pipe from which nothing arrives.
    """
    with _translate_open_errors(path, error):
        # Without O_NONBLOCK, opening a pipe without a writer would block forever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        return _read(descriptor, path, limit, error)
    except OSError as problem:
        raise error(f"can't read {path}: {os_error_reason(problem)}", hint="check the file and its disk") from problem
    finally:
        os.close(descriptor)


def _read(descriptor: int, path: Path, limit: int, error: type[UsageError]) -> bytes:
    status = os.fstat(descriptor)
    is_pipe = stat.S_ISFIFO(status.st_mode)
    if not is_pipe and not stat.S_ISREG(status.st_mode):
        raise error(f"{path} is {_kind(status.st_mode)}, not a file", hint="use a file")
    data = bytearray()
    while len(data) <= limit and status.st_size <= limit:
        size = min(_PIECE, limit + 1 - len(data))
        piece = _read_pipe(descriptor, size, path, error) if is_pipe else os.read(descriptor, size)
        if not piece:
            return bytes(data)
        data += piece
    raise _too_large(path, status.st_size, limit, error)


def _too_large(path: Path, length: int, limit: int, error: type[UsageError]) -> UsageError:
    size = f"{length / 1e6:.1f} MB; " if length else ""
    return error(f"{path} is too large: {size}the limit is {limit / 1e6:g} MB", hint="use a smaller file")


def _kind(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "a pipe"
    return "a folder" if stat.S_ISDIR(mode) else "a device"


def _read_pipe(descriptor: int, size: int, path: Path, error: type[UsageError]) -> bytes:
    """The next bytes; empty after the last writer has closed the pipe."""
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    begin = time.monotonic()
    while True:
        if poller.poll(500):
            return os.read(descriptor, size)
        try:
            # Without a writer a pipe reads as ended, even if one will open it later.
            if piece := os.read(descriptor, size):
                return piece
            timeout = NO_WRITER_SECONDS
        except BlockingIOError:
            timeout = SILENCE_SECONDS
        if time.monotonic() - begin >= timeout:
            raise error(
                f"{path} is a pipe; nothing was written to it for {timeout:.0f} s",
                hint="start the command that writes to it, or use a file",
            )


@contextmanager
def _translate_open_errors(path: Path, error: type[UsageError]) -> Iterator[None]:
    """Raises *error*, with a similar name as the hint, if the block can't open *path*."""
    try:
        yield
    except OSError as problem:
        raise error(_open_failure(path, problem), hint=_suggest_nearby(path, problem)) from problem
    except ValueError as problem:
        raise error(f"invalid file name {str(path)!r}: {problem}", hint="check the name") from problem


def _open_failure(path: Path, problem: OSError) -> str:
    if problem.errno == errno.ENOENT and path.is_symlink():
        return f"{path} is a link to {path.readlink()}, which does not exist"
    if problem.errno == errno.ENOENT:
        return f"{path} does not exist"
    if problem.errno == errno.ELOOP:
        return f"{path} is a circular link"
    if problem.errno == errno.ENXIO:
        return f"{path} is a socket or device, not a file"
    return f"can't read {path}: {os_error_reason(problem)}"


def _suggest_nearby(path: Path, problem: OSError) -> str:
    if problem.errno != errno.ENOENT or path.is_symlink():
        return "check the name and its permissions"
    try:
        names = [entry.name for entry in path.parent.iterdir() if _are_similar_names(entry.stem, path.stem)]
    except OSError:
        return f"the folder {path.parent}/ does not exist"
    near = suggest(path.name, names)
    return f"did you mean {path.with_name(near)}?" if near else "check the name and the folder"


def _are_similar_names(one: str, other: str) -> bool:
    """Compares names without extensions: these are alike for unrelated files."""
    return difflib.SequenceMatcher(None, one, other).ratio() >= 0.6
