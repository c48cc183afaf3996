"""Files that were saved for a manifest, and that no row of it makes any more: to be removed, or to be moved.

A picture as it came goes with the files that were made of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from imagecli.batch.file_state import DiskState, file_ending, has_picture_ending
from imagecli.batch.fingerprint import PlannedItem
from imagecli.batch.journal.entry import FileRecord, JournalEntry
from imagecli.batch.journal.state import JournalState
from imagecli.batch.planner import Decision
from imagecli.errors import DiskError
from imagecli.events import NoteEvent
from imagecli.naming.filenames import path_key
from imagecli.quoting import shell_quote
from imagecli.storage.atomic import os_error_reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """A file that still stands and is planned no more."""

    entry: JournalEntry
    record: FileRecord
    unchanged: bool
    """It is a picture, and still what was saved; one that was changed by hand is listed and never removed."""


def find_orphans(planned: Iterable[str], ledger: JournalState, standing: DiskState) -> list[Orphan]:
    """The orphans, by path. *planned* are the paths of the **whole** manifest: of all shards, whatever --only says."""
    plans = list(planned)
    live = {path_key(Path(plan)) for plan in plans}
    live |= {path_key(Path(known[1].path)) for plan in plans if (known := ledger.file_planned_at(plan))}
    files = sorted(ledger.files(), key=lambda known: known[0].run)
    kept = [(entry, record) for entry, record in files if path_key(Path(record.path)) in live]
    live |= {path_key(Path(original.path)) for entry, _ in kept for original in entry.originals}
    came = {original.path: (entry, original) for entry, _ in files for original in entry.originals}
    left = {record.path: (entry, record) for entry, record in files} | came
    found = (
        _as_orphan(entry, record, standing)
        for path, (entry, record) in left.items()
        if path_key(Path(path)) not in live
    )
    return sorted((orphan for orphan in found if orphan), key=lambda orphan: orphan.record.path)


def _as_orphan(entry: JournalEntry, record: FileRecord, standing: DiskState) -> Orphan | None:
    """None where no picture stands there any more, or none below the manifest's folder."""
    look = standing.stat(record.path)
    if look is None or look.bytes is None or not has_picture_ending(record.path):
        return None
    same = look.bytes == record.bytes and standing.sha256(record.path) == record.sha256
    return Orphan(entry=entry, record=record, unchanged=same and standing.is_picture(record.path))


def suggest_moves(
    bought: Iterable[tuple[PlannedItem, Decision]], orphans: Iterable[Orphan], folder: Path
) -> list[NoteEvent]:
    """For purchases of which nothing is there: the orphans of the same request that only have to be moved.

    *folder* is the manifest's, as the user would type it.
    """
    free: dict[tuple[str, str], list[str]] = {}
    for orphan in orphans:
        if orphan.unchanged and orphan.record in orphan.entry.files:
            free.setdefault((orphan.entry.hash, file_ending(orphan.record.path)), []).append(orphan.record.path)
    said = []
    for wanted, decision in bought:
        for plan in decision.writes if decision.kind == "missing" else ():
            if before := free.get((wanted.hash, file_ending(plan))):
                old = before.pop(0)
                way = f"mv {shell_quote(folder / old)} {shell_quote(folder / plan)} saves buying it again"
                said.append(NoteEvent(code="moved", message=f"{plan} was bought as {old}: {way}"))
    return said


def remove_orphan(orphan: Orphan, folder: Path, standing: DiskState) -> bool:
    """Removes it below the manifest's *folder*, and folders that it leaves empty. False where it was changed by hand.

    Looks once more right before. Raises DiskError.
    """
    path = folder / orphan.record.path
    if not orphan.unchanged or not standing.may_remove(orphan.record.path, orphan.record.sha256):
        return False
    try:
        path.unlink()
    except OSError as error:
        raise DiskError(
            f"can't remove {path}: {os_error_reason(error)}", hint="check your rights to its folder"
        ) from error
    with contextlib.suppress(OSError):
        for parent in (folder / part for part in Path(orphan.record.path).parents if str(part) != "."):
            parent.rmdir()
    return True
