"""Staged files: written under a temporary name in the folder of the final one, and synced before they are published.

The temporary name has a fixed length, so that the final one can have the full 255 bytes.
"""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from imagecli.safe_open import trusted_owners


@contextlib.contextmanager
def open_staged(folder: Path, *, label: str = "", mode: int = 0o666) -> Iterator[IO[bytes]]:
    """A new file in *folder*, open for writing and reading; its `name` is its path. Synced when the block ends.

    Removed if the block raises. *mode* is subject to the umask. Raises OSError.
    """
    path = folder / f"{_staged_prefix(label)}{secrets.token_hex(8)}.part"
    with open(path, "x+b", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            discard_staged(path)
            raise


def write_staged(data: bytes | Iterable[bytes], folder: Path, *, label: str = "", mode: int = 0o666) -> Path:
    """Writes *data* to a staged file. Raises OSError, and whatever iterating over *data* raises."""
    with open_staged(folder, label=label, mode=mode) as file:
        for piece in (data,) if isinstance(data, bytes) else data:
            file.write(piece)
    return Path(file.name)


def discard_staged(staged: Path) -> None:
    """Removes a staged file, if it exists."""
    with contextlib.suppress(OSError):
        staged.unlink()


def discard_all_staged(folder: Path, label: str) -> None:
    """Removes the user's staged files with *label* that an ended process left behind."""
    owners = trusted_owners(folder) if folder.is_dir() else None
    for path in folder.glob(f"{glob.escape(_staged_prefix(label))}*.part"):
        with contextlib.suppress(OSError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and (owners is None or status.st_uid in owners):
                discard_staged(path)


def _staged_prefix(label: str) -> str:
    return f".imagecli-{label}-" if label else ".imagecli-"
