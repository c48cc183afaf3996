"""One run of a manifest at a time: a second one is told who is at it.

`NAME.journal.lock` (`NAME.journal.K-N.lock` for a shard) stands beside the journal while a run is under way, held by
the system for as long as its process lives; what a killed run left is taken over. It holds the process and its
machine, for the other's message; removed at the end. Shards of one number run side by side; else one run shuts out
the other.
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

from imagecli.batch.journal.reader import find_beside, journal_path
from imagecli.batch.shards import Shard
from imagecli.errors import OutputError, UsageError
from imagecli.file_lock import try_lock
from imagecli.quoting import shell_quote
from imagecli.safe_open import UnsafeFileError, open_regular, read_regular
from imagecli.storage.atomic import os_error_reason

PATIENCE_SECONDS: Final = 1.0
"""Another run that only looks whether it may start holds a lock for a moment."""
_LOOK_SECONDS: Final = 0.05
_MAX_BYTES: Final = 4096
_FIRST_KEY: Final = b'{"pid":'


def lock_path(manifest: Path, shard: Shard | None = None) -> Path:
    """The file that a run holds."""
    return journal_path(manifest, shard).with_suffix(".lock")


@contextlib.contextmanager
def manifest_lock(manifest: Path, shard: Shard | None = None) -> Iterator[None]:
    """Nobody else runs *manifest*, or this part of it, until the block ends.

    Raises UsageError (code `in_use`) where somebody does, OutputError where the folder can't be written.
    """
    with ExitStack() as stack:
        stack.enter_context(_hold_lock(lock_path(manifest, shard), manifest))
        # Held first and looked round then: of two that start together at least one sees the other.
        for path, other in list(find_beside(manifest, "lock")):
            if _conflicts(shard, other):
                with _hold_lock(path, manifest):
                    pass
        yield


def _conflicts(shard: Shard | None, other: Shard | None) -> bool:
    """Whether runs of the two could buy the same, and are not the same lock."""
    if shard is None or other is None:
        return shard is not other
    return shard.of != other.of


@contextlib.contextmanager
def _hold_lock(path: Path, manifest: Path) -> Iterator[None]:
    descriptor = _acquire(path, manifest)
    try:
        yield
    finally:
        # Removed while it is held: nobody can take it for free and lose it again. Windows removes no open file.
        # What was put in its place meanwhile is not ours to remove.
        if os.name != "nt" and _is_same_file(path, descriptor):
            with contextlib.suppress(OSError):
                path.unlink()
        os.close(descriptor)
        if os.name == "nt":
            with contextlib.suppress(OSError):
                path.unlink()


def _acquire(path: Path, manifest: Path) -> int:
    """The lock file, open and held, with our name in it."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            descriptor = _try_acquire(path)
        except UnsafeFileError as error:
            raise OutputError(
                f"can't use the lock {path}: {error.strerror}",
                hint=f"remove it if it isn't yours: rm {shell_quote(path)}",
            ) from error
        except OSError as error:
            raise OutputError(
                f"can't write {path}: {os_error_reason(error)}",
                hint="make the manifest's folder writable: the journal stands there too",
            ) from error
        if descriptor is not None:
            return descriptor
        if time.monotonic() > end:
            raise _in_use_error(path, manifest)
        time.sleep(_LOOK_SECONDS)


def _try_acquire(path: Path) -> int | None:
    """None where another holds it, or removed it in this moment."""
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
    """A run that was killed leaves its lock; any other file of the name is not ours to truncate."""
    content = os.read(descriptor, len(_FIRST_KEY))
    os.lseek(descriptor, 0, os.SEEK_SET)
    if not _FIRST_KEY.startswith(content):
        raise UnsafeFileError(path, "it is not a lock of imagecli")


def _write_owner(descriptor: int) -> None:
    os.ftruncate(descriptor, 0)
    os.write(descriptor, json.dumps({"pid": os.getpid(), "host": platform.node()}).encode() + b"\n")


def _in_use_error(path: Path, manifest: Path) -> UsageError:
    try:
        holder = json.loads(read_regular(path, _MAX_BYTES))
        pid, host = int(holder["pid"]), str(holder["host"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        who, way = "a process that has not said its name", "wait until it has ended"
    else:
        there = "" if host == platform.node() else f" on {host}"
        who, way = f"process {pid} on {host}", f"wait until it has ended, or end it{there}: kill {pid}"
    return UsageError(f"another run of {manifest} is under way, by {who}; nothing was sent", hint=way, code="in_use")
