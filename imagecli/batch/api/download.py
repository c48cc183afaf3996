"""A batch's file: downloaded to the disk first, then read line by line, so that memory stays flat."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final

from imagecli.client.batch_api import GONE, BatchApiClient
from imagecli.errors import DiskError, NetworkError, RefusedError, UnsavedError, is_disk_full, os_error_reason
from imagecli.events import EventHandler, WarningEvent
from imagecli.safe_open import make_private_folder
from imagecli.storage.preflight import MIN_FREE_BYTES

MAX_TRIES: Final = 3
"""Downloads of one file."""
PIECE_BYTES: Final = 256 * 1024
_BLANK_LINES: Final = (b"", b"\r")
_HINT: Final = "run the same command to download them again; the provider still has them"


def download_lines(
    client: BatchApiClient, file_id: str, state_dir: Path, fallback: Path, on_event: EventHandler
) -> Iterator[IO[bytes]]:
    """Downloads a file, then yields its lines, each as a file of its own that is valid until the next one.

    There are none, and a warning, if the provider does not have the file. If every download breaks off, the complete
    lines of the last one are yielded before the error is raised. The file is in *state_dir*, or in *fallback* if that
    is not possible. Raises what the request does, and DiskError.
    """
    folder = _download_folder(state_dir, fallback)
    _check_room(folder, client.get_file_size(file_id, on_event))
    try:
        # It has no name, so that nothing is left of it after a kill either.
        file = TemporaryFile(dir=folder)  # noqa: SIM115 - closed below
    except OSError as error:
        message = f"can't write the batch results to {folder}: {os_error_reason(error)}"
        raise DiskError(message, hint=_disk_hint(error)) from error
    with file:
        failure: NetworkError | UnsavedError | None = None
        for tries_left in reversed(range(MAX_TRIES)):
            file.seek(0)
            file.truncate()
            failure = None
            try:
                client.download_file(file_id, file, on_event)
            except RefusedError as error:
                if error.code != GONE:
                    raise
                on_event(WarningEvent(code="file_gone", message=error.message))
            except DiskError as error:
                raise DiskError(error.message, hint=_disk_hint(error.__cause__)) from error
            except (NetworkError, UnsavedError) as error:
                failure = error
            if failure is None:
                break
            if tries_left:
                on_event(WarningEvent(code="broke_off", message=f"{failure.message}; downloading again"))
        yield from split_lines(file, is_complete=failure is None)
    if failure:
        raise failure


def _download_folder(state_dir: Path, fallback: Path) -> Path:
    folder = state_dir / "spool"
    try:
        make_private_folder(folder)
    except OSError:
        return fallback
    return folder


def _check_room(folder: Path, size: int | None) -> None:
    """Raises DiskError if *folder* has no room for *size* bytes."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return
    # Some network disks report nothing at all.
    if size and usage.total and usage.free < size + MIN_FREE_BYTES:
        raise DiskError(
            f"the batch results need {size / 1024**2:,.0f} MB, "
            f"but {folder} has only {usage.free / 1024**2:,.0f} MB free",
            hint="free some space there, or set IMAGECLI_STATE_DIR to another folder, and run the same command again",
        )


def _disk_hint(error: BaseException | None) -> str:
    return f"free some space there, then {_HINT}" if is_disk_full(error) else _HINT


def split_lines(file: IO[bytes], *, is_complete: bool = True) -> Iterator[IO[bytes]]:
    """The lines of *file* that are not blank, each as a file that ends before the line's end.

    The last line needs no line end, unless *file* is not complete.
    """
    start = offset = 0
    file.seek(0)
    while piece := file.read(PIECE_BYTES):
        position = 0
        while (end := piece.find(b"\n", position)) >= 0:
            yield from _line(file, start, offset + end)
            position = end + 1
            start = offset + position
        offset += len(piece)
        # Reading a line moves the file's position.
        file.seek(offset)
    if is_complete:
        yield from _line(file, start, offset)


def _line(file: IO[bytes], start: int, end: int) -> Iterator[IO[bytes]]:
    """The line from *start* to *end*; nothing if it is blank."""
    line = io.BufferedReader(LineWindow(file, start, end - start))
    if end - start > max(map(len, _BLANK_LINES)) or line.read() not in _BLANK_LINES:
        line.seek(0)
        yield line


class LineWindow(io.RawIOBase):
    """A part of a file, to be read as a file of its own. Only one of a file's windows may be in use at a time."""

    def __init__(self, file: IO[bytes], start: int, length: int) -> None:
        self._file, self._start, self._length = file, start, length
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length}[whence]
        self._position = max(origin + offset, 0)
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        remaining = max(self._length - self._position, 0)
        self._file.seek(self._start + self._position)
        count: int = self._file.readinto(memoryview(buffer)[:remaining])  # type: ignore[attr-defined]
        self._position += count
        return count
