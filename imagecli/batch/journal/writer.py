"""Appends entries to a journal. An entry is on the disk when the call returns, and a torn line is never appended to."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from imagecli.batch.journal.entry import JournalEntry, NewerSchemaError, entry_to_line, parse_entry
from imagecli.batch.journal.paths import journal_path
from imagecli.batch.journal.reader import MAX_LINE_BYTES, read_lines
from imagecli.batch.journal.state import JournalState
from imagecli.batch.shards import Shard
from imagecli.errors import DiskError, OutputError, os_error_reason
from imagecli.quoting import shell_quote
from imagecli.safe_open import UnsafeFileError, open_regular
from imagecli.storage.atomic_write import full_disk_hint, sync_folder

_CHUNK_BYTES: Final = 1 << 16
_FLAGS: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT
_FIRST_KEYS: Final = (b'{"base_url":', b'{"batch":', b'{"cost_usd":')
"""The possible beginnings of an entry: its keys are sorted, and it always has `cost_usd`."""


class JournalWriter:
    """Writes one journal, from all threads of a run. The caller holds the manifest's lock (`lock.manifest_lock`)."""

    def __init__(self, manifest: Path, shard: Shard | None, state: JournalState) -> None:
        self.path = journal_path(manifest, shard)
        self._manifest = manifest.name
        self._state: JournalState | None = state
        self._run = state.runs + 1
        self._mutex = threading.Lock()

    def open(self) -> None:
        """Creates the file if it is missing, and repairs a last line torn by a kill or a full disk.

        To be called before the first request: without a journal nothing may be paid for. Raises OutputError.
        """
        try:
            is_new = not self.path.exists()
            descriptor = open_regular(self.path, _FLAGS)
            try:
                if not _looks_like_journal(descriptor):
                    raise UnsafeFileError(self.path, "not an imagecli journal")
                _repair_last_line(descriptor)
            finally:
                os.close(descriptor)
            if is_new:
                sync_folder(self.path.parent)
        except UnsafeFileError as error:
            raise OutputError(
                f"can't write journal {self.path}: {os_error_reason(error)}",
                hint=f"move it away: mv {shell_quote(self.path)} "
                f"{shell_quote(self.path.with_name(self.path.name + '.old'))}",
            ) from error
        except OSError as error:
            raise OutputError(
                f"can't write journal {self.path}: {os_error_reason(error)}",
                hint="make the manifest's folder writable; without a journal, every run would pay for all images again",
            ) from error

    def detach_state(self) -> None:
        """Stops adding entries to the state, which is no longer used and would grow with the rows."""
        self._state = None

    def write(self, entry: JournalEntry) -> JournalEntry:
        """Appends *entry* as this run's, and adds it to the state. Returns when it is on the disk. Raises DiskError."""
        return self.write_all((entry,))[0]

    def write_all(self, entries: Sequence[JournalEntry]) -> tuple[JournalEntry, ...]:
        """Like `write`, for several entries: all of them are written, or none."""
        stamped = tuple(replace(entry, manifest=self._manifest, run=self._run) for entry in entries)
        try:
            # Opened for each write, as git may have replaced the file.
            descriptor = open_regular(self.path, _FLAGS)
            try:
                with self._mutex:
                    _append(descriptor, b"".join(map(entry_to_line, stamped)))
                    if self._state:
                        for entry in stamped:
                            self._state.add(entry)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise DiskError(
                f"can't write journal {self.path}: {os_error_reason(error)}",
                hint=f"{full_disk_hint(error)}then run the same command again; saved files are kept",
            ) from error
        return stamped


def _append(descriptor: int, lines: bytes) -> None:
    """Appends all of *lines* or nothing, beginning on a new line. Raises OSError."""
    size_before = os.fstat(descriptor).st_size
    if size_before:
        os.lseek(descriptor, size_before - 1, os.SEEK_SET)
        if os.read(descriptor, 1) != b"\n":
            lines = b"\n" + lines
    try:
        remaining = memoryview(lines)
        while remaining:
            remaining = remaining[os.write(descriptor, remaining) :]
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size_before)
        raise


def _looks_like_journal(descriptor: int) -> bool:
    """Whether the file has an entry, is empty, or has only the beginning of an entry that a kill cut off."""
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
        case [beginning]:
            return any(beginning.startswith(key) or key.startswith(beginning) for key in _FIRST_KEYS)
        case _:
            return False


def _repair_last_line(descriptor: int) -> None:
    """Adds the newline to a complete last line, and removes a torn one."""
    start = _last_line_start(descriptor)
    os.lseek(descriptor, start, os.SEEK_SET)
    tail = os.read(descriptor, MAX_LINE_BYTES)
    if not tail:
        return
    try:
        parse_entry(tail)
    except NewerSchemaError:
        os.write(descriptor, b"\n")
    except ValueError:
        os.ftruncate(descriptor, start)
    else:
        os.write(descriptor, b"\n")
    os.fsync(descriptor)


def _last_line_start(descriptor: int) -> int:
    """The offset behind the last newline: the file's length if nothing follows it."""
    end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - _CHUNK_BYTES)
        os.lseek(descriptor, start, os.SEEK_SET)
        newline = os.read(descriptor, end - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
