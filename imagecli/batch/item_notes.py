"""The notes, warnings and refusals about what becomes of an item, each with what to do about it."""

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
"""Up to so many files with the same note are named one by one."""

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
    """The events for *notes*: of many files with the same note one is named, and the others are counted.

    Of those in `ALWAYS_NAMED` each is.
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
    file, more = files[0], f" (and {len(files) - 1} more of this purchase)" if len(files) > 1 else ""
    if file.status == "blocked":
        return OutputError(
            f"{file.path} is not a file that can be replaced{more}",
            hint="move it away, or give the row another output",
            code="output_blocked",
        )
    if file.status == "not_image":
        remove = f"rm {shell_quote(file.path)} has it created again"
        return OutputError(
            f"{file.path} is {file.problem}{more}; nothing was sent",
            hint=STAND_INS.get(file.problem or "", remove),
            code="output_not_image",
        )
    if file.status == "others" and file.entry:
        return OutputError(
            f"{file.path} is the image that the journal records for {file.entry.id}{more}; nothing was sent",
            hint=f"rm {shell_quote(file.path)} has it created; --if-exists skip keeps it",
            code="output_of_another_row",
        )
    if file.status == "edited":
        return OutputError(
            f"{file.path} was changed by hand, and its row has changed too{more}; nothing was sent",
            hint=f"--adopt keeps it as the row's picture; rm {shell_quote(file.path)} has it bought anew",
            code="output_edited",
        )
    return OutputError(
        f"{file.path} stands there, and the journal does not know it{more}; nothing was sent",
        hint="--adopt takes it as the row's picture; --if-exists overwrite buys over it",
        code="output_unknown",
    )


def item_notes(
    files: Sequence[FileState], identity: ItemIdentity, possibly_billed: JournalEntry | None
) -> tuple[FileNote, ...]:
    """The notes about an item and its *files*. *possibly_billed*: the entry by which it may be billed twice."""
    notes = [note for file in files for note in _file_notes(file, identity)]
    if possibly_billed:
        notes.append(_possibly_billed_note(identity, possibly_billed))
    return tuple(dict.fromkeys(notes))


def pending_notes(identity: ItemIdentity, pending: Sequence[JournalEntry]) -> tuple[FileNote, ...]:
    """The notes about an item that a provider's Batch API has, by its *pending* journal entries, the latest first."""
    if len(pending) > 1:
        batches = " and ".join(entry.batch or "a batch without a known id" for entry in reversed(pending))
        text = f"was submitted in {batches}: both may be billed, and the images of the second one are extras"
        return (FileNote(code="submitted_twice", path=identity.id, text=text, is_warning=True),)
    (last,) = pending
    batch = last.batch or "the Batch API"
    if last.provider != identity.provider or not is_same_address(last.base_url, identity.base_url):
        text = f"is in {batch} of {last.base_url or last.provider}, and is fetched by a run that asks there"
        return (FileNote(code="submitted_elsewhere", path=identity.id, text=text),)
    if not identity.is_requested_by(last):
        text = f"has changed since it was handed in ({batch}): what comes is of the earlier row"
        return (FileNote(code="changed_meanwhile", path=identity.id, text=text),)
    return ()


def further_batch_note(identity: ItemIdentity, entry: JournalEntry) -> FileNote:
    """The warning that a provider's Batch API has an item, by *entry*, which is up to date already."""
    batch = entry.batch or "the Batch API"
    text = (
        f"is up to date, and {batch} has it too: it may be billed twice; --batch-api downloads those images as extras"
    )
    return FileNote(code="submitted_too", path=identity.id, text=text, is_warning=True)


def _file_notes(file: FileState, identity: ItemIdentity) -> list[FileNote]:
    if file.status == "missing":
        return []
    if file.status == "found":
        text = "was saved by a run that was ended before it could say so"
        return [FileNote(code="found", path=file.path, text=text)]
    if file.status == "edited" and file.fresh:
        return [FileNote(code="changed_by_hand", path=file.path, text="was changed by hand, and is kept")]
    if file.status == "ours" and file.entry:
        return _origin_notes(file.path, file.entry, file.fresh, identity)
    if identity.sandbox:
        text = "stands there, and the sandbox leaves it as it is"
        return [FileNote(code="sandbox_kept", path=file.path, text=text)]
    return []


def _origin_notes(path: str, entry: JournalEntry, is_fresh: bool, identity: ItemIdentity) -> list[FileNote]:
    if not is_fresh:
        return [FileNote(code="stale", path=path, text=f"is stale: {identity.describe_difference(entry)}")]
    if identity.sandbox and not entry.sandbox:
        if identity.is_same_row(entry):
            return []
        text = "was bought, and its row or an input has changed since: the sandbox leaves it as it is"
        return [FileNote(code="sandbox_kept", path=path, text=text, is_warning=True)]
    if (
        not entry.sandbox
        and entry.provider == identity.provider
        and not is_same_address(entry.base_url, identity.base_url)
    ):
        then, now = (url or f"{identity.provider}'s own address" for url in (entry.base_url, identity.base_url))
        text = f"was created at {then}, and requests now go to {now}: it is up to date"
        return [FileNote(code="other_address", path=path, text=text)]
    if entry.model != identity.model:
        text = f"was made by {entry.model}, and the default is {identity.model} now: it is kept"
        return [FileNote(code="new_default_model", path=path, text=f"{text}; -m {identity.model} creates it again")]
    return []


def _possibly_billed_note(identity: ItemIdentity, possibly_billed: JournalEntry) -> FileNote:
    if possibly_billed.state == "bought":
        text = "was bought once, and its answer is not on this machine: buying it again is billed twice"
    else:
        text = "was sent once, and no picture of it is here: it may be billed twice"
    return FileNote(code="may_be_billed_twice", path=identity.id, text=text, is_warning=True)
