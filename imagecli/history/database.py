"""Opens the history: an SQLite database in the state folder that only the user can read.

Several processes may use it at the same time. A damaged database is renamed, and a new one is started.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from imagecli.errors import DiskError, os_error_reason
from imagecli.events import WarningEvent
from imagecli.file_lock import try_lock
from imagecli.history.schema import MIGRATIONS, VERSION
from imagecli.safe_open import make_private_folder, mounted_file_systems, open_regular
from imagecli.storage.atomic_write import disk_hint

FILE_NAME: Final = "history.db"
LOCK_SECONDS: Final = 10.0
"""Longest wait for another process that writes."""
_LOCK_SLICE: Final = 0.2
"""Seconds that SQLite waits at a time: while it does, Python can't handle Ctrl-C."""
NETWORK_FILE_SYSTEMS: Final = frozenset(("9p", "afs", "ceph", "cifs", "fuse.sshfs", "nfs", "nfs4", "smb3", "smbfs"))
"""SQLite's write-ahead log needs memory that all its processes share."""


_DISK_CODES: Final = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
"""SQLite's result codes if files can't be created or written."""
_LOG_BYTES: Final = 64 * 1024
"""Room for the files that SQLite creates beside the database."""


class HistoryError(DiskError):
    """The history can't be read or written."""

    code = "history"


class OpenedHistory(NamedTuple):
    """The database, and the warning that a damaged one was set aside."""

    connection: sqlite3.Connection
    warning: WarningEvent | None = None


@contextmanager
def open_history(state_dir: Path, *, create: bool = False) -> Iterator[OpenedHistory]:
    """The history in *state_dir*, created if it is missing and *create* is true; otherwise an empty one in memory.

    Raises HistoryError, also for a failure of SQLite in the block.
    """
    path = state_dir / FILE_NAME
    try:
        history = _open_or_replace(path, create=create)
        try:
            yield history
        finally:
            history.connection.close()
    except sqlite3.Error as error:
        problem, hint = _explain(error, path)
        raise HistoryError(f"can't use {path}: {problem}", hint=hint) from error
    except OSError as error:
        hint = getattr(error, "hint", None) or disk_hint(error)
        raise HistoryError(f"can't use {path}: {os_error_reason(error)}", hint=hint) from error


@contextmanager
def write_transaction(connection: sqlite3.Connection, wait: float = LOCK_SECONDS) -> Iterator[None]:
    """Writes what the block writes, or nothing if it raises. Waits at most *wait* seconds for other processes."""
    execute_when_free(connection, "BEGIN IMMEDIATE", wait)
    try:
        yield
        execute_when_free(connection, "COMMIT", wait)
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _explain(error: sqlite3.Error, path: Path) -> tuple[str, str | None]:
    """What is wrong, and what to do: SQLite calls a full disk or a read-only folder `disk I/O error`."""
    if _is_damaged(error):
        return str(error), f"move {path.name} to another folder; the next command starts a new history"
    code = _result_code(error)
    if code == sqlite3.SQLITE_FULL or (code in _DISK_CODES and shutil.disk_usage(path.parent).free < _LOG_BYTES):
        return "the disk is full", f"free some space in {path.parent}"
    if code in _DISK_CODES and not (os.access(path.parent, os.W_OK) and os.access(path, os.W_OK)):
        return "it can't be written", f"make it and {path.parent} writable, or set IMAGECLI_STATE_DIR to another folder"
    return str(error), None


def _open_or_replace(path: Path, *, create: bool) -> OpenedHistory:
    try:
        return OpenedHistory(_open(path, create=create))
    except sqlite3.DatabaseError as error:
        if not _is_damaged(error):
            raise
    set_aside = _set_aside(path)
    warning = None
    if set_aside:
        message = f"the history was damaged; it is now {set_aside}, and a new one was started"
        warning = WarningEvent(code="history_damaged", message=message)
    return OpenedHistory(_open(path, create=create), warning)


def _open(path: Path, *, create: bool) -> sqlite3.Connection:
    """Raises OSError or sqlite3.Error."""
    if not create and not os.path.lexists(path):
        return _prepare(sqlite3.connect(":memory:", isolation_level=None))
    if create:
        make_private_folder(path.parent)
    try:
        # SQLite gives its log files the mode of the database.
        flags = os.O_RDWR | (os.O_CREAT if create else 0)
        os.close(open_regular(path, flags, 0o600, forbidden_mode=stat.S_IWOTH))
        return _prepare(sqlite3.connect(path, timeout=_LOCK_SLICE, isolation_level=None))
    except OSError as error:
        if create or error.errno not in (errno.EACCES, errno.EROFS) or not os.access(path, os.R_OK):
            raise
    except sqlite3.OperationalError as error:
        if create or _result_code(error) not in _DISK_CODES:
            raise
    return _open_read_only(path)


def _open_read_only(path: Path) -> sqlite3.Connection:
    """A copy in memory, which can't be written, of the database on a disk that is full or read-only.

    There SQLite can't create its log files, nor update tables of an earlier version.
    """
    log = path.with_name(f"{path.name}-wal")
    # Without a log, all of it is in the file. With one, SQLite can read both only if the files beside it exist.
    mode = "mode=ro" if log.exists() and log.stat().st_size else "immutable=1"
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)) as connection:
        copy = sqlite3.connect(":memory:", isolation_level=None)
        connection.backup(copy)
    _prepare(copy)
    copy.execute("PRAGMA query_only = ON")
    return copy


def _prepare(connection: sqlite3.Connection) -> sqlite3.Connection:
    """*connection*, its tables up to date. Closed if that fails."""
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        # With the write-ahead log, a power failure can lose the last entries, but damages nothing.
        connection.execute("PRAGMA synchronous = NORMAL")
        if _version(connection) < VERSION:
            _migrate(connection)
        connection.execute("SELECT number FROM images LIMIT 1").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise sqlite3.NotSupportedError(f"it was written by a newer imagecli (version {version} of its tables)")
    return version


def _migrate(connection: sqlite3.Connection) -> None:
    name = connection.execute("PRAGMA database_list").fetchone()[2]
    if name and not mounted_file_systems(Path(name).stat()) & NETWORK_FILE_SYSTEMS:
        # Where this is not possible SQLite keeps its other mode, DELETE.
        execute_when_free(connection, "PRAGMA journal_mode = WAL")
    with write_transaction(connection):
        # Another process may have been first.
        for step in MIGRATIONS[_version(connection) :]:
            # executescript() would end the transaction.
            for statement in filter(str.strip, step.split(";\n")):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")


def execute_when_free(connection: sqlite3.Connection, statement: str, wait: float = LOCK_SECONDS) -> None:
    """Executes *statement* when no other process writes, within *wait* seconds."""
    deadline = time.monotonic() + wait
    while True:
        try:
            connection.execute(statement)
        except sqlite3.OperationalError as error:
            if _result_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)  # SQLite does not wait in every case
        else:
            return


def _result_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; -1 for an error of Python's module."""
    return int(getattr(error, "sqlite_errorcode", -1)) & 0xFF


def _is_damaged(error: sqlite3.Error) -> bool:
    return _result_code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def damaged_databases(state_dir: Path) -> list[Path]:
    """The files of databases that were set aside."""
    return sorted(state_dir.glob(f"{Path(FILE_NAME).stem}-damaged-*"))


def _set_aside(path: Path) -> Path | None:
    """Renames the damaged database, and returns its new path; None if another process has already done that."""
    descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + LOCK_SECONDS
        while not try_lock(descriptor) and time.monotonic() < deadline:
            time.sleep(_LOCK_SLICE)
        try:
            _open(path, create=False).close()
        except sqlite3.DatabaseError as error:
            if not _is_damaged(error):
                raise
        else:
            return None
        number = 1
        while os.path.lexists(target := path.with_name(f"{path.stem}-damaged-{number}{path.suffix}")):
            number += 1
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(target.with_name(target.name + suffix))
        return target
    finally:
        os.close(descriptor)
