"""Compares a planned file with the disk and the journal: missing, up to date, edited by hand, unknown …

`DiskState` looks below the manifest's folder; it raises nothing, and reads nothing through a link that leads out of the
folder. `determine_file_state` is pure but for the DiskReader. It computes digests only where they matter: a file of the
recorded length whose request is unchanged is treated as the recorded one.
"""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Sequence
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Final, Literal, NamedTuple, Protocol

from imagecli.batch.item_identity import ItemIdentity, possibly_billed_entry
from imagecli.batch.journal.entry import FileRecord, JournalEntry
from imagecli.batch.journal.state import JournalState, RecordedFile
from imagecli.domain import ENDINGS, MAX_IMAGE_BYTES
from imagecli.errors import os_error_reason
from imagecli.formats import RECEIVED_FORMATS
from imagecli.images.identify import identify_image
from imagecli.images.integrity import inspect_image_file
from imagecli.safe_open import is_below, real_path
from imagecli.storage.read import file_sha256

STAND_INS: Final = {
    "a Git LFS pointer": "download the image: git lfs pull",
    "a git-annex pointer": "download the image: git annex get",
    "a PNG with converted line endings": "add *.png binary to .gitattributes, and check out the image again",
}
"""What a checkout can leave in place of an image → how to get the image."""


class FileStat(NamedTuple):
    """What exists under a path."""

    bytes: int | None
    """Its length; None if it can't be a saved image: a folder, a device, a broken link or one that leads out of the
    manifest's folder, a file larger than any image."""


class DiskReader(Protocol):
    """Looks at files. Paths are relative to the manifest's folder, with forward slashes."""

    def stat(self, path: str) -> FileStat | None:
        """None if nothing exists there."""

    def sha256(self, path: str) -> str:
        """The digest of a file in hex; empty if it can't be read."""

    def image_problem(self, path: str) -> str | None:
        """What *path* is if it is not a complete image."""


class DiskState:
    """The disk below *folder*; with *allow_outside* also behind links that lead out of it."""

    def __init__(self, folder: Path, *, allow_outside: bool = False) -> None:
        self._folder = folder
        self._prefix = os.path.join(folder, "")  # noqa: PTH118
        self._root = None if allow_outside else real_path(folder)
        self._folders_inside: dict[str, bool] = {}

    def stat(self, path: str) -> FileStat | None:
        # With functions of os, as there may be 100,000 files, and a pathlib.Path takes longer than the system call.
        target = self._prefix + path
        try:
            status = os.lstat(target)
        except PermissionError:
            return FileStat(bytes=None)
        except (OSError, ValueError):
            return None
        is_link = stat.S_ISLNK(status.st_mode)
        if is_link:
            try:
                status = os.stat(target)  # noqa: PTH116
            except OSError:
                return FileStat(bytes=None)
        may_be_image = stat.S_ISREG(status.st_mode) and status.st_size <= MAX_IMAGE_BYTES
        is_inside = may_be_image and self._is_inside(target if is_link else target.rpartition(os.sep)[0])
        return FileStat(bytes=status.st_size if is_inside else None)

    def sha256(self, path: str) -> str:
        status = self.stat(path)
        if status is None or status.bytes is None:
            return ""
        try:
            return file_sha256(self._folder / path)
        except (OSError, ValueError):
            return ""

    def image_problem(self, path: str) -> str | None:
        try:
            with (self._folder / path).open("rb") as file:
                image = inspect_image_file(file)
        except (OSError, ValueError) as error:
            return f"unreadable ({os_error_reason(error)})"
        if image.format is None:
            return image.problem if image.problem in STAND_INS else "not an image"
        return None if image.is_complete else f"not a complete image ({image.problem or 'truncated'})"

    def may_remove(self, path: str, sha256: str) -> bool:
        """Whether *path* may be removed now: an image by its extension and its first bytes, with this content.

        A journal may come with a cloned repository, and must not cause any other file to be removed.
        """
        self._folders_inside.clear()  # links may have changed
        return self.is_image(path) and self.sha256(path) == sha256

    def is_image(self, path: str) -> bool:
        """Whether *path* has the extension and the first bytes of an image."""
        status = self.stat(path)
        if status is None or not status.bytes or not has_image_extension(path):
            return False
        try:
            with (self._folder / path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return identify_image(data).format is not None
        except (OSError, ValueError):
            return False

    def _is_inside(self, path: str) -> bool:
        """Whether *path*, a link or a folder, is below the manifest's folder."""
        if self._root is None:
            return True
        # Remembered, as resolving takes a system call for each part of the path, and thousands of files share a folder.
        if path not in self._folders_inside:
            self._folders_inside[path] = is_below(Path(path), self._root)
        return self._folders_inside[path]


def has_image_extension(path: str) -> bool:
    """Whether *path* has the extension of a format that imagecli saves."""
    return Path(path).suffix[1:].lower() in {*ENDINGS, *RECEIVED_FORMATS}


FileStatus = Literal["ours", "found", "edited", "unknown", "others", "not_image", "blocked"]
"""`ours`: as recorded in the journal; `found`: left by an interrupted run; `edited`:
recorded with other content; `unknown`: not recorded; `others`: recorded as another item's; `not_image`: none of these,
and not a complete image; `blocked`: not a file."""


class FileState(NamedTuple):
    """A planned file that exists, as it is on the disk."""

    plan: str
    path: str
    """Where it is. Differs from *plan* if it was saved under another name."""
    status: FileStatus
    entry: JournalEntry | None = None
    """The entry that records it, for `ours` and `edited`; for `others` the other item's."""
    record: FileRecord | None = None
    fresh: bool = False
    """It was created by the request that is planned now."""
    problem: str | None = None
    """What it is instead, for `not_image`."""


def determine_file_state(
    plan: str, identity: ItemIdentity, journal: JournalState, disk: DiskReader
) -> FileState | None:
    """The state of the file that *identity* plans as *plan*; None if it is missing."""
    recorded = choose_record(journal.files_planned_at(plan), disk)
    path = recorded.file.path if recorded else plan
    stat_result = disk.stat(path)
    if stat_result is None and path != plan:
        path = plan
        stat_result = disk.stat(path)
    if stat_result is None:
        return None
    recorded_here = recorded if recorded and recorded.file.path == path else None
    is_possibly_billed = possibly_billed_entry(identity, journal) is not None
    if (
        recorded_here
        and recorded_here.file.bytes == stat_result.bytes
        and not is_possibly_billed
        and identity.is_fresh(recorded_here.entry)
    ):
        return FileState(
            plan=plan, path=path, status="ours", entry=recorded_here.entry, record=recorded_here.file, fresh=True
        )
    candidates = _candidates(recorded_here, recorded, path, identity, journal)
    match = _find_match(path, stat_result, candidates, disk)
    if stat_result.bytes is None:
        status: FileStatus = "blocked"
    elif match:
        status = "ours"
    elif is_possibly_billed:
        status = "found"
    else:
        status, match = ("edited", recorded_here) if recorded_here else ("unknown", None)
    file = FileState(
        plan=plan,
        path=path,
        status=status,
        entry=match.entry if match else None,
        record=match.file if match else None,
        fresh=identity.is_fresh(match.entry) if match else status == "found",
    )
    return _check_content(file, identity, journal, disk)


def choose_record(records: Sequence[RecordedFile], disk: DiskReader) -> RecordedFile | None:
    """The record that matches the disk, or the latest. Two clones may each have saved a file, and been merged."""
    if len(records) > 1:
        existing = [record for record in records if _has_recorded_length(record, disk)]
        if len(existing) == 1:
            return existing[0]
        for record in existing:
            if disk.sha256(record.file.path) == record.file.sha256:
                return record
    return records[0] if records else None


def _has_recorded_length(record: RecordedFile, disk: DiskReader) -> bool:
    stat_result = disk.stat(record.file.path)
    return stat_result is not None and stat_result.bytes == record.file.bytes


def _check_content(file: FileState, identity: ItemIdentity, journal: JournalState, disk: DiskReader) -> FileState:
    """*file*, or another state if its content shows that it is not the item's image."""
    if file.status in ("found", "edited", "unknown"):
        if problem := disk.image_problem(file.path):
            return file._replace(status="not_image", problem=problem)
        if not file.fresh:
            owner = journal.entry_with_content(disk.sha256(file.path))
            if owner and owner.id != identity.id:
                return file._replace(status="others", entry=owner)
    return file


def _find_match(
    path: str, stat_result: FileStat, candidates: Sequence[RecordedFile], disk: DiskReader
) -> RecordedFile | None:
    """The first of *candidates* whose content *path* has. It is only read if one has its length."""
    same_length = [candidate for candidate in candidates if candidate.file.bytes == stat_result.bytes]
    sha256 = disk.sha256(path) if same_length else ""
    return next((candidate for candidate in same_length if candidate.file.sha256 == sha256), None)


def _candidates(
    recorded_here: RecordedFile | None,
    recorded: RecordedFile | None,
    path: str,
    identity: ItemIdentity,
    journal: JournalState,
) -> list[RecordedFile]:
    """The records that *path* may match: of what was saved there, and of files of the item that were moved by hand."""
    same_request = chain.from_iterable(map(journal.files_by_hash, identity.known_hashes))
    moved = [
        candidate
        for candidate in (recorded, *same_request)
        if candidate and file_extension(candidate.file.path) == file_extension(path)
    ]
    return [recorded_here, *moved] if recorded_here else moved


def file_extension(path: str) -> str:
    """The extension in lower case, with its dot: `.png`. Files whose extensions differ are never the same."""
    return PurePosixPath(path).suffix.lower()
