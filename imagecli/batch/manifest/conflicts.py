"""No two pictures for one file, and none for a file that the manifest itself reads: on any file system."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path
from typing import Final

from imagecli.batch.manifest.problems import Problems
from imagecli.naming.filenames import key

_HINT: Final = "name one of them otherwise; {n}, {hash} and variables make names differ"


class Clashes:
    """The files of one manifest, by names that no file system takes for two."""

    def __init__(self, manifest: Path | None, folder: Path, problems: Problems) -> None:
        self._problems = problems
        self._root = posixpath.normpath(folder.absolute().as_posix())
        self._made: dict[str, int] = {}
        self._read: dict[str, int] = {}
        self._folders: dict[str, int] = {}
        if manifest:
            self.reads(manifest.name, 1)

    def makes(self, path: str, line: int) -> None:
        """A row on *line* makes the file *path*."""
        name = key(path)
        if name in self._made:
            before = self._made[name]
            where = "this row" if before == line else f"line {before}"
            self._problems.add(line, f"{path} is made by {where} already", field="output", hint=_HINT)
            return
        self._made[name] = line
        folder = name.rpartition("/")[0]
        while folder and folder not in self._folders:
            self._folders[folder] = line
            folder = folder.rpartition("/")[0]

    def reads(self, word: str, line: int) -> None:
        """A row on *line* reads the file that *word* names, from the manifest's folder."""
        path = posixpath.normpath(posixpath.join(self._root, word.replace(os.sep, "/")))
        if path.startswith(f"{self._root}/"):
            self._read.setdefault(key(path[len(self._root) + 1 :]), line)

    def check(self) -> None:
        """Adds what only the whole manifest shows."""
        for name in self._made.keys() & self._read.keys():
            said = f"{name} is read by line {self._read[name]}, and what is read is not replaced"
            self._problems.add(self._made[name], said, field="output", hint="name another file")
        for name in self._made.keys() & self._folders.keys():
            said = f"{name} is a folder for line {self._folders[name]}"
            self._problems.add(self._made[name], said, field="output", hint="name one of them otherwise")
