"""Checks that need all rows of a manifest: two images for one file, an output that is also an input, and columns of a
table that are probably misspelled field names.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Set
from typing import Final

from imagecli.batch.manifest.content import ManifestContent
from imagecli.batch.manifest.errors import Problems, RowProblems
from imagecli.batch.manifest.item import ManifestItem
from imagecli.batch.manifest.read import Manifest
from imagecli.batch.manifest.schema import FIELDS, find_field
from imagecli.errors import UsageError
from imagecli.naming import check_variables
from imagecli.naming.filenames import path_key
from imagecli.suggestions import suggest

_HINT: Final = "rename one of them, or use {n}, {hash} or a variable in the name"


class OutputPaths:
    """The files that a manifest writes. Names that any file system treats as the same are equal."""

    def __init__(self) -> None:
        self._lines: dict[str, int] = {}
        self._folder_lines: dict[str, int] = {}

    def add(self, item: ManifestItem, problems: RowProblems) -> None:
        """Adds the files of *item*. A file of another item is added to the *problems* of the row."""
        for targets in item.targets:
            for target in targets:
                self._add_path(target.path, item.line, problems)

    def _add_path(self, path: str, line: int, problems: RowProblems) -> None:
        name = path_key(path)
        if (first_line := self._lines.get(name)) is not None:
            first_use = "in this row" if first_line == line else f"on line {first_line}"
            problems.add(f"duplicate output {path}, first used {first_use}", field="output", hint=_HINT)
            return
        self._lines[name] = line
        folder = name.rpartition("/")[0]
        while folder and folder not in self._folder_lines:
            self._folder_lines[folder] = line
            folder = folder.rpartition("/")[0]

    def check(self, manifest: Manifest, inputs: Mapping[str, int], problems: Problems) -> None:
        """Adds outputs that are also read, or are the folder of another output.

        *inputs*: the name of each input file → the first line that names it.
        """
        input_lines = _lines_by_path(manifest, inputs)
        for name in self._lines.keys() & input_lines.keys():
            message = f"{name} is an input on line {input_lines[name]}, and outputs can't overwrite inputs"
            problems.add(self._lines[name], message, field="output", hint="choose another name")
        for name in self._lines.keys() & self._folder_lines.keys():
            message = f"{name} is used as a folder on line {self._folder_lines[name]}"
            problems.add(self._lines[name], message, field="output", hint="rename one of them")


def _lines_by_path(manifest: Manifest, inputs: Mapping[str, int]) -> dict[str, int]:
    """The files below the manifest's folder that are read → the first line that names them. It reads itself, too."""
    root = posixpath.normpath(manifest.folder.absolute().as_posix())
    own_name = {manifest.path.name: 1} if manifest.path else {}
    lines: dict[str, int] = {}
    for name, line in {**own_name, **inputs}.items():
        path = posixpath.normpath(posixpath.join(root, name.replace(os.sep, "/")))
        if path.startswith(f"{root}/"):
            lines.setdefault(path_key(path[len(root) + 1 :]), line)
    return lines


_SIMILARITY: Final = 0.8
"""Of difflib, from 0 to 1: `qualty` is similar enough to `quality`, `style` to `title` is not."""


def check_columns(content: ManifestContent, used: Set[str], problems: Problems) -> None:
    """Adds columns that can't be variables, and unused ones that are spelled like a field or a name in braces.

    *used*: the names in the braces of all outputs and prompts.
    """
    names = [name for name in content.columns or () if name and not find_field(name)]
    for name in names:
        try:
            check_variables([name])
        except UsageError as error:
            problems.add_error(content.header_line, error)
        if name in used:
            continue
        message = f"no row uses column {name!r}"
        if field := suggest(name.replace("-", "_").lower(), FIELDS, cutoff=_SIMILARITY):
            problems.add(content.header_line, message, hint=f"did you mean {field}?")
        elif brace := suggest(name, used - set(names), cutoff=_SIMILARITY):
            problems.add(content.header_line, message, hint=f"rows use {{{brace}}}")
