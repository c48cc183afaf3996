"""Decides what must be requested for an item of a manifest, by the journals and the files on the disk.

The rules for each file, the first that applies:

    missing                    requested
    ours, same request         up to date; also if only the default model has changed; recorded if it was moved by hand
    ours, another request      stale: requested again, and replaced; for a real provider also what the sandbox generated
    found after a kill         up to date, and recorded in the journal
    edited by hand             kept; refused if its row has changed too
    not a complete image       refused, unless --if-exists overwrite is given; a Git LFS pointer, a text, a cut image
    another row's image        as unknown to the journal, and refused by --adopt
    unknown to the journal     never replaced: refused, unless --adopt or --if-exists is given
    not a file (a folder …)    refused

An item that is pending in a provider's Batch API is paid for: the run waits for its results, whatever exists. An
item whose paid response is in the spool is finished from there, and not requested again while that can work.

The sandbox replaces nothing but its own images, and refuses nothing. All files of one image are written together.
Pure but for the DiskReader.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Literal, NamedTuple

from imagecli.batch.file_state import DiskReader, FileState, determine_file_state
from imagecli.batch.item_identity import ItemIdentity, possibly_billed_entry
from imagecli.batch.item_notes import FileNote, further_batch_note, item_notes, pending_notes, refusal_error
from imagecli.batch.journal.entry import FileRecord, JournalEntry
from imagecli.batch.journal.state import JournalState
from imagecli.domain import IfExists
from imagecli.errors import OutputError

DecisionKind = Literal["done", "missing", "stale", "submitted", "waiting", "refused"]
"""`waiting`: a paid response is in the spool and can't be saved yet."""
Fate = Literal["keep", "record", "adopt", "replace", "refuse"]
"""What happens to an existing file: kept; kept and recorded (saved or adopted); replaced; or it stops the run."""


class Replacement(NamedTuple):
    """A file that may be overwritten or removed, if it still has the expected content then."""

    path: str
    expected_sha256: str | None
    """None, after --if-exists overwrite, for any content."""


class Decision(NamedTuple):
    """What happens to an item. When an image is saved, each file that it replaces is checked once more."""

    kind: DecisionKind
    to_create: tuple[int, ...] = ()
    """The images to request, by their index in `ItemIdentity.image_paths`; n is their number."""
    unchanged: tuple[str, ...] = ()
    """Planned paths of requested images that stay as they are."""
    replaces: tuple[Replacement, ...] = ()
    entries: tuple[JournalEntry, ...] = ()
    """To be written to the journal before the first request: files that were found, moved or adopted."""
    possibly_billed: bool = False
    """The request may have been billed once already."""
    notes: tuple[FileNote, ...] = ()
    refusal: OutputError | None = None
    """Why nothing may be sent, with a hint."""

    def written_paths(self, image_paths: Sequence[Sequence[str]]) -> tuple[str, ...]:
        """The planned paths that the requested images are saved to. *image_paths*: as in `ItemIdentity`."""
        return tuple(path for index in self.to_create for path in image_paths[index] if path not in self.unchanged)


def decide_item(
    identity: ItemIdentity,
    journal: JournalState,
    disk: DiskReader,
    *,
    adopt: bool = False,
    if_exists: IfExists | None = None,
    waiting: Collection[tuple[str, str]] = (),
) -> Decision:
    """The decision on one item. *adopt* and *if_exists* are the command's flags; `number` has no meaning here.

    *waiting*: id and request hash of items whose paid response is still in the spool.
    """
    pending = [entry for entry in journal.pending_entries(identity.id) if identity.sandbox or not entry.sandbox]
    if pending and pending[0] is journal.last_entry(identity.id):
        return Decision(kind="submitted", notes=pending_notes(identity, pending))
    existing = {
        path: file
        for paths in identity.image_paths
        for path in paths
        if (file := determine_file_state(path, identity, journal, disk))
    }
    fates = {path: _decide_fate(file, identity, adopt, if_exists) for path, file in existing.items()}
    if "refuse" in fates.values():
        return Decision(
            kind="refused", refusal=refusal_error([file for path, file in existing.items() if fates[path] == "refuse"])
        )
    requested = tuple([index for index, paths in enumerate(identity.image_paths) if _is_requested(paths, fates)])
    requested_paths = [path for index in requested for path in identity.image_paths[index]]
    for path, file in existing.items():
        if path in requested_paths and _is_replaced_too(file, fates[path]):
            fates[path] = "replace"
    if requested and waiting and any((identity.id, known) in waiting for known in identity.known_hashes):
        return Decision(
            kind="waiting",
            entries=_build_entries(existing, fates, identity, None, disk, is_complete=False),
            notes=item_notes(existing.values(), identity, None),
        )
    if requested and pending:
        return Decision(kind="submitted", notes=pending_notes(identity, pending))
    possibly_billed = possibly_billed_entry(identity, journal)
    billed_twice = bool(requested and possibly_billed and not (possibly_billed.sandbox or identity.free))
    replaced = [file for path, file in existing.items() if fates[path] == "replace"]
    stale = [file for file in replaced if not file.fresh]
    plain = _plain_decision("stale" if stale else "missing" if requested else "done", requested)
    if not (existing or billed_twice or pending):
        return plain
    entries = _build_entries(existing, fates, identity, possibly_billed, disk, is_complete=not requested)
    notes = item_notes(existing.values(), identity, possibly_billed if billed_twice else None)
    if not (requested or entries or notes or pending):
        return plain
    return plain._replace(
        unchanged=tuple(path for path in existing if path in requested_paths and fates[path] != "replace"),
        replaces=tuple(Replacement(file.path, _expected_content(file)) for file in replaced),
        entries=entries,
        possibly_billed=billed_twice,
        notes=(*notes, *(further_batch_note(identity, entry) for entry in pending)),
    )


@lru_cache(maxsize=256)
def _plain_decision(kind: DecisionKind, to_create: tuple[int, ...]) -> Decision:
    """One object for all rows about which there is no more to say, which are most of a large manifest."""
    return Decision(kind=kind, to_create=to_create)


def _is_requested(paths: Sequence[str], fates: Mapping[str, Fate]) -> bool:
    """Whether an image is requested: if one of its files is missing, and so has no fate, or is replaced."""
    return "replace" in [fates.get(path, "replace") for path in paths]


def _decide_fate(file: FileState, identity: ItemIdentity, adopt: bool, if_exists: IfExists | None) -> Fate:
    if file.status == "blocked":
        return "refuse"
    if file.status == "not_image" and not identity.sandbox:
        return "replace" if if_exists == "overwrite" else "refuse"
    if file.status == "found":
        return "record"
    if file.status == "ours":
        if not file.fresh:
            return "replace"
        return "record" if file.record and file.record.path != file.path else "keep"
    if identity.sandbox:
        return "keep"
    if adopt:
        return "refuse" if file.status == "others" else "adopt"
    if file.fresh or if_exists == "skip":
        return "keep"
    return "replace" if if_exists == "overwrite" else "refuse"


def _is_replaced_too(file: FileState, fate: Fate) -> bool:
    """Whether an up-to-date file is replaced because another file of its image is created: both must show the same."""
    return fate in ("keep", "record") and file.status == "ours"


def _expected_content(file: FileState) -> str | None:
    """The sha256 that the file must still have when it is replaced."""
    return file.record.sha256 if file.status == "ours" and file.record else None


def _build_entries(
    existing: Mapping[str, FileState],
    fates: Mapping[str, Fate],
    identity: ItemIdentity,
    possibly_billed: JournalEntry | None,
    disk: DiskReader,
    *,
    is_complete: bool,
) -> tuple[JournalEntry, ...]:
    """The journal entries for files that exist but aren't recorded. *is_complete*: nothing is requested."""
    entries = []
    to_record = [file for path, file in existing.items() if fates[path] == "record"]
    if found := [file for file in to_record if file.status == "found"]:
        # The interrupted run requested them, perhaps with a model that is no longer the default. While other files of
        # the item are missing, something may still have been billed for which there is no file.
        requested = replace(identity, model=possibly_billed.model) if possibly_billed else identity
        records = _build_records(found, disk)
        entries.append(requested.new_entry("saved", files=records, may_be_billed=not is_complete))
    if is_complete:
        entries += [_move_entry(file, file.entry, identity, disk) for file in to_record if file.entry]
    if adopted := [file for path, file in existing.items() if fates[path] == "adopt"]:
        entries.append(identity.new_entry("adopted", files=_build_records(adopted, disk)))
    return tuple(entries)


def _move_entry(file: FileState, entry: JournalEntry, identity: ItemIdentity, disk: DiskReader) -> JournalEntry:
    """The entry for a file that was moved by hand from the one that *entry* records, of the same request.

    Without it, the file would be unknown as soon as the row changes. What it cost stays with *entry*.
    """
    originals = entry.originals_of(file.record) if file.record else ()
    moved = identity.new_entry("adopted", files=(_build_record(file, disk),), originals=originals)
    origin = {name: getattr(entry, name) for name in ("hash", "provider", "model", "base_url", "sandbox")}
    return replace(moved, **origin)


def _build_records(files: Sequence[FileState], disk: DiskReader) -> tuple[FileRecord, ...]:
    return tuple(_build_record(file, disk) for file in files)


def _build_record(file: FileState, disk: DiskReader) -> FileRecord:
    stat_result = disk.stat(file.path)
    return FileRecord(
        path=file.path,
        sha256=disk.sha256(file.path),
        bytes=(stat_result.bytes if stat_result else None) or 0,
        planned=None if file.path == file.plan else file.plan,
    )


def replace_originals_too(decision: Decision, image_paths: Sequence[Sequence[str]], journal: JournalState) -> Decision:
    """*decision*, which may also replace the received images beside the files that it replaces."""
    if not decision.to_create:
        return decision
    paths = decision.written_paths(image_paths)
    originals = [Replacement(path, sha256) for path, sha256 in journal.originals_planned_at(paths).items()]
    return decision._replace(replaces=(*decision.replaces, *originals)) if originals else decision
