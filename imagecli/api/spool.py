"""What is bought lands here first: an answer's body as it arrives, beside what is needed to finish it.

One folder, 0700, a pair of 0600 files a request: `ID.json` (Prepared) and `ID.body`. Removed when all is saved.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from imagecli.errors import DiskError, ImagecliError, OutputError, UnsavedError

PAID = (ImagecliError.exit_code, UnsavedError.exit_code, DiskError.exit_code)
"""Exit codes of errors after which something may have been bought; a bug of ours is one."""
MIN_FREE_BYTES = 32 * 1024 * 1024
"""A large picture as base64; a folder with less room is passed over before anything is paid for."""
OPEN_TRIES = 20
"""A folder that a neighbour has just emptied and removed is made again."""


@dataclass(slots=True, kw_only=True)
class Entry:
    """One request's place in the spool. Leaving the `with` block removes it, unless something unsaved is in it."""

    description: Path
    body: Path
    file: IO[bytes]
    kept: bool = False

    def __enter__(self) -> Entry:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Bytes that came stay when *error* leaves the block, unless it says that nothing was bought."""
        with suppress(OSError):
            self.file.close()
        came = self.body.exists() and self.body.stat().st_size > 0
        if error and came and not (isinstance(error, ImagecliError) and error.exit_code not in PAID):
            path = self.keep()
            if isinstance(error, ImagecliError):
                error.rescued_path = error.rescued_path or str(path)
        if not self.kept:
            self._remove()

    def keep(self) -> Path:
        """Something in it is not saved: it stays. Returns the body's path."""
        self.kept = True
        return self.body

    def read(self) -> bytes:
        """The body, whole; through our own handle, so that nobody can take it away."""
        self.file.seek(0)
        return self.file.read()

    def _remove(self) -> None:
        for path in (self.description, self.body):
            with suppress(OSError):
                path.unlink()
        with suppress(OSError):
            self.body.parent.rmdir()


def open_entry(id: str, description: str, folders: Sequence[Path]) -> Entry:
    """An entry in the first of *folders* that can be written. Raises OutputError where none can: nothing was sent."""
    reasons = []
    for folder in folders:
        for attempt in range(OPEN_TRIES):
            try:
                return _opened(id, description, folder)
            except (FileNotFoundError, FileExistsError) as error:
                # mkdir says "exists" where the folder goes away between its two looks.
                if attempt == OPEN_TRIES - 1:
                    reasons.append(f"{folder}: {error.strerror}")
            except OSError as error:
                reasons.append(f"{folder}: {error.strerror}")
                break
    raise OutputError(
        f"no place to keep the answer while it is saved ({'; '.join(reasons)})",
        hint="make one of these folders writable, or set IMAGECLI_STATE_DIR",
    )


def _opened(id: str, description: str, folder: Path) -> Entry:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    usage = shutil.disk_usage(folder)
    if usage.total and usage.free < MIN_FREE_BYTES:  # some network disks report nothing at all
        raise OSError(errno.ENOSPC, f"less than {MIN_FREE_BYTES // 2**20} MB free")
    described, body = folder / f"{id}.json", folder / f"{id}.body"
    with os.fdopen(_create(described), "w", encoding="utf-8") as file:
        file.write(description)
    return Entry(description=described, body=body, file=os.fdopen(_create(body), "w+b"))


def _create(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
