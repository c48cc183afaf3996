"""Parses `-o`, checks its extension and variables, and collects the fields that templates can use."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from imagecli.domain import RequestedSize
from imagecli.errors import OutputError, UsageError
from imagecli.formats import ENDINGS, OTHER_ENDINGS
from imagecli.naming.filenames import is_portable, slugify
from imagecli.quoting import shell_quote
from imagecli.suggestions import suggest
from imagecli.templates import fields_in, fill_name, find_braces, has_braces, split_components

PathKind: TypeAlias = Literal["missing", "file", "folder", "other"]
"""What exists at a path. Links are followed; a dangling one is a file. "other" is a device, pipe or socket."""

PathLookup: TypeAlias = Callable[[Path], PathKind]
Fields: TypeAlias = Mapping[str, str | int]

FIELDS: Final = ("slug", "stem", "n", "ext", "model", "size", "date", "time", "hash")
"""Built-in fields; no variable or column may have the name of one."""


OutputKind: TypeAlias = Literal["folder", "template", "literal", "stdout"]


class OutputPattern(NamedTuple):
    """The parsed `-o`. *text* is as typed, except that doubled braces of a literal are single."""

    kind: OutputKind
    text: str


def parse_output(text: str | None, *, look: PathLookup | None) -> OutputPattern:
    """Parses `-o` as typed; None is the current folder. Without *look* the disk counts as empty.

    Raises UsageError for an empty text, impossible characters or wrong braces.
    """
    if text is None:
        return OutputPattern(kind="folder", text=".")
    _check_writable_text(text)
    if text in ("-", "/dev/stdout"):
        return OutputPattern(kind="stdout", text="-")
    kind = look(Path(text)) if look else "missing"
    if kind == "other":
        raise OutputError(
            f"{text} is a device or pipe, not a file",
            hint=f"to write to it: imagecli … -o - > {shell_quote(text)}",
        )
    if kind == "folder":
        return OutputPattern(kind="folder", text=text)
    if has_braces(text):
        if fields_in(text):
            return OutputPattern(kind="template", text=text)
        text = fill_name(text, {})
    last = text.replace(os.sep, "/").rpartition("/")[2]
    return OutputPattern(kind="folder" if last in ("", ".", "..") else "literal", text=text)


def check_output_inside(output: OutputPattern) -> None:
    """Raises OutputError if an output in a manifest is not below the manifest's folder, or not a portable name."""
    *folders, last = split_components(output.text)
    problem = _find_folder_problem(tuple(folders)) or _find_problem(last)
    if problem == "outside":
        raise OutputError(
            f"output {output.text!r} must stay inside the manifest's folder", hint="use a relative path without .."
        )
    if problem == "not portable":
        raise OutputError(f"output {output.text!r} is not a valid file name on every system", hint=PORTABLE)


_Problem: TypeAlias = Literal["outside", "not portable"]


@lru_cache(maxsize=256)
def _find_folder_problem(folders: tuple[str, ...]) -> _Problem | None:
    """The first problem of the folders of an output. Cached, as thousands of names share few folders."""
    if folders and not folders[0]:
        return "outside"
    return next(filter(None, map(_find_problem, folders)), None)


def _find_problem(component: str) -> _Problem | None:
    """The problem of a component of an output that must stay below a folder."""
    text = _FIELD.sub("x", component) if "{" in component else component
    if text == "..":
        return "outside"
    return None if text in ("", ".") or is_portable(text) else "not portable"


_FIELD: Final = re.compile(r"\{[^{}]*\}")

PORTABLE: Final = (
    'avoid control characters, \\ : * ? " < > |, a dot or space at the end, and device names (con, nul, com1)'
)


def build_fields(
    *,
    prompt: str | None,
    stem: str | None,
    model: str,
    size: RequestedSize | None,
    now: datetime | None,
    hash: str,
    variables: Mapping[str, str],
) -> dict[str, str | int]:
    """The fields of a name template, except `n` and `ext`, which are added later.

    *prompt* is None for a variation without one; *stem* is None without an input image; *now* is local time, or None
    to omit date and time. Raises UsageError if a variable has the name of a built-in field.
    """
    check_variables(variables)
    fields: dict[str, str | int] = {"slug": "variation" if prompt is None else slugify(prompt)}
    if stem is not None:
        fields["stem"] = stem
    fields |= {"model": model, "size": str(size or "auto"), "hash": hash}
    if now is not None:
        fields |= {"date": f"{now:%Y-%m-%d}", "time": f"{now:%H%M%S}"}
    return {**fields, **variables}


def check_variables(names: Iterable[str]) -> None:
    """Raises UsageError for a variable or column with the name of a built-in field, or one that can't be in braces."""
    for name in names:
        _check_variable(name)


@lru_cache(maxsize=256)
def _check_variable(name: str) -> None:
    # Cached, as a table has the same columns in thousands of rows.
    if name in FIELDS:
        raise UsageError(
            f"variable {name!r} has the name of a built-in field",
            hint=f"rename it, for example my_{name}",
        )
    if not name.strip() or name != name.strip() or set(name) & set("{}:!"):
        raise UsageError(
            f"invalid variable name {name!r}", hint="use a name without braces, colons, ! or surrounding spaces"
        )


def _check_writable_text(text: str) -> None:
    if not text:
        raise UsageError("-o is empty", hint="use -o cat.png or -o images/, or omit -o for the current folder")
    if "://" in text and re.match(r"[A-Za-z][\w+.-]+://", text):
        raise OutputError(f"{text} is a URL; expected a file or a folder", hint="use -o FILE or -o FOLDER/")
    if text[0] in "~$%" and (unexpanded := re.match(r"(~[^/\\]+|\$\w+|%\w+%)[/\\]", text)):
        raise OutputError(
            f"{unexpanded[1]} at the start of {text} was not expanded by a shell",
            hint=f"use the folder's path, or ~/… for your home folder; if the folder has that name: ./{text}",
        )
    if "\0" in text or not (text.isascii() or _is_encodable(text)):
        raise UsageError(
            f"-o {text!r} contains characters that file names can't have", hint="remove them, or set LC_ALL=C.UTF-8"
        )


def _is_encodable(name: str) -> bool:
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return True


WRITABLE: Final = ("png", "jpg", "webp", "gif")
"""The extensions that every image can be saved under."""

_JPEGS: Final = frozenset({"jfif", "jif", "jpe"})


def check_output_ending(output: OutputPattern, *, svg: bool, maker: str | None = None) -> None:
    """Raises OutputError for an image extension that can't be saved. *svg*: the model can make SVG.

    *maker* is the name of a model that can, for the hint.
    """
    extension = _typed_extension(output).lower()
    if extension not in OTHER_ENDINGS and (extension != "svg" or svg):
        return
    better = "jpg" if extension in _JPEGS else "png"
    hint = f"-o {shell_quote(output.text[: -len(extension)] + better)}"
    writable = (*WRITABLE, "svg") if svg else WRITABLE
    raise OutputError(
        f"-o {output.text}: can't save as {extension}; expected {', '.join(writable)}",
        hint=f"use -m {maker} for svg, or {hint}" if maker and extension == "svg" else f"use {hint}",
    )


def added_ending_note(output: OutputPattern) -> str | None:
    """A note for an unknown extension, which stays in the name and gets the correct one after it."""
    extension = _typed_extension(output)
    if not extension or extension.isdecimal() or extension.lower() in ENDINGS:
        return None
    return f"-o {output.text}: unknown extension .{extension}; imagecli adds the correct one"


def folder_note(output: OutputPattern) -> str | None:
    """A note for a name without an extension: a folder may have been meant, and none of that name exists."""
    if output.kind != "literal" or "." in output.text.rpartition("/")[2]:
        return None
    folder = shell_quote(f"{output.text}/")
    return f"-o {output.text} is not a folder, so it is used as the file name; for a folder, use -o {folder}"


def _typed_extension(output: OutputPattern) -> str:
    """The extension that the user typed, or "" if there is none. The value of a field never counts."""
    if output.kind not in ("literal", "template"):
        return ""
    match = re.search(r"[^/]\.(\w+)$", output.text)
    return match[1] if match else ""


def check_variables_used(variables: Collection[str], text: str | None, *outputs: OutputPattern) -> None:
    """Raises UsageError for a variable that is used neither in the prompt *text*, as typed, nor in any of *outputs*.

    All its values would request the same image, or a misspelled `{anmal}` would be sent verbatim.
    """
    braces = find_braces(text or "")
    used = set(braces).union(*(fields_in(output.text) for output in outputs if output.kind == "template"))
    for name in variables:
        if name not in used:
            raise UsageError(
                f"--var {name}: {{{name}}} is used neither in the prompt nor in -o",
                hint=_unused_variable_hint(name, (brace for brace in braces if brace not in variables)),
            )


def _unused_variable_hint(name: str, spare: Iterable[str]) -> str:
    near = suggest(name, spare)
    if near:
        other = f", or use --var {near}=VALUE" if near.isidentifier() else ""
        return f"the prompt contains {{{near}}}: change it to {{{name}}}{other}"
    return f"add {{{name}}} to the prompt or -o, or remove the variable"
