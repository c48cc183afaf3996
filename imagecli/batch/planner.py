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
together. Pure; the disk is asked through `Disk`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from imagecli.batch.file_state import Disk, Judged, in_doubt, judge
from imagecli.batch.fingerprint import Wanted
from imagecli.batch.journal.entry import Entry, FileRecord
from imagecli.batch.journal.state import Ledger
from imagecli.batch.messages import Remark, notes, notes_of_absent, refusal
from imagecli.domain import IfExists
from imagecli.errors import OutputError

Kind = Literal["done", "missing", "stale", "submitted", "refused"]
Fate = Literal["keep", "record", "adopt", "make", "replace", "refuse"]
"""Of a file: stays; stays and the journal is told (as saved, as adopted); is bought; is bought again; stops the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of a purchase."""

    kind: Kind
    buy: tuple[int, ...] = ()
    """The pictures to ask for, by their place in `Wanted.pictures`; n is their number."""
    writes: tuple[str, ...] = ()
    """The planned paths that what is bought goes to; other paths of a bought picture stay as they are."""
    replaces: tuple[tuple[str, str | None], ...] = ()
    """Paths that may be overwritten or removed, each with the sha256 that has to stand there still
    (`Standing.may_replace`, asked once more right before); None where --if-exists overwrite was typed."""
    entries: tuple[Entry, ...] = ()
    """To be written to the journal before anything is bought: files that were found or adopted."""
    in_doubt: bool = False
    """What is bought may have been billed once already."""
    notes: tuple[Remark, ...] = ()
    refusal: OutputError | None = None
    """Why nothing may be sent, with the way out."""


def decide(
    wanted: Wanted, ledger: Ledger, disk: Disk, *, adopt: bool = False, if_exists: IfExists | None = None
) -> Decision:
    """The decision on one purchase. *adopt* and *if_exists* are the command's flags; `number` can't be meant here.

    What the spool holds is recovered first: an answer that waits there looks like one that is lost.
    """
    if (last := ledger.last(wanted.id)) and last.is_away and (wanted.sandbox or not last.sandbox):
        return Decision(kind="submitted", notes=notes_of_absent(wanted, last))
    pictures = [tuple(judge(path, wanted, ledger, disk) for path in paths) for paths in wanted.pictures]
    fates = {file.plan: _fate(file, wanted, adopt, if_exists) for files in pictures for file in files}
    files = [file for picture in pictures for file in picture]
    if refused := [file for file in files if fates[file.plan] == "refuse"]:
        return Decision(kind="refused", refusal=refusal(refused))
    buy = tuple(index for index, picture in enumerate(pictures) if any(_is_made(fates[file.plan]) for file in picture))
    for index in buy:
        fates |= {file.plan: "replace" for file in pictures[index] if _follows(file, fates[file.plan])}
    doubt = in_doubt(wanted, ledger)
    twice = bool(buy and doubt and not doubt.sandbox)
    return Decision(
        kind=_kind([file for index in buy for file in pictures[index]], fates),
        buy=buy,
        writes=tuple(file.plan for file in files if _is_made(fates[file.plan])),
        replaces=tuple((file.path, _content(file)) for file in files if fates[file.plan] == "replace"),
        entries=_entries(files, fates, wanted, doubt, disk),
        in_doubt=twice,
        notes=notes(files, wanted, doubt if twice else None),
    )


def _fate(file: Judged, wanted: Wanted, adopt: bool, if_exists: IfExists | None) -> Fate:
    if file.standing == "missing":
        return "make"
    if file.standing == "blocked":
        return "refuse"
    if file.standing == "found":
        return "record"
    if file.standing == "ours":
        return "keep" if file.fresh else "replace"
    if wanted.sandbox:
        return "keep"
    if adopt:
        return "adopt"
    if file.fresh or if_exists == "skip":
        return "keep"
    return "replace" if if_exists == "overwrite" else "refuse"


def _is_made(fate: Fate) -> bool:
    return fate in ("make", "replace")


def _follows(file: Judged, fate: Fate) -> bool:
    """Whether a file that needs nothing itself is made anew with another of its picture: both show the same."""
    return fate == "keep" and file.standing == "ours"


def _kind(bought: Sequence[Judged], fates: dict[str, Fate]) -> Kind:
    if not bought:
        return "done"
    return "stale" if any(fates[file.plan] == "replace" and not file.fresh for file in bought) else "missing"


def _content(file: Judged) -> str | None:
    """What has to stand there still when it is replaced."""
    return file.record.sha256 if file.standing == "ours" and file.record else None


def _entries(
    files: Sequence[Judged], fates: dict[str, Fate], wanted: Wanted, doubt: Entry | None, disk: Disk
) -> tuple[Entry, ...]:
    """What the journal has to be told of files that stand there.

    What was found was asked for by the run that was ended, perhaps of a model that is no default any more; while
    other files of it are missing it stays in doubt.
    """
    found, adopted = ([file for file in files if fates[file.plan] == fate] for fate in ("record", "adopt"))
    told = []
    if found:
        asked = replace(wanted, model=doubt.model) if doubt else wanted
        left = any(_is_made(fate) for fate in fates.values())
        told.append(asked.entry("saved", files=_records(found, disk), may_be_billed=left))
    if adopted:
        told.append(wanted.entry("adopted", files=_records(adopted, disk)))
    return tuple(told)


def _records(files: Sequence[Judged], disk: Disk) -> tuple[FileRecord, ...]:
    return tuple(_record(file, disk) for file in files)


def _record(file: Judged, disk: Disk) -> FileRecord:
    look = disk.look(file.path)
    return FileRecord(
        path=file.path,
        sha256=disk.sha256(file.path),
        bytes=(look.bytes if look else None) or 0,
        planned=None if file.path == file.plan else file.plan,
    )
