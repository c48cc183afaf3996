"""The spool: a response's body as it arrives on disk, with what is needed to finish the call after a crash.

One private folder (0700), and 0600 files for each request: `ID.body`, locked while its process lives, `ID.json`
(`PreparedCall`), and `ID.sent`, with the server's address, from when the request is sent. They are removed when all
images are saved. An entry outside the state folder has a record (`spool_trust`); without it no later command uses it.
"""

import errno
import io
import os
import shutil
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from operator import attrgetter
from pathlib import Path
from typing import IO, Final, NamedTuple, Self

from imagecli.client.spool_trust import SpoolPlaces, read_records, remove_record, write_record
from imagecli.errors import POSSIBLY_BILLED, ImagecliError, OutputError, os_error_reason
from imagecli.file_lock import try_lock
from imagecli.safe_open import (
    UnsafeFileError,
    check_folder_is_ours,
    make_missing_folders,
    open_regular,
    read_regular,
    real_path,
)

MIN_FREE_BYTES = 32 * 1024 * 1024
"""A folder with less free space is skipped."""
OPEN_TRIES = 20
"""How often a folder is created that another process keeps removing when it has emptied it."""
_PIECE_BYTES = 256 * 1024
BODY, DESCRIPTION, SENT = ".body", ".json", ".sent"
"""Suffixes of an entry's files."""
KEPT_BYTES: Final = 1024 * 1024
"""What is kept of a response that is too large to be one, when its images are saved."""
KEPT_MARK: Final = b"\n[imagecli kept only the beginning of this response, which was %d bytes]\n"
"""The end of what is kept."""


class SpoolEntry:
    """A request's files in the spool. Leaving the `with` block removes them, unless they hold something unsaved."""

    def __init__(
        self,
        *,
        id: str,
        text: str,
        body: Path,
        file: io.FileIO,
        further: list[Path],
        record: Path | None,
        record_folders: Sequence[Path],
    ) -> None:
        self.id = id
        self.text = text
        """The description."""
        self.body = body
        self.file = file
        self.written_bytes = 0
        self.further = further
        """Folders to continue in if this one fails."""
        self.record = record
        """The record that vouches for it, if it is outside the state folder."""
        self.record_folders = record_folders
        self.is_kept = False
        self.open = False
        """It outlives its block; the caller calls `close`."""
        self.sent = False
        self.peer: str | None = None
        """The address that the request is sent to, if known."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Keeps received bytes if *error* leaves the block, unless it is a refusal or nothing was generated."""
        is_unbilled = isinstance(error, ImagecliError) and error.exit_code not in POSSIBLY_BILLED
        is_rescued = error is not None and not is_unbilled and self._has_bytes()
        if is_rescued:
            self.keep()
        if error or not self.open:
            self.close()
        if is_rescued and isinstance(error, ImagecliError) and not error.rescued_path:
            raise error.with_facts(rescued_path=str(self.body)) from error

    def _has_bytes(self) -> bool:
        return self.body.exists() and self.body.stat().st_size > 0

    def write(self, data: bytes, /) -> int:
        """Appends to the body. If its disk is full, continues in the next folder; raises OSError if there is none."""
        remaining = memoryview(data)
        while remaining:
            try:
                count = self.file.write(remaining)
            except OSError as error:
                self.move_to_next_folder(error)
                continue
            remaining = remaining[count:]
            self.written_bytes += count
        return len(data)

    def flush(self) -> None:
        """Nothing to do: the body is not buffered."""

    def close(self) -> None:
        """Closes the body and removes the entry, unless it is kept."""
        with suppress(OSError):
            self.file.close()
        if not self.is_kept:
            remove_spool_entry(self.body, self.record)

    def keep(self) -> Path:
        """Keeps the entry, because something in it isn't saved. Returns the body's path."""
        self.is_kept = True
        return self.body

    def record_sent(self, peer: str | None) -> None:
        """Records on the disk that the request is about to be sent, and to which address, if that is known."""
        replaces = os.O_TRUNC if self.sent else os.O_EXCL
        self.sent, self.peer = True, peer
        with suppress(OSError):
            _write_private(self.body.with_suffix(SENT), peer or "", replaces)

    def clear_sent(self) -> None:
        """Removes the mark: the server created nothing, or the request was never sent."""
        if self.sent:
            self.sent = False
            with suppress(OSError):
                self.body.with_suffix(SENT).unlink()

    def move_to_next_folder(self, error: OSError) -> None:
        """Moves the body to the next usable folder. Raises *error* if there is none."""
        before, record = self.body, self.record
        while self.further:
            with suppress(OSError):
                self.body, self.record = self._copy_to(self.further.pop(0))
                if self.sent:
                    self.record_sent(self.peer)
                remove_spool_entry(before, record)
                return
        raise error

    def _copy_to(self, folder: Path) -> tuple[Path, Path | None]:
        """Copies the body to *folder* and points our handle at it. Raises OSError, with nothing left in *folder*."""
        body = folder / f"{self.id}{BODY}"
        file, record = _recorded(body, self.text, self.record_folders, min_free=0)
        try:
            self.file.seek(0)
            copied = 0
            while copied < self.written_bytes:
                piece = memoryview(self.file.read(min(self.written_bytes - copied, _PIECE_BYTES)))
                if not piece:
                    raise OSError(errno.EIO, "the received bytes can't be read back")
                while piece:
                    count = file.write(piece)
                    piece = piece[count:]
                    copied += count
            os.dup2(file.fileno(), self.file.fileno())
        except OSError:
            remove_spool_entry(body, record)
            raise
        finally:
            file.close()
        return body, record


def open_spool_entry(
    id: str,
    description: str,
    folders: Sequence[Path],
    record_folders: Sequence[Path] = (),
) -> SpoolEntry:
    """Opens an entry in the first usable one of *folders*; the first one is the state folder's.

    An entry in another one is recorded in one of *record_folders*, if any of them can be written to.
    Raises OutputError if no folder can be used: nothing was sent.
    """
    reasons = []
    for index, folder in enumerate(folders):
        body, record = folder / f"{id}{BODY}", None
        try:
            if index == 0:
                file = _try_create(body, description, private=True)
            else:
                file, record = _recorded(body, description, record_folders)
        except OSError as error:
            reasons.append(f"{folder}: {os_error_reason(error)}")
            continue
        return SpoolEntry(
            id=id,
            text=description,
            body=body,
            file=file,
            further=list(folders[index + 1 :]),
            record=record,
            record_folders=record_folders,
        )
    raise OutputError(
        f"no writable folder for the response ({'; '.join(reasons)})",
        hint="make one of these folders writable, or set IMAGECLI_STATE_DIR to another folder",
    )


def remove_spool_entry(body: Path, record: Path | None = None) -> None:
    """Remove an entry, its description last, so that a half removed one is recognized; and then its record."""
    description = body.with_suffix(DESCRIPTION)
    with suppress(OSError):
        check_folder_is_ours(body.parent)  # not if a link has taken its place
        for path in (body, body.with_suffix(SENT), description):
            with suppress(OSError):
                path.unlink()
        with suppress(OSError):
            body.parent.rmdir()
    if record and not os.path.lexists(description):
        remove_record(record)


def _recorded(
    body: Path, description: str, record_folders: Sequence[Path], min_free: int = MIN_FREE_BYTES
) -> tuple[io.FileIO, Path | None]:
    """Creates a *body* outside the state folder, after its record."""
    record = write_record(body.stem, body.parent, description.encode(), record_folders)
    try:
        return _try_create(body, description, private=False, min_free=min_free), record
    except BaseException:
        if record:
            remove_record(record)
        raise


def _try_create(body: Path, description: str, *, private: bool, min_free: int = MIN_FREE_BYTES) -> io.FileIO:
    folder = body.parent
    for _ in range(OPEN_TRIES):
        try:
            check_folder_is_ours(folder, private=private)
            usage = shutil.disk_usage(folder)
            if usage.total and usage.free < min_free:  # some network disks report nothing at all
                raise OSError(errno.ENOSPC, f"less than {MIN_FREE_BYTES // 2**20} MB free")
            return _create_files(body, description)
        except FileNotFoundError as error:
            failure = error
            with suppress(FileExistsError):  # mkdir raises it if the folder is removed between its two checks
                make_missing_folders(folder)
    raise failure


def _create_files(body: Path, description: str) -> io.FileIO:
    """Creates the locked body, then the description: until it is locked, it looks like one of an ended process."""
    file = io.FileIO(_open_private(body, os.O_RDWR | os.O_CREAT | os.O_EXCL), "r+")
    try_lock(file.fileno())
    try:
        _write_private(body.with_suffix(DESCRIPTION), description, os.O_EXCL)
    except BaseException:
        file.close()
        remove_spool_entry(body)
        raise
    return file


def _write_private(path: Path, text: str, flags: int) -> None:
    """Writes a small file. Not through Python's file objects, whose further system calls each let other threads run."""
    descriptor, data = _open_private(path, os.O_WRONLY | os.O_CREAT | flags), text.encode()
    try:
        if os.write(descriptor, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(descriptor)


def _open_private(path: Path, flags: int) -> int:
    return open_regular(path, flags, 0o600)


MAX_DESCRIPTION_BYTES: Final = 16 * 1024**2
"""A longer description is not one of imagecli's."""
MAX_PEER_BYTES: Final = 256


class SpooledCall(NamedTuple):
    """A request that a process left in the spool, or is at work on."""

    body: Path
    """The file of the response, which may be missing."""
    text: str
    """The description."""
    since: float
    """When it was started, in Unix time."""
    bytes: int
    """Size of the body."""
    sent: bool
    """The request was sent and not refused."""
    alive: bool
    """Its process is still running."""
    record: Path | None = None
    """The record that vouches for it, if it is outside the state folder."""
    peer: str | None = None
    """The address that the request was sent to, if that was recorded."""

    @property
    def id(self) -> str:
        return self.body.stem


def list_spooled_calls(places: SpoolPlaces) -> list[SpooledCall]:
    """The entries of the state folder's spool, and those elsewhere that a record vouches for, the oldest first.

    Entries that can't be read, or are not regular files of the user's own, are skipped.
    """
    entries: dict[Path, SpooledCall] = {}
    with suppress(OSError):
        check_folder_is_ours(places.own, private=True)
        for description in sorted(places.own.glob(f"*{DESCRIPTION}")):
            with suppress(OSError, UnicodeError):
                call = _read_entry(description, read_regular(description, MAX_DESCRIPTION_BYTES, max_links=1), None)
                entries[call.body] = call
    for record in read_records(places.records):
        description = record.folder / f"{record.id}{DESCRIPTION}"
        with suppress(OSError, UnicodeError):
            _check_is_same_folder(record.folder)
            text = read_regular(description, MAX_DESCRIPTION_BYTES, max_links=1)
            if record.vouches_for(text):
                call = _read_entry(description, text, record.path)
                entries[call.body] = call
    return sorted(entries.values(), key=attrgetter("since"))


def keep_beginning(body: IO[bytes]) -> None:
    """Shortens *body* to KEPT_BYTES, the last of which say how long it was. Raises OSError."""
    size = body.seek(0, os.SEEK_END)
    if size > KEPT_BYTES:
        mark = KEPT_MARK % size
        body.truncate(KEPT_BYTES - len(mark))
        body.seek(0, os.SEEK_END)
        body.write(mark)


@contextmanager
def hold_spooled(call: SpooledCall) -> Iterator[IO[bytes] | None]:
    """Locks the response until the block ends; None if another process holds it or it has been removed."""
    try:
        file = _open_body(call.body, os.O_RDWR)
    except OSError:
        yield None
        return
    with file:
        # It may have been removed, by the process that had the lock, after it was opened here.
        yield file if try_lock(file.fileno()) and os.fstat(file.fileno()).st_nlink else None


def unrecorded_in(folder: Path, recorded: Collection[Path]) -> list[Path]:
    """The bodies of the entries in *folder* that are not among *recorded*, whether they exist or only a description.

    Only their names are looked at. Raises UnsafeFileError if *folder* is a link or not a folder.
    """
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            raise UnsafeFileError(folder, "it is a symbolic link or not a folder")
    except (FileNotFoundError, NotADirectoryError):
        return []
    real = real_path(folder)
    with os.scandir(folder) as entries:
        stems = {Path(entry.name).stem for entry in entries if Path(entry.name).suffix in (BODY, DESCRIPTION)}
    return [folder / f"{stem}{BODY}" for stem in sorted(stems) if real / f"{stem}{BODY}" not in recorded]


@contextmanager
def open_unrecorded(body: Path) -> Iterator[IO[bytes] | None]:
    """The response in *body*, to be read; None if its process is still running. Raises OSError, UnsafeFileError."""
    with _open_body(body, os.O_RDONLY) as file:
        yield file if try_lock(file.fileno()) else None


def read_unrecorded_description(body: Path) -> bytes:
    """The description beside *body*, which anyone may have written. Raises OSError, UnsafeFileError."""
    return read_regular(body.with_suffix(DESCRIPTION), MAX_DESCRIPTION_BYTES)


def _open_body(body: Path, flags: int) -> IO[bytes]:
    return os.fdopen(open_regular(body, flags), "rb" if flags == os.O_RDONLY else "r+b", buffering=0)


def _check_is_same_folder(folder: Path) -> None:
    """Raises UnsafeFileError if *folder*, which had no links in it when it was recorded, has one now."""
    if not folder.is_absolute() or real_path(folder) != folder:
        raise UnsafeFileError(folder, "its path contains a symbolic link")
    check_folder_is_ours(folder)


def _read_entry(description: Path, text: bytes, record: Path | None) -> SpooledCall:
    """Raises OSError if the body can't be opened, UnicodeError for a description that is not text."""
    body = description.with_suffix(BODY)
    alive, size = False, 0
    with suppress(FileNotFoundError), _open_body(body, os.O_RDWR) as file:
        alive = not try_lock(file.fileno())
        size = os.fstat(file.fileno()).st_size
    return SpooledCall(
        body=body,
        text=text.decode(),
        since=description.stat().st_mtime,
        bytes=size,
        sent=os.path.lexists(description.with_suffix(SENT)),
        alive=alive,
        record=record,
        peer=_read_peer(description.with_suffix(SENT)),
    )


def _read_peer(sent: Path) -> str | None:
    try:
        return read_regular(sent, MAX_PEER_BYTES).decode("ascii") or None
    except (OSError, UnicodeError):
        return None
