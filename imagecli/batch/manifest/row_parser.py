"""Parses the fields of a row, and adds what flags and `[defaults]` give to it. Settings files have no part in this."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Final

from imagecli.batch.manifest.content import ManifestContent, RawRow
from imagecli.batch.manifest.errors import Problems, RowProblems
from imagecli.batch.manifest.schema import (
    COMMANDS,
    CONTENT,
    FIELDS,
    OutputSpec,
    find_field,
    parse_setting,
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


_DISTINCT: Final = 4096
"""Kinds of rows that are remembered. Most manifests have a few, for up to 100,000 rows."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowKind:
    """What rows with the same fields and the same settings have in common. Equal to itself only: they share it."""

    command: str
    settings: Mapping[str, Any]
    """The command, and the fields that are not in CONTENT: of the row, then the flags, then `[defaults]`."""
    own: frozenset[str]
    """The fields that the rows themselves have."""
    own_content: tuple[str, ...]
    """Those of them in CONTENT, whose values differ from row to row."""
    inherited_content: Mapping[str, Any]
    """The values of flags and `[defaults]` for the other fields in CONTENT."""


@dataclass(slots=True, kw_only=True)  # not frozen, which would take three times as long for 100,000 rows
class ParsedRow:
    """A row with every value parsed: its own fields, then the flags, then `[defaults]`."""

    number: int
    """From 1, like *line*."""
    line: int
    kind: RowKind
    columns: Mapping[str, str]
    """The columns of a table that aren't fields: variables."""
    own_vars: Mapping[str, tuple[str, ...]]
    """Those of *vars* that the row itself has."""
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

    @property
    def file_count(self) -> int:
        """The number of files that the row creates."""
        combinations = prod(map(len, self.vars.values())) if self.vars else 1
        return int(self.kind.settings.get("n", 1) * combinations * max(len(self.outputs), 1))


class RowParser:
    """Parses the rows of one manifest. *flags*: field → the value of its flag, None if not given."""

    def __init__(self, content: ManifestContent, flags: Mapping[str, Any], problems: Problems) -> None:
        self._is_table = content.columns is not None
        in_defaults = RowProblems(problems, content.defaults_line)
        defaults, _ = _parse_fields(content.defaults, in_defaults, "defaults.", is_table=False)
        self._has_command = "command" in defaults
        self._command = defaults.pop("command", COMMANDS[0])
        self._inherited = {**defaults, **{name: value for name, value in flags.items() if value is not None}}
        self._kinds: dict[Hashable, RowKind] = {}

    def parse(self, row: RawRow, problems: RowProblems) -> ParsedRow | None:
        """The parsed *row*, without invalid fields; None if too little is left to check the others."""
        own, columns = _parse_fields(row.fields, problems, is_table=self._is_table)
        kind = self._find_kind(own, problems)
        if problems.any:
            invalid = {find_field(name) for name in row.fields}.difference(own)
            if not invalid.isdisjoint(_DECISIVE):
                return None
        content: dict[str, Any] = {"vars": _NOTHING, **kind.inherited_content}
        for name in kind.own_content:
            content[name] = own[name]
        if "vars" in own:
            content["vars"] = {**kind.inherited_content.get("vars", _NOTHING), **own["vars"]}
        return ParsedRow(
            number=row.number,
            line=row.line,
            kind=kind,
            columns=columns,
            own_vars=own.get("vars", _NOTHING),
            **content,
        )

    def _find_kind(self, own: Mapping[str, Any], problems: RowProblems) -> RowKind:
        """The kind of a row with the fields *own*. A row with problems is not remembered: each one reports its own."""
        parts: list[Hashable] = []
        for name, value in own.items():
            parts.append(name)
            if name == "outputs":
                parts.append(any(spec.fit for spec in value))
            elif name == "param":  # may have no hash, and its 1 and true are equal, but not the same JSON
                parts.append(repr(value))
            elif name not in CONTENT:
                parts.append(value)
        key = tuple(parts)
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._build_kind(own, problems)
            if not problems.any and len(self._kinds) < _DISTINCT:
                self._kinds[key] = kind
        return kind

    def _build_kind(self, own: Mapping[str, Any], problems: RowProblems) -> RowKind:
        command = own.get("command", self._command)
        self._check_available(own, command, problems)
        for one, other in _EXCLUSIVE:
            if one in own and other in own:
                problems.add(f"conflicts with {one}", field=other, hint="remove one of them")
        inherited = self._inherited_values(command, own)
        values = {**inherited, **own, "command": command}
        return RowKind(
            command=command,
            settings={name: value for name, value in values.items() if name not in CONTENT},
            own=frozenset(own),
            own_content=tuple(name for name in own if name in CONTENT),
            inherited_content={name: value for name, value in inherited.items() if name in CONTENT},
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
                if isinstance(value, str) and name not in CONTENT:
                    values[name] = parse_setting(name, value, is_table)
                else:
                    values[name] = FIELDS[name].parse(value, is_table)
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
