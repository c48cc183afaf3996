"""Files that were saved for a manifest and whose rows no longer exist, to be removed or moved.

An original belongs to the files that were converted from it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from imagecli.batch.decisions import Decision
from imagecli.batch.file_state import DiskState, choose_record, file_extension, has_image_extension
from imagecli.batch.item_identity import ItemIdentity
from imagecli.batch.journal.entry import FileRecord, JournalEntry
from imagecli.batch.journal.state import JournalState, RecordedFile
from imagecli.errors import DiskError, OutputError, os_error_reason
from imagecli.events import NoteEvent
from imagecli.naming.filenames import path_key
from imagecli.quoting import shell_quote


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """A file that exists, but that no row creates any longer."""

    entry: JournalEntry
    record: FileRecord
    unchanged: bool
    """It is an image, and still what was saved; a file that was changed by hand is listed and never removed."""


def find_orphans(planned: Iterable[str], state: JournalState, disk: DiskState) -> list[Orphan]:
    """The orphans, by path. *planned* are the outputs of **all** rows: of every shard, ignoring `--only`."""
    outputs = list(planned)
    live = {path_key(Path(output)) for output in outputs}
    live |= {path_key(Path(path)) for output in outputs for path in _files_of_row(output, state, disk)}
    files = sorted(state.files(), key=attrgetter("entry.run"))
    live_entries = [entry for entry, file in files if path_key(Path(file.path)) in live]
    live |= {path_key(Path(original.path)) for entry in live_entries for original in entry.originals}
    originals = [RecordedFile(entry, original) for entry, _ in files for original in entry.originals]
    latest = {recorded.file.path: recorded for recorded in (*files, *originals)}
    orphans = [_as_orphan(recorded, disk) for path, recorded in latest.items() if path_key(Path(path)) not in live]
    return sorted((orphan for orphan in orphans if orphan), key=attrgetter("record.path"))


def _files_of_row(output: str, state: JournalState, disk: DiskState) -> list[str]:
    """The file that the row of *output* uses; if it does not exist, all that were ever saved for the row.

    Two clones may each have saved one, and only one of them may be on this disk.
    """
    records = state.files_planned_at(output)
    chosen = choose_record(records, disk)
    if chosen and disk.stat(chosen.file.path):
        return [chosen.file.path]
    return [record.file.path for record in records]


def _as_orphan(recorded: RecordedFile, disk: DiskState) -> Orphan | None:
    """None if the image no longer exists, or it is not below the manifest's folder."""
    entry, record = recorded
    info = disk.stat(record.path)
    if info is None or info.bytes is None or not has_image_extension(record.path):
        return None
    is_same = info.bytes == record.bytes and disk.sha256(record.path) == record.sha256
    return Orphan(entry=entry, record=record, unchanged=is_same and disk.is_image(record.path))


class Move(NamedTuple):
    """A missing output of an image that exists under an earlier name. Paths are from the manifest's folder."""

    output: str
    old: str
    folder: Path
    """The manifest's, as the user would type it."""

    @property
    def message(self) -> str:
        target = self.folder / self.output
        command = f"mv {shell_quote(self.folder / self.old)} {shell_quote(target)}"
        if not target.parent.exists():
            command = f"mkdir -p {shell_quote(target.parent)} && {command}"
        return f"{self.output} already exists as {self.old}; to reuse it: {command}"

    def note(self) -> NoteEvent:
        return NoteEvent(code="moved", message=self.message)

    def refusal(self) -> OutputError:
        """Why the image is not requested again."""
        hint = "nothing was sent; --if-exists overwrite requests it again"
        return OutputError(self.message, hint=hint, code="output_renamed")


def suggest_moves(
    decisions: Iterable[tuple[ItemIdentity, Decision]], orphans: Iterable[Orphan], folder: Path
) -> list[Move]:
    """For missing outputs: the orphans of the same request, which only have to be moved.

    *folder* is the manifest's, as the user would type it.
    """
    free: dict[tuple[str, str], list[str]] = {}
    for orphan in orphans:
        if orphan.unchanged and orphan.record in orphan.entry.files:
            free.setdefault((orphan.entry.hash, file_extension(orphan.record.path)), []).append(orphan.record.path)
    moves = []
    for identity, decision in decisions:
        for output in decision.written_paths(identity.image_paths) if decision.kind == "missing" else ():
            keys = [(known, file_extension(output)) for known in identity.known_hashes]
            if paths := next(filter(None, map(free.get, keys)), None):
                moves.append(Move(output=output, old=paths.pop(0), folder=folder))
    return moves


def remove_orphan(orphan: Orphan, folder: Path, disk: DiskState) -> bool:
    """Removes it from the manifest's *folder*, and folders that are empty then. False if it was changed by hand.

    The file is checked once more right before. Raises DiskError.
    """
    path = folder / orphan.record.path
    if not orphan.unchanged or not disk.may_remove(orphan.record.path, orphan.record.sha256):
        return False
    try:
        path.unlink()
    except OSError as error:
        raise DiskError(
            f"can't remove {path}: {os_error_reason(error)}", hint="check the permissions of its folder"
        ) from error
    with contextlib.suppress(OSError):
        for parent in (folder / part for part in Path(orphan.record.path).parents if str(part) != "."):
            parent.rmdir()
    return True
