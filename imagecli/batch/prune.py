"""Files that were saved for a manifest, and that no row of it makes any more: to be removed, or to be moved.

A picture as it came goes with the files that were made of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from imagecli.batch.file_state import Standing, ending, has_picture_ending
from imagecli.batch.fingerprint import Wanted
from imagecli.batch.journal.entry import Entry, FileRecord
from imagecli.batch.journal.state import Ledger
from imagecli.batch.planner import Decision
from imagecli.errors import DiskError
from imagecli.events import Noted
from imagecli.naming.filenames import key
from imagecli.quoting import quoted
from imagecli.storage.atomic import reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """A file that still stands and is planned no more."""

    entry: Entry
    record: FileRecord
    unchanged: bool
    """It is a picture, and still what was saved; one that was changed by hand is listed and never removed."""


def orphans(planned: Iterable[str], ledger: Ledger, standing: Standing) -> list[Orphan]:
    """The orphans, by path. *planned* are the paths of the **whole** manifest: of all shards, whatever --only says."""
    plans = list(planned)
    live = {key(Path(plan)) for plan in plans}
    live |= {key(Path(known[1].path)) for plan in plans if (known := ledger.planned(plan))}
    files = sorted(ledger.files(), key=lambda known: known[0].run)
    kept = [(entry, record) for entry, record in files if key(Path(record.path)) in live]
    live |= {key(Path(original.path)) for entry, _ in kept for original in entry.originals}
    came = {original.path: (entry, original) for entry, _ in files for original in entry.originals}
    left = {record.path: (entry, record) for entry, record in files} | came
    found = (_orphan(entry, record, standing) for path, (entry, record) in left.items() if key(Path(path)) not in live)
    return sorted((orphan for orphan in found if orphan), key=lambda orphan: orphan.record.path)


def _orphan(entry: Entry, record: FileRecord, standing: Standing) -> Orphan | None:
    """None where no picture stands there any more, or none below the manifest's folder."""
    look = standing.look(record.path)
    if look is None or look.bytes is None or not has_picture_ending(record.path):
        return None
    same = look.bytes == record.bytes and standing.sha256(record.path) == record.sha256
    return Orphan(entry=entry, record=record, unchanged=same and standing.is_picture(record.path))


def moves(bought: Iterable[tuple[Wanted, Decision]], orphans: Iterable[Orphan], folder: Path) -> list[Noted]:
    """For purchases of which nothing is there: the orphans of the same request that only have to be moved.

    *folder* is the manifest's, as the user would type it.
    """
    free: dict[tuple[str, str], list[str]] = {}
    for orphan in orphans:
        if orphan.unchanged and orphan.record in orphan.entry.files:
            free.setdefault((orphan.entry.hash, ending(orphan.record.path)), []).append(orphan.record.path)
    said = []
    for wanted, decision in bought:
        for plan in decision.writes if decision.kind == "missing" else ():
            if before := free.get((wanted.hash, ending(plan))):
                old = before.pop(0)
                way = f"mv {quoted(folder / old)} {quoted(folder / plan)} saves buying it again"
                said.append(Noted(code="moved", message=f"{plan} was bought as {old}: {way}"))
    return said


def remove(orphan: Orphan, folder: Path, standing: Standing) -> bool:
    """Removes it below the manifest's *folder*, and folders that it leaves empty. False where it was changed by hand.

    Looks once more right before. Raises DiskError.
    """
    path = folder / orphan.record.path
    if not orphan.unchanged or not standing.may_remove(orphan.record.path, orphan.record.sha256):
        return False
    try:
        path.unlink()
    except OSError as error:
        raise DiskError(f"can't remove {path}: {reason(error)}", hint="check your rights to its folder") from error
    with contextlib.suppress(OSError):
        for parent in (folder / part for part in Path(orphan.record.path).parents if str(part) != "."):
            parent.rmdir()
    return True
