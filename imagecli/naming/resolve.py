"""Makes one picture's name of an output and its fields, and a path of the name.

A template's own text is the user's: it may hold folders, `..` and a root. What is filled into it is not: a value can
never leave its place in the path, hide a file, or make a name that a system can't hold.

Gives every picture of a command a name of its own, clear of what is on the disk.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from imagecli.domain import ENDINGS, IfExists, OutputName
from imagecli.errors import OutputError, UsageError
from imagecli.naming.filenames import (
    MAX_NAME_BYTES,
    byte_length,
    clip_bytes,
    number_stem,
    path_key,
    safe_component,
    safe_value,
)
from imagecli.naming.output import Fields, OutputPattern, PathKind, PathLookup
from imagecli.quoting import shell_quote
from imagecli.templates import fields_in, fill_name, split_components

EXT: Final = "\0"
"""Stands in `OutputName.stem` for `{ext}`, the one field that is known only afterwards. No path can hold it."""

TRUE_ENDINGS: Final = {"png": "png", "jpeg": "jpg", "webp": "webp", "gif": "gif", "svg": "svg"}
"""Picture format → the ending that imagecli gives it."""

STEM_BYTES: Final = 235
"""A chosen stem's share of the 255: the rest is for `-N`, `_2` and the longest ending."""


def build_name(output: OutputPattern, fields: Fields, default: str, suffix: str) -> OutputName:
    if output.kind == "literal":
        return _build_literal_name(output.text, suffix)
    template = output.text if output.kind == "template" else default
    if template.endswith("/"):
        template += default
    name = _fill_template(template, fields, suffix)
    return replace(name, folder=_join_folder(output.text, name.folder)) if output.kind == "folder" else name


def _build_literal_name(text: str, suffix: str) -> OutputName:
    name = text.replace(os.sep, "/").rpartition("/")[2]
    stem, ending = _split_ending(name)
    stem += suffix
    if byte_length(stem) + byte_length(ending or "webp") + 1 > MAX_NAME_BYTES:
        raise OutputError(
            f"the name {name[:40]}… is longer than the {MAX_NAME_BYTES} bytes a file name can have",
            hint="choose a shorter one",
        )
    return OutputName(
        folder=_to_folder(text[: len(text) - len(name)] or "."),
        stem=stem,
        ending=ending,
        literal_format=ENDINGS[ending.lower()] if ending else None,
    )


@lru_cache(maxsize=256)
def _to_folder(text: str) -> Path:
    """*text* as a path: thousands of names have few folders."""
    return Path(text)


@lru_cache(maxsize=256)
def _join_folder(text: str, folder: Path) -> Path:
    return Path(text) / folder


def _fill_template(template: str, fields: Fields, suffix: str) -> OutputName:
    *folders, last = split_components(template)
    if any("ext" in fields_in(folder) for folder in folders):
        raise UsageError(
            "{ext} can't stand in a folder's name: it is known only when the picture has come",
            hint="put it into the file's name",
        )
    if "n" in fields_in(template):
        suffix = ""
    last = last.removesuffix(".{ext}")
    stem, ending = _split_ending(_fill_component(last, {**fields, "ext": EXT}) or "picture")
    return OutputName(
        folder=_to_folder("/".join(_fill_component(folder, fields) for folder in folders) or ("/" if folders else ".")),
        stem=clip_bytes(stem, STEM_BYTES - len(suffix)) + suffix,
        ending=ending,
    )


def rebuild_name(name: OutputName) -> OutputName:
    """*name*, read back from a file, as the rules of this module make names: one component, an image's extension."""
    separators = {"/", os.sep, os.altsep}
    pieces, ending = name.stem.split(EXT), name.ending
    if separators & set(name.stem):
        pieces = [safe_value(piece) for piece in pieces]
    if not (ending and ending.lower() in ENDINGS):
        ending = None
    return replace(
        name,
        stem=clip_bytes(EXT.join(pieces), MAX_NAME_BYTES - len(".webp")) or "picture",
        ending=ending,
        literal_format=ENDINGS[ending.lower()] if ending and name.literal_format else None,
    )


def _fill_component(template: str, fields: Fields) -> str:
    """One piece of the path, with its values cut as short as it needs to fit."""
    has_values = bool(fields_in(template))
    text = fill_name(template, fields, clean=_value_cleaner(STEM_BYTES))
    limit = STEM_BYTES
    while has_values and byte_length(text) > STEM_BYTES and limit > 8:
        limit -= 1
        text = fill_name(template, fields, clean=_value_cleaner(limit))
    if byte_length(text) > MAX_NAME_BYTES:
        raise OutputError(
            f"{text[:40]}… is longer than the {MAX_NAME_BYTES} bytes a file name can have", hint="shorten the template"
        )
    if not has_values:
        return text
    # A name that no one typed is no option for the next command.
    return safe_component(text if template.startswith("-") else text.lstrip("-"))


def _value_cleaner(limit: int) -> Callable[[str], str]:
    """Makes a value safe and at most *limit* bytes long."""
    return lambda value: value if value == EXT else clip_bytes(safe_value(value), limit)


def _split_ending(name: str) -> tuple[str, str | None]:
    stem, _dot, ending = name.rpartition(".")
    return (stem, ending) if stem and ending.lower() in ENDINGS else (name, None)


def path_for_format(name: OutputName, format: str) -> Path:
    """The path for bytes of *format*: the true ending, or the user's own where it is literal or says the same."""
    return name.folder / filename_for_format(name, format)


def filename_for_format(name: OutputName, format: str) -> str:
    """The last part of that path."""
    true = TRUE_ENDINGS[format]
    ending = name.ending if name.ending and (name.literal_format or ENDINGS[name.ending.lower()] == format) else true
    return f"{name.stem.replace(EXT, true)}.{ending}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedName:
    """One picture's name, and the file that stands under it and stays."""

    name: OutputName
    kept: Path | None = None
    """With --if-exists skip: nothing is bought for this name, this path is the result."""


def requested_format(output: OutputPattern, fields: Fields) -> str | None:
    """The picture format that the output's own ending asks for, or None."""
    if output.kind not in ("literal", "template") or output.text.endswith("/"):
        return None
    return ENDINGS.get((build_name(output, {**fields, "n": 1}, "", "").ending or "").lower())


def resolve_names(
    output: OutputPattern,
    *,
    count: int,
    fields: Fields,
    default: str,
    expected_format: str,
    if_exists: IfExists | None,
    look: PathLookup,
    taken: dict[str, int],
    first: int = 1,
    total: int | None = None,
) -> list[ResolvedName]:
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
        _resolve_name(name, ENDINGS.get((name.ending or "").lower(), expected_format), rule, literal, look, taken)
        for name in build_names(output, count=count, fields=fields, default=default, first=first, total=total)
    ]


def build_names(
    output: OutputPattern, *, count: int, fields: Fields, default: str, first: int = 1, total: int | None = None
) -> Iterator[OutputName]:
    """The names of the *count* images of one prompt, whatever is there already; parameters as in `resolve_names`."""
    literal = output.kind == "literal"
    many = (total or count) > 1 if literal else count > 1
    for index in range(count):
        n = first + index
        suffix = f"-{n if literal else index + 1}" if many else ""
        yield build_name(output, {**fields, "n": n}, default, suffix)


def _resolve_name(
    name: OutputName, format: str, rule: IfExists, literal: bool, look: PathLookup, taken: dict[str, int]
) -> ResolvedName:
    path = path_for_format(name, format)
    start = path_key(path)
    number = taken.get(start, 0)
    while True:
        number += 1
        current = replace(name, stem=number_stem(name.stem, number, room=6)) if number > 1 else name
        path = path_for_format(current, format)
        if number > 1 and path_key(path) in taken:
            continue
        verdict = _decide_name(look(path), path, rule, literal)
        if verdict != "next":
            taken[start] = number
            taken.setdefault(path_key(path), 1)
            return ResolvedName(name=current, kept=path if verdict == "keep" else None)


def _decide_name(found: PathKind, path: Path, rule: IfExists, literal: bool) -> Literal["use", "keep", "next"]:
    if found == "missing" or (found == "file" and rule == "overwrite"):
        return "use"
    if found == "file" and rule == "skip":
        return "keep"
    if rule == "number" or (found != "file" and not literal and rule != "fail"):
        return "next"
    raise _occupied_error(path, found)


def _occupied_error(path: Path, found: PathKind) -> OutputError:
    if found == "file":
        return OutputError(
            f"{path} already exists",
            hint="--if-exists number keeps both, skip keeps the old one, overwrite replaces it",
        )
    if found == "folder":
        return OutputError(
            f"{path} is a folder, and a picture was to have this name",
            hint=f"-o {shell_quote(f'{path}/')} saves inside it",
        )
    return OutputError(
        f"{path} is a device or pipe, not a file", hint=f"-o - writes to stdout: imagecli … -o - > {shell_quote(path)}"
    )
