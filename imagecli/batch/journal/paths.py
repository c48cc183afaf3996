"""The paths of a manifest's journals and lock files, and those of them that exist.

`assets.toml` has `assets.journal.jsonl` and `assets.journal.lock`; its shard 2 of 3 has `assets.journal.2-3.jsonl` and
`assets.journal.2-3.lock`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from imagecli.batch.shards import Shard
from imagecli.errors import UsageError, os_error_reason


class ShardFile(NamedTuple):
    """A file beside a manifest, and the shard that it belongs to; None for the whole manifest."""

    path: Path
    shard: Shard | None


def journal_path(manifest: Path, shard: Shard | None = None) -> Path:
    """The journal of the whole manifest, or of a shard."""
    part = f".{shard.index}-{shard.of}" if shard else ""
    return manifest.with_name(f"{manifest.stem}.journal{part}.jsonl")


def find_journals(manifest: Path) -> list[ShardFile]:
    """The existing journals: the whole manifest's, then those of shards. Raises UsageError for an unreadable folder."""
    return sorted(find_beside(manifest, "jsonl"), key=_sort_key)


def _sort_key(journal: ShardFile) -> tuple[bool, str]:
    return journal.shard is not None, str(journal.path)


def find_beside(manifest: Path, extension: str) -> Iterator[ShardFile]:
    """`NAME.journal.EXTENSION` and `NAME.journal.K-N.EXTENSION` in the manifest's folder."""
    pattern = re.compile(
        rf"{re.escape(manifest.stem)}\.journal(?:\.([1-9][0-9]*)-([1-9][0-9]*))?\.{extension}", re.ASCII
    )
    try:
        names = [path.name for path in manifest.parent.iterdir()]
    except OSError as error:
        raise UsageError(
            f"can't read {manifest.parent}: {os_error_reason(error)}", hint="check its permissions"
        ) from error
    for name in names:
        if match := pattern.fullmatch(name):
            shard = Shard(index=int(match[1]), of=int(match[2])) if match[1] else None
            yield ShardFile(manifest.with_name(name), shard)


def lock_path(manifest: Path, shard: Shard | None = None) -> Path:
    """The lock file of a run."""
    return journal_path(manifest, shard).with_suffix(".lock")
