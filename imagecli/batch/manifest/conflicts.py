"""No two pictures for one file, and none for a file that the manifest itself reads: on any file system.

The columns of a table that are variables. One that is used nowhere, and named almost like a field, is a slip.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from imagecli.batch.manifest.errors import Problems
from imagecli.batch.manifest.read import Manifest
from imagecli.batch.manifest.schema import FIELDS, find_field
from imagecli.batch.manifest.targets import OutputTemplate
from imagecli.errors import UsageError
from imagecli.naming import check_variables, find_braces
from imagecli.naming.filenames import path_key
from imagecli.suggestions import suggest

_HINT: Final = "name one of them otherwise; {n}, {hash} and variables make names differ"


class PathConflicts:
    """The files of one manifest, by names that no file system takes for two."""

    def __init__(self, manifest: Path | None, folder: Path, problems: Problems) -> None:
        self._problems = problems
        self._root = posixpath.normpath(folder.absolute().as_posix())
        self._made: dict[str, int] = {}
        self._read: dict[str, int] = {}
        self._folders: dict[str, int] = {}
        if manifest:
            self.add_input(manifest.name, 1)

    def add_output(self, path: str, line: int) -> None:
        """A row on *line* makes the file *path*."""
        name = path_key(path)
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

    def add_input(self, word: str, line: int) -> None:
        """A row on *line* reads the file that *word* names, from the manifest's folder."""
        path = posixpath.normpath(posixpath.join(self._root, word.replace(os.sep, "/")))
        if path.startswith(f"{self._root}/"):
            self._read.setdefault(path_key(path[len(self._root) + 1 :]), line)

    def check(self) -> None:
        """Adds what only the whole manifest shows."""
        for name in self._made.keys() & self._read.keys():
            said = f"{name} is read by line {self._read[name]}, and what is read is not replaced"
            self._problems.add(self._made[name], said, field="output", hint="name another file")
        for name in self._made.keys() & self._folders.keys():
            said = f"{name} is a folder for line {self._folders[name]}"
            self._problems.add(self._made[name], said, field="output", hint="name one of them otherwise")


_ALIKE = 0.8
"""From here on two words are taken for one: `qualty` and `quality`, not `style` and `title`."""


class VariableColumns:
    """Those of one manifest."""

    def __init__(self, manifest: Manifest) -> None:
        self._line = manifest.header_line
        self._names = [name for name in manifest.columns or () if name and not find_field(name)]
        self._used: set[str] = set()

    def mark_used(self, places: Sequence[OutputTemplate], prompt: str | None) -> None:
        """What stands in the braces of *places* and *prompt* is used."""
        if self._names:
            self._used.update(*(place.fields for place in places))
            if prompt and "{" in prompt:
                self._used.update(find_braces(prompt))

    def check(self, problems: Problems) -> None:
        """Adds what is wrong with the header."""
        spare = self._used.difference(self._names)
        for name in self._names:
            try:
                check_variables([name])
            except UsageError as error:
                problems.add_error(self._line, error)
            if name in self._used:
                continue
            if field := suggest(name.replace("-", "_").lower(), FIELDS, cutoff=_ALIKE):
                problems.add(self._line, f"no row uses the column {name!r}", hint=f"did you mean {field}?")
            elif brace := suggest(name, spare, cutoff=_ALIKE):
                problems.add(self._line, f"no row uses the column {name!r}", hint=f"rows have {{{brace}}}")
