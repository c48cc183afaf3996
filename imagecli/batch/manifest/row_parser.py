"""Parses the fields of a row, and adds what flags and `[defaults]` give to it. Settings files have no part in this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Final

from imagecli.batch.manifest.errors import Problems
from imagecli.batch.manifest.raw_rows import RawRow
from imagecli.batch.manifest.read import Manifest
from imagecli.batch.manifest.schema import (
    COMMANDS,
    CONTENT,
    FIELDS,
    find_field,
    parse_field,
    suggest_field,
)
from imagecli.batch.manifest.value_parsers import format_value
from imagecli.errors import UsageError

_EXCLUSIVE: Final = (("prompt", "prompt_file"), ("output", "outputs"))
"""A row has one field of each pair at most, and it also overrides the other one of `[defaults]`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedRow:
    """A row with every value parsed: its own fields, then the flags, then `[defaults]`."""

    command: str
    content: Mapping[str, Any]
    """The fields in CONTENT: what is made of what, and where it goes."""
    settings: Mapping[str, Any]
    """All other fields."""
    own: Mapping[str, Any]
    """The fields of both that the row itself has."""
    columns: Mapping[str, str]
    """The columns of a table that aren't fields: variables."""

    @property
    def file_count(self) -> int:
        """The number of files that the row asks for."""
        combinations = prod(map(len, self.content.get("vars", {}).values()))
        files_per_image = len(self.content["outputs"]) if "outputs" in self.content else 1
        return int(self.settings.get("n", 1) * combinations * files_per_image)


class RowParser:
    """Parses the rows of one manifest. Invalid fields are added to *problems*."""

    def __init__(self, manifest: Manifest, flags: Mapping[str, Any], problems: Problems) -> None:
        self._is_table = manifest.columns is not None
        self._problems = problems
        defaults, _ = self._parse_fields(manifest.defaults, manifest.defaults_line, "defaults.", is_table=False)
        self._command = defaults.pop("command", COMMANDS[0])
        self._inherited = {**defaults, **{name: value for name, value in flags.items() if value is not None}}

    def parse(self, row: RawRow) -> ParsedRow | None:
        """The parsed *row*; None if it has a problem."""
        count_before = self._problems.count
        own, columns = self._parse_fields(row.fields, row, is_table=self._is_table)
        command = own.get("command", self._command)
        for name in own:
            if command not in FIELDS[name].commands:
                hint = f"command: {' or '.join(FIELDS[name].commands)} takes it"
                self._problems.add(row, f"{command} takes none", field=name, hint=hint)
        for one, other in _EXCLUSIVE:
            if one in own and other in own:
                self._problems.add(row, f"{one} is given too", field=other, hint="leave one of them out")
        if self._problems.count > count_before:
            return None
        values = {**self._inherited_values(command, own), **own}
        if "vars" in own:
            values["vars"] = {**self._inherited.get("vars", {}), **own["vars"]}
        return ParsedRow(
            command=command,
            content={name: value for name, value in values.items() if name in CONTENT},
            settings={name: value for name, value in values.items() if name not in CONTENT},
            own=own,
            columns=columns,
        )

    def _inherited_values(self, command: str, own: Mapping[str, Any]) -> Mapping[str, Any]:
        """The values of flags and `[defaults]` that apply to a row of *command* with the fields *own*."""
        overridden = _overridden_fields(own) if self._inherited else frozenset()
        return {
            name: value
            for name, value in self._inherited.items()
            if command in FIELDS[name].commands and command in FIELDS[name].by_default and name not in overridden
        }

    def _parse_fields(
        self, fields: Mapping[str, Any], where: RawRow | int, prefix: str = "", *, is_table: bool
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """The known *fields*, parsed, and the other columns of a table. *prefix*: of field names in problems."""
        values: dict[str, Any] = {}
        columns: dict[str, str] = {}
        for written, value in fields.items():
            name = find_field(written)
            if name is None and is_table:
                columns[written] = value
            elif name is None:
                hint = suggest_field(written) or "names of your own stand in vars"
                self._problems.add(where, f"{prefix}there is no field {format_value(written)}", hint=hint)
            elif value is None or (is_table and not value.strip()):
                continue
            elif name in values:
                self._problems.add(where, "it is given twice", field=prefix + name, hint="leave one of them out")
            else:
                try:
                    values[name] = parse_field(name, value, is_table)
                except UsageError as error:
                    self._problems.add_error(where, error, prefix + name)
        return values, columns


def _overridden_fields(own: Mapping[str, Any]) -> frozenset[str]:
    """The fields of `[defaults]` that don't apply to a row with the fields *own*."""
    overridden = {name for pair in _EXCLUSIVE if not own.keys().isdisjoint(pair) for name in pair}
    # A row can have both size and fit. One alone is meant without the other's default: both decide the image's size.
    if "fit" in own or any(spec.fit for spec in own.get("outputs", ())):
        overridden.add("size")
    if "size" in own:
        overridden.add("fit")
    return frozenset(overridden)
