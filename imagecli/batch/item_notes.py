"""The notes, warnings and errors about items and their files, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from imagecli.batch.file_state import STAND_INS, FileState
from imagecli.batch.item_identity import ItemIdentity
from imagecli.batch.journal.entry import JournalEntry
from imagecli.batch.request_hash import is_same_address
from imagecli.errors import OutputError
from imagecli.events import NoteEvent, WarningEvent
from imagecli.quoting import shell_quote

MAX_NAMED: Final = 3
"""Up to this many files with the same note are named one by one."""

ALWAYS_NAMED: Final = ("may_be_billed_twice", "submitted_twice", "submitted_too")
"""Codes of notes about money: each file is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileNote:
    """A note or warning about one file."""

    path: str
    text: str
    """What follows the path in the message."""
    code: str
    is_warning: bool = False

    @property
    def message(self) -> str:
        return f"{self.path} {self.text}"


def merge_notes(notes: Iterable[FileNote]) -> Iterator[NoteEvent | WarningEvent]:
    """The events for *notes*: if many files have the same note, one is named and the others are counted.

    Notes in `ALWAYS_NAMED` name every file.
    """
    groups: dict[tuple[str, str, bool], list[FileNote]] = {}
    for note in notes:
        groups.setdefault((note.code, note.text, note.is_warning), []).append(note)
    for group in groups.values():
        named = group if len(group) <= MAX_NAMED or group[0].code in ALWAYS_NAMED else group[:1]
        count = len(group) - len(named)
        more = f" (and {count:,} more files)" if count else ""
        for note in named:
            yield (WarningEvent if note.is_warning else NoteEvent)(code=note.code, message=note.message + more)


def refusal_error(files: Sequence[FileState]) -> OutputError:
    """Why the item stops the run, by the first of the *files* that do."""
    file, more = files[0], f" (and {len(files) - 1} more of its row's files)" if len(files) > 1 else ""
    if file.status == "blocked":
        return OutputError(
            f"{file.path} exists, but is not a file that imagecli can replace{more}",
            hint="move it away, or change the row's output",
            code="output_blocked",
        )
    if file.status == "not_image":
        remove = f"remove it to create it again: rm {shell_quote(file.path)}"
        return OutputError(
            f"{file.path} is {file.problem}{more}; nothing was sent",
            hint=STAND_INS.get(file.problem or "", remove),
            code="output_not_image",
        )
    if file.status == "others" and file.entry:
        return OutputError(
            f"{file.path} is recorded as the image of {file.entry.id}{more}; nothing was sent",
            hint=f"keep it with --if-exists skip, or remove it to create a new one: rm {shell_quote(file.path)}",
            code="output_of_another_row",
        )
    if file.status == "edited":
        return OutputError(
            f"{file.path} was edited by hand, and its row has changed too{more}; nothing was sent",
            hint=f"keep it with --adopt, or remove it to create it again: rm {shell_quote(file.path)}",
            code="output_edited",
        )
    return OutputError(
        f"{file.path} exists, but is not in the journal{more}; nothing was sent",
        hint="use --adopt to keep existing files, or --if-exists overwrite to replace them",
        code="output_unknown",
    )


def item_notes(
    files: Iterable[FileState], identity: ItemIdentity, possibly_billed: JournalEntry | None
) -> tuple[FileNote, ...]:
    """The notes about an item and its *files*. *possibly_billed*: the entry by which it may be billed twice."""
    notes = [note for file in files for note in _file_notes(file, identity)]
    if possibly_billed:
        notes.append(_possibly_billed_note(identity, possibly_billed))
    return tuple(dict.fromkeys(notes))


def pending_notes(identity: ItemIdentity, pending: Sequence[JournalEntry]) -> tuple[FileNote, ...]:
    """The notes about an item that a provider's Batch API has, by its *pending* journal entries, the latest first."""
    if len(pending) > 1:
        batches = " and ".join(entry.batch or "a batch with an unknown ID" for entry in reversed(pending))
        text = f"was submitted twice ({batches}); both may be billed, and the second one's images are extras"
        return (FileNote(code="submitted_twice", path=identity.id, text=text, is_warning=True),)
    (last,) = pending
    batch = last.batch or "the Batch API"
    if last.provider != identity.provider or not is_same_address(last.base_url, identity.base_url):
        text = f"is pending in {batch} at {last.base_url or last.provider}; a run for that provider downloads it"
        return (FileNote(code="submitted_elsewhere", path=identity.id, text=text),)
    if not identity.is_requested_by(last):
        text = f"has changed since it was submitted ({batch}); the result will be for its earlier version"
        return (FileNote(code="changed_meanwhile", path=identity.id, text=text),)
    return ()


def further_batch_note(identity: ItemIdentity, entry: JournalEntry) -> FileNote:
    """The warning that a provider's Batch API has an item, by *entry*, which is up to date already."""
    batch = entry.batch or "the Batch API"
    downloads = "--batch-api downloads the extra images"
    text = f"is up to date, but was also submitted to {batch}; it may be billed twice ({downloads})"
    return FileNote(code="submitted_too", path=identity.id, text=text, is_warning=True)


def _file_notes(file: FileState, identity: ItemIdentity) -> list[FileNote]:
    if file.status == "found":
        text = "was saved by an interrupted run and is now in the journal"
        return [FileNote(code="found", path=file.path, text=text)]
    if file.status == "edited" and file.fresh:
        return [FileNote(code="changed_by_hand", path=file.path, text="was edited by hand and is kept")]
    if file.status == "ours" and file.entry:
        return _origin_notes(file.path, file.entry, file.fresh, identity)
    if identity.sandbox:
        text = "exists; the sandbox never overwrites it"
        return [FileNote(code="sandbox_kept", path=file.path, text=text)]
    return []


def _origin_notes(path: str, entry: JournalEntry, is_fresh: bool, identity: ItemIdentity) -> list[FileNote]:
    if not is_fresh:
        return [FileNote(code="stale", path=path, text=f"is stale: {identity.describe_difference(entry)}")]
    if identity.sandbox and not entry.sandbox:
        if identity.is_same_row(entry):
            return []
        text = "is stale (its row or an input has changed), but the sandbox never overwrites paid images"
        return [FileNote(code="sandbox_kept", path=path, text=text, is_warning=True)]
    if (
        not entry.sandbox
        and entry.provider == identity.provider
        and not is_same_address(entry.base_url, identity.base_url)
    ):
        then, now = (url or f"{identity.provider}'s default address" for url in (entry.base_url, identity.base_url))
        text = f"was created at {then}, and requests now go to {now}; it counts as up to date"
        return [FileNote(code="other_address", path=path, text=text)]
    if entry.model != identity.model:
        text = f"was created with {entry.model}, and the default is now {identity.model}; it counts as up to date"
        return [FileNote(code="new_default_model", path=path, text=f"{text} (-m {identity.model} creates it again)")]
    return []


def _possibly_billed_note(identity: ItemIdentity, possibly_billed: JournalEntry) -> FileNote:
    if possibly_billed.state == "bought":
        text = "was paid for, but its response is not on this machine; you will be charged twice"
    else:
        text = "was requested before but never saved; you may be charged twice"
    return FileNote(code="may_be_billed_twice", path=identity.id, text=text, is_warning=True)
