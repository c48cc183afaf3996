"""What is bought lands here first: an answer's body as it arrives, beside what is needed to finish it.

One folder, 0700, and 0600 files a request: `ID.body`, held by a lock while its process lives, and `ID.json`
(`Prepared`); `ID.sent`, with the address it goes to, from when the request goes out. Removed when all is saved.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagecli.api.locks import hold
from imagecli.errors import DiskError, ImagecliError, OutputError, UnsavedError

PAID = (ImagecliError.exit_code, UnsavedError.exit_code, DiskError.exit_code)
"""Exit codes of errors after which something may have been bought; a bug of ours is one."""
MIN_FREE_BYTES = 32 * 1024 * 1024
"""A large picture as base64; a folder with less room is passed over before anything is paid for."""
OPEN_TRIES = 20
"""A folder that a neighbour has just emptied and removed is made again."""
_PIECE_BYTES = 256 * 1024
BODY, DESCRIPTION, SENT = ".body", ".json", ".sent"
"""What the files of an entry end in."""


class Body(io.FileIO):
    """An answer's bytes. Where its disk takes no more, *elsewhere* makes it another file, and the writing goes on."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "x+", opener=_private)
        self.elsewhere: Callable[[OSError], None] | None = None
        self.came = 0
        """Bytes that were written."""

    def write(self, data: Any, /) -> int:
        left = memoryview(data)
        while left:
            try:
                written = super().write(left) or 0
                left = left[written:]
                self.came += written
            except OSError as error:
                if not self.elsewhere:
                    raise
                self.elsewhere(error)
        return len(data)


@dataclass(slots=True, kw_only=True)
class Entry:
    """One request's place in the spool. Leaving the `with` block removes it, unless something unsaved is in it."""

    id: str
    text: str
    """The description."""
    body: Path
    file: Body
    further: list[Path] = field(default_factory=list)
    """Folders to go on in when this one fails."""
    moved: Callable[[Path], None]
    """Told of the body's path, now and whenever it is another."""
    kept: bool = False
    open: bool = False
    """It outlives its block: whoever took it calls `close`."""
    sent: bool = False
    peer: str | None = None
    """The address that the request goes to, as far as it is known."""

    def __enter__(self) -> Entry:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Bytes that came stay when *error* leaves the block, unless it says that nothing was bought."""
        came = self.body.exists() and self.body.stat().st_size > 0
        if error and came and not (isinstance(error, ImagecliError) and error.exit_code not in PAID):
            path = self.keep()
            if isinstance(error, ImagecliError):
                error.rescued_path = error.rescued_path or str(path)
        if error or not self.open:
            self.close()

    def close(self) -> None:
        """Lets go of it, and removes it unless something in it is kept."""
        with suppress(OSError):
            self.file.close()
        if not self.kept:
            remove(self.body)

    def keep(self) -> Path:
        """Something in it is not saved: it stays. Returns the body's path."""
        self.kept = True
        return self.body

    def mark(self, *, sent: bool) -> None:
        """Writes down that the request goes out, or that the server has said that it made nothing of it."""
        if sent == self.sent:
            return
        self.sent = sent
        with suppress(OSError):
            if sent:
                with open(_private(self.body.with_suffix(SENT), os.O_WRONLY | os.O_CREAT), "w") as file:
                    file.write(self.peer or "")
            else:
                self.body.with_suffix(SENT).unlink()

    def go_elsewhere(self, error: OSError) -> None:
        """Moves what came to the next folder that takes it, and goes on there. Raises *error* where none does."""
        before, was_sent = self.body, self.sent
        while self.further:
            with suppress(OSError):
                self.body = self._copied(self.further.pop(0))
                self.sent = False
                self.mark(sent=was_sent)
                remove(before)
                self.moved(self.body)
                return
        raise error

    def _copied(self, folder: Path) -> Path:
        """What came, in *folder*, and our handle on it. Raises OSError, with nothing left there."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = _opened(self.id, self.text, folder)
        body = Path(str(file.name))
        try:
            self.file.seek(0)
            while more := self.file.came - file.came:
                if not file.write(self.file.read(min(more, _PIECE_BYTES))):
                    raise OSError(errno.EIO, "what came can't be read back")
            os.dup2(file.fileno(), self.file.fileno())
        except OSError:
            remove(body)
            raise
        finally:
            file.close()
        return body


def open_entry(
    id: str, description: str, folders: Sequence[Path], moved: Callable[[Path], None] = lambda body: None
) -> Entry:
    """An entry in the first of *folders* that can be written. Raises OutputError where none can: nothing was sent."""
    reasons = []
    for index, folder in enumerate(folders):
        try:
            file = _tried(id, description, folder)
        except OSError as error:
            reasons.append(f"{folder}: {error.strerror}")
            continue
        body = Path(str(file.name))
        entry = Entry(id=id, text=description, body=body, file=file, further=[*folders[index + 1 :]], moved=moved)
        file.elsewhere = entry.go_elsewhere
        moved(body)
        return entry
    raise OutputError(
        f"no place to keep the answer while it is saved ({'; '.join(reasons)})",
        hint="make one of these folders writable, or set IMAGECLI_STATE_DIR",
    )


def remove(body: Path) -> None:
    """Takes an entry away, its description last: what is left of a half removed one can be told."""
    for ending in (BODY, SENT, DESCRIPTION):
        with suppress(OSError):
            body.with_suffix(ending).unlink()
    with suppress(OSError):
        body.parent.rmdir()


def _tried(id: str, description: str, folder: Path) -> Body:
    for _ in range(OPEN_TRIES):
        try:
            usage = shutil.disk_usage(folder)
            if usage.total and usage.free < MIN_FREE_BYTES:  # some network disks report nothing at all
                raise OSError(errno.ENOSPC, f"less than {MIN_FREE_BYTES // 2**20} MB free")
            return _opened(id, description, folder)
        except FileNotFoundError as error:
            failure = error
            # mkdir says "exists" where the folder goes away between its two looks.
            with suppress(FileExistsError):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    raise failure


def _opened(id: str, description: str, folder: Path) -> Body:
    """The body's file, held; its description is written when it is, so that nobody takes it for a dead one's."""
    body = folder / f"{id}{BODY}"
    file = Body(body)
    hold(file.fileno())
    try:
        with open(_private(body.with_suffix(DESCRIPTION), os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w") as described:
            described.write(description)
    except BaseException:
        file.close()
        remove(body)
        raise
    return file


def _private(path: str | Path, flags: int) -> int:
    return os.open(path, flags, 0o600)
