"""Which spool entries outside the state folder are trusted: those that a record in a private folder vouches for.

An entry is beside an output if the state folder could not be written to. A working tree may be a clone of
anyone's, so an entry in it is used only if its record has the same id, the same folder and the same description.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from imagecli.safe_open import check_folder_is_ours, make_missing_folders, open_regular, read_regular, real_path

SPOOL_BESIDE: Final = ".imagecli-spool"
"""The folder beside an output that replaces a state folder that can't be written to."""
_MAX_RECORD_BYTES: Final = 64 * 1024
_ENDING: Final = ".json"


class SpoolPlaces(NamedTuple):
    """Where the entries are that imagecli finishes or deletes."""

    own: Path
    """The state folder's spool."""
    records: tuple[Path, ...] = ()
    """Private folders with records of entries elsewhere, the preferred one first."""


class SpoolRecord(NamedTuple):
    """What is known of an entry beside an output."""

    id: str
    folder: Path
    """The entry's folder, absolute and without links."""
    sha256: str
    """Of its description."""
    path: Path
    """The record itself."""

    def vouches_for(self, description: bytes) -> bool:
        """Whether *description* is the recorded one."""
        return hashlib.sha256(description).hexdigest() == self.sha256


def write_record(id: str, folder: Path, description: bytes, record_folders: Sequence[Path]) -> Path | None:
    """Record an entry that will be in *folder*. Returns the record's path, or None if no record folder is usable."""
    record = {
        "id": id,
        "folder": str(real_path(folder)),
        "sha256": hashlib.sha256(description).hexdigest(),
    }
    for record_folder in record_folders:
        path = record_folder / f"{id}{_ENDING}"
        with suppress(OSError):
            make_missing_folders(record_folder)
            check_folder_is_ours(record_folder, private=True)
            _write_durably(path, json.dumps(record).encode())
            return path
    return None


def remove_record(path: Path) -> None:
    """Remove a record; a missing one is not an error."""
    with suppress(OSError):
        path.unlink()


def read_records(record_folders: Sequence[Path]) -> Iterator[SpoolRecord]:
    """All records in *record_folders* that are ours and can be read."""
    for record_folder in record_folders:
        with suppress(OSError):
            check_folder_is_ours(record_folder, private=True)
            for path in sorted(record_folder.glob(f"*{_ENDING}")):
                with suppress(OSError, ValueError, RecursionError):
                    yield _parse_record(path)


def _write_durably(path: Path, data: bytes) -> None:
    try:
        with os.fdopen(open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise
    except OSError:
        remove_record(path)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a new name in *folder* survive a power cut, where the system can."""
    if os.name == "nt":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _parse_record(path: Path) -> SpoolRecord:
    """Raises ValueError if *path* does not hold a record, OSError if it can't be read."""
    document = json.loads(read_regular(path, _MAX_RECORD_BYTES, max_links=1))
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    folder, sha256 = document.get("folder"), document.get("sha256")
    if document.get("id") != path.stem or not isinstance(folder, str) or not isinstance(sha256, str):
        raise ValueError("not a record")
    return SpoolRecord(id=path.stem, folder=Path(folder), sha256=sha256, path=path)
