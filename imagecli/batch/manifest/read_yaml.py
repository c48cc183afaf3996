"""YAML manifests: one document of lists, objects and scalars, with the plain scalars of YAML 1.2's core schema.

There only `true` and `false` are booleans, and `no`, `16:9` and `2026-11-29` are text. A few numbers that the core
schema adds were text in earlier versions of imagecli: they are refused until they are in quotes, as reading them as
numbers would change the requests of existing manifests, and pay for their images again.

PyYAML's events are used, with their lines, but not its schema, which is YAML 1.1's. libyaml parses them some twenty
times as fast as ruamel.yaml in Python, and ruamel.yaml's optional C parser rejects `{size: 16:9}`. Tags, anchors and
aliases are refused: nothing in a manifest is code, or expands while it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from imagecli.batch.manifest.content import ManifestContent, RawRow, build_content
from imagecli.batch.manifest.errors import Problems
from imagecli.batch.manifest.value_parsers import format_value
from imagecli.errors import UsageError

MAX_DEPTH: Final = 50

_WORDS: Final[Mapping[str, bool | None]] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_NUMBER_BEGINNINGS: Final = tuple("+-.0123456789")
_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NEW_NUMBER: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
"""Numbers of the core schema that were text: octal, hexadecimal, infinite, not a number."""

_MAX_DIGITS: Final = 18
_MAX_FLOAT_LENGTH: Final = 39
"""Characters. Longer numbers lost digits, or were text."""


class YamlError(Exception):
    """YAML that manifests can't have, and its line."""

    def __init__(self, line: int, message: str, hint: str) -> None:
        super().__init__(message)
        self.line, self.message, self.hint = line, message, hint


class LocatedDict(dict[str, Any]):
    """An object with its line, and the line of each of its keys."""

    line: int
    lines: dict[str, int]


def read_yaml(text: str, problems: Problems) -> ManifestContent:
    """Reads the rows of *text*: a list at the top, or under `image`."""
    try:
        import yaml
    except ImportError as error:
        from imagecli.installation import command_to_add

        raise UsageError(
            "a YAML manifest needs PyYAML", hint=f"{command_to_add('PyYAML')}; or use a TOML manifest"
        ) from error
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        return _parse_document(_build_values(yaml.parse(text, Loader=loader), problems), problems)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problems.add(mark.line + 1 if mark else 1, f"invalid YAML: {error.problem or error.context}")
    except yaml.YAMLError as error:
        problems.add(1, f"invalid YAML: {' '.join(str(error).split())[:200]}")
    except YamlError as error:
        problems.add(error.line, error.message, hint=error.hint)
    return ManifestContent()


def _parse_document(document: Any, problems: Problems) -> ManifestContent:
    if isinstance(document, list):
        return ManifestContent(rows=_build_rows(document, 1, problems))
    if not isinstance(document, LocatedDict):
        if document is not None:
            problems.add(
                1, f"expected a list of rows, found {format_value(document)}", hint="for example - prompt: a cat"
            )
        return ManifestContent()
    images = document.get("image")
    rows = _build_rows([] if images is None else images, document.lines.get("image", 1), problems)
    return build_content(document, document.lines, rows, problems)


def _build_rows(rows: Any, line: int, problems: Problems) -> Iterator[RawRow]:
    if not isinstance(rows, list):
        message = f"expected a list of rows, found {format_value(rows)}"
        problems.add(line, message, field="image", hint="for example - prompt: a cat")
        return
    for number, fields in enumerate(rows, 1):
        if isinstance(fields, LocatedDict):
            yield RawRow(number=number, line=fields.line, fields=fields)
        else:
            message = f"row {number}: expected an object, found {format_value(fields)}"
            problems.add(line, message, hint="for example - prompt: a cat")


def _build_values(events: Iterator[Any], problems: Problems) -> Any:
    """Builds the document from parser *events*. Raises YamlError."""
    root: list[Any] = []
    containers: list[Any] = [root]
    keys: list[str | None] = [None]
    """For each container the key whose value comes next; None before a key, and in lists."""
    for event in events:
        kind = type(event).__name__
        if kind in ("MappingEndEvent", "SequenceEndEvent"):
            containers.pop()
            keys.pop()
            continue
        line = event.start_mark.line + 1 if event.start_mark else 1
        _check_event(event, kind, line, len(containers), bool(root))
        if kind in ("MappingStartEvent", "SequenceStartEvent", "ScalarEvent"):
            container, key = containers[-1], keys[-1]
            if isinstance(container, LocatedDict) and key is None:
                keys[-1] = _parse_key(event, kind, line, container)
                continue
            value = _parse_value(event, kind, line, problems)
            if isinstance(container, LocatedDict):
                container[str(key)] = value
                keys[-1] = None
            else:
                container.append(value)
            if kind != "ScalarEvent":
                containers.append(value)
                keys.append(None)
    return root[0] if root else None


def _check_event(event: Any, kind: str, line: int, depth: int, has_document: bool) -> None:
    if kind == "AliasEvent" or getattr(event, "anchor", None):
        raise YamlError(line, "anchors and aliases (& and *) are not supported", "put shared values in defaults")
    if getattr(event, "tag", None):
        raise YamlError(line, f"the tag {format_value(str(event.tag))} is not supported", "write the plain value")
    if depth > MAX_DEPTH:
        raise YamlError(line, f"nested more than {MAX_DEPTH} levels deep", "flatten it")
    if kind == "DocumentStartEvent" and has_document:
        raise YamlError(line, "expected one document, found a second", "remove the ---")


def _parse_key(event: Any, kind: str, line: int, table: LocatedDict) -> str:
    if kind != "ScalarEvent":
        raise YamlError(line, "expected a name, found a list or an object", "quote text that begins with [ or {")
    name = str(event.value)
    if name in table:
        raise YamlError(line, f"duplicate key {format_value(name)}", "remove one of them")
    table.lines[name] = line
    return name


def _parse_value(event: Any, kind: str, line: int, problems: Problems) -> Any:
    """The value that *event* is or begins. A number that was text is added to *problems*."""
    if kind == "SequenceStartEvent":
        return []
    if kind == "MappingStartEvent":
        table = LocatedDict()
        table.line, table.lines = line, {}
        return table
    text = str(event.value)
    is_plain = event.implicit[0]
    if not is_plain:
        return text
    if not text.startswith(_NUMBER_BEGINNINGS):
        return _WORDS.get(text, text)
    if reason := _refusal(text):
        problems.add(line, f"{format_value(text)} {reason}", hint="put it in quotes")
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _refusal(text: str) -> str | None:
    """Why a plain scalar is refused: YAML 1.2 reads it as another value than imagecli did."""
    if _NEW_NUMBER.fullmatch(text):
        return "is a number in YAML 1.2"
    if _INTEGER.fullmatch(text):
        return "has too many digits for a number" if len(text.lstrip("-+")) > _MAX_DIGITS else None
    if _FLOAT.fullmatch(text):
        return "has too many digits for a number" if len(text) > _MAX_FLOAT_LENGTH else None
    return None
