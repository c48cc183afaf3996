"""What stands on the disk below a manifest's folder, for `deciding`: never raises."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Something stands there."""

    bytes: int | None
    """Its length; None where it is no file (a folder, a device, a link that leads nowhere)."""


class Disk(Protocol):
    """How the disk is asked. Paths are relative to the manifest's folder, with forward slashes."""

    def look(self, path: str) -> Look | None:
        """None where nothing has the name."""

    def sha256(self, path: str) -> str:
        """Of a file's content, in hex; empty where it can't be read."""


class Standing:
    """The real disk below *folder*."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def look(self, path: str) -> Look | None:
        target = self._folder / path
        try:
            status = target.stat()
        except PermissionError:
            return Look(bytes=None)
        except (OSError, ValueError):
            return Look(bytes=None) if os.path.lexists(target) else None
        return Look(bytes=status.st_size if stat.S_ISREG(status.st_mode) else None)

    def sha256(self, path: str) -> str:
        try:
            with (self._folder / path).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, ValueError):
            return ""

    def may_replace(self, path: str, sha256: str | None) -> bool:
        """Whether *path* can be written now: it is free, or still has this content; None is any file's."""
        seen = self.look(path)
        if seen is None:
            return True
        return seen.bytes is not None and (sha256 is None or self.sha256(path) == sha256)
