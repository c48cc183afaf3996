"""The content of all journals of a manifest: the latest entry of every item and of every file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from imagecli.batch.journal.entry import FileRecord, JournalEntry


class RecordedFile(NamedTuple):
    """A saved file, and the entry that records it."""

    entry: JournalEntry
    file: FileRecord


class JournalState:
    """Collects entries, and keeps the latest of each item and file. Memory grows with these, not with the lines."""

    def __init__(self) -> None:
        self._last: dict[str, JournalEntry] = {}
        self._saved: dict[str, JournalEntry] = {}
        self._by_plan: dict[str, JournalEntry] = {}
        self._by_path: dict[str, JournalEntry] = {}
        self._by_hash: dict[str, list[JournalEntry]] | None = None
        self._contents: set[str] = set()
        self.runs = 0
        """The number of the latest run; 0 before the first."""
        self.manifests: set[str] = set()
        """The file names of the manifests whose runs wrote the journals."""
        self.submissions: set[str] = set()
        """All submissions to a provider's Batch API so far."""

    def add(self, entry: JournalEntry) -> None:
        """Adds an entry. Of two for the same item or file the later run's counts, and within a run the later one."""
        self.runs = max(self.runs, entry.run)
        if entry.manifest:
            self.manifests.add(entry.manifest)
        if entry.submission:
            self.submissions.add(entry.submission)
        _keep_later(self._last, entry.id, entry)
        if entry.files:
            _keep_later(self._saved, entry.id, entry)
        for file in entry.files:
            _keep_later(self._by_plan, file.plan, entry)
            _keep_later(self._by_path, file.path, entry)
        self._contents.update(file.sha256 for file in (*entry.files, *entry.originals))

    def last_entry(self, id: str) -> JournalEntry | None:
        """The latest entry of an item."""
        return self._last.get(id)

    def has_content(self, sha256: str) -> bool:
        """Whether a file with this content was ever saved for the manifest."""
        return sha256 in self._contents

    def pending(self) -> Iterator[JournalEntry]:
        """The latest entries of items that a provider's Batch API has."""
        return (entry for entry in self._last.values() if entry.is_pending)

    def files_by_hash(self, hash: str) -> tuple[RecordedFile, ...]:
        """The files of items with this request hash, whatever their ids. The index is built at the first call."""
        if self._by_hash is None:
            self._by_hash = {}
            for entry in self._saved.values():
                self._by_hash.setdefault(entry.hash, []).append(entry)
        return tuple(RecordedFile(entry, file) for entry in self._by_hash.get(hash, ()) for file in entry.files)

    def file_planned_at(self, path: str) -> RecordedFile | None:
        """The file that was planned as *path*; else one that was saved as *path* though planned as another."""
        if entry := self._by_plan.get(path):
            return RecordedFile(entry, next(file for file in entry.files if file.plan == path))
        return self.file_at(path)

    def file_at(self, path: str) -> RecordedFile | None:
        """The file that was saved as *path*."""
        entry = self._by_path.get(path)
        return RecordedFile(entry, next(file for file in entry.files if file.path == path)) if entry else None

    def files(self) -> Iterator[RecordedFile]:
        """Every file that was ever saved, as last saved, in the order of first appearance."""
        for path in self._by_path:
            if recorded := self.file_at(path):
                yield recorded


def _keep_later(latest: dict[str, JournalEntry], key: str, entry: JournalEntry) -> None:
    previous = latest.get(key)
    if previous is None or previous.run <= entry.run:
        latest[key] = entry
