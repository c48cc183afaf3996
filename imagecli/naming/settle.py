"""Gives every picture of a command a name of its own, clear of what is on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from imagecli.domain import ENDINGS, IfExists, Name
from imagecli.errors import OutputError, UsageError
from imagecli.naming.filenames import key, numbered_stem
from imagecli.naming.output import Fields, Look, Output, Place
from imagecli.naming.shape import build_name, path_for
from imagecli.quoting import quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One picture's name, and the file that stands under it and stays."""

    name: Name
    kept: Path | None = None
    """With --if-exists skip: nothing is bought for this name, this path is the result."""


def asked_format(output: Output, fields: Fields) -> str | None:
    """The picture format that the output's own ending asks for, or None."""
    if output.kind not in ("literal", "template") or output.text.endswith("/"):
        return None
    return ENDINGS.get((build_name(output, {**fields, "n": 1}, "", "").ending or "").lower())


def plan(
    output: Output,
    *,
    count: int,
    fields: Fields,
    default: str,
    expected_format: str,
    if_exists: IfExists | None,
    look: Look,
    taken: dict[str, int],
    first: int = 1,
    total: int | None = None,
) -> list[Planned]:
    """Names for the *count* pictures of one prompt, none of them twice and none of them on a file that must stay.

    *default* is the template when the output is a folder or stdout (where the name serves if stdout fails).
    *expected_format* decides what already exists, unless the output's ending does. *taken* is shared by all calls of
    a command: path key → last number tried; this call adds to it. *first* is the `{n}` of the first picture and
    *total* the number of all that share this output, for a command that makes more than this prompt's.

    Raises OutputError when a name can't be used, UsageError when the template is wrong.
    """
    if output.kind == "stdout" and (total or count) > 1:
        raise UsageError(f"stdout takes one picture, {total or count} were asked for", hint="-o with a folder, or -n 1")
    literal = output.kind == "literal"
    rule = (if_exists or ("fail" if literal else "number")) if output.kind != "stdout" else "number"
    return [
        _settle(name, ENDINGS.get((name.ending or "").lower(), expected_format), rule, literal, look, taken)
        for name in build_names(output, count=count, fields=fields, default=default, first=first, total=total)
    ]


def build_names(
    output: Output, *, count: int, fields: Fields, default: str, first: int = 1, total: int | None = None
) -> Iterator[Name]:
    """The names of the *count* pictures of one prompt, whatever is there already; the words are those of `plan`."""
    literal = output.kind == "literal"
    many = (total or count) > 1 if literal else count > 1
    for index in range(count):
        n = first + index
        suffix = f"-{n if literal else index + 1}" if many else ""
        yield build_name(output, {**fields, "n": n}, default, suffix)


def _settle(name: Name, format: str, rule: IfExists, literal: bool, look: Look, taken: dict[str, int]) -> Planned:
    path = path_for(name, format)
    start = key(path)
    number = taken.get(start, 0)
    while True:
        number += 1
        current = replace(name, stem=numbered_stem(name.stem, number, room=6)) if number > 1 else name
        path = path_for(current, format)
        if number > 1 and key(path) in taken:
            continue
        verdict = _verdict(look(path), path, rule, literal)
        if verdict != "next":
            taken[start] = number
            taken.setdefault(key(path), 1)
            return Planned(name=current, kept=path if verdict == "keep" else None)


def _verdict(found: Place, path: Path, rule: IfExists, literal: bool) -> Literal["use", "keep", "next"]:
    if found == "missing" or (found == "file" and rule == "overwrite"):
        return "use"
    if found == "file" and rule == "skip":
        return "keep"
    if rule == "number" or (found != "file" and not literal and rule != "fail"):
        return "next"
    raise _occupied(path, found)


def _occupied(path: Path, found: Place) -> OutputError:
    if found == "file":
        return OutputError(
            f"{path} already exists",
            hint="--if-exists number keeps both, skip keeps the old one, overwrite replaces it",
        )
    if found == "folder":
        return OutputError(
            f"{path} is a folder, and a picture was to have this name", hint=f"-o {quoted(f'{path}/')} saves inside it"
        )
    return OutputError(
        f"{path} is a device or pipe, not a file", hint=f"-o - writes to stdout: imagecli … -o - > {quoted(path)}"
    )
