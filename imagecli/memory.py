"""How the C library treats memory that is freed."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
"""Parameters of glibc's mallopt (mallopt(3))."""
RETURNED_BYTES: Final = 1024 * 1024
"""Larger blocks are returned to the system when they are freed. Photos are larger, and pieces of files are not."""
KEPT_BYTES: Final = 4 * 1024 * 1024
"""How much that is free at its end each arena keeps."""


@cache
def return_large_blocks() -> None:
    """Returns the memory of photos to the system as soon as they are freed.

    By default, glibc keeps freed blocks of up to 32 MB for reuse, separately for each thread: as much as another photo
    for most threads of a batch. Other C libraries don't have this setting, and are left as they are.
    """
    import ctypes

    with suppress(OSError, TypeError, AttributeError):  # TypeError on Windows
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, RETURNED_BYTES)
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
