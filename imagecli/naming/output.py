"""Reads `-o`, and says what its words can be made of.

What the ending that a user wrote into `-o` says: a format, nothing, or something that is never saved under it.

Variables whose values would go nowhere are refused before they buy anything.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias

from imagecli.domain import RequestedSize
from imagecli.errors import OutputError, UsageError
from imagecli.formats import ENDINGS, OTHER_ENDINGS
from imagecli.naming.filenames import is_portable, slugify
from imagecli.quoting import shell_quote
from imagecli.suggestions import suggest
from imagecli.templates import fields_in, fill_name, split_components

PathKind: TypeAlias = Literal["missing", "file", "folder", "other"]
"""What stands at a path: a link to a file, and one that leads nowhere, is a file; other is a device, pipe or socket."""

PathLookup: TypeAlias = Callable[[Path], PathKind]
Fields: TypeAlias = Mapping[str, str | int]

FIELDS: Final = ("slug", "stem", "n", "ext", "model", "size", "date", "time", "hash")
"""The names that imagecli fills itself; no variable or column may have one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputPattern:
    """`-o`, read. *text* is as typed, but for a literal its doubled braces are single."""

    kind: Literal["folder", "template", "literal", "stdout"]
    text: str


def parse_output(text: str | None, *, look: PathLookup | None) -> OutputPattern:
    """`-o` as typed; None is the current folder. Without *look* nothing is there yet.

    Raises UsageError for an empty, unwritable or ill-braced text.
    """
    if text is None:
        return OutputPattern(kind="folder", text=".")
    _check_writable_text(text)
    if text in ("-", "/dev/stdout"):
        return OutputPattern(kind="stdout", text="-")
    found = look(Path(text)) if look else "missing"
    if found == "other":
        raise OutputError(
            f"{text} is a device or pipe, not a file",
            hint=f"-o - writes to stdout: imagecli … -o - > {shell_quote(text)}",
        )
    if found == "folder":
        return OutputPattern(kind="folder", text=text)
    if fields_in(text):
        return OutputPattern(kind="template", text=text)
    text = fill_name(text, {})
    last = text.replace(os.sep, "/").rpartition("/")[2]
    return OutputPattern(kind="folder" if last in ("", ".", "..") else "literal", text=text)


def check_output_inside(output: OutputPattern) -> None:
    """For an output that a file says and not the user's own hand (a manifest): it stays below its folder.

    Raises OutputError for a root, `..`, and the names that some system can't hold.
    """
    for index, part in enumerate(split_components(output.text)):
        text = re.sub(r"\{[^{}]*\}", "x", part)
        if text == ".." or (not index and not text and output.text):
            raise OutputError(f"output {output.text!r} leads out of its folder", hint="name a file below it")
        if text not in ("", ".") and not is_portable(text):
            raise OutputError(f"output {output.text!r} is a name that not every system can hold", hint=PORTABLE)


PORTABLE: Final = (
    'no control characters, no \\ : * ? " < > |, no dot or blank at the end, no device names (con, nul, com1)'
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
    """What a name can be made of, but for `n` and `ext`, which `plan` adds.

    *prompt* None is a plain variation; *stem* None leaves the field out (there is no input picture); *now* is local
    time, None leaves it out. Raises UsageError when a variable has the name of a field of ours.
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
    """Raises UsageError for a variable or column that has a built-in field's name or can't stand in braces."""
    for name in names:
        if name in FIELDS:
            raise UsageError(
                f"variable {name!r} has the name of a field that imagecli fills itself",
                hint=f"rename it, for example my_{name}",
            )
        if not name.strip() or name != name.strip() or set(name) & set("{}:!"):
            raise UsageError(
                f"variable {name!r} can't stand in braces", hint="a name without braces, colon, ! and outer blanks"
            )


def _check_writable_text(text: str) -> None:
    if not text:
        raise UsageError("-o is empty", hint="-o cat.png, -o pictures/, or leave it out for the current folder")
    try:
        if b"\0" not in os.fsencode(text):
            return
    except UnicodeEncodeError:
        pass
    raise UsageError(f"-o {text!r} has characters that no file name can hold", hint="leave them out, or LC_ALL=C.UTF-8")


WRITABLE: Final = ("png", "jpg", "webp", "gif")
"""The endings that any picture can be saved under."""

_JPEGS: Final = frozenset({"jfif", "jif", "jpe"})


def check_output_ending(output: OutputPattern, *, svg: bool, maker: str | None = None) -> None:
    """Raises OutputError for an ending that is a picture's, and not one that can be saved. *svg*: that one can be.

    *maker* is a model that makes svg, where another one would.
    """
    ending = _written_ending(output).lower()
    if ending not in OTHER_ENDINGS and (ending != "svg" or svg):
        return
    better = "jpg" if ending in _JPEGS else "png"
    name = f"-o {shell_quote(output.text[: -len(ending)] + better)}"
    raise OutputError(
        f"-o {output.text}: a picture can be saved as {', '.join(WRITABLE)}{', svg' * svg}, not as {ending}",
        hint=f"-m {maker} makes svg; or {name}" if maker and ending == "svg" else name,
    )


def added_ending_note(output: OutputPattern) -> str | None:
    """What to say where a word stands like an ending and is none, so that the name will be another than was typed."""
    ending = _written_ending(output)
    if not ending or ending.isdecimal() or ending.lower() in ENDINGS:
        return None
    return f"-o {output.text}: .{ending} is no picture's ending, so the true one is added to the name"


def _written_ending(output: OutputPattern) -> str:
    """The word after the last dot of the user's own text, or an empty one: a field's value never counts."""
    if output.kind not in ("literal", "template"):
        return ""
    found = re.search(r"[^/]\.(\w+)$", output.text)
    return found[1] if found else ""


def check_variables_used(variables: Collection[str], text: str | None, *outputs: OutputPattern) -> None:
    """Raises UsageError for a name that stands neither in the prompt *text*, as it was typed, nor in any of *outputs*.

    Its values would all buy the same picture, or `{anmal}` would be sent as it stands.
    """
    braces = find_braces(text or "")
    used = set(braces).union(*(fields_in(output.text) for output in outputs if output.kind == "template"))
    for name in variables:
        if name not in used:
            raise UsageError(
                f"--var {name}: {{{name}}} stands neither in the prompt nor in -o",
                hint=_unused_variable_hint(name, (brace for brace in braces if brace not in variables)),
            )


def find_braces(prompt: str) -> list[str]:
    """What stands in the braces of a prompt, as far as a variable could have the name."""
    return re.findall(r"\{([^{}]+)\}", prompt)


def _unused_variable_hint(name: str, spare: Iterable[str]) -> str:
    near = suggest(name, spare)
    if near:
        return f"the prompt has {{{near}}}: write {{{name}}} there, or --var {near}=VALUE"
    return f"write {{{name}}} where its value shall stand, or leave it out"
