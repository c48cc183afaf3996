"""One planned file: what stands there, and whose it is. Pure; the disk is asked through `Disk`.

Content is compared only where it matters: a file of the recorded length whose request is unchanged is taken for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from imagecli.batch.entries import Entry, FileRecord
from imagecli.batch.ledger import Known, Ledger
from imagecli.batch.standing import Disk
from imagecli.batch.wanted import Wanted

Standing = Literal["missing", "ours", "found", "edited", "unknown", "blocked"]
"""Nothing there; as the journal has it; left by a run that was ended; the journal's, but with other content; not the
journal's; not a file at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A planned file."""

    plan: str
    path: str
    """Where it stands or would stand; another than *plan* where it was saved so."""
    standing: Standing
    entry: Entry | None = None
    """Tells of it, for `ours` and `edited`."""
    record: FileRecord | None = None
    fresh: bool = False
    """What it was made of is what is wanted now."""


def judge(plan: str, wanted: Wanted, ledger: Ledger, disk: Disk) -> Judged:
    """What stands where *plan* is wanted."""
    known = ledger.planned(plan)
    path = known[1].path if known and disk.look(known[1].path) else plan
    standing, told = _standing(path, known, wanted, ledger, disk)
    entry, record = told or (None, None)
    fresh = wanted.is_fresh(entry) if entry else standing == "found"
    return Judged(plan=plan, path=path, standing=standing, entry=entry, record=record, fresh=fresh)


def _standing(
    path: str, known: Known | None, wanted: Wanted, ledger: Ledger, disk: Disk
) -> tuple[Standing, Known | None]:
    look = disk.look(path)
    if look is None:
        return "missing", None
    if look.bytes is None:
        return "blocked", None
    own = known if known and known[1].path == path else None
    doubt = in_doubt(wanted, ledger)
    if own and own[1].bytes == look.bytes and not doubt and wanted.is_fresh(own[0]):
        return "ours", own
    alike = [one for one in _possible(own, known, path, wanted, ledger) if one[1].bytes == look.bytes]
    sha256 = disk.sha256(path) if alike else ""
    if same := next((one for one in alike if one[1].sha256 == sha256), None):
        return "ours", same
    if doubt:
        return "found", None
    return ("edited", own) if own else ("unknown", None)


def _possible(own: Known | None, known: Known | None, path: str, wanted: Wanted, ledger: Ledger) -> list[Known]:
    """What could stand at *path*: what was saved there, and what was bought for it and moved by hand."""
    moved = [one for one in (known, *ledger.brought(wanted.hash)) if one and ending(one[1].path) == ending(path)]
    return [own, *moved] if own else moved


def in_doubt(wanted: Wanted, ledger: Ledger) -> Entry | None:
    """The last word on the purchase, where that is no last word: it may be bought, and nothing shows it."""
    last = ledger.last(wanted.id)
    return last if last and last.in_doubt and wanted.is_asked_by(last) else None


def ending(path: str) -> str:
    """`.png`; one picture's bytes belong under one."""
    return PurePosixPath(path).suffix.lower()
