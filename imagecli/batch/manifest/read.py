"""Reads a manifest file in any format: its rows as written, with their lines. `load_items` checks what they mean.

The module of each format is imported when needed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from imagecli.batch.manifest.content import ManifestContent
from imagecli.batch.manifest.errors import Problems
from imagecli.errors import UsageError
from imagecli.text_encoding import find_text_problem

Format: TypeAlias = Literal["jsonl", "json", "csv", "tsv", "toml", "yaml", "text"]

ENDINGS: Final[Mapping[str, Format]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".toml": "toml",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".txt": "text",
}
"""File extension → format."""

MAX_BYTES: Final = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A manifest as read, once: `load_items` reads and checks its rows, and reports all problems together."""

    path: Path | None
    """None for stdin."""
    folder: Path
    """The folder that names in it are relative to: its own; for stdin the current one."""
    name: str
    """Its name in messages."""
    format: Format
    digest: str
    """SHA-256 of its bytes, in hex."""
    content: ManifestContent
    problems: Problems
    """Found while it is read. `load_items`, which reads the rows, adds theirs."""


def read_manifest(path: Path, format: Format | None = None) -> Manifest:
    """Reads the manifest at *path*, whose extension gives the format if *format* is None.

    Raises UsageError for an unreadable file or an unknown extension, ManifestError if the content is not of the format.
    """
    from imagecli.storage.read import read_bounded

    data = read_bounded(path, MAX_BYTES, error=UsageError)
    return parse_manifest(data, format or manifest_format(path), path=path, folder=path.parent, name=str(path))


def read_piped_manifest(data: bytes, format: Format | None = None, folder: Path = Path()) -> Manifest:
    """Reads *data* from stdin. Without *format* it is JSON Lines or JSON if it begins so, else text."""
    return parse_manifest(data, format or _guess_format(data), folder=folder, name="stdin")


def _guess_format(data: bytes) -> Format:
    beginning = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if beginning[:1] == b"{":
        return "jsonl"
    # A prompt can begin with a bracket, but hardly with one and a brace.
    return "json" if re.match(rb"\[\s*\{", beginning) else "text"


def manifest_format(path: Path) -> Format:
    """The format of the extension. Raises UsageError for an unknown one."""
    suffix = path.suffix.lower()
    if suffix not in ENDINGS:
        raise UsageError(
            f"{path}: unknown manifest extension, expected {', '.join(ENDINGS)}",
            hint=f"rename it, or use --format {'|'.join(get_args(Format))}",
        )
    return ENDINGS[suffix]


def parse_manifest(data: bytes, format: Format, *, path: Path | None = None, folder: Path, name: str) -> Manifest:
    """Parses what is above the rows of *data*. Raises ManifestError if it is not text or not of *format*."""
    problems = Problems(name)
    return Manifest(
        path=path,
        folder=folder,
        name=name,
        format=format,
        digest=hashlib.sha256(data).hexdigest(),
        content=_find_reader(format)(_decode(data, problems), problems),
        problems=problems,
    )


NO_ROWS: Final[Mapping[Format, str]] = {
    "jsonl": 'for example {"prompt": "a cat"}',
    "json": 'for example [{"prompt": "a cat"}]',
    "csv": "the first line names the columns; every other line is a row",
    "tsv": "the first line names the columns; every other line is a row",
    "toml": "start each row with [[image]]",
    "yaml": "list the rows, optionally under image:",
    "text": "write one prompt per line",
}
"""The hint for a manifest without rows."""


def _find_reader(format: Format) -> Callable[[str, Problems], ManifestContent]:
    match format:
        case "jsonl" | "json":
            from imagecli.batch.manifest.read_json import read_json_array, read_jsonl

            return read_jsonl if format == "jsonl" else read_json_array
        case "csv" | "tsv":
            from imagecli.batch.manifest.read_csv import read_csv, read_tsv

            return read_csv if format == "csv" else read_tsv
        case "toml":
            from imagecli.batch.manifest.read_toml import read_toml

            return read_toml
        case "yaml":
            from imagecli.batch.manifest.read_yaml import read_yaml

            return read_yaml
        case "text":
            from imagecli.batch.manifest.read_text import read_prompt_lines

            return read_prompt_lines


def _decode(data: bytes, problems: Problems) -> str:
    """*data* as text without a byte order mark. Raises ManifestError with the line that is not UTF-8."""
    if problem := find_text_problem(data):
        line = data.count(b"\n", 0, problem.position) + 1
        problems.add(line, problem.message, hint=problem.hint)
    problems.raise_if_any()
    return data.decode("utf-8-sig")
