"""Writes a starter manifest: a file to begin from, with rows that can be tried on the sandbox as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from imagecli.batch.manifest.read import Format, manifest_format
from imagecli.errors import DiskError, UsageError

_WITH_STARTER: Final = ("toml", "yaml", "csv", "jsonl")


def write_starter(path: Path, format: Format | None = None) -> None:
    """Write the starter of *format*, or else of the extension. Raises UsageError if the file exists, and DiskError."""
    written = format or manifest_format(path)
    if written not in _WITH_STARTER:
        formats = ", ".join(_WITH_STARTER)
        raise UsageError(f"--init writes {formats}, not {written}", hint="imagecli batch --init assets.toml")
    data = (Path(__file__).parent / f"starter.{written}").read_bytes()
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError as error:
        raise UsageError(f"{path} exists; --init overwrites nothing", hint="choose another name") from error
    except FileNotFoundError as error:
        raise UsageError(f"folder {path.parent} does not exist", hint="create it first") from error
    except OSError as error:
        raise DiskError(f"{path} can't be written: {error.strerror}") from error
