"""A file held for as long as this process lives: the system lets go of it when the process ends, however it ends."""

from __future__ import annotations

import errno

_HELD = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
"""What systems answer where another process holds it."""
_FAR = 1 << 40
"""Windows keeps others from reading what is locked, so a byte is locked that no answer reaches."""


def try_lock(descriptor: int) -> bool:
    """Whether an open file is held now; False where another process holds it.

    A disk without locks (some network disks) answers True.
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
