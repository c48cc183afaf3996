"""Checks that need all rows of a manifest: two images for one file, an output that is also an input, and columns of a
table that are probably misspelled field names.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from imagecli.batch.manifest.errors import Problems
from imagecli.batch.manifest.raw_rows import RawRow
from imagecli.batch.manifest.read import Manifest
from imagecli.batch.manifest.schema import FIELDS, find_field
from imagecli.batch.manifest.targets import OutputTemplate
from imagecli.errors import UsageError
from imagecli.naming import check_variables, find_braces
from imagecli.naming.filenames import path_key
from imagecli.suggestions import suggest

_HINT: Final = "name one of them otherwise; {n}, {hash} and variables make names differ"


class PathConflicts:
    """The files that a manifest writes and reads. Two names are equal if any file system takes them for the same."""

    def __init__(self, manifest: Path | None, folder: Path, problems: Problems) -> None:
        self._problems = problems
        self._root = posixpath.normpath(folder.absolute().as_posix())
        self._output_lines: dict[str, int] = {}
        self._input_lines: dict[str, int] = {}
        self._folder_lines: dict[str, int] = {}
        if manifest:
            self.add_input(manifest.name, 1)

    def add_output(self, path: str, row: RawRow) -> None:
        """*row* writes the file *path*."""
        name = path_key(path)
        if (first_line := self._output_lines.get(name)) is not None:
            where = "this row" if first_line == row.line else f"line {first_line}"
            self._problems.add(row, f"{path} is made by {where} already", field="output", hint=_HINT)
            return
        self._output_lines[name] = row.line
        folder = name.rpartition("/")[0]
        while folder and folder not in self._folder_lines:
            self._folder_lines[folder] = row.line
            folder = folder.rpartition("/")[0]

    def add_input(self, name: str, line: int) -> None:
        """The row on *line* reads the file *name*, relative to the manifest's folder."""
        path = posixpath.normpath(posixpath.join(self._root, name.replace(os.sep, "/")))
        if path.startswith(f"{self._root}/"):
            self._input_lines.setdefault(path_key(path[len(self._root) + 1 :]), line)

    def check(self) -> None:
        """Adds outputs that are also read, or are the folder of another output. To be called after the last row."""
        for name in self._output_lines.keys() & self._input_lines.keys():
            message = f"{name} is read by line {self._input_lines[name]}, and what is read is not replaced"
            self._problems.add(self._output_lines[name], message, field="output", hint="name another file")
        for name in self._output_lines.keys() & self._folder_lines.keys():
            message = f"{name} is a folder for line {self._folder_lines[name]}"
            self._problems.add(self._output_lines[name], message, field="output", hint="name one of them otherwise")


_SIMILARITY: Final = 0.8
"""Of difflib, from 0 to 1. At this one `qualty` is taken for `quality`, but `style` not for `title`."""


class VariableColumns:
    """The columns of a table that aren't fields, and so are variables; and which of them a row uses."""

    def __init__(self, manifest: Manifest) -> None:
        self._line = manifest.header_line
        self._names = [name for name in manifest.columns or () if name and not find_field(name)]
        self._used: set[str] = set()

    def mark_used(self, templates: Sequence[OutputTemplate], prompt: str | None) -> None:
        """Marks the names in the braces of a row's outputs and *prompt*."""
        if self._names:
            self._used.update(*(template.fields for template in templates))
            if prompt and "{" in prompt:
                self._used.update(find_braces(prompt))

    def check(self, problems: Problems) -> None:
        """Adds columns that can't be variables, and unused ones that are spelled like a field or a name in braces."""
        unfilled = self._used.difference(self._names)
        for name in self._names:
            try:
                check_variables([name])
            except UsageError as error:
                problems.add_error(self._line, error)
            if name in self._used:
                continue
            message = f"no row uses the column {name!r}"
            if field := suggest(name.replace("-", "_").lower(), FIELDS, cutoff=_SIMILARITY):
                problems.add(self._line, message, hint=f"did you mean {field}?")
            elif brace := suggest(name, unfilled, cutoff=_SIMILARITY):
                problems.add(self._line, message, hint=f"rows have {{{brace}}}")
