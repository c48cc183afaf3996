"""Looks at the places that will be saved to, before anything is paid for."""

from __future__ import annotations

import errno
import math
import os
import shutil
import stat
from pathlib import Path
from typing import Final

from imagecli.errors import DiskError, OutputError
from imagecli.naming import PathKind
from imagecli.storage.atomic import os_error_reason
from imagecli.storage.staging import discard_all_staged, discard_staged, write_staged

MIN_FREE_BYTES: Final = 16 * 1024**2
"""Less is refused: one large picture can have as much."""

ANSWER_BYTES: Final = 32 * 1024**2
"""What a large picture needs as base64."""

_CHECK: Final = "check"
"""The label of the file that is written to see whether it can be."""
_NEED: Final = f"a picture may need {MIN_FREE_BYTES // 1024**2} MB"
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_HINT: Final = "choose another folder with -o"


def stat_path(path: Path) -> PathKind:
    """What stands at *path*. A link counts as what it leads to; one that leads nowhere is a file, as it has the name.

    Raises OutputError for a name that this system can't hold at all.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return "file" if error.errno in (errno.ENOENT, errno.ELOOP) and os.path.lexists(path) else "missing"
    except ValueError as error:
        raise OutputError(
            f"{str(path)!r} can't be a file's name here: {error}", hint="LC_ALL=C.UTF-8, or -o with another name"
        ) from error
    if stat.S_ISDIR(mode):
        return "folder"
    return "file" if stat.S_ISREG(mode) else "other"


def check_folder(folder: Path, *, make: bool = True) -> None:
    """Returns when *folder* is one, can really be written to and has room; makes it (and its parents) if it is missing.

    With *make* false (a dry run) nothing is made or left, and the nearest folder that exists is judged by its rights.
    Raises OutputError, and DiskError where only room is missing.
    """
    try:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
            discard_all_staged(folder, _CHECK)  # of a process that was killed just here
            discard_staged(write_staged(b"imagecli", folder, label=_CHECK))
        nearest = _nearest_existing(folder)
        _check_existing(nearest)
        if not make:
            _check_takes_files(nearest)
        _check_room(nearest)
    except OSError as error:
        kind = DiskError if error.errno in _NO_ROOM else OutputError
        raise kind(f"can't save to {folder}: {_folder_problem(folder, error)}", hint=_HINT) from error
    except ValueError as error:
        raise OutputError(f"{str(folder)!r} can't be a folder's name here: {error}", hint=_HINT) from error


def check_response_size(pictures: int) -> None:
    """Returns when the answer to a request for so many *pictures* may be kept in one file.

    What such a limit cuts off can't be kept in another place either. Raises DiskError.
    """
    need = pictures * ANSWER_BYTES
    if (limit := _file_size_limit()) < need:
        many = "a picture" if pictures == 1 else f"{pictures} pictures"
        raise DiskError(
            f"a file may have {limit / 1024**2:.1f} MB at most here (ulimit -f), and an answer with {many} may need "
            f"{need // 1024**2} MB; nothing was sent",
            hint="ulimit -f unlimited" + (", or fewer pictures a request: -n" if pictures > 1 else ""),
        )


def _nearest_existing(folder: Path) -> Path:
    """The first of *folder* and its parents that exists. Raises OSError when that can't be told."""
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
    """Of a disk without a size, as /proc has none, rights say nothing, least of all to root: only a file can tell."""
    if not shutil.disk_usage(folder).total:
        discard_staged(write_staged(b"imagecli", folder, label=_CHECK))


def _check_room(folder: Path) -> None:
    usage = shutil.disk_usage(folder)
    # Some network disks report nothing at all.
    if usage.total and usage.free < MIN_FREE_BYTES:
        raise OSError(errno.ENOSPC, f"only {usage.free / 1024**2:.1f} MB are free, and {_NEED}")
    if (limit := _file_size_limit()) < MIN_FREE_BYTES:
        raise OSError(errno.EFBIG, f"a file may have {limit / 1024**2:.1f} MB at most here (ulimit -f), and {_NEED}")


def _file_size_limit() -> float:
    """What a shell, a container or an administrator lets this process write into one file, in bytes."""
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
            return f"{part} is a file, not a folder" if part.exists() else f"{part} is a link that leads nowhere"
    return os_error_reason(error)
