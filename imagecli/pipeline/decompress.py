"""Reads a response in the spool, decompressed if the server sent it compressed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from imagecli.client.send import MAX_ANSWER_BYTES
from imagecli.errors import DiskError
from imagecli.events import EventHandler, WarningEvent
from imagecli.providers.decompress import Decompressor, detect_compression
from imagecli.storage.atomic import os_error_reason

_PIECE_BYTES: Final = 256 * 1024


@contextmanager
def open_decompressed(
    body: IO[bytes], folders: Sequence[Path], on_event: EventHandler = lambda event: None
) -> Iterator[IO[bytes]]:
    """*body* itself if it is not compressed; else an unnamed file in the first of *folders* that can be written to.

    If it is damaged, what can be decompressed, with a warning. Raises UnsavedError if it is too large, DiskError.
    """
    body.seek(0)
    if detect_compression(body.read(_PIECE_BYTES)) == "plain":
        yield body
        return
    file, damaged = _copy_decompressed(body, folders)
    with file:
        if damaged:
            message = "the answer came compressed and damaged; what could be unpacked of it is read"
            on_event(WarningEvent(code="damaged_compression", message=message))
        yield file


def read_beginning(body: IO[bytes], count: int) -> bytes:
    """About the first *count* bytes of *body*, decompressed."""
    body.seek(0)
    decompressor = Decompressor(MAX_ANSWER_BYTES)
    return b"".join(decompressor.feed(body.read(count))) or b"".join(decompressor.end())


def _copy_decompressed(body: IO[bytes], folders: Sequence[Path]) -> tuple[IO[bytes], bool]:
    failure = OSError("there is no folder for it")
    for folder in folders:
        try:
            file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - handed on
        except OSError as error:
            failure = error
            continue
        try:
            return file, _write_decompressed(file, body)
        except OSError as error:
            file.close()
            failure = error
        except BaseException:
            file.close()
            raise
    raise DiskError(
        f"the answer came compressed, and there is no room to unpack it: {os_error_reason(failure)}",
        hint="free some space, or set IMAGECLI_STATE_DIR to a folder that has some",
    ) from failure


def _write_decompressed(file: IO[bytes], body: IO[bytes]) -> bool:
    """Returns whether a part could not be decompressed."""
    decompressor = Decompressor(MAX_ANSWER_BYTES)
    body.seek(0)
    while piece := body.read(_PIECE_BYTES):
        for part in decompressor.feed(piece):
            file.write(part)
    for part in decompressor.end():
        file.write(part)
    file.flush()
    return decompressor.is_damaged
