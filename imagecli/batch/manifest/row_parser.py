"""What a row says: its own fields, then the flags, then `[defaults]`, every value read. Settings say nothing here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Final

from imagecli.batch.manifest.errors import Problems
from imagecli.batch.manifest.read import Manifest
from imagecli.batch.manifest.rows import RawRow
from imagecli.batch.manifest.schema import COMMANDS, CONTENT, FIELDS, find_field
from imagecli.batch.manifest.value_parsers import format_value, suggest_word
from imagecli.errors import UsageError

_EITHER: Final = (("prompt", "prompt_file"), ("output", "outputs"))
"""Of each pair a row has one, and it stands for the other one of `[defaults]` too."""

_NEARER: Final = ("size", "fit")
"""A row can have both. One alone was meant without the other of `[defaults]`: each says how large the picture is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedRow:
    """A row, read."""

    command: str
    content: Mapping[str, Any]
    """The fields of CONTENT that are said: what is made of what, and where to."""
    settings: Mapping[str, Any]
    """All others."""
    own: Mapping[str, Any]
    """What the row itself says of both."""
    columns: Mapping[str, str]
    """Columns of a table that are no fields: variables."""

    @property
    def file_count(self) -> int:
        """How many it asks for."""
        combinations = prod(map(len, self.content.get("vars", {}).values()))
        return int(self.settings.get("n", 1) * combinations * len(self.content.get("outputs", "1")))


class RowParser:
    """Reads the rows of one manifest; what can't be taken goes to *problems*."""

    def __init__(self, manifest: Manifest, flags: Mapping[str, Any], problems: Problems) -> None:
        self._cells = manifest.columns is not None
        self._problems = problems
        self._known: dict[str, str | None] = {}
        self._values: dict[tuple[str, str], Any] = {}
        self._hints: dict[str, str | None] = {}
        defaults, _ = self._parse_fields(manifest.defaults, manifest.defaults_line, "defaults.", cells=False)
        self._command = defaults.pop("command", COMMANDS[0])
        typed = {name: value for name, value in flags.items() if value is not None}
        self._below = {**defaults, **typed}
        self._of: dict[tuple[str, ...], Mapping[str, Any]] = {}

    def parse(self, row: RawRow) -> ParsedRow | None:
        """What *row* says; None where it holds a problem."""
        before = self._problems.count
        own, columns = self._parse_fields(row.fields, row.line, cells=self._cells)
        command = own.get("command", self._command)
        for name in own:
            if command not in FIELDS[name].commands:
                hint = f"command: {' or '.join(FIELDS[name].commands)} takes it"
                self._problems.add(row.line, f"{command} takes none", field=name, hint=hint)
        for one, other in _EITHER:
            if one in own and other in own:
                self._problems.add(row.line, f"{one} is given too", field=other, hint="leave one of them out")
        if self._problems.count > before:
            return None
        said = {**self._inherited_values(command, own), **own}
        if "vars" in own:
            said["vars"] = {**self._below.get("vars", {}), **own["vars"]}
        return ParsedRow(
            command=command,
            content={name: value for name, value in said.items() if name in CONTENT},
            settings={name: value for name, value in said.items() if name not in CONTENT},
            own=own,
            columns=columns,
        )

    def _inherited_values(self, command: str, own: Mapping[str, Any]) -> Mapping[str, Any]:
        """What flags and `[defaults]` say to a row of *command* that says *own*."""
        beaten = _overridden_defaults(own)
        key = (command, *beaten)
        if key not in self._of:
            self._of[key] = {
                name: value
                for name, value in self._below.items()
                if command in FIELDS[name].commands and command in FIELDS[name].by_default and name not in beaten
            }
        return self._of[key]

    def _parse_fields(
        self, fields: Mapping[str, Any], line: int, where: str = "", *, cells: bool
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """The known *fields*, read, and the others of a table."""
        own: dict[str, Any] = {}
        columns: dict[str, str] = {}
        for written, value in fields.items():
            name = self._field_name(written)
            if name is None and cells:
                columns[written] = value
            elif name is None:
                hint = self._hints.setdefault(written, suggest_word(written, FIELDS))
                self._problems.add(line, f"{where}there is no field {format_value(written)}", hint=hint or _OWN)
            elif value is None or (cells and not value.strip()):
                continue
            elif name in own:
                self._problems.add(line, "it is given twice", field=where + name, hint="leave one of them out")
            else:
                try:
                    own[name] = self._parse_value(name, value, cells=cells)
                except UsageError as error:
                    self._problems.add_error(line, error, where + name)
        return own, columns

    def _parse_value(self, name: str, value: Any, *, cells: bool) -> Any:
        """*value* as the field has it. Words of settings come again and again, and are read once."""
        if name in CONTENT or not isinstance(value, str):
            return FIELDS[name].read(value, cells)
        if (name, value) not in self._values:
            self._values[name, value] = FIELDS[name].read(value, cells)
        return self._values[name, value]

    def _field_name(self, written: str) -> str | None:
        if written not in self._known:
            self._known[written] = find_field(written)
        return self._known[written]


def _overridden_defaults(own: Mapping[str, Any]) -> list[str]:
    """The fields of `[defaults]` that a row does not take, as it says *own*."""
    beaten = [name for pair in _EITHER if not own.keys().isdisjoint(pair) for name in pair]
    size, fit = _NEARER
    if fit in own or any(file.fit for file in own.get("outputs", ())):
        beaten.append(size)
    if size in own:
        beaten.append(fit)
    return beaten


_OWN: Final = "names of your own stand in vars"
