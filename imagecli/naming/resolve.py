"""Makes one picture's name of an output and its fields, and a path of the name.

A template's own text is the user's: it may hold folders, `..` and a root. What is filled into it is not: a value can
never leave its place in the path, hide a file, or make a name that a system can't hold.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from imagecli.domain import ENDINGS, Name
from imagecli.errors import OutputError, UsageError
from imagecli.naming.filenames import MAX_NAME_BYTES, byte_length, clip, safe_component, safe_value
from imagecli.naming.output import Fields, Output
from imagecli.templates import components, fields_in, fill_name

EXT: Final = "\0"
"""Stands in `Name.stem` for `{ext}`, the one field that is known only afterwards. No path can hold it."""

TRUE_ENDINGS: Final = {"png": "png", "jpeg": "jpg", "webp": "webp", "gif": "gif", "svg": "svg"}
"""Picture format → the ending that imagecli gives it."""

STEM_BYTES: Final = 235
"""A chosen stem's share of the 255: the rest is for `-N`, `_2` and the longest ending."""


def build_name(output: Output, fields: Fields, default: str, suffix: str) -> Name:
    if output.kind == "literal":
        return _literal(output.text, suffix)
    template = output.text if output.kind == "template" else default
    if template.endswith("/"):
        template += default
    name = _filled(template, fields, suffix)
    return replace(name, folder=_under(output.text, name.folder)) if output.kind == "folder" else name


def _literal(text: str, suffix: str) -> Name:
    name = text.replace(os.sep, "/").rpartition("/")[2]
    stem, ending = _split_ending(name)
    stem += suffix
    if byte_length(stem) + byte_length(ending or "webp") + 1 > MAX_NAME_BYTES:
        raise OutputError(
            f"the name {name[:40]}… is longer than the {MAX_NAME_BYTES} bytes a file name can have",
            hint="choose a shorter one",
        )
    return Name(
        folder=_folder(text[: len(text) - len(name)] or "."),
        stem=stem,
        ending=ending,
        literal_format=ENDINGS[ending.lower()] if ending else None,
    )


@lru_cache(maxsize=256)
def _folder(text: str) -> Path:
    """*text* as a path: thousands of names have few folders."""
    return Path(text)


@lru_cache(maxsize=256)
def _under(text: str, folder: Path) -> Path:
    return Path(text) / folder


def _filled(template: str, fields: Fields, suffix: str) -> Name:
    *folders, last = components(template)
    if any("ext" in fields_in(folder) for folder in folders):
        raise UsageError(
            "{ext} can't stand in a folder's name: it is known only when the picture has come",
            hint="put it into the file's name",
        )
    if "n" in fields_in(template):
        suffix = ""
    last = last.removesuffix(".{ext}")
    stem, ending = _split_ending(_component(last, {**fields, "ext": EXT}) or "picture")
    return Name(
        folder=_folder("/".join(_component(folder, fields) for folder in folders) or ("/" if folders else ".")),
        stem=clip(stem, STEM_BYTES - len(suffix)) + suffix,
        ending=ending,
    )


def rebuild_name(name: Name) -> Name:
    """*name*, read back from a file, as the rules of this module make names: one component, an image's extension."""
    separators = {"/", os.sep, os.altsep}
    pieces, ending = name.stem.split(EXT), name.ending
    if separators & set(name.stem):
        pieces = [safe_value(piece) for piece in pieces]
    if not (ending and ending.lower() in ENDINGS):
        ending = None
    return replace(
        name,
        stem=clip(EXT.join(pieces), MAX_NAME_BYTES - len(".webp")) or "picture",
        ending=ending,
        literal_format=ENDINGS[ending.lower()] if ending and name.literal_format else None,
    )


def _component(template: str, fields: Fields) -> str:
    """One piece of the path, with its values cut as short as it needs to fit."""
    has_values = bool(fields_in(template))
    text = fill_name(template, fields, clean=_cleaner(STEM_BYTES))
    limit = STEM_BYTES
    while has_values and byte_length(text) > STEM_BYTES and limit > 8:
        limit -= 1
        text = fill_name(template, fields, clean=_cleaner(limit))
    if byte_length(text) > MAX_NAME_BYTES:
        raise OutputError(
            f"{text[:40]}… is longer than the {MAX_NAME_BYTES} bytes a file name can have", hint="shorten the template"
        )
    if not has_values:
        return text
    # A name that no one typed is no option for the next command.
    return safe_component(text if template.startswith("-") else text.lstrip("-"))


def _cleaner(limit: int) -> Callable[[str], str]:
    """Makes a value safe and at most *limit* bytes long."""
    return lambda value: value if value == EXT else clip(safe_value(value), limit)


def _split_ending(name: str) -> tuple[str, str | None]:
    stem, _dot, ending = name.rpartition(".")
    return (stem, ending) if stem and ending.lower() in ENDINGS else (name, None)


def path_for(name: Name, format: str) -> Path:
    """The path for bytes of *format*: the true ending, or the user's own where it is literal or says the same."""
    return name.folder / file_for(name, format)


def file_for(name: Name, format: str) -> str:
    """The last part of that path."""
    true = TRUE_ENDINGS[format]
    ending = name.ending if name.ending and (name.literal_format or ENDINGS[name.ending.lower()] == format) else true
    return f"{name.stem.replace(EXT, true)}.{ending}"
