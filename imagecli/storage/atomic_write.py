"""Saves files atomically: a file with its final name is complete, and never overwrites another one without permission.

Everything is staged first: written under a temporary name in the folder of the final one, and synced. Then it is
renamed in a step that fails if the name is taken. The temporary name has a fixed length, so that the final one can have
the full 255 bytes.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Final

from imagecli.errors import DiskError, is_disk_full, os_error_reason
from imagecli.naming import mark_path, number_path
from imagecli.safe_open import make_private_folder, trusted_owners

_FINAL_LINK_ERRORS: Final = {errno.EEXIST, errno.ENOSPC, errno.EDQUOT}
"""Errors of `link()` that a file of that name would meet too. All others can also mean that the system has no hard
links (FAT, some network disks, Android), and each has its own way of reporting that."""
_PIECE_BYTES: Final = 256 * 1024
_BUFFER_BYTES: Final = 128 * 1024
"""Small images are written in one system call."""


@contextlib.contextmanager
def open_staged(folder: Path, *, label: str = "", mode: int = 0o666) -> Iterator[IO[bytes]]:
    """A new file in *folder*, open for writing and reading; its `name` is its path. Synced when the block ends.

    Removed if the block raises. *mode* is subject to the umask. Raises OSError.
    """
    path = folder / f"{_staged_prefix(label)}{secrets.token_hex(8)}.part"
    with open(path, "x+b", _BUFFER_BYTES, opener=partial(os.open, mode=mode)) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            discard_staged(path)
            raise


def write_staged(data: bytes | Iterable[bytes], folder: Path, *, label: str = "", mode: int = 0o666) -> Path:
    """Writes *data* to a staged file. Raises OSError, and whatever iterating over *data* raises."""
    with open_staged(folder, label=label, mode=mode) as file:
        for piece in (data,) if isinstance(data, bytes) else data:
            file.write(piece)
    return Path(file.name)


def read_in_pieces(path: Path) -> Iterator[bytes]:
    """The content of a file. Raises OSError."""
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def discard_staged(staged: Path) -> None:
    """Removes a staged file, if it exists."""
    with contextlib.suppress(OSError):
        staged.unlink()


def discard_all_staged(folder: Path, label: str) -> None:
    """Removes the user's staged files with *label* that an ended process left behind."""
    prefix, names = _staged_prefix(label), list[str]()
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        # Not by glob, which compiles a regular expression in every command.
        names = [entry.name for entry in entries if entry.name.startswith(prefix) and entry.name.endswith(".part")]
    owners = trusted_owners(folder) if names else None
    for path in (folder / name for name in names):
        with contextlib.suppress(OSError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and (owners is None or status.st_uid in owners):
                discard_staged(path)


def _staged_prefix(label: str) -> str:
    return f".imagecli-{label}-" if label else ".imagecli-"


def save_file(data: bytes | Iterable[bytes], path: Path, *, overwrite: bool = False, label: str = "") -> Path:
    """Writes *data* to *path* and returns the path used: with the next free number if the name is taken by now.

    *overwrite* replaces a file or a link (not the link's target), but never a folder or a device. Raises DiskError
    and leaves no file behind.
    """
    with translate_disk_errors(path):
        staged = write_staged(data, path.parent, label=label)
        try:
            return publish(staged, path, overwrite=overwrite)
        except BaseException:
            discard_staged(staged)
            raise


def publish(staged: Path, path: Path, *, overwrite: bool = False, number: int = 1) -> Path:
    """Renames a staged file to *path*, or to its next free number from *number* on, and returns the path used.

    Raises OSError, and keeps the staged file.
    """
    used = staged.replace(path) if overwrite and _can_be_replaced(path) else _first_free(staged, path, number)
    sync_folder(used.parent)
    return used


def rescue(staged: Path, path: Path, folder: Path, *, label: str, damaged: bool) -> Path:
    """Saves a staged file that can't have the name *path* elsewhere, and returns its path.

    A *damaged* image goes beside *path* (`cat.damaged.png.bin`). If that disk fails, and for a complete image whose
    disk has failed already, it goes to *folder*, readable by the user only, with the *label* in its name by which
    `find_rescued` finds it (`cat.LABEL.png`). Raises DiskError if that fails too.
    """
    name = mark_path(path, f".damaged{path.suffix[:16]}.bin") if damaged else path
    if damaged and staged.parent == path.parent:
        with contextlib.suppress(OSError, ValueError):
            return publish(staged, name)
    rescued = folder / mark_path(name, f".{label}{name.suffix}").name
    with translate_disk_errors(rescued):
        if staged.parent == folder:
            return publish(staged, rescued)
        make_private_folder(folder)
        copy = write_staged(read_in_pieces(staged), folder, mode=0o600)
        used = publish(copy, rescued)
    discard_staged(staged)
    return used


def find_rescued(folder: Path, label: str) -> list[Path]:
    """The complete images in *folder* that were rescued with *label*."""
    paths = folder.glob(f"*.{glob.escape(label)}.*")
    return [path for path in paths if path.suffix != ".bin" and path.is_file() and not path.is_symlink()]


@contextlib.contextmanager
def translate_disk_errors(path: Path) -> Iterator[None]:
    """Turns an OSError about *path* into a DiskError."""
    try:
        yield
    except OSError as error:
        raise DiskError(f"can't write {path}: {os_error_reason(error)}", hint=disk_hint(error)) from error
    except ValueError as error:
        raise DiskError(f"can't write {str(path)!r}: {error}", hint="use another name") from error


def full_disk_hint(error: OSError) -> str:
    """What to do about *error* first: the beginning of a hint."""
    return "free some space there, " if is_disk_full(error) else "make it writable, "


def disk_hint(error: OSError) -> str:
    """What to do about an *error* in a folder."""
    if is_disk_full(error):
        return "free some space there"
    if error.errno == errno.EFBIG:
        return "raise the file size limit (ulimit -f)"
    return "make that folder writable"


def _can_be_replaced(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return True
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


def _first_free(staged: Path, path: Path, number: int) -> Path:
    candidate = number_path(path, number) if number > 1 else path
    while True:
        try:
            _move_without_clobbering(staged, candidate)
        except FileExistsError:
            number += 1
            candidate = number_path(path, number)
        else:
            return candidate


def _move_without_clobbering(staged: Path, path: Path) -> None:
    """Raises FileExistsError if the name is taken, even by a dangling link."""
    if os.name == "nt":
        staged.rename(path)
        return
    try:
        path.hardlink_to(staged)
    except OSError as error:
        if error.errno in _FINAL_LINK_ERRORS:
            raise
        _take_and_replace(staged, path)
    else:
        discard_staged(staged)


def _take_and_replace(staged: Path, path: Path) -> None:
    """Without hard links an empty file takes the name first. Only a crash can leave it behind."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        staged.replace(path)
    except BaseException:
        discard_staged(path)
        raise


def sync_folder(folder: Path) -> None:
    """Makes a new name survive a power cut, if the system can sync folders."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
