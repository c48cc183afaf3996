"""Where a gallery is written: one HTML file, or a folder. Only an earlier gallery is replaced."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

from imagecli.errors import DiskError, OutputError
from imagecli.safe_open import UnsafeFileError, open_regular
from imagecli.storage.preflight import check_folder

PAGE_NAME: Final = "index.html"
THUMBNAILS, COPIES = "thumbnails", "images"
"""The folders beside the page of a gallery that is a folder."""
MARKER: Final = b'<meta name="generator" content="imagecli gallery">'
_MARKER_WITHIN: Final = 512
"""The marker is in the first bytes of a page, before any text of others."""
_ENDINGS: Final = (".html", ".htm")


class GalleryTarget(NamedTuple):
    """The page to write, and the folder that holds it and its images; without one everything is in the page."""

    page: Path
    flag: str
    """The option that names it."""
    folder: Path | None = None


def parse_gallery_target(text: str, flag: str) -> GalleryTarget:
    """The target that *text* names: FILE.html, or a folder, which exists or ends in a slash. *flag* is its option.

    Raises OutputError.
    """
    path = Path(text)
    if text.endswith(("/", os.sep)) or (text and path.is_dir()):
        return GalleryTarget(page=path / PAGE_NAME, flag=flag, folder=path)
    if path.suffix.lower() in _ENDINGS:
        return GalleryTarget(page=path, flag=flag)
    raise OutputError(
        f"{flag} {text!r} is neither an HTML file nor a folder",
        hint=f"use {flag} {text or 'gallery'}.html for one file, or {flag} {text or 'gallery'}/ for a folder",
    )


def check_gallery_target(target: GalleryTarget) -> None:
    """Raises OutputError or DiskError if the gallery can't be written, or if it would replace other files.

    Its folder is created.
    """
    paths = [target.page]
    if target.folder:
        paths += [target.folder / THUMBNAILS, target.folder / COPIES]
    for path in paths:
        if path.is_symlink():
            raise OutputError(f"{path} is a link; a gallery is not written through one", hint="remove the link")
    if not is_gallery_page(target.page):
        for path in paths:
            if os.path.lexists(path):
                raise OutputError(
                    f"{path} exists and does not belong to an earlier gallery; nothing was written",
                    hint="choose another name, or remove it",
                    code="exists",
                )
    check_folder(target.page.parent, another=f"choose another folder with {target.flag}")


def is_gallery_page(path: Path) -> bool:
    """Whether *path* is a page that an earlier gallery command wrote."""
    try:
        with os.fdopen(open_regular(path, os.O_RDONLY, max_links=None), "rb") as file:
            return MARKER in file.read(_MARKER_WITHIN)
    except (UnsafeFileError, OSError, ValueError):
        return False


def large_page_error(target: GalleryTarget, size: int) -> DiskError:
    """The error for a page of *size* bytes, which browsers can't open."""
    return DiskError(
        f"{target.page} would be {size / 1e6:,.0f} MB, more than browsers open",
        hint=f"write a folder instead: {target.page.with_suffix('')}/",
    )
