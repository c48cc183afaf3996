"""JSON Lines: an object a line. Lines end at a newline and nowhere else; blank ones are none; there are no comments.

The bytes of a manifest as text; and the plainest manifest, which is a prompt a line.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from sys import intern
from typing import Any, Final

from imagecli.batch.manifest.errors import Problems
from imagecli.batch.manifest.rows import ParsedFile, RawRow
from imagecli.checks.prompts import has_image_ending
from imagecli.errors import UsageError

MAX_LINE: Final = 1_000_000
"""Characters of a row. The longest prompt that any model takes has a thirtieth of it."""


def read_jsonl(text: str, problems: Problems) -> ParsedFile:
    """The rows of *text*; a line that is none is added to *problems*, and the others are read."""
    rows: list[RawRow] = []
    read = _json_parser()
    for line, words in enumerate(text.split("\n"), 1):
        if not words or words.isspace():
            continue
        try:
            rows.append(RawRow(number=len(rows) + 1, line=line, fields=_parse_object(words, read)))
        except UsageError as error:
            problems.add_error(line, error)
    return ParsedFile(rows=rows)


def _parse_object(words: str, read: Callable[[str], Any]) -> dict[str, Any]:
    if len(words) > MAX_LINE:
        raise UsageError(f"the line has {len(words):,} characters, at most {MAX_LINE:,} are read")
    try:
        value = read(words)
    except json.JSONDecodeError as error:
        raise UsageError(f"no JSON at column {error.colno}: {error.msg}", hint=_suggest_fix(words)) from error
    except RecursionError:
        raise UsageError("it is nested too deep", hint="flatten it") from None
    except ValueError:
        # The only other one that Python has: int() of thousands of digits.
        raise UsageError("a number of more digits than any server reads", hint="put it in quotes") from None
    if not isinstance(value, dict):
        raise UsageError("an object is wanted, a row a line", hint='{"prompt": "a cat"}')
    return value


def _suggest_fix(words: str) -> str:
    begins = words.lstrip()[:1]
    if begins in ("#", "/"):
        return "JSON Lines has no comments: leave the line out"
    return (
        "a row is one line; jq -c '.[]' writes a JSON list so" if begins in "[]{}" else 'a row is {"prompt": "a cat"}'
    )


def _json_parser() -> Callable[[str], Any]:
    def constant(word: str) -> None:
        raise UsageError(f"{word} is no JSON", hint="a number, or text in quotes")

    return json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=constant).decode


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names stand in it once. Raises UsageError."""
    found = {intern(name): value for name, value in pairs}
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"{twice[:60]!r} stands in it twice", hint="leave one of them out")
    return found


_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_AS_UTF_8: Final = "save it as UTF-8, or iconv -f UTF-16 -t UTF-8"


def decode_manifest(data: bytes, problems: Problems) -> str:
    """*data* as text, without a byte order mark. Raises ManifestError with the line of what is no UTF-8."""
    if data.startswith(_UTF_16):
        problems.add(1, "it is UTF-16, and UTF-8 is wanted", hint=_AS_UTF_8)
    elif (nul := data.find(b"\0")) >= 0:
        problems.add(_line_number(data, nul), "a NUL byte: it is no text, or UTF-16", hint=_AS_UTF_8)
    problems.raise_if_any()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problems.add(
            _line_number(data, error.start),
            f"byte 0x{data[error.start]:02x} is not UTF-8 text",
            hint="save it as UTF-8",
        )
    problems.raise_if_any()
    raise AssertionError


def _line_number(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1


def read_prompt_lines(text: str, problems: Problems) -> ParsedFile:
    """A prompt a line, as it stands but for blanks around it; empty lines are none, nor is one that begins with `# `.

    A line that is named like a picture is refused: `ls` writes such lists, and nobody wants a picture of "cat.png".
    """
    rows: list[RawRow] = []
    for line, words in enumerate(text.split("\n"), 1):
        prompt = words.strip()
        if not prompt or prompt == "#" or prompt.startswith(("# ", "#\t")):
            continue
        if has_image_ending(prompt) and len(prompt) < 1000:
            said = f"the prompt {prompt[:100]!r} is named like a picture, not a description"
            problems.add(line, said, hint='{"command": "vary", "image": …} in a .jsonl file takes pictures')
        rows.append(RawRow(number=len(rows) + 1, line=line, fields={"prompt": prompt}))
    return ParsedFile(rows=rows)
