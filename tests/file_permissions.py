"""File permissions that hold for root too, so that tests of refused reads and writes run everywhere."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

VERSION_3: Final = 0x20080522
"""_LINUX_CAPABILITY_VERSION_3 of <linux/capability.h>: two sets of 32 bits each."""
OVERRIDES: Final = 1 << 1 | 1 << 2 | 1 << 3
"""CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH and CAP_FOWNER."""


@contextmanager
def file_permissions_enforced() -> Iterator[None]:
    """In here this thread is refused what file permissions forbid, even as root. Skips the test where that fails.

    As the command would be under `setpriv --bounding-set=…`, but without a process of its own: what root may override
    is a capability of each thread, and can be given back.
    """
    if os.name != "posix" or os.geteuid() != 0:
        yield
        return
    header = (ctypes.c_uint32 * 2)(VERSION_3, 0)
    # Effective, permitted and inheritable capabilities, the lower 32 of each and then the upper.
    capabilities = (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "capset") or libc.capget(header, capabilities):
        pytest.skip("this system has no capabilities that root could drop")
    effective = capabilities[0]
    capabilities[0] = effective & ~OVERRIDES
    if libc.capset(header, capabilities):
        pytest.skip("root can't drop capabilities here")
    try:
        yield
    finally:
        capabilities[0] = effective
        assert libc.capset(header, capabilities) == 0
