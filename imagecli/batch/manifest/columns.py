"""The columns of a table that are variables. One that is used nowhere, and named almost like a field, is a slip."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from imagecli.batch.manifest.fields import FIELDS, field_named
from imagecli.batch.manifest.problems import Problems
from imagecli.batch.manifest.reading import Manifest
from imagecli.batch.manifest.targets import Place
from imagecli.errors import UsageError
from imagecli.naming import braces_in, check_variables

_ALIKE = 0.8
"""From here on two words are taken for one: `qualty` and `quality`, not `style` and `title`."""


class Columns:
    """Those of one manifest."""

    def __init__(self, manifest: Manifest) -> None:
        self._line = manifest.header_line
        self._names = [name for name in manifest.columns or () if name and not field_named(name)]
        self._used: set[str] = set()

    def use(self, places: Sequence[Place], prompt: str | None) -> None:
        """What stands in the braces of *places* and *prompt* is used."""
        if self._names:
            self._used.update(*(place.fields for place in places))
            if prompt and "{" in prompt:
                self._used.update(braces_in(prompt))

    def check(self, problems: Problems) -> None:
        """Adds what is wrong with the header."""
        spare = self._used.difference(self._names)
        for name in self._names:
            try:
                check_variables([name])
            except UsageError as error:
                problems.refuse(self._line, error)
            if name in self._used:
                continue
            if field := difflib.get_close_matches(name.replace("-", "_").lower(), FIELDS, n=1, cutoff=_ALIKE):
                problems.add(self._line, f"no row uses the column {name!r}", hint=f"did you mean {field[0]}?")
            elif brace := difflib.get_close_matches(name, spare, n=1, cutoff=_ALIKE):
                problems.add(self._line, f"no row uses the column {name!r}", hint=f"rows have {{{brace[0]}}}")
