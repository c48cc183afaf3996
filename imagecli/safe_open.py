"""Opens files and folders in places that others may have filled: never through a link, only regular files.

A cloned repository can hold links, named pipes and devices under the names that imagecli uses. All files of imagecli's
own in a working tree, and its state, are opened here.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Final

_LINK_ERRNOS: Final = {errno.ELOOP, errno.EMLINK, getattr(errno, "EFTYPE", errno.ELOOP)}
"""What systems answer to O_NOFOLLOW when the name is a symbolic link (Linux, FreeBSD, NetBSD)."""


class UnsafeFileError(OSError):
    """A file or folder that is refused because of what it is; `strerror` says what that is."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(errno.EPERM, problem, str(path))


def open_regular(
    path: Path, flags: int, mode: int = 0o666, *, max_links: int | None = 1, owners: Collection[int] | None = None
) -> int:
    """Open *path* as `os.open` does, and return the descriptor; O_TRUNC takes effect after the checks.

    *max_links* is the number of names (hard links) that the file may have, None for any. *owners* are the user ids
    that may own it; None is `trusted_owners` of its folder. Raises UnsafeFileError for a symbolic link, anything but a
    regular file, further hard links, and another owner; OSError otherwise.
    """
    _check_before_opening(path)
    # Without O_NONBLOCK, opening a pipe that was put there after the check would wait for its other end.
    safe = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags & ~os.O_TRUNC | safe, mode)
    except OSError as error:
        if error.errno in _LINK_ERRNOS:
            raise UnsafeFileError(path, "it is a symbolic link") from error
        raise
    try:
        _check_status(path, os.fstat(descriptor), max_links, owners)
        if flags & os.O_TRUNC:
            os.ftruncate(descriptor, 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_regular(
    path: Path, limit: int, *, max_links: int | None = None, owners: Collection[int] | None = None
) -> bytes:
    """The content of *path*. Raises UnsafeFileError as `open_regular` does, and for more than *limit* bytes."""
    with os.fdopen(open_regular(path, os.O_RDONLY, max_links=max_links, owners=owners), "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise UnsafeFileError(path, f"it has more than {limit:,} bytes")
    return data


def check_folder_is_ours(folder: Path, *, private: bool = False) -> None:
    """Raise UnsafeFileError unless *folder* is a folder, not a link to one, and belongs to the user.

    With *private* it must not be accessible to anyone else either. Raises FileNotFoundError if it does not exist.
    """
    status = folder.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise UnsafeFileError(folder, "it is a symbolic link")
    if not stat.S_ISDIR(status.st_mode):
        raise UnsafeFileError(folder, "it is not a folder")
    if os.name == "nt":
        return
    if status.st_uid != os.geteuid():
        raise UnsafeFileError(folder, f"it belongs to another user (uid {status.st_uid})")
    if private and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UnsafeFileError(folder, f"other users can access it (mode {stat.S_IMODE(status.st_mode):04o})")


def trusted_owners(folder: Path) -> Collection[int] | None:
    """The user ids whose files in *folder* imagecli uses: the user, and the folder's owner; None is any.

    A shared checkout belongs to one of its users. Root works in everyone's folders, as containers in CI do.
    """
    if os.name == "nt" or os.geteuid() == 0:
        return None
    return {os.geteuid(), folder.stat().st_uid}


def _check_before_opening(path: Path) -> None:
    """Opening can itself have an effect on a device, and Windows has no O_NOFOLLOW."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(status.st_mode):
        raise UnsafeFileError(path, "it is a symbolic link")
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeFileError(path, f"it is {_kind(status.st_mode)}, not a file")


def _check_status(path: Path, status: os.stat_result, max_links: int | None, owners: Collection[int] | None) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeFileError(path, f"it is {_kind(status.st_mode)}, not a file")
    if max_links is not None and status.st_nlink > max_links:
        raise UnsafeFileError(path, f"it has {status.st_nlink} names (hard links)")
    if os.name == "nt":
        return
    allowed = owners if owners is not None else trusted_owners(path.parent)
    if allowed is not None and status.st_uid not in allowed:
        raise UnsafeFileError(path, f"it belongs to another user (uid {status.st_uid})")


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a named pipe"
    if stat.S_ISSOCK(mode):
        return "a socket"
    return "a device"
