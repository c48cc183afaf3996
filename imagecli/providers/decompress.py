"""gzip in response bodies: none is requested, but some servers send it, and older spool entries hold it (RFC 1952)."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from imagecli.errors import DiskError, UnsavedError, is_disk_full, os_error_reason
from imagecli.events import EventHandler, WarningEvent, ignore_event

GZIP_MAGIC: Final = b"\x1f\x8b"
MAX_RESPONSE_BYTES: Final = 640 * 1024 * 1024
"""A larger response is not read: ten images of 3840x2160 as base64 PNG have about 400 MB."""
TOO_LARGE: Final = "answer_too_large"
"""Code of the error for a larger one."""
_PIECE_BYTES: Final = 256 * 1024
_GZIP_WINDOW: Final = 31
"""zlib's number for data with a gzip header and trailer."""


class DamagedGzipError(Exception):
    """The rest of a gzip body can't be decompressed; all before the damage has been."""


def gunzip(pieces: Iterable[bytes], max_bytes: int = MAX_RESPONSE_BYTES) -> Iterator[bytes]:
    """The content of a body that arrives in *pieces*: unchanged, unless it begins as gzip does. Headers don't matter.

    Raises DamagedGzipError behind what can be decompressed, and UnsavedError behind *max_bytes* of it.
    """
    pieces, head = iter(pieces), b""
    for piece in pieces:
        head += piece
        if len(head) >= len(GZIP_MAGIC):
            break
    if not head.startswith(GZIP_MAGIC):
        if head:
            yield head
        yield from pieces
        return
    count = 0
    for piece in _inflate(head, pieces):
        yield piece[: max_bytes - count]
        count += len(piece)
        if count > max_bytes:
            raise too_large_error(f"the response is larger than {max_bytes // 2**20} MB when decompressed")


def too_large_error(message: str) -> UnsavedError:
    """The error for a response that is not read to its end, because no images are so large."""
    return UnsavedError(
        f"{message}; the rest was not read",
        hint="no image response is this large; check the provider's usage page",
        code=TOO_LARGE,
    )


def _inflate(data: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The content of one or more gzip members; anything else behind a member is ignored, as padding is."""
    member = zlib.decompressobj(_GZIP_WINDOW)
    while True:
        if member.eof and data:
            if not data.startswith(GZIP_MAGIC[: len(data)]):
                return
            member = zlib.decompressobj(_GZIP_WINDOW)
        while data and not member.eof:
            before = member.copy()
            try:
                content = member.decompress(data, _PIECE_BYTES)  # a bomb makes a thousand times as much
            except zlib.error:
                yield from _inflate_to_damage(before, data)
                raise
            if content:
                yield content
            data = member.unused_data if member.eof else member.unconsumed_tail
        if not data:
            data = next(pieces, b"")
            if not data:
                break
    if not member.eof:
        raise DamagedGzipError("it ended too early")


def _inflate_to_damage(member: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    """What *data* holds before it can't be decompressed any more: zlib's error has swallowed that."""
    for at in range(len(data)):
        try:
            content = member.decompress(data[at : at + 1])
        except zlib.error as error:
            raise DamagedGzipError(str(error)) from error
        if content:
            yield content


@contextmanager
def open_decompressed(
    body: IO[bytes], folders: Sequence[Path], on_event: EventHandler = ignore_event
) -> Iterator[IO[bytes]]:
    """*body* itself unless it is gzip; else a nameless file in the first of *folders* that can be written to.

    A damaged body is decompressed up to the damage, one that is larger than any response up to MAX_RESPONSE_BYTES, both
    with a warning. Raises DiskError.
    """
    body.seek(0)
    if body.read(len(GZIP_MAGIC)) != GZIP_MAGIC:
        yield body
        return
    file, problem = _copy_to_first(folders, body)
    with file:
        if problem and not file.tell():  # nothing of it: it only begins like gzip
            yield body
            return
        if problem:
            on_event(problem)
        yield file


def read_beginning(body: IO[bytes], count: int) -> bytes:
    """At least the first *count* bytes of the content of *body*, if it has as many."""
    beginning = b""
    try:
        for piece in gunzip(_pieces_of(body)):
            beginning += piece
            if len(beginning) >= count:
                break
    except DamagedGzipError:
        pass
    return beginning


def read_pieces(body: IO[bytes]) -> Iterator[bytes]:
    """The content of *body* in pieces, up to any damage. Raises UnsavedError as `gunzip`."""
    try:
        yield from gunzip(_pieces_of(body))
    except DamagedGzipError:
        return


def _pieces_of(body: IO[bytes]) -> Iterator[bytes]:
    body.seek(0)
    while piece := body.read(_PIECE_BYTES):
        yield piece


def _copy_to_first(folders: Sequence[Path], body: IO[bytes]) -> tuple[IO[bytes], WarningEvent | None]:
    """The content of *body* in a temporary file, and a warning if that is not all of it."""
    failure = OSError("no folder is available")
    for folder in folders:
        try:
            file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - returned
        except OSError as error:
            failure = error
            continue
        try:
            return file, _copy(body, file)
        except OSError as error:
            file.close()
            failure = error
        except BaseException:
            file.close()
            raise
    first = "free some space, or " if is_disk_full(failure) else ""
    raise DiskError(
        f"the response is compressed, and can't be decompressed to disk: {os_error_reason(failure)}",
        hint=f"{first}set IMAGECLI_STATE_DIR to another folder",
    ) from failure


def _copy(body: IO[bytes], file: IO[bytes]) -> WarningEvent | None:
    """Decompresses *body* into *file*. Returns a warning if not all of it is there."""
    try:
        for piece in gunzip(_pieces_of(body)):
            file.write(piece)
    except DamagedGzipError:
        message = "the compressed response is damaged; imagecli read only what could be decompressed"
        return WarningEvent(code="damaged_compression", message=message)
    except UnsavedError as error:
        return WarningEvent(code=error.code, message=error.message)
    finally:
        file.flush()
    return None
