"""The sidecar of an image: `cat.png.json` beside `cat.png`, which says how it was made."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from imagecli.domain import Json
from imagecli.errors import OutputError
from imagecli.safe_open import read_regular
from imagecli.storage.atomic_write import save_file

SCHEMA: Final = 1
MAX_BYTES: Final = 4 * 1024 * 1024
"""A larger file is no sidecar."""
_MAX_FILES: Final = 20
_MAX_NAME_BYTES: Final = 255


def sidecar_path(image: Path) -> Path:
    """The path of the sidecar of *image*."""
    return image.with_name(f"{image.name}.json")


def check_sidecar_name(image: str) -> None:
    """Raises OutputError if the sidecar of an image with the file name *image* would have a too long name."""
    if len(os.fsencode(f"{image}.json")) > _MAX_NAME_BYTES:
        raise OutputError(
            f"the name of the sidecar of {image[:40]}… is too long; the limit is {_MAX_NAME_BYTES} bytes",
            hint="shorten the file name, or omit --sidecar",
        )


def find_sidecars(image: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The sidecars beside *image*, each with its content, whichever bytes they describe.

    A sidecar whose name was taken has a number: `cat.png_2.json`.
    """
    with suppress(OSError, ValueError):
        numbered = image.parent.glob(f"{glob.escape(image.name)}_*.json")
        for path in (sidecar_path(image), *sorted(numbered)[:_MAX_FILES]):
            if document := read_sidecar(path):
                yield path, document


def write_sidecar(image: Path, document: Mapping[str, Json], *, overwrite: bool) -> Path:
    """Writes *document* beside *image*, and returns the path used. Raises DiskError.

    A sidecar of an earlier image of that name is replaced. Any other file is only replaced with *overwrite*; without
    it, the sidecar gets a number.
    """
    path = sidecar_path(image)
    earlier = read_sidecar(path)
    is_of_image = earlier is not None and earlier.get("file") == image.name
    text = json.dumps(document, ensure_ascii=False, indent=2)
    return save_file(f"{text}\n".encode("utf-8", "backslashreplace"), path, overwrite=overwrite or is_of_image)


def read_sidecar(path: Path) -> dict[str, Any] | None:
    """The object in *path*; None if it is not a sidecar or can't be read."""
    try:
        document = json.loads(read_regular(path, MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    is_sidecar = isinstance(document, dict) and "imagecli" in document and isinstance(document.get("sha256"), str)
    return document if is_sidecar else None
