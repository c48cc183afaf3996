"""Finds the files of items that are up to date, and describes them by the journal or by their bytes."""

from __future__ import annotations

import contextlib
import mmap
import stat
from pathlib import Path

from imagecli.batch.file_state import DiskState, choose_record
from imagecli.batch.item_plan import ItemPlan
from imagecli.batch.journal.entry import FileRecord
from imagecli.batch.journal.state import JournalState, RecordedFile
from imagecli.commands.image.plan import inspect_skipped_file
from imagecli.errors import OutputError
from imagecli.images.identify import identify_image
from imagecli.results import SkippedFile


def find_kept_files(plan: ItemPlan, state: JournalState, disk: DiskState, folder: Path) -> list[SkippedFile]:
    """The files of an item that exist, described by the journal, or by their bytes if they are not in it."""
    files = []
    for output in plan.outputs:
        recorded = choose_record(state.files_planned_at(output), disk)
        if file := find_kept_file(output, recorded, disk, folder):
            files.append(file)
    return files


def find_kept_file(output: str, recorded: RecordedFile | None, disk: DiskState, folder: Path) -> SkippedFile | None:
    """The file planned as *output*, described by *recorded* or by its bytes; None if there is none."""
    below = recorded.file.path if recorded else output
    path, status = folder / below, disk.stat(below)
    if status is None or status.bytes is None:
        return None  # missing, a pipe, or a link that leads out of the folder
    with contextlib.suppress(OutputError):
        file = _skipped_from_record(path, recorded.file) if recorded else None
        return file or inspect_skipped_file(path, (0, 0))[0]
    return None


def _skipped_from_record(path: Path, record: FileRecord) -> SkippedFile | None:
    """*path* by its *record* and its headers; None if it is not of the recorded length.

    As in `file_state`, a file of that length is trusted to be the recorded one, and not read to its end.
    """
    try:
        status = path.stat()
        if not (stat.S_ISREG(status.st_mode) and status.st_size == record.bytes > 0):
            return None
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            image = identify_image(data)
    except (OSError, ValueError):
        return None
    return SkippedFile(
        path=path, bytes=record.bytes, format=image.format, size=image.size, sha256=record.sha256, before=(0, 0)
    )
