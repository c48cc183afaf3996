"""The journal's records of the files that calls have saved."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from imagecli.batch.file_state import DiskState
from imagecli.batch.journal.entry import FileRecord
from imagecli.domain import SavedImage
from imagecli.prepared_call import ManifestRef


def build_file_records(images: Iterable[SavedImage], part: ManifestRef) -> tuple[FileRecord, ...]:
    """The records of *images*, which a call for *part* has saved.

    Images beyond those that were requested have none.
    """
    return tuple(
        _build_record(image, image.path, part) for image in images if image.path and image.index < len(part.planned)
    )


def _build_record(image: SavedImage, saved: Path, part: ManifestRef) -> FileRecord:
    planned = part.planned[image.index][image.copy]
    folder, slash, _ = planned.rpartition("/")
    path = f"{folder}{slash}{saved.name}"  # it is in the planned folder
    return FileRecord(path=path, sha256=image.sha256, bytes=image.bytes, planned=None if planned == path else planned)


def build_original_records(images: Iterable[SavedImage], folder: Path) -> tuple[FileRecord, ...]:
    """The records of the received images that are kept beside those of *images* that were converted."""
    disk = DiskState(folder, allow_outside=True)
    records = []
    for path in dict.fromkeys(image.original for image in images if image.original):
        relative = path.absolute().relative_to(folder.absolute()).as_posix()
        info = disk.stat(relative)
        records.append(
            FileRecord(path=relative, sha256=disk.sha256(relative), bytes=(info.bytes if info else None) or 0)
        )
    return tuple(records)
