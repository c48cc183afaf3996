"""What all journals of a manifest say together: the last word on every purchase and on every file. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from imagecli.batch.journal.entry import FileRecord, JournalEntry

Known = tuple[JournalEntry, FileRecord]
"""A file, and the entry that tells of it."""


class JournalState:
    """Takes entries in and keeps the last word of each purchase and file: memory grows with these, not with lines."""

    def __init__(self) -> None:
        self._last: dict[str, JournalEntry] = {}
        self._saved: dict[str, JournalEntry] = {}
        self._by_plan: dict[str, JournalEntry] = {}
        self._by_path: dict[str, JournalEntry] = {}
        self._by_hash: dict[str, list[JournalEntry]] | None = None
        self._shared: dict[str, str] = {}
        self.runs = 0
        """The latest run's number; 0 where there was none."""
        self.manifests: set[str] = set()
        """The file names of the manifests that wrote here."""
        self.submissions: set[str] = set()
        """All that was ever handed to a provider's Batch API."""

    def add(self, entry: JournalEntry) -> None:
        """Takes in a line. Of two words the one of the later run counts, of one run's the one that comes later."""
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

    def intern(self, text: str) -> str:
        """The same text, one object for all entries that have it."""
        return self._shared.setdefault(text, text)

    def last_entry(self, id: str) -> JournalEntry | None:
        """The last word on a purchase."""
        return self._last.get(id)

    def pending(self) -> Iterator[JournalEntry]:
        """The last words on purchases that a provider's Batch API has."""
        return (entry for entry in self._last.values() if entry.is_pending)

    def files_by_hash(self, hash: str) -> tuple[Known, ...]:
        """The files that purchases of this request have brought, whatever their ids; of earlier runs, as the index
        is made at the first call.
        """
        if self._by_hash is None:
            self._by_hash = {}
            for entry in self._saved.values():
                self._by_hash.setdefault(entry.hash, []).append(entry)
        return tuple((entry, file) for entry in self._by_hash.get(hash, ()) for file in entry.files)

    def file_planned_at(self, path: str) -> Known | None:
        """The file that was saved where *path* was planned; else the one that was saved there by another plan."""
        if entry := self._by_plan.get(path):
            return entry, next(file for file in entry.files if file.plan == path)
        return self.file_at(path)

    def file_at(self, path: str) -> Known | None:
        """The file that was saved as *path*."""
        entry = self._by_path.get(path)
        return (entry, next(file for file in entry.files if file.path == path)) if entry else None

    def files(self) -> Iterator[Known]:
        """Every file that was ever saved, as it was saved last, in the order of first appearance."""
        for path in self._by_path:
            if known := self.file_at(path):
                yield known


def _keep_later(kept: dict[str, JournalEntry], key: str, entry: JournalEntry) -> None:
    before = kept.get(key)
    if before is None or before.run <= entry.run:
        kept[key] = entry
