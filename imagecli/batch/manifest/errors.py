"""The problems of a manifest, each with its file, line and field. All of them are reported at the same time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final

from imagecli.batch.manifest.schema import NAMES
from imagecli.errors import UsageError

MAX_PRINTED: Final = 50
"""Problems that are printed one by one; the others are counted."""

MAX_STORED: Final = 1000
"""Problems that are stored. More than that are usually one mistake in a column, repeated in every row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake in a manifest."""

    file: str
    line: int
    """From 1."""
    row: str | None = None
    """`image 12`, if other rows begin on the same line; None if the line is enough."""
    field: str | None
    message: str
    """What was found and what was expected."""
    hint: str | None = None

    def __str__(self) -> str:
        location = ": ".join(part for part in (f"{self.file}:{self.line}", self.row, self.field) if part)
        return f"{location}: {self.message}" + (f"; {self.hint}" if self.hint else "")


class ManifestError(UsageError):
    """A manifest with at least one problem; nothing was sent."""

    code = "manifest"

    def __init__(self, problems: Sequence[Problem], more: int = 0) -> None:
        total = len(problems) + more
        count = "1 problem" if total == 1 else f"{total:,} problems"
        super().__init__(f"{problems[0].file} has {count}; nothing was sent", hint="fix the lines listed above")
        self.problems = tuple(problems)
        """In the order of lines."""
        self.more = more
        """The number of problems that were not stored."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The first problems, each as a line `FILE:LINE: FIELD: MESSAGE`, and a line that counts the others."""
        printed = [str(problem) for problem in self.problems[:MAX_PRINTED]]
        remaining = len(self.problems) + self.more - len(printed)
        more = f"{self.problems[0].file}: {remaining:,} more {'problem' if remaining == 1 else 'problems'}"
        return (*printed, more) if remaining else tuple(printed)


@dataclass(slots=True)
class Problems:
    """Collects the problems of one manifest while it is read and checked."""

    file: str
    stored: list[Problem] = field(default_factory=list)
    more: int = 0
    """The number of problems beyond MAX_STORED."""

    @property
    def count(self) -> int:
        return len(self.stored) + self.more

    def add(
        self, line: int, message: str, *, field: str | None = None, hint: str | None = None, row: str | None = None
    ) -> None:
        """Adds a problem on *line*. *row* is the row's name if it needs one."""
        if len(self.stored) >= MAX_STORED:
            self.more += 1
            return
        self.stored.append(Problem(file=self.file, line=line, row=row, field=field, message=message, hint=hint))

    def add_error(self, line: int, error: UsageError, field: str | None = None, row: str | None = None) -> None:
        """Adds *error* with fields instead of options in its texts; its message may begin with the field."""
        message, hint = options_as_fields(error.message), error.hint and options_as_fields(error.hint)
        if match := _FIELD.match(message):
            field, message = field or match["name"], message[match.end() :]
        self.add(line, message, field=field, hint=hint, row=row)

    def raise_if_any(self) -> None:
        """Raises ManifestError if a problem was added."""
        if self.stored:
            raise ManifestError(sorted(self.stored, key=attrgetter("line")), self.more)


class RowProblems:
    """Adds the problems of one row to those of its manifest."""

    __slots__ = ("_line", "_problems", "_row", "any")

    def __init__(self, problems: Problems, line: int, row: str | None = None) -> None:
        self._problems, self._line, self._row = problems, line, row
        self.any = False
        """Whether the row has a problem."""

    def add(self, message: str, *, field: str | None = None, hint: str | None = None) -> None:
        """Adds a problem of the row."""
        self.any = True
        self._problems.add(self._line, message, field=field, hint=hint, row=self._row)

    def add_error(self, error: UsageError, field: str | None = None) -> None:
        """Adds *error* as `Problems.add_error` does. Without *field* the error may name its field itself."""
        self.any = True
        self._problems.add_error(self._line, error, field, self._row)


_OPTION: Final = re.compile(r"(?<![\w-])(?<!iconv )(?:--(?P<long>[a-z][a-z0-9-]*)|-(?P<short>[onmsf]))(?![\w-])")
_COMMAND_OPTIONS: Final = ("--allow-outside", "--format")
"""Options of `batch` that are not fields of a row."""
_SHORT: Final = {"o": "output", "n": "n", "m": "model", "s": "size", "f": "prompt_file"}
_FIELD: Final = re.compile(rf"(?P<name>{'|'.join(NAMES)})(?:: | (?=is |'|\S+: |\S+ implies ))")
"""The beginning of an error message that is about one field."""


def options_as_fields(text: str) -> str:
    """*text* with options replaced by the fields that rows have for them: `--output-format` → `output_format`."""

    def field_name(match: re.Match[str]) -> str:
        if match[0] in _COMMAND_OPTIONS:
            return match[0]
        if match["short"]:
            return _SHORT[match["short"]]
        return "vars" if match["long"] == "var" else match["long"].replace("-", "_")

    return _OPTION.sub(field_name, text)
