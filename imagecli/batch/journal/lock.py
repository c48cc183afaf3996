"""Allows one run of a manifest at a time; a second one gets an error that names the process of the first.

During a run `NAME.journal.lock` (`NAME.journal.K-N.lock` for a shard) is beside the journal, locked by the operating
system for as long as the process lives, so that the file of a killed run can be taken over. It contains the process
and its host, for the error message, and is removed at the end. Shards of the same number of parts may run at the same
time; any other two runs exclude each other.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from imagecli.batch.journal.paths import find_beside, lock_path
from imagecli.batch.shards import Shard
from imagecli.errors import OutputError, UsageError, os_error_reason
from imagecli.file_lock import try_lock
from imagecli.quoting import shell_quote
from imagecli.safe_open import UnsafeFileError, open_regular, read_regular

PATIENCE_SECONDS: Final = 1.0
"""How long to wait for a lock: another run that only tests whether it may start holds it for a moment."""
_POLL_SECONDS: Final = 0.05
_MAX_BYTES: Final = 4096
_FIRST_KEY: Final = b'{"pid":'


@contextlib.contextmanager
def manifest_lock(manifest: Path, shard: Shard | None = None) -> Iterator[None]:
    """Holds the lock of *manifest*, or of this part of it, until the block ends.

    Raises UsageError (code `in_use`) during another run, OutputError if the folder can't be written.
    """
    with ExitStack() as stack:
        stack.enter_context(_hold_lock(lock_path(manifest, shard), manifest))
        # Taken before looking for others: of two runs that start together at least one sees the other.
        for lock in list(find_beside(manifest, "lock")):
            if _conflicts(shard, lock.shard):
                with _hold_lock(lock.path, manifest):
                    pass
        yield


def _conflicts(shard: Shard | None, other: Shard | None) -> bool:
    """Whether runs of the two could request the same items, and have different locks."""
    if shard is None or other is None:
        return shard is not other
    return shard.of != other.of


@contextlib.contextmanager
def _hold_lock(path: Path, manifest: Path) -> Iterator[None]:
    descriptor = _acquire(path, manifest)
    try:
        yield
    finally:
        # Removed while it is still locked, so that no other run can lock the file and then lose it. Windows can't
        # remove an open file. A file that has replaced it meanwhile is not ours to remove.
        if os.name != "nt" and _is_same_file(path, descriptor):
            with contextlib.suppress(OSError):
                path.unlink()
        os.close(descriptor)
        if os.name == "nt":
            with contextlib.suppress(OSError):
                path.unlink()


def _acquire(path: Path, manifest: Path) -> int:
    """Opens and locks the file, and writes our process into it. Returns its descriptor."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            descriptor = _try_acquire(path)
        except UnsafeFileError as error:
            raise OutputError(
                f"can't use lock file {path}: {os_error_reason(error)}",
                hint=f"if it isn't yours, remove it: rm {shell_quote(path)}",
            ) from error
        except OSError as error:
            raise OutputError(
                f"can't write {path}: {os_error_reason(error)}",
                hint="make the manifest's folder writable; the journal is written there too",
            ) from error
        if descriptor is not None:
            return descriptor
        if time.monotonic() > deadline:
            raise _in_use_error(path, manifest)
        time.sleep(_POLL_SECONDS)


def _try_acquire(path: Path) -> int | None:
    """The descriptor; None if another run holds the lock, or has just removed it."""
    descriptor = open_regular(path, os.O_RDWR | os.O_CREAT)
    try:
        if try_lock(descriptor) and _is_same_file(path, descriptor):
            _check_content(path, descriptor)
            _write_owner(descriptor)
            return descriptor
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _is_same_file(path: Path, descriptor: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    return False


def _check_content(path: Path, descriptor: int) -> None:
    """Raises UnsafeFileError for a file that is not the lock of a killed run, and so not ours to truncate."""
    content = os.read(descriptor, len(_FIRST_KEY))
    os.lseek(descriptor, 0, os.SEEK_SET)
    if not _FIRST_KEY.startswith(content):
        raise UnsafeFileError(path, "not an imagecli lock file")


def _write_owner(descriptor: int) -> None:
    os.ftruncate(descriptor, 0)
    os.write(descriptor, json.dumps({"pid": os.getpid(), "host": platform.node()}).encode() + b"\n")


def _in_use_error(path: Path, manifest: Path) -> UsageError:
    try:
        owner = json.loads(read_regular(path, _MAX_BYTES))
        pid, host = int(owner["pid"]), str(owner["host"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        process, hint = "an unknown process", "wait until it ends"
    else:
        on_host = "" if host == platform.node() else f" on {host}"
        process = f"process {pid} on {host}"
        hint = f"wait until it ends, or stop it{on_host}: kill {pid}"
    message = f"another run of {manifest} is active ({process}); nothing was sent"
    return UsageError(message, hint=hint, code="in_use")
