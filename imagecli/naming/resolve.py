"""Builds the names and paths of images from an output pattern, each unique and clear of existing files.

The text of a template is the user's: it may contain folders, `..` and a root. Values filled into it are untrusted: they
can't add path components, hide a file, or make a name that some system can't hold.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from sys import intern
from typing import Final, Literal, NamedTuple

from imagecli.domain import ENDINGS, IfExists, OutputName
from imagecli.errors import OutputError, UsageError
from imagecli.formats import RECEIVED_FORMATS
from imagecli.naming.filenames import (
    MAX_NAME_BYTES,
    byte_length,
    clip_bytes,
    number_stem,
    path_key,
    safe_component,
    safe_value,
)
from imagecli.naming.output_pattern import Fields, OutputPattern, PathKind, PathLookup
from imagecli.quoting import shell_quote
from imagecli.templates import NamePart, fields_in, fill_name_parts, split_components

EXT: Final = "\0"
"""Placeholder in `OutputName.stem` for `{ext}`, which is known only after the response. No path can contain it."""

TRUE_ENDINGS: Final = {
    **{name: name for name in ("png", "webp", "gif", "svg", *RECEIVED_FORMATS)},
    "jpeg": "jpg",
}
"""Image format → the extension that imagecli adds."""

STEM_BYTES: Final = 235
"""Limit of a generated stem: the rest of the 255 bytes is for `-N`, `_2` and the longest extension."""

MIN_VALUE_BYTES: Final = 8
"""The values in a name are not cut further than this."""


def build_name(output: OutputPattern, fields: Fields, default: str, suffix: str) -> OutputName:
    """The name of one image; *default* is the template if *output* is a folder, *suffix* goes after the stem."""
    if output.kind == "literal":
        return _build_literal_name(output.text, suffix)
    template = output.text if output.kind == "template" else default
    if template.endswith("/"):
        template += default
    name = _fill_template(template, fields, suffix)
    return name._replace(folder=_join_folder(output.text, name.folder)) if output.kind == "folder" else name


def _build_literal_name(text: str, suffix: str) -> OutputName:
    name = text.replace(os.sep, "/").rpartition("/")[2]
    stem, ending = _split_ending(name)
    stem += suffix
    if byte_length(f"{stem}.{ending or 'webp'}") > MAX_NAME_BYTES:
        raise OutputError(
            f"the file name {name[:40]}… is too long; the limit is {MAX_NAME_BYTES} bytes",
            hint="choose a shorter name",
        )
    return OutputName(
        folder=_to_folder(text[: len(text) - len(name)] or "."),
        stem=stem,
        ending=ending,
        literal_format=ENDINGS[ending.lower()] if ending else None,
    )


@lru_cache(maxsize=256)
def _to_folder(text: str) -> Path:
    """*text* as a path, cached: thousands of names share few folders."""
    return Path(text)


@lru_cache(maxsize=256)
def _join_folder(text: str, folder: Path) -> Path:
    return Path(text) / folder


def _fill_template(template: str, fields: Fields, suffix: str) -> OutputName:
    *folders, last = split_components(template)
    if any("ext" in fields_in(folder) for folder in folders):
        raise UsageError(
            "{ext} can't be used in a folder name: it is known only after the response",
            hint="use it in the file name",
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
    """*name*, read from a file, made to follow the rules of this module: one component, an image extension or none."""
    separators = {"/", os.sep, os.altsep}
    pieces, ending = name.stem.split(EXT), name.ending
    if separators & set(name.stem):
        pieces = [safe_value(piece) for piece in pieces]
    if not (ending and ending.lower() in ENDINGS):
        ending = None
    return name._replace(
        stem=clip_bytes(EXT.join(pieces), MAX_NAME_BYTES - len(".webp")) or "picture",
        ending=ending,
        literal_format=ENDINGS[ending.lower()] if ending and name.literal_format else None,
    )


def with_literal_format(name: OutputName) -> OutputName:
    """*name*, whose extension, if it has one, decides the format, as if it were typed and not filled in."""
    return name._replace(literal_format=ENDINGS[name.ending.lower()]) if name.ending else name


def _fill_component(template: str, fields: Fields) -> str:
    """One path component, its values cut until it fits."""
    parts = [
        NamePart(safe_value(part.text), True) if part.is_value and part.text != EXT else part
        for part in fill_name_parts(template, fields)
    ]
    has_values = bool(fields_in(template))
    text = "".join([part.text for part in parts])
    limit = STEM_BYTES
    while has_values and byte_length(text) > STEM_BYTES and limit >= MIN_VALUE_BYTES:
        text = "".join(clip_bytes(part.text, limit) if part.is_value else part.text for part in parts)
        limit -= 1
    if byte_length(text) > MAX_NAME_BYTES:
        raise OutputError(
            f"the file name {text[:40]}… is too long; the limit is {MAX_NAME_BYTES} bytes", hint="shorten the template"
        )
    if not has_values:
        return text
    # A name that no one typed is no option for the next command.
    return safe_component(text if template.startswith("-") else text.lstrip("-"))


def _split_ending(name: str) -> tuple[str, str | None]:
    stem, _dot, ending = name.rpartition(".")
    # One object for all names with the same extension, as a batch can have 100,000 of them.
    return (stem, intern(ending)) if stem and ending.lower() in ENDINGS else (name, None)


def path_for_format(name: OutputName, format: str) -> Path:
    """The path of an image in *format*: with the extension that the user typed if it is correct or literal."""
    return name.folder / filename_for_format(name, format)


def filename_for_format(name: OutputName, format: str) -> str:
    """The file name of an image in *format*."""
    extension = default = TRUE_ENDINGS[format]
    if name.ending and (name.literal_format or ENDINGS[name.ending.lower()] == format):
        extension = name.ending
    return f"{name.stem.replace(EXT, default)}.{extension}"


class ResolvedName(NamedTuple):
    """The name of one image, or the existing file that makes it unnecessary."""

    name: OutputName
    kept: Path | None = None
    """With --if-exists skip: no image is requested, this file is the result."""


def requested_format(output: OutputPattern, fields: Fields) -> str | None:
    """The image format that the extension in *output* asks for, or None."""
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
    """Names for the *count* images of one prompt: all different, and none of an existing file that must stay.

    *default* is the template if the output is a folder, or stdout (used if stdout fails). *expected_format* gives the
    extension that decides whether a file exists, unless the output has one. *taken* (path key → last number tried) is
    shared by all calls of a command; this call adds to it. *first* is the `{n}` of the first image, and *total* the
    number of images of all prompts that share this output.

    Raises OutputError if a name can't be used, UsageError if the template is wrong.
    """
    if output.kind == "stdout" and (total or count) > 1:
        raise UsageError(f"stdout accepts one image; {total or count} were requested", hint="use -o FOLDER/, or -n 1")
    is_literal = output.kind == "literal"
    rule: IfExists = "number"
    if output.kind != "stdout":
        rule = if_exists or ("fail" if is_literal else "number")
    return [
        _resolve_name(name, ENDINGS.get((name.ending or "").lower(), expected_format), rule, is_literal, look, taken)
        for name in build_names(output, count=count, fields=fields, default=default, first=first, total=total)
    ]


def build_names(
    output: OutputPattern, *, count: int, fields: Fields, default: str, first: int = 1, total: int | None = None
) -> list[OutputName]:
    """The names of the *count* images of one prompt, whether they exist or not; parameters as in `resolve_names`."""
    if output.kind == "literal":
        numbers = range(first, first + count)
        suffixes = [f"-{n}" for n in numbers] if (total or count) > 1 else [""]
        return [_build_literal_name(output.text, suffix) for suffix in suffixes]
    suffixes = [f"-{index + 1}" for index in range(count)] if count > 1 else [""]
    return [build_name(output, {**fields, "n": n}, default, suffix) for n, suffix in enumerate(suffixes, first)]


def _resolve_name(
    name: OutputName, format: str, rule: IfExists, is_literal: bool, look: PathLookup, taken: dict[str, int]
) -> ResolvedName:
    path = path_for_format(name, format)
    start = path_key(path)
    number = taken.get(start, 0)
    while True:
        number += 1
        current = name._replace(stem=number_stem(name.stem, number, room=6)) if number > 1 else name
        path = path_for_format(current, format)
        if number > 1 and path_key(path) in taken:
            continue
        decision = _decide_name(look(path), path, rule, is_literal)
        if decision != "next":
            taken[start] = number
            taken.setdefault(path_key(path), 1)
            return ResolvedName(name=current, kept=path if decision == "keep" else None)


def _decide_name(existing: PathKind, path: Path, rule: IfExists, is_literal: bool) -> Literal["use", "keep", "next"]:
    if existing == "missing" or (existing == "file" and rule == "overwrite"):
        return "use"
    if existing == "file" and rule == "skip":
        return "keep"
    if rule == "number" or (existing != "file" and not is_literal and rule != "fail"):
        return "next"
    raise _occupied_error(path, existing)


def _occupied_error(path: Path, existing: PathKind) -> OutputError:
    if existing == "file":
        return OutputError(
            f"{path} already exists",
            hint="use --if-exists number to keep both, skip to keep the old one, or overwrite to replace it",
        )
    if existing == "folder":
        return OutputError(
            f"{path} is a folder; expected a file name",
            hint=f"to save inside it: -o {shell_quote(f'{path}/')}",
        )
    return OutputError(
        f"{path} is a device or pipe, not a file", hint=f"to write to it: imagecli … -o - > {shell_quote(path)}"
    )
