"""Saves pictures so that a file under its final name is whole and replaced nothing unasked.

The bytes go to a temporary name in the same folder, to the disk, and only then to their name, by a step that fails
when something stands there. The temporary name does not grow with the final one, so that 255 bytes stay 255.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from imagecli.errors import DiskError
from imagecli.naming import marked, numbered

_NO_LINKS: Final = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EINVAL}
"""What systems answer where a file can't have two names (FAT, some network disks, Android)."""


def save(data: bytes | Iterable[bytes], path: Path, *, overwrite: bool = False) -> Path:
    """Writes *data* under *path* and returns the path really used: the next number when the name was taken meanwhile.

    *overwrite* puts it in place of a file or a link (never through the link), never of a folder or a device.
    Raises DiskError, with nothing left behind.
    """
    with disk_errors(path):
        return _stage_and_publish(data, path, overwrite=overwrite)


def stage(data: bytes | Iterable[bytes], folder: Path, *, mode: int = 0o666) -> Path:
    """*data*, written and on the disk, under a temporary name in *folder*; *mode* is lessened by the umask.

    Raises OSError; whatever else *data* raises while it is read goes through. The file is gone in both cases.
    """
    temporary = folder / f".imagecli-{secrets.token_hex(8)}.part"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for piece in (data,) if isinstance(data, bytes) else data:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        discard(temporary)
        raise
    return temporary


def publish(staged: Path, path: Path, *, overwrite: bool = False) -> Path:
    """Gives a staged file its name, or the next free number of it, and returns the path used.

    Raises OSError, and leaves the staged file then.
    """
    used = staged.replace(path) if overwrite and _can_be_replaced(path) else _first_free(staged, path)
    _sync_folder(used.parent)
    return used


def rescue(data: bytes, path: Path, folder: Path, *, damaged: bool) -> Path:
    """Keeps bytes that can't have the name *path*, and returns where they are.

    Bytes that are no whole picture go beside it (`cat.damaged.png.bin`). Where that disk fails, and whole bytes
    whose disk has failed already, go to *folder*, readable by the user alone. Raises DiskError when that fails too.
    """
    name = marked(path, f".damaged{path.suffix[:16]}.bin") if damaged else path
    if damaged:
        with contextlib.suppress(OSError, ValueError):
            return _stage_and_publish(data, name)
    kept = folder / name.name
    with disk_errors(kept):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _stage_and_publish(data, kept, mode=0o600)


def discard(staged: Path) -> None:
    """Removes a staged file; a missing one is no error."""
    with contextlib.suppress(OSError):
        staged.unlink()


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns what the system says of *path* into a DiskError."""
    try:
        yield
    except OSError as error:
        raise DiskError(f"can't write {path}: {reason(error)}", hint=_way_out(error)) from error
    except ValueError as error:
        raise DiskError(f"can't write {str(path)!r}: {error}", hint="choose another name with -o") from error


def reason(error: OSError) -> str:
    """The system's words, lower case: `no space left on device`."""
    words = error.strerror or str(error) or type(error).__name__
    return words[0].lower() + words[1:]


def _way_out(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some space there, or choose another folder with -o"
    if error.errno == errno.EFBIG:
        return "the limit for a file's size is too low here (ulimit -f), or choose another folder with -o"
    return "choose another folder with -o"


def _stage_and_publish(
    data: bytes | Iterable[bytes], path: Path, *, overwrite: bool = False, mode: int = 0o666
) -> Path:
    staged = stage(data, path.parent, mode=mode)
    try:
        return publish(staged, path, overwrite=overwrite)
    except BaseException:
        discard(staged)
        raise


def _can_be_replaced(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return True
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


def _first_free(staged: Path, path: Path) -> Path:
    candidate, number = path, 1
    while True:
        try:
            _move_without_clobbering(staged, candidate)
        except FileExistsError:
            number += 1
            candidate = numbered(path, number)
        else:
            return candidate


def _move_without_clobbering(staged: Path, path: Path) -> None:
    """Raises FileExistsError when anything has the name, a link that leads nowhere too."""
    if os.name == "nt":
        staged.rename(path)
        return
    try:
        path.hardlink_to(staged)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _take_and_replace(staged, path)
    else:
        discard(staged)


def _take_and_replace(staged: Path, path: Path) -> None:
    """Without links the name is taken by an empty file first: a moment that only a crash can make visible."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        staged.replace(path)
    except BaseException:
        discard(path)
        raise


def _sync_folder(folder: Path) -> None:
    """Makes the new name survive a power cut, where the system lets a folder be synced."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
