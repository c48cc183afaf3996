"""Reads the journals of a manifest: all of them, the whole manifest's and those of its shards.

A run writes to its own (`writer`). Reading changes nothing and needs no lock.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Final

from imagecli.batch.journal.entry import SCHEMA, JournalEntry, NewerSchemaError, parse_entry
from imagecli.batch.journal.paths import find_journals, journal_path
from imagecli.batch.journal.state import JournalState
from imagecli.errors import UsageError, os_error_reason
from imagecli.events import EventHandler, WarningEvent
from imagecli.quoting import shell_quote
from imagecli.safe_open import UnsafeFileError, open_regular

MAX_LINE_BYTES: Final = 1 << 20
"""A longer line was not written by imagecli."""
MAX_BYTES: Final = 1 << 30
"""A hundred runs of ten thousand rows take about as much; a larger file is refused."""
WARNED_LINES: Final = 5
"""Unreadable lines of a journal that get a warning each; the others are counted."""
_CONFLICT_MARKERS: Final = (b"<<<<<<<", b"|||||||", b"=======", b">>>>>>>")
"""The beginning of lines that git inserts in a merge conflict."""


def read_journals(manifest: Path, on_event: EventHandler) -> JournalState:
    """Reads all journals of *manifest*. Lines that can't be read are skipped, with a warning to *on_event*.

    Raises UsageError for a journal that can't be opened, is newer than this imagecli, or is also another manifest's.
    """
    state = JournalState()
    for path, _ in find_journals(manifest):
        try:
            with _open_journal(path) as file:
                _JournalParser(path, state, on_event).read(file)
        except UnsafeFileError as error:
            raise UsageError(
                f"can't read journal {path}: {os_error_reason(error)}",
                hint=f"if it isn't yours, remove it: rm {shell_quote(path)}",
                code="journal",
            ) from error
        except OSError as error:
            raise UsageError(
                f"can't read journal {path}: {os_error_reason(error)}", hint="check its permissions", code="journal"
            ) from error
    _check_not_shared(manifest, state)
    return state


def _open_journal(path: Path) -> IO[bytes]:
    """Raises UnsafeFileError for a link, a pipe, a device or an enormous file; OSError."""
    file = os.fdopen(open_regular(path, os.O_RDONLY, max_links=None), "rb")
    if os.fstat(file.fileno()).st_size > MAX_BYTES:
        file.close()
        raise UnsafeFileError(path, f"larger than {MAX_BYTES >> 20:,} MB")
    return file


def _check_not_shared(manifest: Path, state: JournalState) -> None:
    """Raises UsageError if another manifest writes to the same journal: each run would replace the other's files."""
    for name in sorted(state.manifests - {manifest.name}):
        if manifest.with_name(name).exists():
            raise UsageError(
                f"{journal_path(manifest)} is already the journal of {name}, so {manifest.name} can't use it",
                hint=f"rename one of the manifests: mv {shell_quote(manifest)} "
                f"{shell_quote(manifest.with_stem(manifest.stem + '-2'))}",
                code="journal",
            )


def _without_embedded_state(entry: JournalEntry) -> JournalEntry:
    """*entry*, but failed if an embedded server had it pending: that ended with its process."""
    return replace(entry, state="failed", planned=()) if entry.sandbox and entry.is_pending else entry


class _JournalParser:
    """Parses one journal into a JournalState."""

    def __init__(self, path: Path, state: JournalState, on_event: EventHandler) -> None:
        self._path, self._state, self._on_event = path, state, on_event
        self._unreadable = 0
        self._has_conflict = False

    def read(self, file: IO[bytes]) -> None:
        for number, line in enumerate(read_lines(file), start=1):
            if line.strip():
                self._parse_line(number, line)
        if (more := self._unreadable - WARNED_LINES) > 0:
            self._warn(f"{self._path}: skipped {more:,} more unreadable {'line' if more == 1 else 'lines'}")

    def _parse_line(self, number: int, line: bytes) -> None:
        try:
            self._state.add(_without_embedded_state(parse_entry(line)))
        except NewerSchemaError as error:
            raise UsageError(
                f"{self._path}:{number} was written by a newer imagecli (schema {error}, expected {SCHEMA})",
                hint="update imagecli, or move the journal away and use --adopt",
                code="journal",
            ) from error
        except ValueError as error:
            # A last line without a newline was torn by a kill or a full disk, and is ignored.
            if line.endswith(b"\n"):
                self._skip_line(number, line, error)

    def _skip_line(self, number: int, line: bytes, error: ValueError) -> None:
        if line.startswith(_CONFLICT_MARKERS):
            if not self._has_conflict:
                self._warn(f"{self._path}:{number} contains git conflict markers; remove them (both sides are read)")
            self._has_conflict = True
            return
        self._unreadable += 1
        if self._unreadable <= WARNED_LINES:
            self._warn(f"{self._path}:{number}: skipped an unreadable line: {error}")

    def _warn(self, message: str) -> None:
        self._on_event(WarningEvent(code="journal", message=message))


def read_lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of *file* with their newlines; of a too long one only the beginning, so that memory is bounded."""
    while line := file.readline(MAX_LINE_BYTES):
        rest = line
        while not rest.endswith(b"\n") and (rest := file.readline(MAX_LINE_BYTES)):
            line = line[:MAX_LINE_BYTES] + rest[-1:]
        yield line
