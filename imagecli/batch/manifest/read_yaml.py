"""YAML, as far as manifests need it: one document of lists, objects and plain values, by the words of YAML 1.2.

Only `true` and `false` are yes and no, and `16:9` is text: YAML 1.1 reads other things into `no`, `1:30` and `010`.
Tags, anchors and aliases are refused: nothing in a manifest is code, and none grows while it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from imagecli.batch.manifest.document import check_top_level, read_defaults, read_max_cost
from imagecli.batch.manifest.errors import Problems
from imagecli.batch.manifest.rows import ParsedFile, RawRow
from imagecli.batch.manifest.value_parsers import format_value
from imagecli.errors import UsageError

MAX_DEPTH: Final = 50

_WORDS: Final[Mapping[str, bool | None]] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_WHOLE: Final = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


class YamlError(Exception):
    """Something that manifests don't have, and its line."""

    def __init__(self, line: int, message: str, hint: str) -> None:
        super().__init__(message)
        self.line, self.message, self.hint = line, message, hint


class LocatedDict(dict[str, Any]):
    """An object that knows its line, and its names'."""

    line: int
    lines: dict[str, int]


def read_yaml(text: str, problems: Problems) -> ParsedFile:
    """The rows of *text*: a list at the top, or under `image`. Raises ManifestError where it is none that is taken."""
    try:
        import yaml
    except ImportError as error:
        raise UsageError(
            "a YAML manifest needs PyYAML", hint="pip install 'imagecli[yaml]'; or TOML, which needs none"
        ) from error
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    document: Any = None
    try:
        document = _build_values(yaml.parse(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problems.add(mark.line + 1 if mark else 1, f"it is not YAML: {error.problem or error.context}")
    except yaml.YAMLError as error:
        problems.add(1, f"it is not YAML: {' '.join(str(error).split())[:200]}")
    except YamlError as error:
        problems.add(error.line, error.message, hint=error.hint)
    problems.raise_if_any()
    return _parse_document(document, problems)


def _parse_document(document: Any, problems: Problems) -> ParsedFile:
    if isinstance(document, list):
        return ParsedFile(rows=list(_build_rows(document, 1, problems)))
    if not isinstance(document, LocatedDict):
        if document is not None:
            problems.add(1, f"{format_value(document)}, and a list of rows is wanted", hint="- prompt: a cat")
        return ParsedFile()
    check_top_level(document, document.lines, problems)
    line = document.lines.get("defaults", 1)
    rows = document.get("image")
    return ParsedFile(
        rows=list(_build_rows([] if rows is None else rows, document.lines.get("image", 1), problems)),
        defaults=read_defaults(document, line, problems),
        defaults_line=line,
        max_cost=read_max_cost(document, document.lines.get("max_cost", 1), problems),
    )


def _build_rows(rows: Any, line: int, problems: Problems) -> Iterator[RawRow]:
    if not isinstance(rows, list):
        problems.add(line, f"{format_value(rows)}, and a list of rows is wanted", field="image", hint="- prompt: a cat")
        return
    for number, fields in enumerate(rows, 1):
        if isinstance(fields, LocatedDict):
            yield RawRow(number=number, line=fields.line, fields=fields)
        else:
            problems.add(line, f"row {number}: {format_value(fields)}, and an object is wanted", hint="- prompt: a cat")


def _build_values(events: Iterator[Any]) -> Any:
    """The values that *events* tell of. Raises Refused."""
    root: list[Any] = []
    open_: list[Any] = [root]
    names: list[str | None] = [None]
    for event in events:
        kind = type(event).__name__
        line = event.start_mark.line + 1 if event.start_mark else 1
        _check_event(event, kind, line, len(open_), bool(root))
        if kind in ("MappingEndEvent", "SequenceEndEvent"):
            open_.pop(), names.pop()
        elif kind in ("MappingStartEvent", "SequenceStartEvent", "ScalarEvent"):
            inside, name = open_[-1], names[-1]
            if isinstance(inside, LocatedDict) and name is None:
                names[-1] = _parse_key(event, kind, line, inside)
                continue
            value = _parse_scalar(event, kind, line)
            if isinstance(inside, LocatedDict):
                inside[str(name)] = value
                names[-1] = None
            else:
                inside.append(value)
            if kind != "ScalarEvent":
                open_.append(value)
                names.append(None)
    return root[0] if root else None


def _check_event(event: Any, kind: str, line: int, depth: int, begun: bool) -> None:
    if kind == "AliasEvent" or getattr(event, "anchor", None):
        raise YamlError(line, "anchors and aliases (& and *) are not taken", "defaults holds what many rows say")
    if getattr(event, "tag", None):
        raise YamlError(line, f"the tag {format_value(str(event.tag))} is not taken", "write the value itself")
    if depth > MAX_DEPTH:
        raise YamlError(line, f"it is nested deeper than {MAX_DEPTH} lists and objects", "flatten it")
    if kind == "DocumentStartEvent" and begun:
        raise YamlError(line, "a second document begins", "a manifest is one: leave the --- out")


def _parse_key(event: Any, kind: str, line: int, inside: LocatedDict) -> str:
    if kind != "ScalarEvent":
        raise YamlError(line, "a name is a list or an object", "put the text into quotes if it begins with [ or {")
    name = str(event.value)
    if name in inside:
        raise YamlError(line, f"{format_value(name)} stands in it twice", "leave one of them out")
    inside.lines[name] = line
    return name


def _parse_scalar(event: Any, kind: str, line: int) -> Any:
    if kind == "SequenceStartEvent":
        return []
    if kind == "MappingStartEvent":
        table = LocatedDict()
        table.line, table.lines = line, {}
        return table
    return _parse_plain_scalar(str(event.value)) if event.implicit[0] else str(event.value)


def _parse_plain_scalar(word: str) -> Any:
    """A word without quotes, by YAML 1.2's core schema; what is no number there stays text."""
    if word in _WORDS:
        return _WORDS[word]
    if _WHOLE.fullmatch(word):
        return int(word)
    return float(word) if _FLOAT.fullmatch(word) and len(word) < 40 else word
