"""The journals beside a manifest: how they are called, and what they say together.

`assets.toml` has `assets.journal.jsonl`, and shard 2 of 3 has `assets.journal.2-3.jsonl`. All of them are read; a run
writes to its own (`writing`). Reading changes nothing and needs no lock.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Final

from imagecli.batch.journal.entry import JournalEntry, NewerSchemaError, parse_entry
from imagecli.batch.journal.state import JournalState
from imagecli.batch.shards import Shard
from imagecli.errors import UsageError
from imagecli.events import EventHandler, WarningEvent
from imagecli.quoting import shell_quote
from imagecli.safe_open import UnsafeFileError, open_regular

MAX_LINE_BYTES: Final = 1 << 20
"""A longer line is none of ours."""
MAX_BYTES: Final = 1 << 30
"""A hundred runs of ten thousand rows take about as much; a larger file is refused."""
TOLD_LINES: Final = 5
"""So many unreadable lines of a journal are told one by one."""
_MARKERS: Final = (b"<<<<<<<", b"|||||||", b"=======", b">>>>>>>")


def journal_path(manifest: Path, shard: Shard | None = None) -> Path:
    """The journal that a run writes to."""
    part = f".{shard.index}-{shard.of}" if shard else ""
    return manifest.with_name(f"{manifest.stem}.journal{part}.jsonl")


def find_journals(manifest: Path) -> list[tuple[Path, Shard | None]]:
    """The journals that exist: the whole manifest's, then those of shards. Raises UsageError for a bad folder."""
    return sorted(find_beside(manifest, "jsonl"), key=lambda found: (found[1] is not None, str(found[0])))


def find_beside(manifest: Path, ending: str) -> Iterator[tuple[Path, Shard | None]]:
    """`NAME.journal.ENDING` and `NAME.journal.K-N.ENDING` in the manifest's folder, with their shards."""
    pattern = re.compile(rf"{re.escape(manifest.stem)}\.journal(?:\.([1-9][0-9]*)-([1-9][0-9]*))?\.{ending}", re.ASCII)
    try:
        names = [path.name for path in manifest.parent.iterdir()]
    except OSError as error:
        raise UsageError(f"can't read {manifest.parent}: {error.strerror}", hint="check your rights to it") from error
    for name in names:
        if match := pattern.fullmatch(name):
            shard = Shard(index=int(match[1]), of=int(match[2])) if match[1] else None
            yield manifest.with_name(name), shard


def read_journals(manifest: Path, on_event: EventHandler) -> JournalState:
    """What the journals of *manifest* say; *on_event* hears of lines that can't be read, which are passed over.

    Raises UsageError where a journal can't be read at all, is newer than this imagecli, or is another manifest's too.
    """
    ledger = JournalState()
    for path, _ in find_journals(manifest):
        try:
            with _open_journal(path) as file:
                _JournalParser(path, ledger, on_event).read(file)
        except UnsafeFileError as error:
            raise UsageError(
                f"can't read the journal {path}: {error.strerror}",
                hint=f"if it isn't yours, remove it: rm {shell_quote(path)}",
                code="journal",
            ) from error
        except OSError as error:
            raise UsageError(
                f"can't read the journal {path}: {error.strerror}", hint="check your rights to it", code="journal"
            ) from error
    _check_shared(manifest, ledger)
    return ledger


def _open_journal(path: Path) -> IO[bytes]:
    """Raises UnsafeFileError for a link, a pipe, a device or an enormous file; OSError."""
    file = os.fdopen(open_regular(path, os.O_RDONLY, max_links=None), "rb")
    if os.fstat(file.fileno()).st_size > MAX_BYTES:
        file.close()
        raise UnsafeFileError(path, f"it has more than {MAX_BYTES >> 20:,} MB")
    return file


def _check_shared(manifest: Path, ledger: JournalState) -> None:
    """Two manifests that write to one journal would buy over each other's rows, for ever."""
    for name in sorted(ledger.manifests - {manifest.name}):
        if manifest.with_name(name).exists():
            raise UsageError(
                f"{journal_path(manifest)} is {name}'s journal, and {manifest.name} would write to it too",
                hint=f"give one of them another name: mv {shell_quote(manifest)} "
                f"{shell_quote(manifest.with_stem(manifest.stem + '-2'))}",
                code="journal",
            )


def _without_embedded_state(entry: JournalEntry) -> JournalEntry:
    """*entry*; what an embedded server had for later ended with the process that it was in."""
    return replace(entry, state="failed", planned=()) if entry.sandbox and entry.is_pending else entry


class _JournalParser:
    """One journal on its way into a ledger."""

    def __init__(self, path: Path, ledger: JournalState, on_event: EventHandler) -> None:
        self._path, self._ledger, self._listen = path, ledger, on_event
        self._unreadable = 0
        self._marked = False

    def read(self, file: IO[bytes]) -> None:
        for number, line in enumerate(read_lines(file), start=1):
            if line.strip():
                self._parse_line(number, line)
        if (more := self._unreadable - TOLD_LINES) > 0:
            self._warn(f"{self._path}: {more} more lines can't be read and are passed over")

    def _parse_line(self, number: int, line: bytes) -> None:
        try:
            self._ledger.add(_without_embedded_state(parse_entry(line, self._ledger.intern)))
        except NewerSchemaError as error:
            raise UsageError(
                f"{self._path}:{number} was written by a newer imagecli (schema {error}, this one reads 1)",
                hint="update imagecli; or move the journal away and take what stands there with --adopt",
                code="journal",
            ) from error
        except ValueError as error:
            if line.endswith(b"\n"):  # else torn by a kill or a full disk: no word of it counts
                self._skip_line(number, line, error)

    def _skip_line(self, number: int, line: bytes, error: ValueError) -> None:
        if line.startswith(_MARKERS):
            if not self._marked:
                self._warn(f"{self._path}:{number} has a conflict of git: both sides are read; remove its marker lines")
            self._marked = True
            return
        self._unreadable += 1
        if self._unreadable <= TOLD_LINES:
            self._warn(f"{self._path}:{number} can't be read and is passed over: {error}")

    def _warn(self, message: str) -> None:
        self._listen(WarningEvent(code="journal", message=message))


def read_lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of *file* with their ends; of one that is too long only its beginning, so that memory stays flat."""
    while line := file.readline(MAX_LINE_BYTES):
        rest = line
        while not rest.endswith(b"\n") and (rest := file.readline(MAX_LINE_BYTES)):
            line = line[:MAX_LINE_BYTES] + rest[-1:]
        yield line
