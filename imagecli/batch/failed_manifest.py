"""The rows that failed, as a manifest beside the first: `assets.failed.toml` of `assets.toml`.

It is cut out of the first one's text, and has the same journal: what it buys is bought for the whole manifest.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Final

from imagecli.batch.manifest.errors import ManifestError
from imagecli.batch.manifest.read import MAX_BYTES, Manifest, parse_manifest
from imagecli.batch.shards import Shard
from imagecli.errors import DiskError, UsageError
from imagecli.storage.atomic import save_file
from imagecli.storage.read import read_bounded

_FAILED: Final = re.compile(r"(?P<stem>.+)\.failed(\.[1-9][0-9]*-[1-9][0-9]*)?", re.ASCII | re.DOTALL)
_OTHER_TABLE: Final = re.compile(rb"\s*\[(?!\[?\s*image\b)")
"""Where a row of TOML ends before the next one begins."""


def journal_owner(manifest: Path) -> Path:
    """The manifest whose journal *manifest* has: its own, or that of the one whose failed rows it holds."""
    if found := _FAILED.fullmatch(manifest.stem):
        whole = manifest.with_name(found["stem"] + manifest.suffix)
        if whole.is_file():
            return whole
    return manifest


def failed_manifest_path(owner: Path, shard: Shard | None = None) -> Path:
    """Where the failed rows of *owner* are written."""
    part = f".{shard.index}-{shard.of}" if shard else ""
    return owner.with_name(f"{owner.stem}.failed{part}{owner.suffix}")


def write_failed_manifest(manifest: Manifest, path: Path, rows: Collection[int]) -> Path | None:
    """Writes the *rows* of *manifest*, by their numbers, to *path*, and returns it.

    None where there are none (what an earlier run left there is removed then), and where it can't be: its rows are
    bought by the whole manifest too.
    """
    if manifest.path is None:
        return None
    if not rows:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        return None
    try:
        data = read_bounded(manifest.path, MAX_BYTES, error=UsageError)
        whole = parse_manifest(data, manifest.format, path=manifest.path, folder=manifest.folder, name=manifest.name)
        if whole.digest != manifest.digest:
            return None  # it was edited meanwhile: its rows may be others
        save_file(_cut_rows(data, whole, rows), path, overwrite=True)
    except (UsageError, DiskError):
        return None
    return path


def _cut_rows(data: bytes, manifest: Manifest, rows: Collection[int]) -> bytes:
    """*data* without the lines of other rows; all of it where that is another manifest than is meant."""
    lines = data.split(b"\n")
    left = set(range(len(lines)))
    starts = [row.line - 1 for row in manifest.rows] + [len(lines)]
    for row, begin, end in zip(manifest.rows, starts, starts[1:], strict=False):
        if row.number not in rows:
            left -= set(range(begin, _end_of_row(lines, begin, end)))
    text = b"\n".join(lines[index] for index in sorted(left))
    return text if _has_rows(text, manifest, rows) else data


def _end_of_row(lines: list[bytes], begin: int, end: int) -> int:
    return next((index for index in range(begin + 1, end) if _OTHER_TABLE.match(lines[index])), end)


def _has_rows(text: bytes, manifest: Manifest, rows: Collection[int]) -> bool:
    """Whether *text* says of *rows* what *manifest* does, and nothing else."""
    try:
        found = parse_manifest(text, manifest.format, folder=manifest.folder, name=manifest.name)
    except ManifestError:
        return False
    wanted = [row.fields for row in manifest.rows if row.number in rows]
    alike = replace(manifest, rows=found.rows, digest=found.digest, path=found.path)
    return [row.fields for row in found.rows] == wanted and _without_line_numbers(alike) == _without_line_numbers(found)


def _without_line_numbers(manifest: Manifest) -> Manifest:
    """*manifest* without the lines where things stand."""
    return replace(manifest, defaults_line=1, header_line=1)
