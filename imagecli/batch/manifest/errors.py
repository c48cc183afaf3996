"""What is wrong in a manifest: every problem with its line, all of them said at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from imagecli.batch.manifest.schema import NAMES
from imagecli.errors import UsageError

SHOWN: Final = 50
"""So many problems are shown; the others are counted."""

KEPT: Final = 1000
"""So many are kept, for those who read them all: a wrong column of a long manifest is one slip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that can't be taken."""

    file: str
    line: int
    """From 1."""
    field: str | None
    message: str
    """What was found and wanted."""
    hint: str | None = None

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " + (f"{self.field}: " if self.field else "")
        return f"{where}{self.message}" + (f"; {self.hint}" if self.hint else "")


class ManifestError(UsageError):
    """A manifest that can't be taken as it is; nothing was sent."""

    code = "manifest"

    def __init__(self, problems: Sequence[Problem], more: int = 0) -> None:
        count = len(problems) + more
        said = "1 problem" if count == 1 else f"{count:,} problems"
        super().__init__(f"{problems[0].file} has {said}; nothing was sent", hint="mend the lines named above")
        self.problems = tuple(problems)
        """In the order of lines."""
        self.more = more
        """How many there are besides."""

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each problem, as compilers write them; of very many the first, and a count."""
        shown = [str(problem) for problem in self.problems[:SHOWN]]
        left = len(self.problems) + self.more - len(shown)
        return (*shown, f"{self.problems[0].file}: and {left:,} more") if left else tuple(shown)


@dataclass(slots=True)
class Problems:
    """Those of one manifest, while it is read."""

    file: str
    found: list[Problem] = field(default_factory=list)
    more: int = 0

    @property
    def count(self) -> int:
        return len(self.found) + self.more

    def add(self, line: int, message: str, *, field: str | None = None, hint: str | None = None) -> None:
        if len(self.found) >= KEPT:
            self.more += 1
            return
        self.found.append(Problem(file=self.file, line=line, field=field, message=message, hint=hint))

    def add_error(self, line: int, error: UsageError, field: str | None = None) -> None:
        """Adds what *error* says, in the words of a manifest; the field may stand at its beginning."""
        message, hint = options_as_fields(error.message), error.hint and options_as_fields(error.hint)
        if begins := _FIELD.match(message):
            field, message = field or begins["name"], message[begins.end() :]
        self.add(line, message, field=field, hint=hint)

    def raise_if_any(self) -> None:
        """Raises ManifestError where there are any."""
        if self.found:
            raise ManifestError(sorted(self.found, key=lambda problem: problem.line), self.more)


_OPTION: Final = re.compile(r"(?<![\w-])(?:--(?P<long>[a-z][a-z0-9-]*)|-(?P<short>[onmsf]))(?![\w-])")
_OF_THE_COMMAND: Final = ("--allow-outside",)
"""Options that no row has a field for."""
_SHORT: Final = {"o": "output", "n": "n", "m": "model", "s": "size", "f": "prompt_file"}
_FIELD: Final = re.compile(rf"(?P<name>{'|'.join(NAMES)})(?:: | (?=is |'|\S+: |\S+ asks ))")
"""What an error begins with that is about one field."""


def options_as_fields(text: str) -> str:
    """*text* with options by the names that rows have for them: `--output-format` is `output_format`."""

    def name(match: re.Match[str]) -> str:
        long = match["long"]
        if match[0] in _OF_THE_COMMAND:
            return match[0]
        return ("vars" if long == "var" else long.replace("-", "_")) if long else _SHORT[match["short"]]

    return _OPTION.sub(name, text)
