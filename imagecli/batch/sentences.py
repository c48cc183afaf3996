"""What is said of a decision: notes, warnings and refusals, each with its way out. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from imagecli.batch.entries import Entry
from imagecli.batch.judging import Judged
from imagecli.batch.wanted import Wanted
from imagecli.errors import OutputError
from imagecli.events import Noted, Warned
from imagecli.quoting import quoted

Said = Noted | Warned


def refusal(files: Sequence[Judged]) -> OutputError:
    """Why the purchase stops the run, by the first of the *files* that do."""
    file, more = files[0], f" (and {len(files) - 1} more of this purchase)" if len(files) > 1 else ""
    if file.standing == "blocked":
        return OutputError(
            f"{file.path} is not a file that can be replaced{more}",
            hint="move it away, or give the row another output",
            code="output_blocked",
        )
    if file.standing == "edited":
        return OutputError(
            f"{file.path} was changed by hand, and its row has changed too{more}; nothing was sent",
            hint=f"--adopt keeps it as the row's picture; rm {quoted(file.path)} has it bought anew",
            code="output_edited",
        )
    return OutputError(
        f"{file.path} stands there, and the journal does not know it{more}; nothing was sent",
        hint="--adopt takes it as the row's picture; --if-exists overwrite buys over it",
        code="output_unknown",
    )


def notes(files: Sequence[Judged], wanted: Wanted, doubt: Entry | None) -> tuple[Said, ...]:
    """What the user should hear of; *doubt* tells of what may be billed twice."""
    said = [note for file in files for note in _of_file(file, wanted)]
    if doubt:
        said.append(_twice(wanted, doubt))
    return tuple(dict.fromkeys(said))


def notes_of_absent(wanted: Wanted, last: Entry) -> tuple[Said, ...]:
    """What the user should hear of a purchase that a provider's Batch API has, by its *last* entry."""
    where = last.batch or "the Batch API"
    if (last.provider, last.base_url) != (wanted.provider, wanted.base_url):
        said = f"{wanted.id} is in {where} of {last.base_url or last.provider}, and is fetched by a run that asks there"
        return (Noted(code="submitted_elsewhere", message=said),)
    if not wanted.is_asked_by(last):
        said = f"{wanted.id} has changed since it was handed in ({where}): what comes is of the earlier row"
        return (Noted(code="changed_meanwhile", message=said),)
    return ()


def _of_file(file: Judged, wanted: Wanted) -> list[Said]:
    if file.standing == "missing":
        return []
    if file.standing == "found":
        return [Noted(code="found", message=f"{file.path} was saved by a run that was ended before it could say so")]
    if file.standing == "edited" and file.fresh:
        return [Noted(code="changed_by_hand", message=f"{file.path} was changed by hand, and is kept")]
    if file.standing == "ours" and file.entry:
        return _of_origin(file.path, file.entry, file.fresh, wanted)
    if wanted.sandbox:
        return [Noted(code="sandbox_kept", message=f"{file.path} stands there, and the sandbox leaves it as it is")]
    return []


def _of_origin(path: str, entry: Entry, fresh: bool, wanted: Wanted) -> list[Said]:
    if not fresh:
        return [Noted(code="stale", message=f"{path} is stale: {wanted.differs_from(entry)}")]
    if wanted.sandbox and not entry.sandbox:
        if wanted.row_is_same(entry):
            return []
        said = f"{path} was bought, and its row or an input has changed since: the sandbox leaves it as it is"
        return [Warned(code="sandbox_kept", message=said)]
    if entry.model != wanted.model:
        said = f"{path} was made by {entry.model}, and the default is {wanted.model} now: it is kept"
        return [Noted(code="new_default_model", message=f"{said}; -m {wanted.model} has it bought again")]
    return []


def _twice(wanted: Wanted, doubt: Entry) -> Warned:
    if doubt.state == "bought":
        said = f"{wanted.id} was bought once, and its answer is not on this machine: buying it again is billed twice"
    else:
        said = f"{wanted.id} was sent once, and no picture of it is here: it may be billed twice"
    return Warned(code="may_be_billed_twice", message=said)
