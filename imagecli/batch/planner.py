"""What has to be bought: one purchase of a manifest, what the journals say of it and what stands on the disk.

The rules, file by file, in the order in which they speak:

    missing                       it is bought
    ours, made of what is wanted  done; also where only the default model is another now
    ours, made of something else  stale: bought again, and replaced; what the sandbox drew is that for a real provider
    found after a kill            done, and the journal is told
    changed by hand               the user's: kept; where its row has changed too, refused
    unknown to the journal        never bought over: refused, unless --adopt takes it or --if-exists says else
    no file (a folder …)          refused

What a provider's Batch API has is bought already: it is waited for, whatever stands there.

The sandbox replaces nothing but its own pictures, and refuses none of these. Files made of one picture are made
together. Pure; the disk is asked through `DiskReader`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from imagecli.batch.file_state import DiskReader, FileState, determine_file_state, possibly_billed_entry
from imagecli.batch.fingerprint import PlannedItem
from imagecli.batch.journal.entry import FileRecord, JournalEntry
from imagecli.batch.journal.state import JournalState
from imagecli.batch.messages import FileNote, item_notes, pending_notes, refusal_error
from imagecli.domain import IfExists
from imagecli.errors import OutputError

DecisionKind = Literal["done", "missing", "stale", "submitted", "refused"]
Fate = Literal["keep", "record", "adopt", "make", "replace", "refuse"]
"""Of a file: stays; stays and the journal is told (as saved, as adopted); is bought; is bought again; stops the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of a purchase."""

    kind: DecisionKind
    buy: tuple[int, ...] = ()
    """The pictures to ask for, by their place in `PlannedItem.pictures`; n is their number."""
    writes: tuple[str, ...] = ()
    """The planned paths that what is bought goes to; other paths of a bought picture stay as they are."""
    replaces: tuple[tuple[str, str | None], ...] = ()
    """Paths that may be overwritten or removed, each with the sha256 that has to stand there still
    (`DiskState.may_replace`, asked once more right before); None where --if-exists overwrite was typed."""
    entries: tuple[JournalEntry, ...] = ()
    """To be written to the journal before anything is bought: files that were found or adopted."""
    in_doubt: bool = False
    """What is bought may have been billed once already."""
    notes: tuple[FileNote, ...] = ()
    refusal: OutputError | None = None
    """Why nothing may be sent, with the way out."""


def decide_item(
    wanted: PlannedItem,
    ledger: JournalState,
    disk: DiskReader,
    *,
    adopt: bool = False,
    if_exists: IfExists | None = None,
) -> Decision:
    """The decision on one purchase. *adopt* and *if_exists* are the command's flags; `number` can't be meant here.

    What the spool holds is recovered first: an answer that waits there looks like one that is lost.
    """
    if (last := ledger.last_entry(wanted.id)) and last.is_pending and (wanted.sandbox or not last.sandbox):
        return Decision(kind="submitted", notes=pending_notes(wanted, last))
    pictures = [tuple(determine_file_state(path, wanted, ledger, disk) for path in paths) for paths in wanted.pictures]
    fates = {file.plan: _decide_fate(file, wanted, adopt, if_exists) for files in pictures for file in files}
    files = [file for picture in pictures for file in picture]
    if refused := [file for file in files if fates[file.plan] == "refuse"]:
        return Decision(kind="refused", refusal=refusal_error(refused))
    buy = tuple(
        index for index, picture in enumerate(pictures) if any(_is_to_be_made(fates[file.plan]) for file in picture)
    )
    for index in buy:
        fates |= {file.plan: "replace" for file in pictures[index] if _is_replaced_too(file, fates[file.plan])}
    doubt = possibly_billed_entry(wanted, ledger)
    twice = bool(buy and doubt and not doubt.sandbox)
    return Decision(
        kind=_decision_kind([file for index in buy for file in pictures[index]], fates),
        buy=buy,
        writes=tuple(file.plan for file in files if _is_to_be_made(fates[file.plan])),
        replaces=tuple((file.path, _expected_content(file)) for file in files if fates[file.plan] == "replace"),
        entries=_build_entries(files, fates, wanted, doubt, disk),
        in_doubt=twice,
        notes=item_notes(files, wanted, doubt if twice else None),
    )


def _decide_fate(file: FileState, wanted: PlannedItem, adopt: bool, if_exists: IfExists | None) -> Fate:
    if file.status == "missing":
        return "make"
    if file.status == "blocked":
        return "refuse"
    if file.status == "found":
        return "record"
    if file.status == "ours":
        return "keep" if file.fresh else "replace"
    if wanted.sandbox:
        return "keep"
    if adopt:
        return "adopt"
    if file.fresh or if_exists == "skip":
        return "keep"
    return "replace" if if_exists == "overwrite" else "refuse"


def _is_to_be_made(fate: Fate) -> bool:
    return fate in ("make", "replace")


def _is_replaced_too(file: FileState, fate: Fate) -> bool:
    """Whether a file that needs nothing itself is made anew with another of its picture: both show the same."""
    return fate == "keep" and file.status == "ours"


def _decision_kind(bought: Sequence[FileState], fates: dict[str, Fate]) -> DecisionKind:
    if not bought:
        return "done"
    return "stale" if any(fates[file.plan] == "replace" and not file.fresh for file in bought) else "missing"


def _expected_content(file: FileState) -> str | None:
    """What has to stand there still when it is replaced."""
    return file.record.sha256 if file.status == "ours" and file.record else None


def _build_entries(
    files: Sequence[FileState],
    fates: dict[str, Fate],
    wanted: PlannedItem,
    doubt: JournalEntry | None,
    disk: DiskReader,
) -> tuple[JournalEntry, ...]:
    """What the journal has to be told of files that stand there.

    What was found was asked for by the run that was ended, perhaps of a model that is no default any more; while
    other files of it are missing it stays in doubt.
    """
    found, adopted = ([file for file in files if fates[file.plan] == fate] for fate in ("record", "adopt"))
    told = []
    if found:
        asked = replace(wanted, model=doubt.model) if doubt else wanted
        left = any(_is_to_be_made(fate) for fate in fates.values())
        told.append(asked.new_entry("saved", files=_build_records(found, disk), may_be_billed=left))
    if adopted:
        told.append(wanted.new_entry("adopted", files=_build_records(adopted, disk)))
    return tuple(told)


def _build_records(files: Sequence[FileState], disk: DiskReader) -> tuple[FileRecord, ...]:
    return tuple(_build_record(file, disk) for file in files)


def _build_record(file: FileState, disk: DiskReader) -> FileRecord:
    look = disk.stat(file.path)
    return FileRecord(
        path=file.path,
        sha256=disk.sha256(file.path),
        bytes=(look.bytes if look else None) or 0,
        planned=None if file.path == file.plan else file.plan,
    )
