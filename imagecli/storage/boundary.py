"""Which files a manifest may name: those below its folder, and for inputs also below the root of its repository.

A manifest can come with a cloned, hostile repository, so paths are compared after resolving all links in them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

from imagecli.errors import OutputError, UsageError
from imagecli.safe_open import real_path

GIT: Final = ".git"
"""Never read: it holds remote URLs with tokens, and files removed from the working tree."""


def find_repository_root(folder: Path) -> Path | None:
    """The nearest of *folder* and its parents that contains `.git`, resolved; None if none does."""
    resolved = real_path(folder)
    return next((root for root in (resolved, *resolved.parents) if os.path.lexists(root / GIT)), None)


class Boundary(NamedTuple):
    """The folders in which one manifest may name files."""

    folder: Path
    """The folder of the manifest, resolved."""
    repository: Path | None
    allow_outside: bool = False
    """--allow-outside was given."""

    @classmethod
    def around(cls, folder: Path, *, allow_outside: bool = False) -> Boundary:
        """The boundary of a manifest in *folder*."""
        return cls(folder=real_path(folder), repository=find_repository_root(folder), allow_outside=allow_outside)

    def check_input(self, path: Path) -> None:
        """Raises UsageError if a row may not read *path*, which need not exist."""
        target = real_path(path)
        root = next((root for root in (self.repository, self.folder) if root and target.is_relative_to(root)), None)
        parts = target.relative_to(root).parts if root else target.parts
        if any(part.casefold() == GIT for part in parts):
            raise UsageError(f"{path} is in a {GIT} folder, which rows can't read", hint="copy the file elsewhere")
        if root is None and not self.allow_outside:
            allowed = "the repository of the manifest" if self.repository else "the manifest's folder"
            raise UsageError(
                f"{path} is outside {allowed} ({target}); rows can't read it",
                hint="copy the file there, or use --allow-outside if you trust the manifest",
            )

    def check_output_folder(self, folder: Path) -> None:
        """Raises OutputError if *folder*, in which a row saves, is outside the manifest's folder."""
        target = real_path(folder)
        if not self.allow_outside and not target.is_relative_to(self.folder):
            raise OutputError(
                f"{folder} is outside the manifest's folder ({target})",
                hint="replace the link with a folder, or use --allow-outside if you trust the manifest",
            )
