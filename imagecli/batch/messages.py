"""What is said of a decision: notes, warnings and refusals, each with its way out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from imagecli.batch.file_state import FileState
from imagecli.batch.fingerprint import PlannedItem
from imagecli.batch.journal.entry import JournalEntry
from imagecli.errors import OutputError
from imagecli.events import NoteEvent, WarningEvent
from imagecli.quoting import shell_quote

TOLD_EACH: Final = 3
"""So many files of which the same is to be said are named one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileNote:
    """What is to be said of one file."""

    path: str
    text: str
    """What stands behind the path."""
    code: str
    is_warning: bool = False

    @property
    def message(self) -> str:
        return f"{self.path} {self.text}"


def merge_notes(remarks: Iterable[FileNote]) -> Iterator[NoteEvent | WarningEvent]:
    """*remarks* for a listener: where the same is to be said of many files one is named, and the others are counted."""
    alike: dict[tuple[str, str, bool], list[FileNote]] = {}
    for remark in remarks:
        alike.setdefault((remark.code, remark.text, remark.is_warning), []).append(remark)
    for group in alike.values():
        told = group if len(group) <= TOLD_EACH else group[:1]
        left = len(group) - len(told)
        more = f" (and {left:,} more files)" if left else ""
        for remark in told:
            yield (WarningEvent if remark.is_warning else NoteEvent)(code=remark.code, message=remark.message + more)


def refusal_error(files: Sequence[FileState]) -> OutputError:
    """Why the purchase stops the run, by the first of the *files* that do."""
    file, more = files[0], f" (and {len(files) - 1} more of this purchase)" if len(files) > 1 else ""
    if file.status == "blocked":
        return OutputError(
            f"{file.path} is not a file that can be replaced{more}",
            hint="move it away, or give the row another output",
            code="output_blocked",
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


def item_notes(files: Sequence[FileState], wanted: PlannedItem, doubt: JournalEntry | None) -> tuple[FileNote, ...]:
    """What the user should hear of; *doubt* tells of what may be billed twice."""
    said = [note for file in files for note in _file_notes(file, wanted)]
    if doubt:
        said.append(_possibly_billed_note(wanted, doubt))
    return tuple(dict.fromkeys(said))


def pending_notes(wanted: PlannedItem, last: JournalEntry) -> tuple[FileNote, ...]:
    """What the user should hear of a purchase that a provider's Batch API has, by its *last* entry."""
    where = last.batch or "the Batch API"
    if (last.provider, last.base_url) != (wanted.provider, wanted.base_url):
        said = f"is in {where} of {last.base_url or last.provider}, and is fetched by a run that asks there"
        return (FileNote(code="submitted_elsewhere", path=wanted.id, text=said),)
    if not wanted.is_requested_by(last):
        said = f"has changed since it was handed in ({where}): what comes is of the earlier row"
        return (FileNote(code="changed_meanwhile", path=wanted.id, text=said),)
    return ()


def _file_notes(file: FileState, wanted: PlannedItem) -> list[FileNote]:
    if file.status == "missing":
        return []
    if file.status == "found":
        said = "was saved by a run that was ended before it could say so"
        return [FileNote(code="found", path=file.path, text=said)]
    if file.status == "edited" and file.fresh:
        return [FileNote(code="changed_by_hand", path=file.path, text="was changed by hand, and is kept")]
    if file.status == "ours" and file.entry:
        return _origin_notes(file.path, file.entry, file.fresh, wanted)
    if wanted.sandbox:
        said = "stands there, and the sandbox leaves it as it is"
        return [FileNote(code="sandbox_kept", path=file.path, text=said)]
    return []


def _origin_notes(path: str, entry: JournalEntry, fresh: bool, wanted: PlannedItem) -> list[FileNote]:
    if not fresh:
        return [FileNote(code="stale", path=path, text=f"is stale: {wanted.describe_difference(entry)}")]
    if wanted.sandbox and not entry.sandbox:
        if wanted.is_same_row(entry):
            return []
        said = "was bought, and its row or an input has changed since: the sandbox leaves it as it is"
        return [FileNote(code="sandbox_kept", path=path, text=said, is_warning=True)]
    if entry.model != wanted.model:
        said = f"was made by {entry.model}, and the default is {wanted.model} now: it is kept"
        return [FileNote(code="new_default_model", path=path, text=f"{said}; -m {wanted.model} has it bought again")]
    return []


def _possibly_billed_note(wanted: PlannedItem, doubt: JournalEntry) -> FileNote:
    if doubt.state == "bought":
        said = "was bought once, and its answer is not on this machine: buying it again is billed twice"
    else:
        said = "was sent once, and no picture of it is here: it may be billed twice"
    return FileNote(code="may_be_billed_twice", path=wanted.id, text=said, is_warning=True)
