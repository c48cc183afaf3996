"""One line of a journal: what has become of a purchase, written so that it can be committed and merged. Pure.

JSON in ASCII with sorted keys; no times of day, no machines, no absolute paths. What is not known or not the case is
left out, but for `cost_usd`: unknown money is null.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, Final, Literal, get_args

SCHEMA: Final = 1
State = Literal["sent", "bought", "submitted", "saved", "failed", "adopted"]
"""`sent` before the request goes out, `bought` when its answer has come, `saved` when its files stand, `failed` when
there are none to come; `submitted` when the provider's Batch API has it, and answers within a day; `adopted` is a file
that stood there, and was taken for the purchase's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """A file as it was saved."""

    path: str
    """From the manifest's folder, with forward slashes."""
    sha256: str
    bytes: int
    planned: str | None = None
    """The path that was planned, where the file got another (its true ending, or a number)."""

    @property
    def plan(self) -> str:
        return self.planned or self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """What has become of a purchase."""

    id: str
    hash: str
    """`hashing.request_hash` of what was asked for."""
    state: State
    provider: str
    model: str
    """The one that was asked, named by the row or not."""
    base_url: str | None = None
    """`fingerprint.base_url_for_hash`: None where it is the provider's own."""
    sandbox: bool = False
    """Drawn by the embedded server, not bought."""
    files: tuple[FileRecord, ...] = ()
    originals: tuple[FileRecord, ...] = ()
    """Pictures as they came, beside *files* that were made of them."""
    cost_usd: float | None = None
    """On the entry that ends a purchase, once."""
    error: str | None = None
    """The `code` of what went wrong."""
    may_be_billed: bool = False
    """Something that is not among *files* may have been billed."""
    submission: str | None = None
    """Names what was handed to the provider's Batch API together; its metadata has it too."""
    batch: str | None = None
    """The provider's id of that; None while its answer has not come."""
    planned: tuple[tuple[str, ...], ...] = ()
    """For each picture that was asked for there the paths of its files."""
    manifest: str = ""
    """The manifest's file name. The journal sets it."""
    run: int = 0
    """Which run over these journals wrote it, from 1: a later one knows better. The journal sets it."""

    @property
    def is_possibly_billed(self) -> bool:
        """Whether something may have been billed that no file shows."""
        return (self.state in ("sent", "bought") and not self.is_pending) or self.may_be_billed

    @property
    def is_pending(self) -> bool:
        """Whether the provider's Batch API has it, or may have it."""
        return self.state == "submitted" or (self.state == "sent" and self.submission is not None)


class NewerSchemaError(Exception):
    """The line was written by an imagecli that knows more than this one. Holds its schema."""


def entry_to_line(entry: JournalEntry) -> bytes:
    """*entry* as a line of a journal, with its end."""
    said = {name: getattr(entry, name) for name in JournalEntry.__slots__ if getattr(entry, name)}
    said |= {"schema": SCHEMA, "cost_usd": entry.cost_usd}
    for name in _LISTS:
        if name in said:
            said[name] = [_file_as_json(file) for file in said[name]]
    return json.dumps(said, sort_keys=True, separators=(",", ":")).encode("ascii") + b"\n"


def _file_as_json(file: FileRecord) -> dict[str, Any]:
    said: dict[str, Any] = {"path": file.path, "sha256": file.sha256, "bytes": file.bytes}
    return said | ({"planned": file.planned} if file.planned else {})


def parse_entry(line: bytes, shared: Callable[[str], str] = str) -> JournalEntry:
    """The entry that *line* holds; fields that nobody knows are passed over. *shared* saves memory: equal text as one.

    Raises NewerSchemaError, or ValueError with what is wrong in words.
    """
    document = _parse_object(line)
    schema = document.get("schema")
    if type(schema) is int and schema > SCHEMA:
        raise NewerSchemaError(schema)
    if schema != SCHEMA:
        raise ValueError("it has no schema")
    said = _validate_fields(document, _FIELDS, _NEEDED)
    said |= {name: shared(said[name]) for name in _ALIKE if name in said}
    for name in _LISTS:
        said[name] = tuple(
            FileRecord(**_validate_fields(file, _FILE_FIELDS, _FILE_NEEDED)) for file in said.get(name, ())
        )
    said["planned"] = tuple(tuple(paths) for paths in said.get("planned", ()))
    return JournalEntry(**said)


def _parse_object(line: bytes) -> dict[str, Any]:
    try:
        document = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON") from None
    if not isinstance(document, dict):
        raise ValueError("it is no JSON object")
    return document


def _validate_fields(
    document: Mapping[str, Any], fields: Mapping[str, Callable[[Any], bool]], needed: tuple[str, ...]
) -> dict[str, Any]:
    """The *fields* of *document*. Raises ValueError for one that is not what it has to be, or *needed* and missing."""
    said = {name: document[name] for name in fields if document.get(name) is not None}
    for name, value in said.items():
        if not fields[name](value):
            raise ValueError(f"{name} can't be what it says")
    if missing := [name for name in needed if name not in said]:
        raise ValueError(f"{missing[0]} is missing")
    return said


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**53


def _is_amount(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < math.inf


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None


def _is_path_below(value: Any) -> bool:
    """Whether it leads to a file below the manifest's folder, on every system: a journal may come from anybody."""
    if not isinstance(value, str) or "\0" in value or not PurePosixPath(value).name:
        return False
    here, there = PurePosixPath(value), PureWindowsPath(value)
    return not (here.is_absolute() or there.drive or there.root or ".." in {*here.parts, *there.parts})


def _is_name(value: Any) -> bool:
    return _is_path_below(value) and len(PureWindowsPath(value).parts) == 1


def _is_plan_list(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(paths, list) and paths and all(map(_is_path_below, paths)) for paths in value
    )


def _is_file_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(file, dict) for file in value)


_FILE_FIELDS: Final = {"path": _is_path_below, "sha256": _is_digest, "bytes": _is_count, "planned": _is_path_below}
_FILE_NEEDED: Final = ("path", "sha256", "bytes")
_FIELDS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "id": _is_text,
    "hash": _is_text,
    "state": lambda value: isinstance(value, str) and value in get_args(State),
    "provider": _is_text,
    "model": _is_text,
    "base_url": _is_text,
    "sandbox": _is_flag,
    "files": _is_file_list,
    "originals": _is_file_list,
    "cost_usd": _is_amount,
    "error": _is_text,
    "may_be_billed": _is_flag,
    "submission": _is_text,
    "batch": _is_text,
    "planned": _is_plan_list,
    "manifest": _is_name,
    "run": _is_count,
}
_LISTS: Final = ("files", "originals")
_NEEDED: Final = ("id", "hash", "state", "provider", "model")
_ALIKE: Final = ("state", "provider", "model", "base_url", "submission", "batch", "manifest")
"""Fields in which most entries are alike."""
