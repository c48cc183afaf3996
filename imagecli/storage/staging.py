"""Files under temporary names, beside where they will stand: written, on the disk, and only then published.

The temporary name does not grow with the final one, so that 255 bytes stay 255.
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
    """A new file in *folder*, open for writing and reading; its `name` is its path. On the disk when the block ends.

    Gone when the block raises. *mode* is lessened by the umask. Raises OSError.
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
    """*data* as a staged file. Raises OSError; whatever else *data* raises while it is read goes through."""
    with open_staged(folder, label=label, mode=mode) as file:
        for piece in (data,) if isinstance(data, bytes) else data:
            file.write(piece)
    return Path(file.name)


def discard_staged(staged: Path) -> None:
    """Removes a staged file; a missing one is no error."""
    with contextlib.suppress(OSError):
        staged.unlink()


def discard_all_staged(folder: Path, label: str) -> None:
    """Removes what a process that has ended left staged under *label*; only files of the user's."""
    owners = trusted_owners(folder) if folder.is_dir() else None
    for path in folder.glob(f"{glob.escape(_staged_prefix(label))}*.part"):
        with contextlib.suppress(OSError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and (owners is None or status.st_uid in owners):
                discard_staged(path)


def _staged_prefix(label: str) -> str:
    return f".imagecli-{label}-" if label else ".imagecli-"
