"""Locks a file until this process ends; the system releases the lock however it ends."""

from __future__ import annotations

import errno

_HELD = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
"""Errors of systems if another process holds the lock."""
_FAR = 1 << 40
"""Windows prevents others from reading locked bytes, so this locks a byte beyond the end of any file."""


def try_lock(descriptor: int) -> bool:
    """Lock an open file; False if another process holds the lock.

    True on a file system without locks, as some network disks are.
    """
    try:
        _lock(descriptor)
    except OSError as error:
        return error.errno not in _HELD
    return True


try:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

except ImportError:  # Windows
    import msvcrt
    import os

    def _lock(descriptor: int) -> None:
        place = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        finally:
            os.lseek(descriptor, place, os.SEEK_SET)
