"""Parses the fields of a row, and adds what flags and `[defaults]` give to it. Settings files have no part in this."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, Final, NamedTuple

from imagecli.batch.manifest.content import ManifestContent, RawRow
from imagecli.batch.manifest.errors import Problems, RowProblems
from imagecli.batch.manifest.schema import (
    COMMANDS,
    CONTENT,
    FIELDS,
    OutputSpec,
    find_field,
    parse_field,
    suggest_field,
)
from imagecli.batch.manifest.value_parsers import format_value
from imagecli.errors import UsageError

_EXCLUSIVE: Final = (("prompt", "prompt_file"), ("output", "outputs"))
"""A row has one field of each pair at most, and it also overrides the other one of `[defaults]`."""


_DECISIVE: Final = ("command", "model")
"""Fields that decide what the others may be."""


_NOTHING: Final[Mapping[str, Any]] = {}
"""Shared by the rows without variables, which are most of them."""


class ParsedRow(NamedTuple):
    """A row with every value parsed: its own fields, then the flags, then `[defaults]`."""

    number: int
    """From 1, like *line*."""
    line: int
    command: str
    settings: Mapping[str, Any]
    """The command, and the fields that are not in CONTENT."""
    own: Mapping[str, Any]
    """The fields that the row itself has."""
    columns: Mapping[str, str]
    """The columns of a table that aren't fields: variables."""
    vars: Mapping[str, tuple[str, ...]]
    """Each combination of their values makes an item."""
    prompt: str | None = None
    prompt_file: str | None = None
    image: tuple[str, ...] = ()
    """Names of files, like *mask* and *markup*."""
    mask: str | None = None
    markup: str | None = None
    output: str = ""
    """Empty for the default name."""
    outputs: tuple[OutputSpec, ...] = ()
    """If several files are made of each image."""
    is_complete: bool = True
    """No field was omitted because it is invalid."""

    @property
    def output_specs(self) -> tuple[OutputSpec, ...]:
        """The files that are made of each image."""
        return self.outputs or (OutputSpec(output=self.output),)

    @property
    def file_count(self) -> int:
        """The number of files that the row creates."""
        combinations = prod(map(len, self.vars.values())) if self.vars else 1
        return int(self.settings.get("n", 1) * combinations * max(len(self.outputs), 1))


class RowParser:
    """Parses the rows of one manifest. *flags*: field → the value of its flag, None if not given."""

    def __init__(self, content: ManifestContent, flags: Mapping[str, Any], problems: Problems) -> None:
        self._is_table = content.columns is not None
        in_defaults = RowProblems(problems, content.defaults_line)
        defaults, _ = _parse_fields(content.defaults, in_defaults, "defaults.", is_table=False)
        self._has_command = "command" in defaults
        self._command = defaults.pop("command", COMMANDS[0])
        self._inherited = {**defaults, **{name: value for name, value in flags.items() if value is not None}}

    def parse(self, row: RawRow, problems: RowProblems) -> ParsedRow | None:
        """The parsed *row*, without invalid fields; None if too little is left to check the others."""
        own, columns = _parse_fields(row.fields, problems, is_table=self._is_table)
        command = own.get("command", self._command)
        self._check_available(own, command, problems)
        for one, other in _EXCLUSIVE:
            if one in own and other in own:
                problems.add(f"conflicts with {one}", field=other, hint="remove one of them")
        invalid = {find_field(name) for name in row.fields}.difference(own) if problems.any else set()
        if not invalid.isdisjoint(_DECISIVE):
            return None
        values = {**self._inherited_values(command, own), **own, "command": command}
        if "vars" in own:
            values["vars"] = {**self._inherited.get("vars", {}), **own["vars"]}
        content: dict[str, Any] = {"vars": _NOTHING}
        settings: dict[str, Any] = {}
        for name, value in values.items():
            (content if name in CONTENT else settings)[name] = value
        return ParsedRow(
            number=row.number,
            line=row.line,
            command=command,
            settings=settings,
            own=own,
            columns=columns or _NOTHING,
            is_complete=not problems.any,
            **content,
        )

    def _check_available(self, own: Mapping[str, Any], command: str, problems: RowProblems) -> None:
        """Adds a problem for each field that *command* does not have; one if the row only lacks its command."""
        names = [name for name in own if command not in FIELDS[name].commands]
        possible = [other for other in COMMANDS if all(other in FIELDS[name].commands for name in own)]
        if names and possible and "command" not in own and not self._has_command:
            hint = f"set it to {' or '.join(possible)} for {', '.join(names)}"
            problems.add("missing", field="command", hint=hint)
            return
        for name in names:
            hint = f"set command to {' or '.join(FIELDS[name].commands)}, or remove the field"
            problems.add(f"not available for {command}", field=name, hint=hint)

    def _inherited_values(self, command: str, own: Mapping[str, Any]) -> Mapping[str, Any]:
        """The values of flags and `[defaults]` that apply to a row of *command* with the fields *own*."""
        if not self._inherited:
            return _NOTHING
        overridden = _overridden_fields(own)
        return {
            name: value
            for name, value in self._inherited.items()
            if command in FIELDS[name].commands and command in FIELDS[name].by_default and name not in overridden
        }


def _parse_fields(
    fields: Mapping[str, Any], problems: RowProblems, prefix: str = "", *, is_table: bool
) -> tuple[dict[str, Any], dict[str, str]]:
    """The known *fields*, parsed, and the other columns of a table. *prefix*: of field names in problems."""
    values: dict[str, Any] = {}
    columns: dict[str, str] = {}
    for written, value in fields.items():
        name = find_field(written)
        if name is None and is_table:
            columns[written] = value
        elif name is None:
            hint = suggest_field(written) or "put your own variables in vars"
            problems.add(f"unknown field {format_value(prefix + written)}", hint=hint)
        elif value is None or (is_table and not value.strip()):
            continue
        elif name in values:
            problems.add("duplicate field", field=prefix + name, hint="remove one of them")
        else:
            try:
                values[name] = parse_field(name, value, is_table)
            except UsageError as error:
                problems.add_error(error, prefix + name)
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
