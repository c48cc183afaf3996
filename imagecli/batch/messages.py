"""What is said of a decision: notes, warnings and refusals, each with its way out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from imagecli.batch.file_state import Judged
from imagecli.batch.fingerprint import Wanted
from imagecli.batch.journal.entry import Entry
from imagecli.errors import OutputError
from imagecli.events import Noted, Warned
from imagecli.quoting import quoted

TOLD_EACH: Final = 3
"""So many files of which the same is to be said are named one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What is to be said of one file."""

    path: str
    says: str
    """What stands behind the path."""
    code: str
    warns: bool = False

    @property
    def message(self) -> str:
        return f"{self.path} {self.says}"


def together(remarks: Iterable[Remark]) -> Iterator[Noted | Warned]:
    """*remarks* for a listener: where the same is to be said of many files one is named, and the others are counted."""
    alike: dict[tuple[str, str, bool], list[Remark]] = {}
    for remark in remarks:
        alike.setdefault((remark.code, remark.says, remark.warns), []).append(remark)
    for group in alike.values():
        told = group if len(group) <= TOLD_EACH else group[:1]
        left = len(group) - len(told)
        more = f" (and {left:,} more files)" if left else ""
        for remark in told:
            yield (Warned if remark.warns else Noted)(code=remark.code, message=remark.message + more)


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


def notes(files: Sequence[Judged], wanted: Wanted, doubt: Entry | None) -> tuple[Remark, ...]:
    """What the user should hear of; *doubt* tells of what may be billed twice."""
    said = [note for file in files for note in _of_file(file, wanted)]
    if doubt:
        said.append(_twice(wanted, doubt))
    return tuple(dict.fromkeys(said))


def notes_of_absent(wanted: Wanted, last: Entry) -> tuple[Remark, ...]:
    """What the user should hear of a purchase that a provider's Batch API has, by its *last* entry."""
    where = last.batch or "the Batch API"
    if (last.provider, last.base_url) != (wanted.provider, wanted.base_url):
        said = f"is in {where} of {last.base_url or last.provider}, and is fetched by a run that asks there"
        return (Remark(code="submitted_elsewhere", path=wanted.id, says=said),)
    if not wanted.is_asked_by(last):
        said = f"has changed since it was handed in ({where}): what comes is of the earlier row"
        return (Remark(code="changed_meanwhile", path=wanted.id, says=said),)
    return ()


def _of_file(file: Judged, wanted: Wanted) -> list[Remark]:
    if file.standing == "missing":
        return []
    if file.standing == "found":
        said = "was saved by a run that was ended before it could say so"
        return [Remark(code="found", path=file.path, says=said)]
    if file.standing == "edited" and file.fresh:
        return [Remark(code="changed_by_hand", path=file.path, says="was changed by hand, and is kept")]
    if file.standing == "ours" and file.entry:
        return _of_origin(file.path, file.entry, file.fresh, wanted)
    if wanted.sandbox:
        said = "stands there, and the sandbox leaves it as it is"
        return [Remark(code="sandbox_kept", path=file.path, says=said)]
    return []


def _of_origin(path: str, entry: Entry, fresh: bool, wanted: Wanted) -> list[Remark]:
    if not fresh:
        return [Remark(code="stale", path=path, says=f"is stale: {wanted.differs_from(entry)}")]
    if wanted.sandbox and not entry.sandbox:
        if wanted.row_is_same(entry):
            return []
        said = "was bought, and its row or an input has changed since: the sandbox leaves it as it is"
        return [Remark(code="sandbox_kept", path=path, says=said, warns=True)]
    if entry.model != wanted.model:
        said = f"was made by {entry.model}, and the default is {wanted.model} now: it is kept"
        return [Remark(code="new_default_model", path=path, says=f"{said}; -m {wanted.model} has it bought again")]
    return []


def _twice(wanted: Wanted, doubt: Entry) -> Remark:
    if doubt.state == "bought":
        said = "was bought once, and its answer is not on this machine: buying it again is billed twice"
    else:
        said = "was sent once, and no picture of it is here: it may be billed twice"
    return Remark(code="may_be_billed_twice", path=wanted.id, says=said, warns=True)
