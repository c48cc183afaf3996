"""A manifest as it was written: its rows with their lines, before anybody asks whether they can be bought."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

from imagecli.batch.manifest.errors import Problem, Problems
from imagecli.batch.manifest.rows import ParsedFile, RawRow
from imagecli.errors import UsageError

Format: TypeAlias = Literal["jsonl", "csv", "tsv", "toml", "yaml", "text"]

ENDINGS: Final[Mapping[str, Format]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".toml": "toml",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".txt": "text",
}

MAX_BYTES: Final = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A manifest that could be read. Its rows are checked by `items`, which tells of *problems* too."""

    path: Path | None
    """None for stdin."""
    folder: Path
    """What names in it are relative to: its own folder; for stdin the current one."""
    name: str
    """What messages call it."""
    format: Format
    digest: str
    """SHA-256 of its bytes, in hex."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    defaults_line: int = 1
    columns: tuple[str, ...] | None = None
    """The header of a table, whose cells are text and whose other columns are variables; None for other files."""
    header_line: int = 1
    max_cost: float | None = None
    """USD."""
    rows: tuple[RawRow, ...]
    problems: tuple[Problem, ...] = ()
    """What was found while it was read."""
    more_problems: int = 0


def read_manifest(path: Path, format: Format | None = None) -> Manifest:
    """The manifest at *path*, in the *format* that its ending says or that is given.

    Raises UsageError for a file that can't be read or has another ending, ManifestError for what is none of its format.
    """
    from imagecli.storage.read import read_bounded

    data = read_bounded(path, MAX_BYTES, error=UsageError)
    return parse_manifest(data, format or manifest_format(path), path=path, folder=path.parent, name=str(path))


def read_piped_manifest(data: bytes, format: Format | None = None, folder: Path = Path()) -> Manifest:
    """The manifest that came through stdin; without *format* JSON Lines where it begins as they do, else text."""
    begins = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return parse_manifest(data, format or ("jsonl" if begins == b"{" else "text"), folder=folder, name="stdin")


def manifest_format(path: Path) -> Format:
    """What the ending says. Raises UsageError for one that says nothing."""
    found = ENDINGS.get(path.suffix.lower())
    if found:
        return found
    hint = "one row a line, as jq -c '.[]' writes them, is NAME.jsonl" if path.suffix.lower() == ".json" else None
    raise UsageError(
        f"{path}: a manifest's name ends in {', '.join(ENDINGS)}",
        hint=hint or f"rename it, or say --format {'|'.join(get_args(Format))}",
    )


def parse_manifest(data: bytes, format: Format, *, path: Path | None = None, folder: Path, name: str) -> Manifest:
    """The manifest in *data*. Raises ManifestError for what is none of *format*."""
    from imagecli.batch.manifest.read_lines import decode_manifest

    problems = Problems(name)
    draft = _find_reader(format)(decode_manifest(data, problems), problems)
    if not draft.rows and not problems.found:
        problems.add(draft.header_line, "there is no row in it", hint=NO_ROWS[format])
    if not draft.rows:
        problems.raise_if_any()
    return Manifest(
        path=path,
        folder=folder,
        name=name,
        format=format,
        digest=hashlib.sha256(data).hexdigest(),
        defaults=draft.defaults,
        defaults_line=draft.defaults_line,
        columns=draft.columns,
        header_line=draft.header_line,
        max_cost=draft.max_cost,
        rows=tuple(draft.rows),
        problems=tuple(problems.found),
        more_problems=problems.more,
    )


NO_ROWS: Final[Mapping[Format, str]] = {
    "jsonl": 'a row is {"prompt": "a cat"}',
    "csv": "the first line names the columns, each further one is a row",
    "tsv": "the first line names the columns, each further one is a row",
    "toml": "a row begins with [[image]]",
    "yaml": "rows are a list, or a list under image:",
    "text": "each line is a prompt",
}


def _find_reader(format: Format) -> Callable[[str, Problems], ParsedFile]:
    match format:
        case "jsonl":
            from imagecli.batch.manifest.read_lines import read_jsonl

            return read_jsonl
        case "csv" | "tsv":
            from imagecli.batch.manifest.read_csv import read_csv, read_tsv

            return read_csv if format == "csv" else read_tsv
        case "toml":
            from imagecli.batch.manifest.read_toml import read_toml

            return read_toml
        case "yaml":
            from imagecli.batch.manifest.read_yaml import read_yaml

            return read_yaml
    from imagecli.batch.manifest.read_lines import read_prompt_lines

    return read_prompt_lines
