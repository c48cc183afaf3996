"""Opens files and folders in places that others may have filled: never through a link, only regular files.

A cloned repository can hold links, named pipes and devices under the names that imagecli uses. All files that imagecli
keeps in a working tree, and its state, are opened here. A link can also lead out of the folder that a file must stay
in, so paths are compared here after resolving the links in them.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Final

from imagecli.errors import DiskError
from imagecli.quoting import shell_quote

_BINARY: Final = getattr(os, "O_BINARY", 0)
_SAFE: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | _BINARY
"""Without O_NONBLOCK, opening a pipe that was put there after the check would wait for its other end."""
_LINK_ERRNOS: Final = {errno.ELOOP, errno.EMLINK, getattr(errno, "EFTYPE", errno.ELOOP)}
"""The errors of opening a symbolic link with O_NOFOLLOW (Linux, FreeBSD, NetBSD)."""


class UnsafeFileError(OSError):
    """A file or folder that is refused because of what it is; `strerror` says what that is."""

    def __init__(self, path: Path, problem: str, *, hint: str | None = None) -> None:
        super().__init__(errno.EPERM, problem, str(path))
        self.hint = hint
        """How to fix it; None if there is no single way."""


def open_regular(
    path: Path,
    flags: int,
    mode: int = 0o666,
    *,
    max_links: int | None = 1,
    owners: Collection[int] | None = None,
    forbidden_mode: int = 0,
) -> int:
    """Open *path* as `os.open` does, and return the descriptor; O_TRUNC takes effect after the checks.

    *max_links* is the number of names (hard links) that the file may have, None for any. *owners* are the user ids
    that may own it; None is `trusted_owners` of its folder. *forbidden_mode* are permission bits that it must not have.
    With O_EXCL the file is new, and nothing is checked.
    Raises UnsafeFileError for a symbolic link, anything but a regular file, further hard links, another owner, and a
    forbidden permission; OSError otherwise.
    """
    if flags & os.O_EXCL:
        return os.open(path, flags | _BINARY, mode)
    _check_before_opening(path)
    try:
        descriptor = os.open(path, flags & ~os.O_TRUNC | _SAFE, mode)
    except OSError as error:
        if error.errno in _LINK_ERRNOS:
            raise UnsafeFileError(path, "it is a symbolic link") from error
        raise
    try:
        status = os.fstat(descriptor)
        _check_status(path, status, max_links, owners)
        check_mode(path, status, forbidden_mode)
        if flags & os.O_TRUNC:
            os.ftruncate(descriptor, 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_regular(
    path: Path,
    limit: int,
    *,
    max_links: int | None = None,
    owners: Collection[int] | None = None,
    forbidden_mode: int = 0,
) -> bytes:
    """The content of *path*. Raises UnsafeFileError as `open_regular` does, and for more than *limit* bytes."""
    descriptor = open_regular(path, os.O_RDONLY, max_links=max_links, owners=owners, forbidden_mode=forbidden_mode)
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise UnsafeFileError(path, f"it is larger than {limit:,} bytes")
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
        raise UnsafeFileError(folder, f"it is owned by another user (uid {status.st_uid})")
    if private and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UnsafeFileError(folder, f"other users can access it (mode {stat.S_IMODE(status.st_mode):04o})")


def make_missing_folders(folder: Path) -> None:
    """Make *folder* and its missing parents, each accessible to the user alone; those that exist stay as they are.

    `Path.mkdir(parents=True)` gives the mode to the last folder only. Raises OSError.
    """
    if folder.is_dir():
        return
    make_missing_folders(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def make_private_folder(folder: Path) -> None:
    """Make *folder* as `make_missing_folders` does, and raise UnsafeFileError if others could replace what is in it."""
    make_missing_folders(folder)
    check_private_folder(folder)


def check_private_folder(folder: Path) -> None:
    """Raise UnsafeFileError if another user owns *folder*, made the link that it is, or can change its content.

    Raises FileNotFoundError if it does not exist. Unlike `check_folder_is_ours` it accepts a link of the user's: many
    keep such folders on another disk.
    """
    status = folder.stat()
    if not stat.S_ISDIR(status.st_mode):
        raise UnsafeFileError(folder, "it is not a folder")
    if os.name == "nt":
        return
    check_link_owner(folder, {os.geteuid(), 0})
    _check_owner(folder, status, {os.geteuid()})
    check_mode(folder, status, stat.S_IWOTH)


def check_link_owner(path: Path, owners: Collection[int] | None) -> None:
    """Raise UnsafeFileError if *path* is a link that someone other than *owners* made; None is anyone."""
    status = path.lstat()
    if owners is not None and stat.S_ISLNK(status.st_mode) and status.st_uid not in owners:
        raise UnsafeFileError(path, f"it is a symbolic link owned by another user (uid {status.st_uid})")


def check_mode(path: Path, status: os.stat_result, forbidden: int) -> None:
    """Raise UnsafeFileError if *path*, whose status is *status*, has a permission of *forbidden*. Windows has none."""
    excess = status.st_mode & forbidden
    if not excess or os.name == "nt":
        return
    if excess == stat.S_IWOTH and not _stores_modes(status):
        return
    readable = forbidden & stat.S_IROTH
    raise UnsafeFileError(
        path,
        f"other users can {'read or ' if readable else ''}change it (mode {stat.S_IMODE(status.st_mode):04o})",
        hint=f"chmod {'600' if readable else 'o-w'} {shell_quote(path)}",
    )


_WITHOUT_MODES: Final = frozenset(
    ("9p", "cifs", "drvfs", "exfat", "fuse.vmhgfs-fuse", "fuseblk", "msdos", "ntfs", "ntfs3", "vboxsf", "vfat")
)
"""Linux file systems of Windows' disks and of shared folders of virtual machines."""


def _stores_modes(status: os.stat_result) -> bool:
    """Whether the file system stores the mode of each file; others show one mode for all, often 0777, and chmod fails.

    The options of the mount decide who can write there.
    """
    return not mounted_file_systems(status) & _WITHOUT_MODES


def mounted_file_systems(status: os.stat_result) -> set[str]:
    """The types of the file systems that hold the file with this *status*, on Linux: `ext4`. Elsewhere none."""
    device = f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}" if hasattr(os, "major") else ""
    try:
        mounts = Path("/proc/self/mountinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return set()
    # proc(5): "ID PARENT MAJOR:MINOR ROOT PLACE OPTIONS … - TYPE SOURCE OPTIONS"
    return {mount.partition(" - ")[2].split(" ")[0] for mount in mounts if mount.split(" ")[2] == device}


def real_path(path: Path) -> Path:
    """*path*, absolute and without links; unlike `Path.resolve`, also if links form a loop."""
    return Path(os.path.realpath(path))


def absolute_text(path: Path) -> str:
    """*path*, absolute, as text; its links and `..` stay. Raises OSError if the current folder is needed and gone.

    A batch needs it several times for each image, and `Path.absolute` takes much longer.
    """
    text = str(path)
    if os.path.isabs(text):  # noqa: PTH117
        return text
    folder = os.getcwd()  # noqa: PTH109
    return folder if text == "." else os.path.join(folder, text)  # noqa: PTH118


def is_below(path: Path, folder: Path) -> bool:
    """Whether *path* resolves to *folder* or to something below it."""
    real = os.path.realpath(path)
    # Most folders have no link in them, and resolving them would need a system call for each part, for every image.
    return _starts_with(real, str(folder)) or _starts_with(real, os.path.realpath(folder))


def _starts_with(path: str, folder: str) -> bool:
    """Whether the absolute *path* is *folder*, or begins with it."""
    path, folder = os.path.normcase(path), os.path.normcase(folder)
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def check_still_below(folder: Path, root: Path | None) -> None:
    """Raises DiskError if *folder* is outside *root* by now. Called right before a file is written; None allows all."""
    if root and not is_below(folder, root):
        raise DiskError(
            f"{folder} now points outside the manifest's folder, to {real_path(folder)}",
            hint="replace the link with a folder",
            code="outside",
        )


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
        raise UnsafeFileError(path, f"it has {status.st_nlink} hard links")
    if os.name == "nt":
        return
    allowed = owners if owners is not None else trusted_owners(path.parent)
    if allowed is not None:
        _check_owner(path, status, allowed)


def _check_owner(path: Path, status: os.stat_result, owners: Collection[int]) -> None:
    if status.st_uid not in owners:
        raise UnsafeFileError(path, f"it is owned by another user (uid {status.st_uid})")


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a named pipe"
    if stat.S_ISSOCK(mode):
        return "a socket"
    return "a device"
