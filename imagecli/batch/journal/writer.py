"""Appends to a journal: an entry is on the disk before anything else happens, and a torn line is never built upon."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from imagecli.batch.journal.entry import JournalEntry, NewerSchemaError, entry_to_line, parse_entry
from imagecli.batch.journal.reader import MAX_LINE_BYTES, journal_path, read_lines
from imagecli.batch.journal.state import JournalState
from imagecli.batch.shards import Shard
from imagecli.errors import DiskError, OutputError
from imagecli.quoting import shell_quote
from imagecli.safe_open import UnsafeFileError, open_regular
from imagecli.storage.atomic import os_error_reason, sync_folder

_PIECE_BYTES: Final = 1 << 16
_FLAGS: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT
_FIRST_KEYS: Final = (b'{"base_url":', b'{"batch":', b'{"cost_usd":')
"""What an entry can begin with: its keys are sorted, and `cost_usd` is always there."""


class JournalWriter:
    """One journal, open to all threads of a run. Whoever writes holds the manifest's lock (`lock.manifest_lock`)."""

    def __init__(self, manifest: Path, shard: Shard | None, ledger: JournalState) -> None:
        self.path = journal_path(manifest, shard)
        self._manifest = manifest.name
        self._ledger: JournalState | None = ledger
        self._run = ledger.runs + 1
        self._mutex = threading.Lock()

    def open(self) -> None:
        """Makes the file if it is missing, and mends what a kill or a full disk left: to be done before paying.

        Raises OutputError.
        """
        try:
            is_new = not self.path.exists()
            descriptor = open_regular(self.path, _FLAGS)
            try:
                if not _looks_like_journal(descriptor):
                    raise UnsafeFileError(self.path, "it is not a journal of imagecli")
                _repair_last_line(descriptor)
            finally:
                os.close(descriptor)
            if is_new:
                sync_folder(self.path.parent)
        except UnsafeFileError as error:
            raise OutputError(
                f"can't write the journal {self.path}: {error.strerror}",
                hint=f"move it away or rename the manifest: mv {shell_quote(self.path)} "
                f"{shell_quote(self.path.with_name(self.path.name + '.old'))}",
            ) from error
        except OSError as error:
            raise OutputError(
                f"can't write the journal {self.path}: {os_error_reason(error)}",
                hint="make the manifest's folder writable: without a journal a second run would buy all again",
            ) from error

    def detach_state(self) -> None:
        """The ledger hears of nothing more: nobody asks it any longer, and its memory would grow with the rows."""
        self._ledger = None

    def write(self, entry: JournalEntry) -> JournalEntry:
        """Appends *entry* as this run's, and the ledger hears of it; back when it is on the disk. Raises DiskError.

        The file is opened anew, as git may have put another in its place.
        """
        return self.write_all((entry,))[0]

    def write_all(self, entries: Sequence[JournalEntry]) -> tuple[JournalEntry, ...]:
        """As `write`, for several that are true together: all of them are written, or none."""
        ours = tuple(replace(entry, manifest=self._manifest, run=self._run) for entry in entries)
        try:
            descriptor = open_regular(self.path, _FLAGS)
            try:
                with self._mutex:
                    _append(descriptor, b"".join(map(entry_to_line, ours)))
                    if self._ledger:
                        for entry in ours:
                            self._ledger.add(entry)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise DiskError(
                f"can't write the journal {self.path}: {os_error_reason(error)}",
                hint="free some space there; what was saved is kept, and --adopt tells the journal of it",
            ) from error
        return ours


def _append(descriptor: int, line: bytes) -> None:
    """All of *line* or nothing of it, on a line of its own; it may be several. Raises OSError."""
    before = os.fstat(descriptor).st_size
    if before:
        os.lseek(descriptor, before - 1, os.SEEK_SET)
        line = line if os.read(descriptor, 1) == b"\n" else b"\n" + line
    try:
        left = memoryview(line)
        while left:
            left = left[os.write(descriptor, left) :]
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, before)
        raise


def _looks_like_journal(descriptor: int) -> bool:
    """Whether a line of it is an entry, or there is nothing but the beginning of one that a kill cut off."""
    unreadable = []
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        for line in filter(bytes.strip, read_lines(file)):
            try:
                parse_entry(line)
            except NewerSchemaError:
                return True
            except ValueError:
                unreadable.append(line[:20])
            else:
                return True
    match unreadable:
        case []:
            return True
        case [begin]:
            return any(begin.startswith(key) or key.startswith(begin) for key in _FIRST_KEYS)
        case _:
            return False


def _repair_last_line(descriptor: int) -> None:
    """Ends a last line that is whole, and takes a torn one away."""
    begin = _last_line_start(descriptor)
    os.lseek(descriptor, begin, os.SEEK_SET)
    tail = os.read(descriptor, MAX_LINE_BYTES)
    if not tail:
        return
    try:
        parse_entry(tail)
    except NewerSchemaError:
        os.write(descriptor, b"\n")
    except ValueError:
        os.ftruncate(descriptor, begin)
    else:
        os.write(descriptor, b"\n")
    os.fsync(descriptor)


def _last_line_start(descriptor: int) -> int:
    """Where what stands behind the last line's end begins: the file's length where nothing does."""
    end = os.fstat(descriptor).st_size
    while end > 0:
        begin = max(0, end - _PIECE_BYTES)
        os.lseek(descriptor, begin, os.SEEK_SET)
        if (found := os.read(descriptor, end - begin).rfind(b"\n")) >= 0:
            return begin + found + 1
        end = begin
    return 0
