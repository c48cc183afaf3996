"""Writes a starter manifest: commented, with rows that the sandbox can create as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from imagecli.batch.manifest.read import Format, manifest_format
from imagecli.errors import DiskError, UsageError
from imagecli.quoting import shell_quote
from imagecli.suggestions import join_alternatives

_WITH_STARTER: Final = ("toml", "yaml", "csv", "jsonl")


def write_starter(path: Path, format: Format | None = None) -> None:
    """Write the starter of *format*, or else of the extension. Raises UsageError if the file exists, and DiskError."""
    written = format or manifest_format(path)
    if written not in _WITH_STARTER:
        formats = join_alternatives(_WITH_STARTER)
        raise UsageError(f"--init can't write {written}, expected {formats}", hint="imagecli batch --init assets.toml")
    data = (Path(__file__).parent / f"starter.{written}").read_bytes()
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError as error:
        raise UsageError(f"{path} already exists", hint="choose another name") from error
    except FileNotFoundError as error:
        message = f"folder {path.parent} does not exist"
        raise UsageError(message, hint=f"mkdir -p {shell_quote(path.parent)}") from error
    except OSError as error:
        raise DiskError(f"can't write {path}: {error.strerror}") from error
