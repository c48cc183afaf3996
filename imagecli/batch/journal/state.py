"""The content of all journals of a manifest: the latest entry of every item and of every file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter
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
        self._superseded: dict[str, list[RecordedFile]] = {}
        self._by_content: dict[str, JournalEntry] = {}
        self._submitted: dict[str, dict[str, JournalEntry]] = {}
        """Id → submission → the latest entry with it."""
        self._live_runs: dict[str, int] = {}
        """Id → the latest run that sent a live request."""
        self._unnamed_ends: dict[str, int] = {}
        """Id → the latest run that ended it without a live request and without naming a submission."""
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
            _keep_later(self._submitted.setdefault(entry.id, {}), entry.submission, entry)
        elif entry.state == "sent":
            self._live_runs[entry.id] = max(entry.run, self._live_runs.get(entry.id, 0))
        elif entry.state in ("saved", "failed") and self._live_runs.get(entry.id) != entry.run:
            self._unnamed_ends[entry.id] = max(entry.run, self._unnamed_ends.get(entry.id, 0))
        _keep_later(self._last, entry.id, entry)
        if entry.files:
            _keep_later(self._saved, entry.id, entry)
        for file in entry.files:
            self._add_planned(RecordedFile(entry, file))
            _keep_later(self._by_path, file.path, entry)
        for file in (*entry.files, *entry.originals):
            _keep_later(self._by_content, file.sha256, entry)

    def _add_planned(self, added: RecordedFile) -> None:
        """Keeps the latest record of a planned path, and those of other files that it supersedes."""
        plan = added.file.plan
        previous = self.file_planned_at(plan) if plan in self._by_plan else None
        _keep_later(self._by_plan, plan, added.entry)
        if previous and (previous.file.path, previous.file.sha256) != (added.file.path, added.file.sha256):
            superseded = added if self._by_plan[plan] is previous.entry else previous
            self._superseded.setdefault(plan, []).insert(0, superseded)

    def last_entry(self, id: str) -> JournalEntry | None:
        """The latest entry of an item."""
        return self._last.get(id)

    def entry_with_content(self, sha256: str) -> JournalEntry | None:
        """The latest entry that a file with this content was saved for."""
        return self._by_content.get(sha256)

    def pending(self) -> Iterator[JournalEntry]:
        """The entries of all submissions that a provider's Batch API has."""
        return (entry for item_id in self._submitted for entry in self.pending_entries(item_id))

    def pending_entries(self, id: str) -> tuple[JournalEntry, ...]:
        """The entries of an item's submissions that a provider's Batch API has, the latest first.

        There are several if two clones submitted it and their journals were merged.
        """
        submitted = self._submitted.get(id)
        if not submitted:
            return ()
        entries = [entry for entry in submitted.values() if entry.is_pending and not self._is_ended(entry)]
        last = self._last.get(id)
        return tuple(sorted(entries, key=lambda entry: (entry is not last, -entry.run)))

    def _is_ended(self, entry: JournalEntry) -> bool:
        """Whether *entry* was ended as earlier versions did it, without naming the submission."""
        end, live = self._unnamed_ends.get(entry.id, 0), self._live_runs.get(entry.id, 0)
        return end >= entry.run and not entry.run <= live <= end

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
            for file in entry.files:
                if file.plan == path:
                    return RecordedFile(entry, file)
        return self.file_at(path)

    def files_planned_at(self, path: str) -> tuple[RecordedFile, ...]:
        """All files that were saved for the planned *path*, the latest first: two clones may have saved one each."""
        latest = self.file_planned_at(path)
        return (latest, *self._superseded.get(path, ())) if latest else ()

    def originals_planned_at(self, paths: Iterable[str]) -> dict[str, str]:
        """The received images beside the files that were planned as *paths*: path → sha256, as last saved."""
        recorded = [file for path in paths if (file := self.file_planned_at(path))]
        in_order = sorted(recorded, key=attrgetter("entry.run"))
        return {one.path: one.sha256 for entry, file in in_order for one in entry.originals_of(file)}

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
