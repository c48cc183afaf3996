"""What ended processes left in the spool: found, told from what is under way, taken over."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from imagecli.api.locks import hold
from imagecli.api.spool import BODY, DESCRIPTION, SENT
from imagecli.api.spool_record import SpoolPlaces, read_records
from imagecli.safe_open import UnsafeFileError, check_folder_is_ours, open_regular, read_regular, real_path

MAX_DESCRIPTION_BYTES: Final = 16 * 1024**2
MAX_PEER_BYTES: Final = 256
"""A longer description is not one of imagecli's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """One request's place in the spool."""

    body: Path
    """Where its answer is; the file may be missing."""
    text: str
    """The description."""
    since: float
    """When it was begun, in seconds of the clock."""
    bytes: int
    """Of the answer."""
    sent: bool
    """The request went out, and no refusal came."""
    alive: bool
    """Its process is still at work."""
    record: Path | None = None
    """What vouches for it, if it is outside the state folder."""
    peer: str | None = None
    """The address that the request was sent to, if that was recorded."""

    @property
    def id(self) -> str:
        return self.body.stem


def left_in(places: SpoolPlaces) -> list[Left]:
    """The entries of the state folder's spool, and those elsewhere that a record vouches for, the oldest first.

    What can't be read, or is not a regular file of ours, is not among them.
    """
    found: dict[Path, Left] = {}
    with suppress(OSError):
        check_folder_is_ours(places.own, private=True)
        for description in sorted(places.own.glob(f"*{DESCRIPTION}")):
            with suppress(OSError, UnicodeError):
                left = _read_entry(description, read_regular(description, MAX_DESCRIPTION_BYTES, max_links=1), None)
                found[left.body] = left
    for record in read_records(places.records):
        description = record.folder / f"{record.id}{DESCRIPTION}"
        with suppress(OSError, UnicodeError):
            _check_is_same_folder(record.folder)
            text = read_regular(description, MAX_DESCRIPTION_BYTES, max_links=1)
            if record.vouches_for(text):
                left = _read_entry(description, text, record.path)
                found[left.body] = left
    return sorted(found.values(), key=lambda left: left.since)


@contextmanager
def taken(left: Left) -> Iterator[IO[bytes] | None]:
    """Its answer, held until the block ends; None where another process holds it, or it is gone."""
    try:
        file = _open_body(left.body, os.O_RDWR)
    except OSError:
        yield None
        return
    with file:
        yield file if hold(file.fileno()) else None


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
        yield file if hold(file.fileno()) else None


def read_unrecorded_description(body: Path) -> bytes:
    """The description beside *body*, which anyone may have written. Raises OSError, UnsafeFileError."""
    return read_regular(body.with_suffix(DESCRIPTION), MAX_DESCRIPTION_BYTES)


def _open_body(body: Path, flags: int) -> IO[bytes]:
    return os.fdopen(open_regular(body, flags), "rb" if flags == os.O_RDONLY else "r+b", buffering=0)


def _check_is_same_folder(folder: Path) -> None:
    """Raises UnsafeFileError if *folder*, which had no links in it when it was recorded, has one now."""
    if not folder.is_absolute() or real_path(folder) != folder:
        raise UnsafeFileError(folder, "it is behind a symbolic link")
    check_folder_is_ours(folder)


def _read_entry(description: Path, text: bytes, record: Path | None) -> Left:
    """Raises OSError if the body can't be opened, UnicodeError for a description that is not text."""
    body = description.with_suffix(BODY)
    alive, size = False, 0
    with suppress(FileNotFoundError), _open_body(body, os.O_RDWR) as file:
        alive = not hold(file.fileno())
        size = os.fstat(file.fileno()).st_size
    return Left(
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
