"""Checks, before anything is paid for, that images can be saved: the output folders, free space, size limits."""

from __future__ import annotations

import errno
import math
import os
import shutil
import stat
from pathlib import Path
from typing import Final

from imagecli.errors import DiskError, OutputError, os_error_reason
from imagecli.naming import PathKind
from imagecli.storage.atomic_write import discard_all_staged, discard_staged, disk_hint, write_staged

MIN_FREE_BYTES: Final = 16 * 1024**2
"""Less free space is an error: one large image can need as much."""

RESPONSE_BYTES: Final = 32 * 1024**2
"""What a large image needs as base64."""

_CHECK: Final = "check"
"""The label of the test file that is written to a folder."""
_NEED: Final = f"an image may need {MIN_FREE_BYTES // 1024**2} MB"
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

ANOTHER_FOLDER: Final = "choose another folder with -o"


def stat_path(path: Path) -> PathKind:
    """What exists at *path*. Links are followed; a dangling link counts as a file, because it takes the name.

    Raises OutputError for a name that this system can't represent.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return "file" if error.errno in (errno.ENOENT, errno.ELOOP) and os.path.lexists(path) else "missing"
    except ValueError as error:
        raise OutputError(
            f"invalid file name {str(path)!r}: {error}", hint="set LC_ALL=C.UTF-8, or choose another name with -o"
        ) from error
    if stat.S_ISDIR(mode):
        return "folder"
    return "file" if stat.S_ISREG(mode) else "other"


def check_folder(folder: Path, *, make: bool = True, another: str = ANOTHER_FOLDER) -> None:
    """Checks that *folder* is a folder with free space, writes a test file to it, and creates it if it is missing.

    Without *make* (a dry run) nothing is created, and the permissions of the nearest existing folder are checked.
    *another* is the hint, which says where the folder is named. Raises OutputError, or DiskError if only space is
    missing.
    """
    try:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
            discard_check_files(folder)
            discard_staged(write_staged(b"imagecli", folder, label=_CHECK))
        nearest = _nearest_existing(folder)
        _check_existing(nearest)
        if not make:
            _check_takes_files(nearest)
        _check_room(nearest)
    except OSError as error:
        message = f"can't save to {folder}: {_folder_problem(folder, error)}"
        if error.errno in _NO_ROOM:
            raise DiskError(message, hint=f"{disk_hint(error)}, or {another}") from error
        raise OutputError(message, hint=another) from error
    except ValueError as error:
        raise OutputError(f"invalid folder name {str(folder)!r}: {error}", hint=another) from error


def discard_check_files(folder: Path) -> None:
    """Removes the test files of processes that were killed while they checked *folder*."""
    discard_all_staged(folder, _CHECK)


def check_response_size(count: int) -> None:
    """Raises DiskError if the response to a request for *count* images may exceed the limit for one file.

    The limit holds for every folder, so there would be no other place for the rest of it.
    """
    need = count * RESPONSE_BYTES
    if (limit := _file_size_limit()) < need:
        images = "1 image" if count == 1 else f"{count} images"
        raise DiskError(
            f"the file size limit is {limit / 1024**2:.1f} MB (ulimit -f), but a response with {images} may need "
            f"{need // 1024**2} MB; nothing was sent",
            hint="raise it: ulimit -f unlimited" + ("; or request fewer images with -n" if count > 1 else ""),
        )


def _nearest_existing(folder: Path) -> Path:
    """The first of *folder* and its parents that exists. Raises OSError if that can't be determined."""
    try:
        folder.lstat()
    except (FileNotFoundError, NotADirectoryError):
        if folder == folder.parent:
            raise
        return _nearest_existing(folder.parent)
    return folder


def _check_existing(folder: Path) -> None:
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def _check_takes_files(folder: Path) -> None:
    """On a disk without a size, like /proc, permissions mean nothing, least of all to root: writing a file decides."""
    if not shutil.disk_usage(folder).total:
        discard_staged(write_staged(b"imagecli", folder, label=_CHECK))


def _check_room(folder: Path) -> None:
    usage = shutil.disk_usage(folder)
    # Some network disks report nothing at all.
    if usage.total and usage.free < MIN_FREE_BYTES:
        raise OSError(errno.ENOSPC, f"only {usage.free / 1024**2:.1f} MB free; {_NEED}")
    if (limit := _file_size_limit()) < MIN_FREE_BYTES:
        raise OSError(errno.EFBIG, f"the file size limit is {limit / 1024**2:.1f} MB (ulimit -f); {_NEED}")


def _file_size_limit() -> float:
    """The most bytes that this process may write to one file (ulimit -f)."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return math.inf
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return math.inf if limit == resource.RLIM_INFINITY else limit


def _folder_problem(folder: Path, error: OSError) -> str:
    if error.errno not in (errno.EEXIST, errno.ENOTDIR):
        return os_error_reason(error)
    for part in (folder, *folder.parents):
        if os.path.lexists(part) and not part.is_dir():
            return f"{part} is a file, not a folder" if part.exists() else f"{part} is a broken link"
    return os_error_reason(error)
