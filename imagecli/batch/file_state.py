"""What stands on the disk below a manifest's folder, for `deciding`: never raises.

Nothing is read through a link that leads out of the folder.

One planned file: what stands there, and whose it is. Pure; the disk is asked through `DiskReader`.

Content is compared only where it matters: a file of the recorded length whose request is unchanged is taken for it.
"""

from __future__ import annotations

import mmap
import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, Protocol

from imagecli.batch.fingerprint import PlannedItem
from imagecli.batch.journal.entry import FileRecord, JournalEntry
from imagecli.batch.journal.state import JournalState, Known
from imagecli.domain import ENDINGS, MAX_PICTURE_BYTES
from imagecli.images.identify import identify_image
from imagecli.safe_open import real_path
from imagecli.storage.boundary import is_below
from imagecli.storage.read import file_sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStat:
    """Something stands there."""

    bytes: int | None
    """Its length; None where it can't be a saved picture: a folder, a device, a link that leads nowhere or out of the
    manifest's folder, a file larger than any picture."""


class DiskReader(Protocol):
    """How the disk is asked. Paths are relative to the manifest's folder, with forward slashes."""

    def stat(self, path: str) -> FileStat | None:
        """None where nothing has the name."""

    def sha256(self, path: str) -> str:
        """Of a file's content, in hex; empty where it can't be read."""


class DiskState:
    """The real disk below *folder*; with *allow_outside* also where links lead out of it."""

    def __init__(self, folder: Path, *, allow_outside: bool = False) -> None:
        self._folder = folder
        self._root = None if allow_outside else real_path(folder)
        self._folders_inside: dict[Path, bool] = {}

    def stat(self, path: str) -> FileStat | None:
        target = self._folder / path
        try:
            status = target.stat()
        except PermissionError:
            return FileStat(bytes=None)
        except (OSError, ValueError):
            return FileStat(bytes=None) if os.path.lexists(target) else None
        is_picture = stat.S_ISREG(status.st_mode) and status.st_size <= MAX_PICTURE_BYTES and self._is_inside(target)
        return FileStat(bytes=status.st_size if is_picture else None)

    def sha256(self, path: str) -> str:
        seen = self.stat(path)
        if seen is None or seen.bytes is None:
            return ""
        try:
            return file_sha256(self._folder / path)
        except (OSError, ValueError):
            return ""

    def may_replace(self, path: str, sha256: str | None) -> bool:
        """Whether *path* can be written now: it is free, or still has this content; None is any file's."""
        self._folders_inside.clear()  # links may be others by now
        seen = self.stat(path)
        if seen is None:
            return True
        return seen.bytes is not None and (sha256 is None or self.sha256(path) == sha256)

    def may_remove(self, path: str, sha256: str) -> bool:
        """Whether *path* can be removed now: a picture by its ending and its bytes that still has this content.

        A journal can be anybody's, and it must not have any other file removed.
        """
        self._folders_inside.clear()  # links may be others by now
        return self.is_picture(path) and self.sha256(path) == sha256

    def is_picture(self, path: str) -> bool:
        """Whether *path* has the ending and the first bytes of a picture."""
        seen = self.stat(path)
        if seen is None or not seen.bytes or not has_picture_ending(path):
            return False
        try:
            with (self._folder / path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return identify_image(data).format is not None
        except (OSError, ValueError):
            return False

    def _is_inside(self, target: Path) -> bool:
        if self._root is None:
            return True
        if target.is_symlink():
            return is_below(target, self._root)
        # Resolving costs a call for each part of the path, and thousands of files share a folder.
        if target.parent not in self._folders_inside:
            self._folders_inside[target.parent] = is_below(target.parent, self._root)
        return self._folders_inside[target.parent]


def has_picture_ending(path: str) -> bool:
    """Whether *path* ends as a saved picture does."""
    return Path(path).suffix[1:].lower() in ENDINGS


FileStatus = Literal["missing", "ours", "found", "edited", "unknown", "blocked"]
"""Nothing there; as the journal has it; left by a run that was ended; the journal's, but with other content; not the
journal's; not a file at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """A planned file."""

    plan: str
    path: str
    """Where it stands or would stand; another than *plan* where it was saved so."""
    status: FileStatus
    entry: JournalEntry | None = None
    """Tells of it, for `ours` and `edited`."""
    record: FileRecord | None = None
    fresh: bool = False
    """What it was made of is what is wanted now."""


def determine_file_state(plan: str, wanted: PlannedItem, ledger: JournalState, disk: DiskReader) -> FileState:
    """What stands where *plan* is wanted."""
    known = ledger.file_planned_at(plan)
    path = known[1].path if known and disk.stat(known[1].path) else plan
    standing, told = _determine_status(path, known, wanted, ledger, disk)
    entry, record = told or (None, None)
    fresh = wanted.is_fresh(entry) if entry else standing == "found"
    return FileState(plan=plan, path=path, status=standing, entry=entry, record=record, fresh=fresh)


def _determine_status(
    path: str, known: Known | None, wanted: PlannedItem, ledger: JournalState, disk: DiskReader
) -> tuple[FileStatus, Known | None]:
    look = disk.stat(path)
    if look is None:
        return "missing", None
    if look.bytes is None:
        return "blocked", None
    own = known if known and known[1].path == path else None
    doubt = possibly_billed_entry(wanted, ledger)
    if own and own[1].bytes == look.bytes and not doubt and wanted.is_fresh(own[0]):
        return "ours", own
    alike = [one for one in _candidates(own, known, path, wanted, ledger) if one[1].bytes == look.bytes]
    sha256 = disk.sha256(path) if alike else ""
    if same := next((one for one in alike if one[1].sha256 == sha256), None):
        return "ours", same
    if doubt:
        return "found", None
    return ("edited", own) if own else ("unknown", None)


def _candidates(
    own: Known | None, known: Known | None, path: str, wanted: PlannedItem, ledger: JournalState
) -> list[Known]:
    """What could stand at *path*: what was saved there, and what was bought for it and moved by hand."""
    moved = [
        one
        for one in (known, *ledger.files_by_hash(wanted.hash))
        if one and file_ending(one[1].path) == file_ending(path)
    ]
    return [own, *moved] if own else moved


def possibly_billed_entry(wanted: PlannedItem, ledger: JournalState) -> JournalEntry | None:
    """The last word on the purchase, where that is no last word: it may be bought, and nothing shows it."""
    last = ledger.last_entry(wanted.id)
    return last if last and last.is_possibly_billed and wanted.is_requested_by(last) else None


def file_ending(path: str) -> str:
    """`.png`; one picture's bytes belong under one."""
    return PurePosixPath(path).suffix.lower()
