"""An answer as the spool holds it, which is as it came → a file that can be read, unpacked where it came compressed."""

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
    """*body* itself where it is not compressed; else a nameless file in the first of *folders* that takes it.

    As far as it can be unpacked: damage is announced. Raises UnsavedError for more than any answer has, DiskError.
    """
    body.seek(0)
    if detect_compression(body.read(_PIECE_BYTES)) == "plain":
        yield body
        return
    file, damaged = _copy_decompressed(body, folders)
    with file:
        if damaged:
            said = "the answer came compressed and damaged; what could be unpacked of it is read"
            on_event(WarningEvent(code="damaged_compression", message=said))
        yield file


def read_beginning(body: IO[bytes], count: int) -> bytes:
    """The first *count* bytes of what *body* says, or a few more."""
    body.seek(0)
    unpacker = Decompressor(MAX_ANSWER_BYTES)
    begun = b"".join(unpacker.feed(body.read(count)))
    return begun or b"".join(unpacker.end())


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
    """Whether something of it could not be unpacked."""
    unpacker = Decompressor(MAX_ANSWER_BYTES)
    body.seek(0)
    while piece := body.read(_PIECE_BYTES):
        for part in unpacker.feed(piece):
            file.write(part)
    for part in unpacker.end():
        file.write(part)
    file.flush()
    return unpacker.is_damaged
