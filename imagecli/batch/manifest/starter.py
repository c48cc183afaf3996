"""Writes a starter manifest: commented, with rows that the sandbox can create as they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from imagecli.batch.manifest.read import Format, manifest_format
from imagecli.errors import UsageError
from imagecli.quoting import shell_quote
from imagecli.storage.atomic_write import save_file
from imagecli.suggestions import join_alternatives

_WITH_STARTER: Final = ("toml", "yaml", "csv", "jsonl")


def write_starter(path: Path, format: Format | None = None) -> Path:
    """Write the starter of *format*, or else of the extension, and return its path.

    Raises UsageError if *path* exists or its folder does not, and DiskError.
    """
    written = format or manifest_format(path)
    if written not in _WITH_STARTER:
        formats = join_alternatives(_WITH_STARTER)
        raise UsageError(f"--init can't write {written}, expected {formats}", hint="imagecli batch --init assets.toml")
    data = (Path(__file__).parent / f"starter.{written}").read_bytes()
    if os.path.lexists(path):
        raise UsageError(f"{path} already exists", hint="choose another name")
    if not path.parent.exists():
        raise UsageError(f"folder {path.parent} does not exist", hint=f"mkdir -p {shell_quote(path.parent)}")
    return save_file(data, path)
